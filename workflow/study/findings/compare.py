"""How two models of a study differ, read from its tables and seen from either of the two."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from study.analysis.differences import BETTER, WORSE
from study.analysis.power import Variances, variances
from study.analysis.ranking import best_by_validation
from study.data.dataset import TEST
from study.findings import text
from study.findings.results import Results, best_model

PRETRAINED = ("finetune", "frozen")


class Compared(NamedTuple):
    """The test accuracy of `model` minus that of `other`, in fractions.

    `low` and `high` end its interval and are NaN with too few seeds; `lowest` and `highest` are between single runs.
    All are NaN where the study does not compare the two.
    """

    model: str
    other: str
    difference: float = np.nan
    low: float = np.nan
    high: float = np.nan
    lowest: float = np.nan
    highest: float = np.nan
    var_seeds: float = np.nan
    var_images: float = np.nan

    @property
    def ends(self) -> tuple[float, float]:
        """The ends of the interval or, with too few seeds for one, of the range between single runs."""
        return (self.lowest, self.highest) if np.isnan(self.low) else (self.low, self.high)

    @property
    def is_clear(self) -> bool:
        """Is the difference on one side of 0 over its whole interval or range?"""
        low, high = self.ends
        return bool(low > 0 or high < 0)

    @property
    def span(self) -> str:
        """The interval or the range, in words."""
        low, high = self.ends
        said = f"{text.points(low)} to {text.points(high)}"
        return f"{said} between single runs" if np.isnan(self.low) else f"95 % interval {said}"


def difference(results: Results, model: str | None, other: str | None) -> Compared | None:
    """The difference of two models; None where the study has no comparison of them, or no runs for it yet."""
    keys = [key for key in Compared._fields if key not in ("model", "other")]
    for one, minus in ((model, other), (other, model)):
        found = results.rows("contrasts", model=one, baseline=minus, metric="test_accuracy")
        if len(found) and np.isfinite(found["difference"].iloc[0]):
            row = dict(zip(keys, found[keys].iloc[0], strict=True))
            return Compared(model, other, **(row if one == model else _turned(row)))
    return None


def best_of(results: Results, regimes: Sequence[str]) -> str | None:
    """The model of these regimes with the highest mean validation accuracy; None where none has a finished run."""
    means = results.rows("models", metric="val_accuracy").set_index("model")["mean"]
    entries = results.config["models"]
    return best_by_validation({name: means[name] for name in results.models if entries[name]["regime"] in regimes})


def pretrained_and_scratch(results: Results) -> Compared | None:
    """The best pretrained model and the best one from scratch; the study's question is their difference."""
    return difference(results, best_of(results, PRETRAINED), best_of(results, ("scratch",)))


def _turned(row: dict[str, float]) -> dict[str, float]:
    """A contrast seen from its other side."""
    ends = {"low": "high", "high": "low", "lowest": "highest", "highest": "lowest"}
    return row | {"difference": -row["difference"]} | {end: -row[opposite] for end, opposite in ends.items()}


def class_differences(results: Results, two: Compared, table: str = "class_differences") -> pd.DataFrame:
    """The rows of the two models in a table of differences, seen from `two.model`."""
    rows = results.rows(table, model=two.model, baseline=two.other)
    if rows.empty:
        rows = results.rows(table, model=two.other, baseline=two.model).copy()
        rows[["difference", "low", "high"]] = -rows[["difference", "high", "low"]].to_numpy()
        rows["verdict"] = rows["verdict"].replace({BETTER: WORSE, WORSE: BETTER})
    return rows


def lasting_share(results: Results, two: Compared) -> float:
    """The share of the variance of a difference that only more test images reduce, not more seeds; NaN if unknown."""
    measured, total = measured_variances(results, two.model, two.other), two.var_seeds + two.var_images
    if measured is None or not total > 0:
        return np.nan
    return measured.lasting / total


def measured_variances(results: Results, model: str, baseline: str) -> Variances | None:
    true = results.dataset.fine[results.dataset.ids(TEST)]
    return variances(*(results.predicted(one)[1] == true for one in (model, baseline)))


def compared(results: Results) -> Compared | None:
    """The two models of the story; None where fewer than two have a finished run."""
    models, baseline = results.tables["models"], results.config["baseline"]
    model = best_model(models)
    other = baseline if model != baseline else best_model(models[models["model"] != baseline])
    finished = set(results.rows("runs", outcome="finished")["model"])
    if model is None or other is None or other not in finished:
        return None
    return difference(results, model, other) or Compared(model, other)
