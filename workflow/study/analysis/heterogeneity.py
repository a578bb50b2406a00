"""How much do classes truly differ, in accuracy or in what one model gains on another, and how many of them gain?

A class has few test images, so the accuracies of classes that are equally hard differ too, and the smallest of 100
differences is smallest by luck as well as in truth. Let y[i] be what was measured of class i (or superclass), and v[i]
its sampling variance. The random-effects model y[i] ~ N(t[i], v[i]), t[i] ~ N(mean, tau²) tells the two apart:

* Cochran's Q = sum of w (y - mean)², w = 1/v, is chi-squared with K - 1 degrees of freedom where all t are equal
  (Cochran 1954, "The combination of estimates from different experiments"): the test of heterogeneity.
* tau is the standard deviation of the true values. It is Paule & Mandel's (1982, "Consensus values and weighting
  factors"): with w = 1/(v + tau²), Q is as large as its degrees of freedom. Its 95 % interval has Q at the quantiles
  of chi-squared in place of these (the Q profile of Viechtbauer 2007, "Confidence intervals for the amount of
  heterogeneity in meta-analysis"); it regards the classes as a sample of such classes.
* Empirical Bayes (Efron & Morris 1975, "Data analysis using Stein's estimator and its generalizations") shrinks y to
  the mean by b = v / (v + tau²): t[i] ~ N(mean + (1 - b)(y - mean), tau² b + b² / sum of w), where the second part is
  the uncertainty of the mean (Rao 2003, "Small area estimation", section 7.1). That of tau is left out. So the smallest
  of the shrunken values is not too low on average, and P(t > 0) adds up, over classes, to how many should gain.

v[i] is the variance of the class's images over their number, as in `contrast`, and what seeds do to a class; the latter
is too uncertain class by class, so it is the mean over classes. An estimate from n images is never surer than with one
image on which only one of the two is right, 1/n².
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import chdtrc, chdtri, ndtr

from study.analysis.classes import by_class, by_superclass
from study.analysis.contrasts import LEAST_P, every_pair, seed_part
from study.analysis.runs import Finished, correctness
from study.analysis.uncertainty import MIN_SEEDS, UPPER_TAIL
from study.config.record import StudyRecord
from study.data.dataset import Labels

COLUMNS = ["model", "baseline", "level", "n_groups", "mean", "observed_sd", "sampling_sd", "true_sd", "low", "high",
           "q", "p", "expected_losing", "surely_gaining", "surely_losing"]  # fmt: skip
SURE = 0.95


class Spread(NamedTuple):
    """Of K estimates: their mean under the model, SDs, the interval of the true one, Cochran's Q and its p."""

    mean: float
    observed_sd: float
    sampling_sd: float
    true_sd: float
    low: float
    high: float
    q: float
    p: float


def heterogeneity_table(config: StudyRecord, finished: Finished, dataset: Labels) -> pd.DataFrame:
    """Per level (class or superclass) one row per model, of accuracies, then one per pair of models, of differences.

    Of differences, `expected_losing` is the number of groups expected to have a true difference below 0, and `surely_*`
    how many have one above (below) 0 with a probability of at least 95 %. Models without a finished run have no row,
    nor have pairs with fewer than 3 seeds of either model.
    """
    levels = {"class": by_class(dataset)}
    if dataset.coarse is not None:
        levels["superclass"] = by_superclass(dataset)
    rows = []
    for level, grouping in levels.items():
        right = {model: correctness(runs, grouping.true, grouping.of_class) for model, runs in finished.items() if runs}
        groups = [np.flatnonzero(grouping.true == number) for number in range(grouping.size)]
        enough = {model for model, runs in right.items() if len(runs) >= MIN_SEEDS}
        pairs = [pair for pair in every_pair(config) if enough.issuperset(pair)]
        for model, baseline in [*((model, None) for model in right), *pairs]:
            values, variances = estimates([right[model]] + ([right[baseline]] if baseline else []), groups)
            found = spread(values, variances)
            counts = _counts(gain_probability(*shrunken(values, variances))) if baseline else {}
            place = {"model": model, "baseline": baseline, "level": level, "n_groups": len(groups)}
            rows.append(place | found._asdict() | counts)
    return pd.DataFrame(rows, columns=COLUMNS).astype(dict.fromkeys(("surely_gaining", "surely_losing"), "Int64"))


def estimates(sides: Sequence[np.ndarray], groups: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """(y, v) [K] of groups of images, from the correctness bool [seeds, N] of a model, or of a model and its baseline.

    v holds what seeds do where every side has at least 3; NaN of a group with fewer than two images.
    """
    sized = [len(images) > 1 for images in groups]
    parts = [[side[:, images] for side in sides] for images, known in zip(groups, sized, strict=True) if known]
    known_values = [part[0].mean() - sum(other.mean() for other in part[1:]) for part in parts]
    per_image = [part[0].mean(axis=0) - sum(other.mean(axis=0) for other in part[1:]) for part in parts]
    of_images = [max(each.var(ddof=1) / len(each), len(each) ** -2.0) for each in per_image]
    of_seeds = 0.0
    if parts and min(len(side) for side in sides) >= MIN_SEEDS:
        seeds = [[seed_part(side) for side in part] for part in parts]
        of_seeds = max(0.0, float(np.mean([sum(one.variance - one.noise for one in part) for part in seeds])))
    values, variances = np.full((2, len(groups)), np.nan)
    values[sized], variances[sized] = known_values, np.array(of_images) + of_seeds
    return values, variances


def spread(values: np.ndarray, variances: np.ndarray) -> Spread:
    """The spread of estimates y [K] with variances v [K]; all NaN with fewer than two that are known."""
    known = np.isfinite(values)
    y, v = values[known], variances[known]
    if len(y) < 2:
        return Spread(*[np.nan] * len(Spread._fields))
    freedom, q = len(y) - 1, _q(0.0, y, v)
    targets = (freedom, chdtri(freedom, 1 - UPPER_TAIL), chdtri(freedom, UPPER_TAIL))  # chdtri takes the upper tail
    true, lowest, highest = (_tau2(float(target), y, v) for target in targets)
    return Spread(
        mean=_mean(true, y, v),
        observed_sd=float(y.std(ddof=1)),
        sampling_sd=float(np.sqrt(v.mean())),
        true_sd=float(np.sqrt(true)),
        low=float(np.sqrt(lowest)),
        high=float(np.sqrt(highest)),
        q=q,
        p=max(LEAST_P, float(chdtrc(freedom, q))),
    )


def shrunken(values: np.ndarray, variances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(mean, SD) [K] of each true value, by empirical Bayes; NaN where the estimate is, or where it stands alone."""
    known = np.isfinite(values)
    means, sds = np.full((2, len(values)), np.nan)
    if known.sum() > 1:
        y, v = values[known], variances[known]
        tau2 = _tau2(len(y) - 1, y, v)
        b, centre = v / (v + tau2), _mean(tau2, y, v)
        means[known] = centre + (1 - b) * (y - centre)
        sds[known] = np.sqrt(tau2 * b + b**2 / (1 / (v + tau2)).sum())
    return means, sds


def gain_probability(means: np.ndarray, sds: np.ndarray) -> np.ndarray:
    """P(t > 0) [K] of what `shrunken` returns."""
    return ndtr(means / sds)


def _counts(gains: np.ndarray) -> dict[str, float]:
    return {
        "expected_losing": float(np.nansum(1 - gains)),
        "surely_gaining": int((gains >= SURE).sum()),
        "surely_losing": int((gains <= 1 - SURE).sum()),
    }


def _mean(tau2: float, y: np.ndarray, v: np.ndarray) -> float:
    return float(np.average(y, weights=1 / (v + tau2)))


def _q(tau2: float, y: np.ndarray, v: np.ndarray) -> float:
    return float(((y - _mean(tau2, y, v)) ** 2 / (v + tau2)).sum())


def _tau2(target: float, y: np.ndarray, v: np.ndarray) -> float:
    """The tau² at which Q, which falls as tau² rises, is `target`; 0 where it is below that at 0."""
    if _q(0.0, y, v) <= target:
        return 0.0
    highest = ((y - y.mean()) ** 2).sum() / target + v.max()
    return float(brentq(lambda tau2: _q(tau2, y, v) - target, 0.0, highest, xtol=1e-12))
