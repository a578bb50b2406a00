"""What the interactive charts share: plain lists, fit for JSON."""

from collections.abc import Iterable

import pandas as pd


def numbers(values: Iterable[float], digits: int = 6) -> list[float | None]:
    """Numbers rounded to `digits` decimals, None where one is missing: JSON knows no NaN."""
    return [None if pd.isna(value) else round(float(value), digits) for value in values]
