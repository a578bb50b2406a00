"""Which two models answer a study's question, and how two models differ, read from its tables and seen from either."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from study.analysis.contamination import is_of_unverified_origin
from study.analysis.differences import BETTER, WORSE
from study.analysis.ranking import best_by_validation
from study.findings import text
from study.findings.results import Results

PRETRAINED, SCRATCH = ("finetune", "frozen"), ("scratch",)


class Compared(NamedTuple):
    """The test accuracy of `model` minus that of `other`, balanced where the headline is, in fractions.

    `low` and `high` end its interval and are NaN with too few seeds; `lowest` and `highest` are between single runs.
    `error_ratio` is the errors of `model` over those of `other`. All are NaN where the study does not compare the two.
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
    error_ratio: float = np.nan
    error_ratio_low: float = np.nan
    error_ratio_high: float = np.nan

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
        if self.lowest == self.highest and np.isnan(self.low):
            return "one run each"
        low, high = self.ends
        said = f"{text.points(low)} to {text.points(high)}"
        return f"{said} between single runs" if np.isnan(self.low) else f"95 % interval {said}"


def difference(results: Results, model: str | None, other: str | None) -> Compared | None:
    """The difference of two models; None where the study has no comparison of them, or no runs for it yet."""
    keys = [key for key in Compared._fields if key not in ("model", "other")]
    for one, minus in ((model, other), (other, model)):
        found = results.rows("contrasts", model=one, baseline=minus, metric=results.measure)
        if len(found) and np.isfinite(found["difference"].iloc[0]):
            row = dict(zip(keys, found[keys].iloc[0], strict=True))
            return Compared(model, other, **(row if one == model else _turned(row)))
    return None


def headline(results: Results) -> Compared | None:
    """The two models whose difference answers the study's question; None where either has no finished run.

    They are those that the config names as its headline. Where it names none, they are the best pretrained model whose
    weights have a known origin and the best from random weights, or where one of these kinds is missing, the best of
    all and the baseline; where the best is the baseline, it and the next best. Best is by validation accuracy.
    """
    named = results.config.headline
    if named:
        pair = named
    else:
        pair = best_of(results, PRETRAINED), best_of(results, SCRATCH)
        pair = _best_and_baseline(results) if None in pair else pair
    finished = set(results.rows("runs", outcome="finished")["model"])
    return (difference(results, *pair) or Compared(*pair)) if set(pair) <= finished else None


def are_two_networks(results: Results, two: Compared) -> bool:
    """Are the two of different architectures?"""
    models = results.config.models
    return models[two.model].architecture != models[two.other].architecture


def answers_for_pretraining(results: Results, two: Compared) -> bool:
    """Is `two` the best pretrained model whose weights have a known origin, against the best from random weights?"""
    return (two.model, two.other) == (best_of(results, PRETRAINED), best_of(results, SCRATCH))


def best_of(results: Results, regimes: Sequence[str], without: str | None = None) -> str | None:
    """The model of these regimes with the highest mean validation accuracy; None where none has a finished run.

    Models whose weights are of unverified origin do not count, nor does the model `without`.
    """
    means = results.rows("models", metric="val_accuracy").set_index("model")["mean"]
    entries = results.config.models
    counted = [name for name in results.models if entries[name].regime in regimes and name != without]
    return best_by_validation({name: means[name] for name in counted if not unverified(results, name)})


def unverified(results: Results, model: str) -> bool:
    """Are the model's weights of unverified origin?"""
    return is_of_unverified_origin(results.config.models[model])


def _best_and_baseline(results: Results) -> tuple[str | None, str | None]:
    baseline = results.config.baseline
    best = best_of(results, (*PRETRAINED, *SCRATCH))
    return best, baseline if best != baseline else best_of(results, (*PRETRAINED, *SCRATCH), without=baseline)


def _turned(row: dict[str, float]) -> dict[str, float]:
    """A contrast seen from its other side."""
    ends = {"low": "high", "high": "low", "lowest": "highest", "highest": "lowest"}
    turned = {end: -row[opposite] for end, opposite in ends.items()} | {"difference": -row["difference"]}
    ratios = {"error_ratio": "", "error_ratio_low": "_high", "error_ratio_high": "_low"}
    return row | turned | {end: 1 / row[f"error_ratio{opposite}"] for end, opposite in ratios.items()}


def class_differences(results: Results, two: Compared, table: str = "class_differences") -> pd.DataFrame:
    """The rows of the two models in a table of differences, seen from `two.model`."""
    rows = results.rows(table, model=two.model, baseline=two.other)
    if rows.empty:
        rows = results.rows(table, model=two.other, baseline=two.model).copy()
        signed = ["difference", "low", "high", "shrunken"]
        rows[signed] = -rows[["difference", "high", "low", "shrunken"]].to_numpy()
        rows["gain_probability"] = 1 - rows["gain_probability"]
        rows["verdict"] = rows["verdict"].replace({BETTER: WORSE, WORSE: BETTER})
    return rows


def shown_pairs(results: Results) -> list[tuple[str, str]]:
    """(model, baseline) of the contrasts that the study asks for, and last the headline where it is none of them."""
    two, pairs = headline(results), results.config.contrasts
    if two is None or {two.model, two.other} in map(set, pairs):
        return pairs
    is_stored = len(results.rows("contrasts", model=two.model, baseline=two.other))
    return [*pairs, (two.model, two.other) if is_stored else (two.other, two.model)]


def between_runs(results: Results, model: str, other: str | None) -> tuple[float, float] | None:
    """The range of the differences between single runs of two models; None where either has no finished run."""
    runs = results.rows("runs", outcome="finished")
    values, others = (runs.loc[runs["model"] == name, results.measure] for name in (model, other))
    return (values.min() - others.max(), values.max() - others.min()) if len(values) and len(others) else None


def lasting_share(results: Results, two: Compared) -> float:
    """The share of the variance of a difference that only more test images reduce, not more seeds; NaN if unknown."""
    rows, total = with_pair(results, "more_seeds", two.model, two.other), two.var_seeds + two.var_images
    return np.nan if rows.empty or not total > 0 else rows["var_lasting"].iloc[0] / total


def with_pair(results: Results, table: str, model: str, other: str) -> pd.DataFrame:
    """The rows of two models in a table of pairs, whichever way round they stand there."""
    rows = results.rows(table, model=model, baseline=other)
    return results.rows(table, model=other, baseline=model) if rows.empty else rows
