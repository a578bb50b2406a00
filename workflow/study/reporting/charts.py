"""What the interactive charts share: plain lists, fit for JSON."""

from typing import Any

import numpy as np
import pandas as pd

from study.reporting.sources import Sources
from study.reporting.style import colours


def numbers(values: pd.Series | np.ndarray) -> list[float | None]:
    """Numbers with at most six decimals, None where one is missing: JSON knows no NaN."""
    return [None if pd.isna(value) else round(float(value), 6) for value in values]


def chart_models(sources: Sources, models: list[str]) -> list[dict[str, Any]]:
    """Label and colour of each of `models`."""
    palette = colours(sources.models)
    return [{"label": sources.labels[model], "colour": palette[model]} for model in models]
