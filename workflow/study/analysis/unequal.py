"""Numbers in which every class counts alike, whatever its size, for test sets whose classes are of different sizes.

Of nine images of one class to one of another, a network that always names the larger class is right in 90 %. Its
balanced accuracy is 50 %. Where the largest class has more than UNEQUAL_FROM times the test images of the smallest, the
study's headline is on balanced accuracy.
"""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtri

from study.analysis.uncertainty import UPPER_TAIL
from study.data.dataset import TEST, Labels

UNEQUAL_FROM = 1.5
DRAWS, RESAMPLING = 1000, 0  # the seed, so that the same runs give the same bytes
Ends = tuple[float, float]


def class_sizes(dataset: Labels) -> np.ndarray:
    """How many test images each class has, int [C]."""
    return np.bincount(dataset.fine[dataset.ids(TEST)], minlength=dataset.classes)


def is_unequal(dataset: Labels) -> bool:
    """Return whether the largest class has more than UNEQUAL_FROM times the test images of the smallest."""
    sizes = class_sizes(dataset)
    return bool(sizes.max() > UNEQUAL_FROM * sizes.min())


def headline_metric(dataset: Labels) -> str:
    """The metric that the study's headline is on."""
    return "test_balanced_accuracy" if is_unequal(dataset) else "test_accuracy"


def balanced_accuracy(right: np.ndarray, fine: np.ndarray) -> float:
    """The mean over classes of the share of a class's images that are right, bool [N], of true classes int [N]."""
    sizes = np.bincount(fine)
    return float((np.bincount(fine, right)[sizes > 0] / sizes[sizes > 0]).mean())


def balanced(right: np.ndarray, fine: np.ndarray) -> np.ndarray:
    """Correctness bool [S, N] as float [S, N] whose mean is the balanced accuracy, of each run, and of all.

    An image counts N over C times the size of its class, but for the mean of classes of that size, which all images
    share. So the variance over images is that among classes of one size, as it is where all have the same: that there
    are many images of one class and few of another adds nothing to it.
    """
    if not right.size:
        return right.astype(float)
    _, place, sizes = np.unique(fine, return_inverse=True, return_counts=True)
    weight = (len(fine) / len(sizes) / sizes)[place]
    _, stratum, images = np.unique(weight, return_inverse=True, return_counts=True)
    mean = (np.bincount(stratum, right.mean(axis=0)) / images)[stratum]
    return (weight * mean).mean() + weight * (right - mean)


def counted_alike(right: np.ndarray, fine: np.ndarray, dataset: Labels) -> np.ndarray:
    """Correctness [S, N] on some test images as the headline counts it: `balanced` where the data's classes ask it."""
    return balanced(right, fine) if is_unequal(dataset) else right


def effective_images(fine: np.ndarray) -> float:
    """How many images of equal classes would tell a balanced accuracy as surely: C² over the sum of 1 / size."""
    sizes = np.unique(fine, return_counts=True)[1]
    return float(len(sizes) ** 2 / (1 / sizes).sum()) if len(sizes) else 0.0


def counted_images(fine: np.ndarray, dataset: Labels) -> float:
    """How many images the headline's accuracy on some test images is of: all, or `effective_images`."""
    return effective_images(fine) if is_unequal(dataset) else len(fine)


def confusion(predicted: Sequence[np.ndarray], fine: np.ndarray, classes: int) -> np.ndarray:
    """Images of each true class [row] that are taken for each class, float [C, C], mean over runs' int [N]."""
    cells = [np.bincount(fine.astype(np.int64) * classes + named, minlength=classes**2) for named in predicted]
    return np.mean(cells, axis=0).reshape(classes, classes)


def macro_f1(counts: np.ndarray) -> float:
    """The mean over classes of 2 · right / (images + named), of a `confusion`; 0 for a class that neither has."""
    return float(_f1(counts.diagonal(), counts.sum(axis=1), counts.sum(axis=0)).mean())


def macro_f1_interval(counts: np.ndarray) -> Ends:
    """The 95 % interval of `macro_f1` for other test images of the same classes, each as many.

    The middle of draws of what each class is taken for: Dirichlet, with half a right and half a wrong image divided
    among the classes as a prior (Jeffreys'), without which an interval at 100 % would be a point.
    """
    rng, classes = np.random.default_rng(RESAMPLING), len(counts)
    right, named = np.zeros((2, DRAWS, classes))
    elsewhere = np.zeros(DRAWS)  # what falls on a class from all classes, its own too
    prior = [0.5 / classes] * 2  # right; any other class
    for true, row in enumerate(counts):
        seen = np.flatnonzero(row)
        drawn = row.sum() * rng.dirichlet([*row[seen], *prior], DRAWS)
        to_each = drawn[:, -1] / max(classes - 1, 1)
        elsewhere += to_each
        named[:, true] += drawn[:, -2] - to_each
        named[:, seen] += drawn[:, :-2]
        right[:, true] = drawn[:, -2] + drawn[:, :-2] @ (seen == true)
    value, named = macro_f1(counts), named + elsewhere[:, None]
    low, high = np.quantile(_f1(right, counts.sum(axis=1), named).mean(axis=1), [1 - UPPER_TAIL, UPPER_TAIL])
    return min(float(low), value), max(float(high), value)


def _f1(right: np.ndarray, images: np.ndarray, named: np.ndarray) -> np.ndarray:
    both = images + named
    return 2 * right / np.where(both > 0, both, 1)


def auc(logits: np.ndarray, fine: np.ndarray) -> float:
    """The chance that an image of class 1 is thought more like class 1 than one of class 0, from logits [N, 2].

    The area under the curve of true over false positives; a tie counts half. NaN without images of both classes.
    """
    scores = logits[:, 1].astype(float) - logits[:, 0]
    low, high = np.sort(scores[fine == 0]), scores[fine == 1]
    if not (len(low) and len(high)):
        return np.nan
    return float((np.searchsorted(low, high, "left") + np.searchsorted(low, high, "right")).mean() / 2 / len(low))


def auc_interval(value: float, sizes: Sequence[int]) -> Ends:
    """The 95 % score interval of an area under the curve, of so many images of the two classes.

    Method 5 of Newcombe 2006, "Confidence intervals for an effect size measure based on the Mann-Whitney statistic,
    part 2", which keeps its width at 100 %.
    """
    n = (sum(sizes) / 2) - 1

    def beyond(true: float) -> float:
        spread = 1 + n * ((1 - true) / (2 - true) + true / (1 + true))
        return abs(value - true) - ndtri(UPPER_TAIL) * np.sqrt(true * (1 - true) * spread / np.prod(sizes))

    edge = 1e-9
    return (
        brentq(beyond, 0, min(value, 1 - edge)) if value > 0 else 0.0,
        brentq(beyond, max(value, edge), 1) if value < 1 else 1.0,
    )
