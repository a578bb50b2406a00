"""The difference between two models, with one interval for what other seeds and other test images would have given."""

import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from study.analysis import unequal
from study.analysis.runs import Finished, Run, correctness
from study.analysis.scores import metric_names
from study.analysis.uncertainty import MIN_SEEDS, UPPER_TAIL, t_interval
from study.config.record import Pair, StudyRecord
from study.data.dataset import TEST, Labels

SEEDS_AND_IMAGES = "seeds and images"
TOO_FEW_SEEDS = f"no interval: fewer than {MIN_SEEDS} seeds"
VARIANCES = ["var_seeds", "var_images"]
RATIO = ["error_ratio", "error_ratio_low", "error_ratio_high"]
LADDER = ["step", "model", "label", "change", "n_seeds", "accuracy", "difference", "low", "high", "p"]
LEAST_ERRORS = 1e-12  # a balanced accuracy of 1 may miss it by a last bit
LEAST_P = 1e-16  # stands for whatever is below, where a normal approximation says nothing more
NOT_TESTED = "not tested here (no finished seed)"


class SeedPart(NamedTuple):
    """Of one model: the variance of its mean over `seeds` seeds, and the part of it that is seed × image noise."""

    variance: float
    noise: float
    seeds: int


class Contrast(NamedTuple):
    """Model minus baseline, in fractions; var_* are parts of the variance of the difference; NaN where unknown.

    `lowest` and `highest` are the ends of the range of the differences between single runs, one of each model. `p` is
    two-sided, and `probability_of_improvement` what `share_of_wins` says of the models' accuracies per seed.
    """

    difference: float
    low: float
    high: float
    lowest: float
    highest: float
    df: float
    var_seeds: float
    var_images: float
    p: float
    probability_of_improvement: float
    method: str


def contrasts_table(config: StudyRecord, finished: Finished, dataset: Labels) -> pd.DataFrame:
    """Every pair of models, for each accuracy on test; see `contrast` for the interval.

    `asked` is 1 for the contrasts of the config, which come first. p_holm adjusts their p values of the headline's
    metric, the study's question, for being as many as they are; other metrics, which look at the same runs from other
    sides, and other pairs, which nobody asked for before seeing the results, have none.
    """
    correct, rows = measures(dataset), []
    for pair, metric in itertools.product(every_pair(config), correct):
        matrices = [correct[metric](finished[name]) for name in pair]
        result = contrast(*matrices)
        if result.low == result.high:  # no run differs from another on any image
            result = small_contrast(*matrices)
        ratio = dict(zip(RATIO, error_ratio(*matrices), strict=True))
        counts = {"n_seeds": len(matrices[0]), "n_seeds_baseline": len(matrices[1])}
        asked = int(pair in config.contrasts)
        rows.append(pair._asdict() | {"metric": metric, "asked": asked} | result._asdict() | counts | ratio)
    columns = ["model", "baseline", "metric", "asked", "difference", "low", "high", "lowest", "highest", "df",
               *VARIANCES, "p", "p_holm", "probability_of_improvement", "n_seeds", "n_seeds_baseline",
               "method", *RATIO]  # fmt: skip
    table = pd.DataFrame(rows, columns=columns).astype({"p": float, "p_holm": float})
    tested = (table["metric"] == unequal.headline_metric(dataset)) & (table["asked"] == 1)
    table.loc[tested, "p_holm"] = holm(table.loc[tested, "p"].to_numpy())
    return table


def ladder_table(config: StudyRecord, finished: Finished, dataset: Labels) -> pd.DataFrame:
    """One row per step of the ladder, from 1: the headline's accuracy, and the difference to the step before.

    `low` and `high` are the interval of the difference, `contrast`'s. Each step answers a question of its own, so p is
    adjusted for nothing. A step whose model has no finished run here (it is not in the grid, or its runs are missing or
    diverged) has n_seeds 0 and no numbers; neither it nor the step after it has a difference.
    """
    fine = dataset.fine[dataset.ids(TEST)]
    rows, before = [], correctness([], fine)
    for number, step in enumerate(config.ladder, 1):
        right = unequal.counted_alike(correctness(finished.get(step["model"], []), fine), fine, dataset)
        found = contrast(right, before)
        accuracy = float(right.mean()) if len(right) else np.nan
        rows.append((number, step["model"], step["label"], step["change"], len(right), accuracy, found.difference,
                     found.low, found.high, found.p))  # fmt: skip
        before = right
    return pd.DataFrame(rows, columns=LADDER)


def measures(dataset: Labels) -> dict[str, Callable[[list[Run]], np.ndarray]]:
    """By metric, which test images each of some runs gets right, bool [runs, T]; see also `unequal.balanced`."""
    ids = dataset.ids(TEST)
    fine, known = dataset.fine[ids], metric_names(dataset)
    correct: dict[str, Callable[[list[Run]], np.ndarray]] = {
        "test_accuracy": lambda runs: correctness(runs, fine),
        "test_balanced_accuracy": lambda runs: unequal.balanced(correctness(runs, fine), fine),
        "test_top5": lambda runs: np.array([run.in_top5 for run in runs], bool).reshape(-1, len(ids)),
        "test_superclass": lambda runs: correctness(runs, dataset.coarse[ids], dataset.fine_to_coarse),
    }
    return {name: measure for name, measure in correct.items() if name in known}


def every_pair(config: StudyRecord) -> list[Pair]:
    """The contrasts of the config, then every other pair of its models, the later in report order minus the other."""
    known = {frozenset(pair) for pair in config.contrasts}
    others = (Pair(model=later, baseline=earlier) for earlier, later in itertools.combinations(config.models, 2))
    return [*config.contrasts, *(pair for pair in others if frozenset(pair) not in known)]


def contrast(model: np.ndarray, baseline: np.ndarray) -> Contrast:
    """The difference of mean accuracy, and its 95 % interval, from correctness matrices bool [seeds, N].

    Column i is the same image in both (images are paired); rows are not pairs, and their numbers may differ.
    Write a model's mean correctness per seed as r[s], and the difference of the two models' means per image as d[i].

    * var_images = Var(d) / N, which besides the images' own variance holds the seed × image noise, whole.
    * var_seeds = the sum over the models of max(0, Var(r) / S - E), where E is the same noise once more: the residual
      mean square of the model's two-way table over S·N. What is left is what a seed does to every image alike.

    The variance of the difference is their sum: the two-way "seeds + images - both" of Cameron, Gelbach & Miller 2011
    ("Robust inference with multiway clustering"), where the double count comes off the seeds. It could come off the
    images instead, but Var(r) of a few seeds is the shaky one, and this way its lucky low values cannot pull the
    interval below what the images alone give; and var_images means the same for any number of seeds.

    The quantile is Student's t at Satterthwaite's (1946) degrees of freedom over the mean squares that entered:
    S - 1 for each Var(r) before the subtraction (so that a part cut to 0 still counts as uncertain), N - 1 for Var(d);
    never fewer than the smaller S - 1. Simulated, it covers 94 to 99 % at 3 and 5 seeds × 2,000 images whether seeds,
    images or noise dominate.

    With fewer than 3 seeds of either model the seeds' variance is unknown, and there is no interval: one over images
    alone covers the difference of the methods in far fewer than 95 % of studies. Where nothing varies at all, the
    interval is a point.

    p is of the same t and degrees of freedom: it is below 0.05 exactly where the interval leaves 0 out. It is NaN with
    fewer than 3 seeds, and where no variance is left; 1e-16 stands for anything below.
    """
    if min(model.size, baseline.size) == 0:  # no runs, or a subset without images
        return Contrast(*[np.nan] * 10, NOT_TESTED)
    # From the models' means and not from `per_image`, so that swapping the models flips the sign to the last bit.
    difference = float(model.mean() - baseline.mean())
    between_runs = np.subtract.outer(model.mean(axis=1), baseline.mean(axis=1))
    runs = {"lowest": float(between_runs.min()), "highest": float(between_runs.max())}
    wins = share_of_wins(model.mean(axis=1), baseline.mean(axis=1))
    per_image = model.mean(axis=0) - baseline.mean(axis=0)
    images = len(per_image)
    var_images = float(per_image.var(ddof=1)) / images
    seeds = min(len(model), len(baseline))
    if seeds < MIN_SEEDS:
        unknown = dict.fromkeys(("low", "high", "df", "var_seeds", "p"), np.nan)
        return Contrast(difference, **runs, **unknown, var_images=var_images, probability_of_improvement=wins,
                        method=TOO_FEW_SEEDS)  # fmt: skip
    var_seeds, df, half = combined(var_images, images, [seed_part(model), seed_part(baseline)])
    total = var_seeds + var_images
    p = max(LEAST_P, 2 * float(stdtr(df, -abs(difference) / np.sqrt(total)))) if total > 0 else np.nan
    return Contrast(difference, difference - half, difference + half, **runs, df=df, var_seeds=var_seeds,
                    var_images=var_images, p=p, probability_of_improvement=wins, method=SEEDS_AND_IMAGES)  # fmt: skip


def small_contrast(model: np.ndarray, baseline: np.ndarray) -> Contrast:
    """`contrast` of correctness bool [seeds, N] for few images N, adjusted as `study.analysis.differences` says.

    `difference` is that of the N images; low, high, df, p and the variances are of the N + 2.
    """
    added = np.array([[True, False]])
    both = ((model, added), (baseline, ~added))
    result = contrast(*(np.hstack([right, np.repeat(extra, len(right), axis=0)]) for right, extra in both))
    return result._replace(difference=float(model.mean() - baseline.mean()))


def error_ratio(model: np.ndarray, baseline: np.ndarray) -> tuple[float, float, float]:
    """(ratio, low, high) of the errors of a model to those of its baseline, from correctness bool [seeds, N].

    0.5 is half as many errors. The interval is `contrast`'s for the difference of the logarithms, by the delta method:
    d log e = de / e, so each model's errors enter over their mean. NaN where a model is never wrong or has no runs.
    """
    errors = [(1 - right).mean() if len(right) else 0.0 for right in (model, baseline)]
    if min(errors) < LEAST_ERRORS:
        return np.nan, np.nan, np.nan
    ratio = float(errors[0] / errors[1])
    found = contrast(*((1 - right) / mean for right, mean in zip((model, baseline), errors, strict=True)))
    return ratio, ratio * float(np.exp(found.low)), ratio * float(np.exp(found.high))


def over_seeds_and_images(correct: np.ndarray) -> tuple[float, float]:
    """The ends of the 95 % interval of a model's accuracy, for other seeds and other images, by `contrast`'s formula.

    correct bool [S, N]. Never narrower than Student's interval over seeds alone, which few degrees of freedom can make
    the wider one. NaN with fewer than 3 seeds.
    """
    if len(correct) < MIN_SEEDS:
        return np.nan, np.nan
    images = correct.shape[1]
    mean, _, _, highest = t_interval(correct.mean(axis=1))
    half = combined(float(correct.mean(axis=0).var(ddof=1)) / images, images, [seed_part(correct)])[2]
    half = max(half, highest - mean)
    return max(0.0, mean - half), min(1.0, mean + half)


def combined(var_images: float, images: int, parts: Sequence[SeedPart]) -> tuple[float, float, float]:
    """(var_seeds, degrees of freedom, half the width of the 95 % interval) by the formula that `contrast` explains."""
    var_seeds = sum(max(0.0, part.variance - part.noise) for part in parts)
    squares = var_images**2 / (images - 1) + sum(part.variance**2 / (part.seeds - 1) for part in parts)
    if squares == 0:
        return var_seeds, np.nan, 0.0
    total = var_seeds + var_images
    df = max(total**2 / squares, min(part.seeds for part in parts) - 1)
    return var_seeds, df, float(stdtrit(df, UPPER_TAIL)) * np.sqrt(total)


def seed_part(correct: np.ndarray) -> SeedPart:
    """What seeds do to the mean of a model's correctness bool [S, N]; needs two seeds and two images."""
    seeds, images = correct.shape
    per_seed = correct.mean(axis=1)
    residual = correct - per_seed[:, None] - correct.mean(axis=0) + correct.mean()
    mean_square = (residual**2).sum() / ((seeds - 1) * (images - 1))
    return SeedPart(float(per_seed.var(ddof=1)) / seeds, float(mean_square) / (seeds * images), seeds)


def share_of_wins(values: np.ndarray, others: np.ndarray) -> float:
    """The share of all pairs of one of `values` and one of `others` in which the former is higher; a tie is half a win.

    Mann & Whitney 1947's U over the number of pairs; over seeds, the "probability of improvement" of Agarwal et al.
    2021, "Deep reinforcement learning at the edge of the statistical precipice".
    """
    signs = np.sign(np.subtract.outer(values, others))
    return float((signs.mean() + 1) / 2)


def holm(p: np.ndarray) -> np.ndarray:
    """Return Holm-adjusted p values float [K]; NaN do not count as comparisons and are returned as they are.

    Holm 1979, "A simple sequentially rejective multiple test procedure": rejecting where the adjusted value is below
    0.05 keeps the chance of any false rejection among the K below 5 %, whatever depends on what.
    """
    order = np.argsort(p)[: np.isfinite(p).sum()]  # NaN sort last
    adjusted = np.full(len(p), np.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)), 1)
    return adjusted
