"""Intervals for one number: a proportion of images, or a mean over training seeds. All are two-sided at 95 %."""

from collections.abc import Callable

import numpy as np
from scipy.special import ndtri, stdtrit  # scipy.stats would triple the start-up time

UPPER_TAIL = 0.975
MIN_SEEDS = 3


def wilson(successes: np.ndarray | float, n: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """The score interval (low, high) of a proportion; broadcasts, need not be whole numbers, NaN where n is 0.

    Wilson 1927, "Probable inference, the law of succession, and statistical inference"; the form used is equation 4 of
    Brown, Cai & DasGupta 2001, "Interval estimation for a binomial proportion". Unlike the normal approximation it
    stays within [0, 1] and keeps its width at proportions of 0 and 1, which single classes reach.
    """
    successes, n = np.broadcast_arrays(np.asarray(successes, float), np.asarray(n, float))
    z = ndtri(UPPER_TAIL)
    with np.errstate(invalid="ignore", divide="ignore"):
        p = successes / n
        centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    # Where p is 0 or 1 it is itself an end, which rounding can miss by a last bit.
    return np.clip(centre - half, 0, p), np.clip(centre + half, p, 1)


def t_interval(values: np.ndarray) -> tuple[float, float, float, float]:
    """(mean, standard deviation, low, high) of values [seeds]: Student's t interval of the mean, divisor n - 1.

    The interval is NaN below 3 values: from two, it reaches 12.7 standard errors to either side, and nobody should rest
    anything on it. The standard deviation is NaN below 2 values, and everything is NaN for none.
    """
    values = np.asarray(values, float)
    n = len(values)
    mean = float(values.mean()) if n else np.nan
    sd = float(values.std(ddof=1)) if n > 1 else np.nan
    if n < MIN_SEEDS:
        return mean, sd, np.nan, np.nan
    half = float(stdtrit(n - 1, UPPER_TAIL)) * sd / np.sqrt(n)
    return mean, sd, mean - half, mean + half


def share_of(images: float) -> Callable[[float], tuple[float, float]]:
    """What gives `wilson`'s interval of a share of so many images."""
    return lambda share: tuple(map(float, wilson(share * images, images)))


def over_seeds(
    values: np.ndarray, over_images: Callable[[float], tuple[float, float]] | None = None, is_share: bool = True
) -> dict[str, float]:
    """Mean, spread and intervals of one number of each seed, by the columns of models.csv; see `models_table`.

    The interval over seeds of a number that `is_share` ends at 0 and 1.
    `over_images` gives the interval of a mean for other test images, where there is one. It stands in for that over
    seeds where every seed gets all images right, or none: they would be the same on no other images, as a point says.
    """
    mean, sd, ci_low, ci_high = t_interval(values)
    if is_share:
        ci_low, ci_high = max(ci_low, 0.0), min(ci_high, 1.0)
    test_low, test_high = (np.nan, np.nan) if over_images is None or np.isnan(mean) else over_images(mean)
    if over_images is not None and ci_low == ci_high and not 1e-12 < mean < 1 - 1e-12:
        ci_low, ci_high = test_low, test_high
    lowest, highest = (values.min(), values.max()) if len(values) else (np.nan, np.nan)
    return {
        "n_seeds": len(values), "mean": mean, "sd": sd, "ci_low": ci_low, "ci_high": ci_high, "min": lowest,
        "max": highest, "test_low": test_low, "test_high": test_high,
    }  # fmt: skip
