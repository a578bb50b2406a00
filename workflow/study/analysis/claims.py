"""Is what others claim also seen here? A verdict for every claim of the config, computed, never typed.

A claim either gives the number that one published run reached (`equals`), which is held against a prediction for one
more run, or a direction (`at_least`, `at_most`), which is held against the interval of what was measured. Every claim
is judged on its own at 95 %: nothing is adjusted for their number.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtri, stdtrit

from study.analysis.classes import classes_table, errors_table
from study.analysis.contrasts import IMAGES_ONLY, contrast
from study.analysis.runs import Dataset, Run
from study.analysis.uncertainty import MIN_SEEDS, UPPER_TAIL, t_interval, wilson
from study.data.dataset import TEST, VALIDATION

REPRODUCED, NOT_REPRODUCED, INCONCLUSIVE = "reproduced", "not reproduced", "inconclusive"
NOT_TESTED = "not tested here"
COLUMNS = ["id", "text", "source", "model", "baseline", "metric", "judgement", "expected", "rounding", "measured",
           "low", "high", "n_seeds", "verdict", "reason"]  # fmt: skip
PLACE = 10  # class_spread compares the 10th best class with the 10th worst

Claim = dict[str, Any]  # as config.json has it
Finished = dict[str, list[Run]]


class Measured(NamedTuple):
    """A value with its 95 % interval, in fractions, NaN where there is none; `over` is what the interval covers."""

    value: float
    low: float
    high: float
    n_seeds: int
    over: str


def claims_table(config: dict[str, Any], finished: Finished, dataset: Dataset) -> pd.DataFrame:
    """One row per claim, in the config's order; n_seeds is the smaller number where two models are compared."""
    rows = []
    for claim in config.get("claims", []):
        reason = why_untested(claim, config, finished)
        if reason:
            measured, verdict = Measured(np.nan, np.nan, np.nan, 0, ""), NOT_TESTED
        else:
            measured = measure(claim, finished, dataset)
            verdict, reason = judge(claim, measured)
        found = {"measured": measured.value, "low": measured.low, "high": measured.high, "n_seeds": measured.n_seeds}
        rows.append(claim | found | {"verdict": verdict, "reason": reason})
    numbers = dict.fromkeys(["expected", "rounding", "measured", "low", "high"], float)
    return pd.DataFrame(rows, columns=COLUMNS).astype(numbers)


def why_untested(claim: Claim, config: dict[str, Any], finished: Finished) -> str:
    """Why nothing here can be held against the claim; empty where something can."""
    if config["dataset"]["synthetic"]:
        return "The data are synthetic, not CIFAR-100."
    if claim["model"] is None:
        return "There is no model of this kind in config.yaml yet."
    for name in filter(None, (claim["model"], claim["baseline"])):
        if name not in config["models"]:
            return f"{name} is not in the grid."
        if not finished[name]:
            return f"No run of {config['models'][name]['label']} finished."
    return ""


def measure(claim: Claim, finished: Finished, dataset: Dataset) -> Measured:
    """What the claim's models did, with the interval that its judgement asks for; they have finished runs."""
    runs, metric = finished[claim["model"]], claim["metric"]
    if claim["baseline"]:
        return _difference(runs, finished[claim["baseline"]], dataset)
    if metric == "class_spread":
        return _class_spread(runs, dataset)
    if metric == "within_superclass":
        row = errors_table({"": runs}, dataset).iloc[0]
        return Measured(row["within_superclass"], row["low"], row["high"], len(runs), "test images only")
    if metric == "train_val_gap":
        values = np.array([run.numbers["train_accuracy"] - run.numbers["val_accuracy"] for run in runs])
    else:
        values = np.array([run.numbers[metric] for run in runs])
    if claim["judgement"] == "equals":
        return one_more_run(values, len(dataset.ids(VALIDATION)) if metric == "val_accuracy" else None)
    mean, _, low, high = t_interval(values)
    if len(runs) < MIN_SEEDS and metric == "test_accuracy":
        images = len(dataset.ids(TEST))
        low, high = map(float, wilson(mean * images, images))
        return Measured(mean, low, high, len(runs), IMAGES_ONLY)
    return Measured(mean, low, high, len(runs), "seeds only")


def one_more_run(values: np.ndarray, other_images: int | None = None) -> Measured:
    """The mean of accuracies [S], and the 95 % prediction interval for one more run: NaN with fewer than 3 seeds.

    Half of it is t(S - 1) · SD · sqrt(1 + 1/S): the run's own spread and that of the mean. The test images are the same
    ten thousand for every run, here and where the number was published, so their sampling does not come in, and the
    interval says nothing on other images. Validation images are another draw: `other_images`, how many there are, adds
    2 p (1 - p) / n for a draw of that size on either side, in quadrature. What differs in the procedure (library,
    augmentation, split) is in neither: a number outside tells that it matters, not which part of it.
    """
    seeds = len(values)
    mean, sd, _, _ = t_interval(values)
    if seeds < MIN_SEEDS:
        return Measured(mean, np.nan, np.nan, seeds, "")
    squared = float(stdtrit(seeds - 1, UPPER_TAIL)) ** 2 * sd**2 * (1 + 1 / seeds)
    if other_images:
        squared += float(ndtri(UPPER_TAIL)) ** 2 * 2 * mean * (1 - mean) / other_images
    return Measured(mean, mean - np.sqrt(squared), mean + np.sqrt(squared), seeds, "one more run")


def _difference(runs: list[Run], baseline: list[Run], dataset: Dataset) -> Measured:
    """Test accuracy of a model minus another's, as contrasts.csv has it for the study's baseline; see `contrast`."""
    fine = dataset.fine[dataset.ids(TEST)]
    found = contrast(*(np.array([run.predicted == fine for run in part]) for part in (runs, baseline)))
    return Measured(found.difference, found.low, found.high, min(len(runs), len(baseline)), found.method)


def _class_spread(runs: list[Run], dataset: Dataset) -> Measured:
    """Accuracy of the 10th best class minus that of the 10th worst, mean over seeds, over the test images only.

    The interval is Newcombe's (1998, "Interval estimation for the difference between independent proportions", method
    10), from the two classes' Wilson intervals. Chance alone spreads classes that are equally hard: 100 images each at
    80 % differ by 10 points here, which is in the value. A threshold has to lie well above that.
    """
    table = classes_table({"": runs}, dataset).sort_values("accuracy", kind="stable")
    best, worst = table.iloc[-PLACE], table.iloc[PLACE - 1]
    spread = best["accuracy"] - worst["accuracy"]
    low = spread - np.hypot(best["accuracy"] - best["low"], worst["high"] - worst["accuracy"])
    high = spread + np.hypot(best["high"] - best["accuracy"], worst["accuracy"] - worst["low"])
    return Measured(spread, low, high, len(runs), "test images only")


def judge(claim: Claim, measured: Measured) -> tuple[str, str]:
    """(verdict, reason). On a direction there is a verdict where the whole interval lies on one side of the number."""
    judgement, expected = claim["judgement"], claim["expected"]
    if np.isnan(measured.value):
        return INCONCLUSIVE, "The finished runs have no such number."
    if np.isnan(measured.low):
        return INCONCLUSIVE, f"Its interval needs {MIN_SEEDS} finished seeds; here are {measured.n_seeds}."
    if judgement == "equals":
        inside = measured.low <= expected + claim["rounding"] and expected - claim["rounding"] <= measured.high
        where = "inside" if inside else "outside"
        verdict = REPRODUCED if inside else NOT_REPRODUCED
        return verdict, f"The published number lies {where} the 95 % prediction interval for one more run."
    if measured.n_seeds < MIN_SEEDS:
        return INCONCLUSIVE, f"Its interval covers {measured.over}; other seeds need {MIN_SEEDS} finished ones."
    above, below = measured.low > expected, measured.high < expected
    if not above and not below:
        return INCONCLUSIVE, f"The 95 % interval includes the threshold; it covers {measured.over}."
    holds = above if judgement == "at_least" else below
    side = "above" if above else "below"
    reason = f"The whole 95 % interval lies {side} the threshold; it covers {measured.over}."
    return REPRODUCED if holds else NOT_REPRODUCED, reason
