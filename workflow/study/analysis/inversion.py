"""How much of what is counted (labels, compute) one curve of accuracy needs to reach the accuracy of another.

And the other way about: how far apart two curves are at equal amounts.

A curve has an accuracy at each of several amounts, and between them a straight line of logit accuracy over log amount,
made to rise nowhere or to stay level where the measured ones fall (isotonic regression). It is never extrapolated: what
lies beyond its ends is said to be more, or less, than these.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.special import expit, logit

from study.analysis.uncertainty import UPPER_TAIL

RESAMPLES = 4000
FEWEST_FREEDOMS = 2  # of the pooled variance between seeds; with fewer there is no interval


def of_accuracy(mean: np.ndarray, images: int) -> np.ndarray:
    """The logit of an accuracy on so many images; that of half an image where none, or all, are right."""
    return logit(np.clip(mean, 0.5 / images, 1 - 0.5 / images))


def of_log_likelihood(mean: np.ndarray, _: int) -> np.ndarray:
    """The height of a mean log-probability of the true class: it rises as the negative log-likelihood falls."""
    return -np.log(np.maximum(-mean, np.finfo(float).tiny))


class Curve(NamedTuple):
    """A model's runs at rising `amounts` float [K]: `correct` bool [seeds, T] at each, of the same T test images.

    In place of `correct` may stand another number of each image; `height` makes of its mean what is interpolated.
    """

    amounts: np.ndarray
    correct: list[np.ndarray]
    height: Callable[[np.ndarray, int], np.ndarray] = of_accuracy


class Amount(NamedTuple):
    """An amount with its 95 % interval.

    0 and infinity stand for less and for more than the curve has; NaN ends for an interval that is not known.
    """

    value: float
    low: float
    high: float

    def within(self, amounts: np.ndarray) -> tuple[dict[str, float], dict[str, str]]:
        """Return number and ends, by "", "_low" and "_high", cut to the curve's; and on which side of it each lay."""
        ends = dict(zip(("", "_low", "_high"), self, strict=True))
        cut = {end: float(np.clip(value, amounts[0], amounts[-1])) for end, value in ends.items()}
        sides = [{np.inf: ">", 0.0: "<"}.get(value, "") for value in self]
        return cut, dict(zip(("beyond", "low_beyond", "high_beyond"), sides, strict=True))


class _Summary(NamedTuple):
    """Of a curve: per-image mean correctness [K, T], logit accuracy [K], its standard error by seeds [K], their df."""

    curve: Curve
    per_image: np.ndarray
    logits: np.ndarray
    errors: np.ndarray
    df: int


def amounts_to_reach(reached: Curve, by: Curve, rng: np.random.Generator) -> list[Amount]:
    """Return for each point of the curve `reached` the amount at which the curve `by` has the same accuracy.

    The interval holds the middle 95 % of resamples, in each of which the curves are drawn anew and inverted again:

    * seeds, and the subsets that they draw: on the scale of logits, normal with the variance between runs, pooled over
      a curve's points because each has few runs, and t-scaled for its degrees of freedom;
    * test images: the same ones for all points of both curves, normal with the covariance of the per-image means.

    A point that lies on neither side within the curve has an end, or both, of 0 or infinity. Its coverage, simulated,
    is in docs/coverage.md.
    """
    summaries = [_summarise(reached), _summarise(by)]
    drawn = _resample(summaries, rng) if min(one.df for one in summaries) >= FEWEST_FREEDOMS else None
    return _inverted(by.amounts, summaries[1].logits, summaries[0].logits, drawn)


def amounts_for(accuracies: np.ndarray, by: Curve, rng: np.random.Generator) -> list[Amount]:
    """Return for each of `accuracies` float [K] the amount at which the curve has it; see `amounts_to_reach`."""
    summary, targets = _summarise(by), logit(accuracies)
    drawn = None
    if summary.df >= FEWEST_FREEDOMS:
        drawn = [np.tile(targets, (RESAMPLES, 1)), *_resample([summary], rng)]
    return _inverted(by.amounts, summary.logits, targets, drawn)


def _inverted(
    amounts: np.ndarray, logits: np.ndarray, targets: np.ndarray, drawn: list[np.ndarray] | None
) -> list[Amount]:
    """Where a curve through `logits` reaches each target; the interval is of `drawn`, targets and curves, if any."""
    knots = _rising(logits)
    values = [invert(amounts, knots, target) for target in targets]
    if drawn is None:
        return [Amount(value, np.nan, np.nan) for value in values]
    found = np.empty((RESAMPLES, len(targets)))
    for row, (points, curve) in enumerate(zip(*drawn, strict=True)):
        rising = _rising(curve)
        found[row] = [invert(amounts, rising, target) for target in points]
    # order statistics, because there is nothing between a number and infinity
    low, high = np.quantile(found, [1 - UPPER_TAIL, UPPER_TAIL], axis=0, method="inverted_cdf")
    return [Amount(*one) for one in zip(values, low.tolist(), high.tolist(), strict=True)]


def accuracies_at(curve: Curve, amounts: np.ndarray) -> np.ndarray:
    """Return the accuracy of a curve at each of `amounts` float [N], none below its smallest; see `differences_at`."""
    return _between(curve, _summarise(curve).logits, amounts)


def differences_at(one: Curve, other: Curve, amounts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return how much more accurate `one` is than `other` at each of `amounts`: value, low and high, float [3, N].

    Beyond its largest amount a curve stays as it is there: what comes after is not used. The interval is made of
    resamples as in `amounts_to_reach`; its ends are NaN where the seeds are too few. Simulated as in docs/coverage.md
    with 3 seeds, it covers 95 to 98 %; 88 % at an amount whose seeds differ more than the curve's others.
    """
    value = accuracies_at(one, amounts) - accuracies_at(other, amounts)
    summaries = [_summarise(one), _summarise(other)]
    if min(summary.df for summary in summaries) < FEWEST_FREEDOMS:
        return np.array([value, *np.full((2, len(value)), np.nan)])
    found = [_between(one, first, amounts) - _between(other, second, amounts)
             for first, second in zip(*_resample(summaries, rng), strict=True)]  # fmt: skip
    return np.array([value, *np.quantile(found, [1 - UPPER_TAIL, UPPER_TAIL], axis=0)])


def _between(curve: Curve, logits: np.ndarray, amounts: np.ndarray) -> np.ndarray:
    return expit(np.interp(np.log(amounts), np.log(curve.amounts), _rising(logits)))


def invert(amounts: np.ndarray, logits: np.ndarray, target: float) -> float:
    """Return the smallest amount at which a curve through `logits` float [K], which never fall, reaches `target`.

    0 where the curve begins above it, infinity where it ends below.
    """
    place = int(np.searchsorted(logits, target))
    if place == len(logits):
        return np.inf
    if place == 0:
        return float(amounts[0]) if target == logits[0] else 0.0
    share = (target - logits[place - 1]) / (logits[place] - logits[place - 1])
    below, above = np.log(amounts[place - 1 : place + 1])
    return float(amounts[place]) if share == 1 else float(np.exp(below + share * (above - below)))


def _rising(logits: np.ndarray) -> np.ndarray:
    return isotonic_regression(logits).x


def _summarise(curve: Curve) -> _Summary:
    per_image = np.array([correct.mean(axis=0) for correct in curve.correct])
    runs = [curve.height(correct.mean(axis=1), per_image.shape[1]) for correct in curve.correct]
    df = sum(len(values) - 1 for values in runs)
    squares = sum(((values - values.mean()) ** 2).sum() for values in runs)
    errors = np.sqrt(squares / max(df, 1) / [len(values) for values in runs])
    return _Summary(curve, per_image, curve.height(per_image.mean(axis=1), per_image.shape[1]), errors, df)


def _resample(summaries: list[_Summary], rng: np.random.Generator) -> list[np.ndarray]:
    """Return for each summary its logits drawn anew, float [RESAMPLES, K]."""
    per_image = np.concatenate([one.per_image for one in summaries])
    images = per_image.shape[1]
    covariance = np.atleast_2d(np.cov(per_image)) / images
    noise = rng.multivariate_normal(np.zeros(len(per_image)), covariance, RESAMPLES, method="eigh")
    heights = summaries[0].curve.height(per_image.mean(axis=1) + noise, images)
    drawn = np.split(heights, np.cumsum([len(one.logits) for one in summaries])[:-1], axis=1)
    return [
        logits + rng.normal(size=logits.shape) * one.errors * np.sqrt(one.df / rng.chisquare(one.df, (RESAMPLES, 1)))
        for logits, one in zip(drawn, summaries, strict=True)
    ]
