"""What a run says of each image, in little: all that most numbers need, and small enough to publish.

A published study has `evidence.npz` in place of a run's logits, of images in the order of their rows in labels.npz:

* `test_best` uint8 [T], the most probable class,
* `test_rank` uint8 [T], the place of the true class, 0 for the best; 5 where it is not among the five best,
* `test_log_top` and `test_log_true` float16 [T], the log-probability of the best and of the true class,
* `test_superclass` uint8 [T], the most probable superclass, where the data have superclasses,
* `val_best` uint8 [V], the most probable class of each validation image,
* `val_ids` int64 [V], the validation images' rows, only of a run whose recipe has a validation split of its own.

Of a run on few images of each class, of which there are many, it is thin: `test_best` and `test_log_true`.

Where there are more than 255 classes, or superclasses, theirs are uint16. What is so for most images takes next to no
space: the largest number of its type, 255 or 65535, stands for the true class, and as a superclass for that of the best
class; a log-probability of 0 in `log_true`, where the true class is the best, is the one in `log_top`.

A log-probability is rounded to the nearest float16 that leaves its probability in the same bin of confidence, so that
the bins' counts are exact. Over 10,000 images the rounding moves NLL and ECE by some 1e-5, of networks near chance by
some 1e-3; see `rounding_of_mean`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn, Self

import numpy as np
from scipy.special import log_softmax

from study.analysis import metrics

TOP = 5  # the best classes, among which the true one is looked for


class NeedsLogits(AttributeError):
    """The number takes more than a published run's evidence has."""


@dataclass(frozen=True)
class Evidence:
    """Of N images: best class `predicted` [N], `rank` uint8 [N], `log_top`, `log_true` float64 [N], `superclass`."""

    predicted: np.ndarray
    rank: np.ndarray
    log_top: np.ndarray
    log_true: np.ndarray
    superclass: np.ndarray | None

    @classmethod
    def of_logits(cls, logits: np.ndarray, fine: np.ndarray, fine_to_coarse: np.ndarray | None) -> Self:
        """Boil logits float [N, C] down; fine int [N] are the true classes, fine_to_coarse int [C] the superclasses."""
        images = np.arange(len(logits))
        log_probability = log_softmax(logits.astype(np.float64), axis=1)
        best = best_classes(logits, TOP)
        found = best == fine[:, None]
        return cls(
            predicted=best[:, 0],
            rank=np.where(found.any(axis=1), found.argmax(axis=1), TOP).astype(np.uint8),
            log_top=log_probability[images, best[:, 0]],
            log_true=log_probability[images, fine],
            superclass=None if fine_to_coarse is None else metrics.summed_superclass(logits, fine_to_coarse),
        )

    @classmethod
    def from_arrays(cls, stored: Mapping[str, np.ndarray], fine: np.ndarray, coarse_of: np.ndarray | None) -> Self:
        """Read back what `to_arrays` gave. Raises ValueError if it is not evidence of as many images."""
        names = ["best", "rank", "log_top", "log_true", *(["superclass"] if coarse_of is not None else [])]
        arrays = {name: stored[f"test_{name}"] for name in names}
        kinds = {name: np.float16 if name.startswith("log") else np.unsignedinteger for name in names}
        if any(len(one) != len(fine) or not np.issubdtype(one.dtype, kinds[name]) for name, one in arrays.items()):
            raise ValueError(f"not the evidence of {len(fine)} images")
        predicted = with_usual(arrays["best"], fine)
        superclass = None if coarse_of is None else with_usual(arrays["superclass"], coarse_of[predicted])
        log_true = np.where(arrays["rank"] == 0, arrays["log_top"], arrays["log_true"])
        return cls(
            predicted=predicted,
            rank=arrays["rank"],
            log_top=arrays["log_top"].astype(np.float64),
            log_true=log_true.astype(np.float64),
            superclass=superclass,
        )

    def to_arrays(self, fine: np.ndarray, coarse_of: np.ndarray | None) -> dict[str, np.ndarray]:
        """Return the arrays of evidence.npz; fine int [N] are the true classes, coarse_of int [C] the superclasses."""
        arrays = {
            "test_best": without_usual(self.predicted, fine),
            "test_rank": self.rank,
            "test_log_top": in_its_bin(self.log_top),
            "test_log_true": np.where(self.rank == 0, np.float16(0), in_its_bin(self.log_true)),
        }
        if coarse_of is None:
            return arrays
        return arrays | {"test_superclass": without_usual(self.superclass, coarse_of[self.predicted])}

    @property
    def rounding(self) -> float:
        """How far rounding may have moved a mean over the images of what is stored as float16."""
        return max(rounding_of_mean(self.log_top), rounding_of_mean(self.log_true))


class NoEvidence:
    """Of images of which nothing was published: whatever is asked of it takes the logits."""

    def __getattr__(self, name: str) -> NoReturn:
        raise NeedsLogits(name)


@dataclass(frozen=True)
class BestClasses(NoEvidence):
    """Of N validation images: the best class, `predicted` [N]."""

    predicted: np.ndarray


@dataclass(frozen=True)
class ThinEvidence(NoEvidence):
    """Of N test images: the best class, `predicted` [N], and `log_true` float64 [N]; see `Evidence`."""

    predicted: np.ndarray
    log_true: np.ndarray

    @classmethod
    def from_arrays(cls, stored: Mapping[str, np.ndarray], fine: np.ndarray) -> Self:
        """Read back what `to_arrays` gave. Raises ValueError if it is not the thin evidence of as many images."""
        best, log_true = stored["test_best"], stored["test_log_true"]
        is_right = np.issubdtype(best.dtype, np.unsignedinteger) and log_true.dtype == np.float16
        if not (len(best) == len(log_true) == len(fine) and is_right):
            raise ValueError(f"not the thin evidence of {len(fine)} images")
        return cls(with_usual(best, fine), log_true.astype(np.float64))

    def to_arrays(self, fine: np.ndarray) -> dict[str, np.ndarray]:
        """Return the arrays of a thin evidence.npz; fine int [N] are the true classes."""
        return {"test_best": without_usual(self.predicted, fine), "test_log_true": in_its_bin(self.log_true)}

    @property
    def rounding(self) -> float:
        """How far rounding may have moved a mean over the images of `log_true`."""
        return rounding_of_mean(self.log_true)


def without_usual(classes: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """Return classes with the largest number of their type where they are the `usual` ones."""
    return np.where(classes == usual, np.iinfo(classes.dtype).max, classes).astype(classes.dtype)


def with_usual(stored: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """Return the classes that `without_usual` was given."""
    return np.where(stored == np.iinfo(stored.dtype).max, usual, stored).astype(stored.dtype)


def best_classes(logits: np.ndarray, count: int) -> np.ndarray:
    """The classes [N, count] with the highest logits float [N, C], best first; of equals, the lowest first.

    Their type, uint8 or uint16, has a number that no class has.
    """
    classes = np.argsort(-logits, axis=1, kind="stable")[:, :count]
    return classes.astype(np.min_scalar_type(logits.shape[1]))


def in_its_bin(log_probability: np.ndarray) -> np.ndarray:
    """Log-probabilities float64 [N] as float16, each in the bin of confidence in which it was."""
    wanted = metrics.bin_of(np.exp(log_probability))
    near = np.maximum(log_probability, np.finfo(np.float16).min).astype(np.float16)
    found = metrics.bin_of(np.exp(near.astype(np.float64)))
    towards = np.where(found < wanted, np.float16(0), np.float16(-np.inf))
    return np.where(found == wanted, near, np.nextafter(near, towards))


def rounding_of_mean(stored: np.ndarray) -> float:
    """How far the mean of log-probabilities float [N] that were stored by `in_its_bin` may be from that before.

    One lies less than a step of float16 from what is stored. Equal ones may all lie on one side, as those of a network
    near chance do; of different ones the sides are independent, so that the bound is two root sums of squares.
    """
    values, counts = np.unique(stored.astype(np.float16), return_counts=True)
    steps = np.spacing(np.abs(values)).astype(np.float64) * counts
    return float(min(2 * np.sqrt((steps**2).sum()), steps.sum()) / len(stored))
