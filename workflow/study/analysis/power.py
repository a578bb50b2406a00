"""What more seeds, or fewer, would do to the interval of a difference, from the variances that a study has measured."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import nctdtr, stdtrit

from study.analysis import unequal
from study.analysis.contrasts import SeedPart, combined, every_pair, seed_part
from study.analysis.runs import Finished, correctness
from study.analysis.uncertainty import MIN_SEEDS, UPPER_TAIL
from study.config.record import StudyRecord
from study.data.dataset import TEST, Labels

FAR = 8.0  # standard errors, beyond which the wrong tail is below 1e-16, and scipy's series may not converge
SEEDS = range(2, 21)
ENDLESS = 1_000_000  # seeds: what is left of the variance comes from the test images
DIFFERENCES = {"power_1": 0.01, "power_2": 0.02, "power_5": 0.05}  # columns of more_seeds.csv, and true differences
DISAGREEING = 0.2  # a share of the images that is usual between a good model and a fair one
SURE = 30.0  # standard errors, beyond which a difference is always found


class Variances(NamedTuple):
    """Of the difference of two models on `images` test images, in squared fractions.

    `difference`: variance over images of the seed-averaged difference, corrected for seed noise; the estimate can be
    negative. Of each model: `seeds`, of one seed's accuracy, and `noise`, of one seed on one image.
    """

    images: int
    difference: float
    seeds: tuple[float, float]
    noise: tuple[float, float]


class Foreseen(NamedTuple):
    """At a number of seeds: half the width of the 95 % interval, and its variance's parts; NaN where unknown."""

    half: float
    df: float
    var_seeds: float
    var_images: float


def more_seeds_table(config: StudyRecord, finished: Finished, dataset: Labels) -> pd.DataFrame:
    """Of every pair of models, what `foresee` says of the headline's metric with each number of SEEDS, and ENDLESS.

    `half_width` is half the 95 % interval, `variance` that of the difference, `var_lasting` what no number of seeds
    takes away from it; power_1, power_2 and power_5 are the power at a true difference of 1, 2 and 5 points. Pairs with
    fewer than two finished seeds of either model have no rows.
    """
    true = dataset.fine[dataset.ids(TEST)]
    right = {model: unequal.counted_alike(correctness(runs, true), true, dataset) for model, runs in finished.items()}
    columns = ["model", "baseline", "seeds", "half_width", "variance", "var_lasting", *DIFFERENCES]
    rows = []
    for pair in every_pair(config):
        measured = variances(right[pair.model], right[pair.baseline])
        for seeds in (*SEEDS, ENDLESS) if measured else ():
            step, lasting = foresee(measured, seeds), max(0.0, measured.difference) / measured.images
            powers = [power(step, size) for size in DIFFERENCES.values()]
            rows.append((*pair, seeds, step.half, step.var_seeds + step.var_images, lasting, *powers))
    return pd.DataFrame(rows, columns=columns)


def variances(model: np.ndarray, baseline: np.ndarray) -> Variances | None:
    """The parts of `contrast`'s variance for one seed, from correctness bool [seeds, N]; None with a single seed."""
    if min(len(model), len(baseline)) < 2:
        return None
    images = model.shape[1]
    parts = seed_part(model), seed_part(baseline)
    noise = [part.noise * images for part in parts]
    observed = float((model.mean(axis=0) - baseline.mean(axis=0)).var(ddof=1))
    return Variances(
        images,
        observed - sum(noise),
        tuple(part.variance * part.seeds for part in parts),
        tuple(one * part.seeds for one, part in zip(noise, parts, strict=True)),
    )


def foresee(measured: Variances, seeds: int) -> Foreseen:
    """What `contrast` would give with `seeds` seeds of each model: at a study's own number, its own interval.

    Every part of the variance is what it was measured to be and shrinks with 1 / seeds, except that of the images.
    """
    var_images = max(0.0, measured.difference + sum(measured.noise) / seeds) / measured.images
    if seeds < MIN_SEEDS:
        return Foreseen(np.nan, np.nan, np.nan, var_images)
    parts = [
        SeedPart(variance / seeds, noise / (seeds * measured.images), seeds)
        for variance, noise in zip(measured.seeds, measured.noise, strict=True)
    ]
    var_seeds, df, half = combined(var_images, measured.images, parts)
    return Foreseen(half, df, var_seeds, var_images)


def smallest_seen(images: float) -> float:
    """The smallest difference that so many test images can tell from 0: half its 95 % interval, a fraction.

    Two models are assumed to disagree on DISAGREEING of the images, and their seeds to be alike.
    """
    return foresee(Variances(max(images, 2), DISAGREEING, (0.0, 0.0), (0.0, 0.0)), MIN_SEEDS).half


def power(foreseen: Foreseen, difference: float) -> float:
    """The chance that the 95 % interval leaves 0 out where the true difference, a fraction, is `difference`.

    That of a two-sided t test at 5 %: Student's noncentral t, as in Cohen 1988, "Statistical power analysis for the
    behavioral sciences". NaN where there is no interval.
    """
    total = foreseen.var_seeds + foreseen.var_images
    if np.isnan(total):
        return np.nan
    if total == 0:
        return float(difference != 0)
    critical = float(stdtrit(foreseen.df, UPPER_TAIL))
    distance = min(abs(difference) / np.sqrt(total), SURE)
    wrong_side = nctdtr(foreseen.df, distance, -critical) if distance < FAR else 0.0
    return float(1 - nctdtr(foreseen.df, distance, critical) + wrong_side)
