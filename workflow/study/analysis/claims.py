"""Is what others claim also seen here? A verdict for every claim of the config, computed, never typed.

A claim either gives the number that one published run reached (`equals`), which is held against a prediction for one
more run, or a direction (`at_least`, `at_most`), which is held against the interval of what was measured. Every claim
is judged on its own at 95 %: nothing is adjusted for their number.

A number inside the prediction interval is "compatible", and "reproduced" from 5 seeds on: simulated, a number that is
4 standard deviations of a run away lies inside the interval of 3 seeds in half of the studies, of 5 in a fifth, of 10
in a twelfth.

A claim may be `untested`, with the reason: then the model that it names, if any, is the nearest there is, and its
number stands beside the claim without a verdict.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtri, stdtrit

from study.analysis.classes import by_class, errors_table
from study.analysis.contrasts import contrast
from study.analysis.heterogeneity import estimates, spread
from study.analysis.runs import Finished, Run, correctness
from study.analysis.uncertainty import MIN_SEEDS, UPPER_TAIL, t_interval
from study.config.record import StudyRecord
from study.data.dataset import TEST, VALIDATION, Labels

REPRODUCED, NOT_REPRODUCED, INCONCLUSIVE = "reproduced", "not reproduced", "inconclusive"
COMPATIBLE, NOT_TESTED = "compatible", "not tested here"
SEEDS_TO_REPRODUCE = 5
COLUMNS = ["id", "text", "source", "model", "baseline", "metric", "judgement", "expected", "rounding", "measured",
           "low", "high", "n_seeds", "verdict", "reason"]  # fmt: skip

Claim = dict[str, Any]  # as config.json has it


class Measured(NamedTuple):
    """A value with its 95 % interval, in fractions, NaN where there is none; `over` is what the interval covers."""

    value: float
    low: float
    high: float
    n_seeds: int
    over: str


def claims_table(config: StudyRecord, finished: Finished, dataset: Labels) -> pd.DataFrame:
    """One row per claim, in the config's order; n_seeds is the smaller number where two models are compared."""
    rows = []
    for claim in config.claims:
        measured, reason = Measured(np.nan, np.nan, np.nan, 0, ""), next(_obstacles(claim, config, finished), "")
        if not reason:
            measured = measure(claim, finished, dataset)
        untested = reason or claim.get("untested")
        verdict, reason = (NOT_TESTED, untested) if untested else judge(claim, measured)
        found = {"measured": measured.value, "low": measured.low, "high": measured.high, "n_seeds": measured.n_seeds}
        rows.append(claim | found | {"verdict": verdict, "reason": reason})
    numbers = dict.fromkeys(["expected", "rounding", "measured", "low", "high"], float)
    return pd.DataFrame(rows, columns=COLUMNS).astype(numbers)


def _obstacles(claim: Claim, config: StudyRecord, finished: Finished) -> Iterator[str]:
    """Why nothing here can be held against the claim, if there is a reason."""
    if claim["metric"] == "within_superclass" and not config.dataset.superclasses:
        yield f"{config.dataset.title} has no superclasses."
    if claim["model"] is None:
        yield "There is no model of this kind in config.yaml yet."
    for name in filter(None, (claim["model"], claim["baseline"])):
        if name not in config.models:
            yield f"{name} is not in the grid."
        elif not finished[name]:
            yield f"No run of {config.models[name].label} finished."


def measure(claim: Claim, finished: Finished, dataset: Labels) -> Measured:
    """What the claim's models did, with the interval that its judgement asks for; they have finished runs."""
    runs = finished[claim["model"]]
    if claim["baseline"]:
        return _difference(runs, finished[claim["baseline"]], dataset)
    if claim["metric"] in BY_CLASS:
        return BY_CLASS[claim["metric"]](runs, dataset)
    values = np.array([run.numbers[claim["metric"]] for run in runs])
    if claim["judgement"] == "equals":
        return one_more_run(values, len(dataset.ids(VALIDATION)) if claim["metric"] == "val_accuracy" else None)
    mean, _, low, high = t_interval(values)
    return Measured(mean, low, high, len(values), "seeds only")


def _within_superclass(runs: list[Run], dataset: Labels) -> Measured:
    row = errors_table({"": runs}, dataset).iloc[0]
    return Measured(row["within_superclass"], row["low"], row["high"], len(runs), "test images only")


def _class_sd(runs: list[Run], dataset: Labels) -> Measured:
    """The standard deviation of the classes' true accuracies, with its interval; see `study.analysis.heterogeneity`."""
    grouping = by_class(dataset)
    groups = [np.flatnonzero(grouping.true == number) for number in range(grouping.size)]
    found = spread(*estimates([correctness(runs, grouping.true)], groups))
    return Measured(found.true_sd, found.low, found.high, len(runs), "test images, seeds and other such classes")


# the metrics of claims that are not a number of each run
BY_CLASS: dict[str, Callable[[list[Run], Labels], Measured]] = {
    "class_sd": _class_sd,
    "within_superclass": _within_superclass,
}


def one_more_run(values: np.ndarray, other_images: int | None = None) -> Measured:
    """The mean of accuracies [S], and the 95 % prediction interval for one more run: NaN with fewer than 3 seeds.

    Half of it is t(S - 1) · SD · sqrt(1 + 1/S): the run's own spread and that of the mean. The test images are the same
    for every run, here and where the number was published, so their sampling does not come in, and the
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


def _difference(runs: list[Run], baseline: list[Run], dataset: Labels) -> Measured:
    """Test accuracy of a model minus another's, as contrasts.csv has it for the study's baseline; see `contrast`."""
    fine = dataset.fine[dataset.ids(TEST)]
    found = contrast(*(np.array([run.predicted == fine for run in part]) for part in (runs, baseline)))
    return Measured(found.difference, found.low, found.high, min(len(runs), len(baseline)), found.method)


def judge(claim: Claim, measured: Measured) -> tuple[str, str]:
    """(verdict, reason). On a direction there is a verdict where the whole interval lies on one side of the number."""
    if np.isnan(measured.value):
        return INCONCLUSIVE, "The finished runs have no such number."
    if np.isnan(measured.low):
        have = "has" if measured.n_seeds == 1 else "have"
        return INCONCLUSIVE, f"Its interval needs {MIN_SEEDS} finished seeds; {measured.n_seeds} {have} finished."
    return (_judge_number if claim["judgement"] == "equals" else _judge_direction)(claim, measured)


def _judge_number(claim: Claim, measured: Measured) -> tuple[str, str]:
    expected, rounding = claim["expected"], claim["rounding"]
    inside = measured.low <= expected + rounding and expected - rounding <= measured.high
    width = f"{100 * (measured.high - measured.low):.1f} points wide with {measured.n_seeds} seeds"
    interval = f"the 95 % prediction interval for one more run, which is {width}"
    if not inside:
        return NOT_REPRODUCED, f"The published number lies outside {interval}."
    if measured.n_seeds < SEEDS_TO_REPRODUCE:
        return COMPATIBLE, f"The published number lies inside {interval}; {SEEDS_TO_REPRODUCE} would say more."
    return REPRODUCED, f"The published number lies inside {interval}."


def _judge_direction(claim: Claim, measured: Measured) -> tuple[str, str]:
    if measured.n_seeds < MIN_SEEDS:
        return INCONCLUSIVE, f"Its interval covers {measured.over}; other seeds need {MIN_SEEDS} finished ones."
    above, below = measured.low > claim["expected"], measured.high < claim["expected"]
    if not above and not below:
        return INCONCLUSIVE, f"The 95 % interval includes the threshold; it covers {measured.over}."
    holds = above if claim["judgement"] == "at_least" else below
    side = "above" if above else "below"
    reason = f"The whole 95 % interval lies {side} the threshold; it covers {measured.over}."
    return REPRODUCED if holds else NOT_REPRODUCED, reason
