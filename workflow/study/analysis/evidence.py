"""What a run says of each image, in little: all that most numbers need, and small enough to publish.

A published study has `evidence.npz` in place of a run's logits: for the validation images (`val_...`) and the test
images (`test_...`), in the order of their rows in labels.npz,

* `top5` uint8 [N, 5], the five most probable classes, the best first (fewer where there are fewer classes),
* `log_top` and `log_true` float16 [N], the log-probability of the best and of the true class,
* `superclass` uint8 [N], the most probable superclass, where the data have superclasses,
* `val_ids` int64 [V], the validation images' rows, only of a run whose recipe has a validation split of its own.

Of a run on few images of each class, of which there are many, it is thin, 30 kB: `test_best` uint8 [N], the most
probable class, and `test_log_true`.

A log-probability is rounded to the nearest float16 that leaves its probability in the same bin of confidence, so that
the bins' counts are exact. Over 10,000 images the rounding moves NLL and ECE by some 1e-5, of networks near chance by
some 1e-3; see `rounding_of_mean`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import NoReturn, Self

import numpy as np
from scipy.special import log_softmax

from study.analysis import metrics

TOP = 5


class NeedsLogits(AttributeError):
    """The number takes more than a published run's evidence has."""


@dataclass(frozen=True)
class Evidence:
    """Of N images: classes `top5` uint8 [N, TOP], `log_top` and `log_true` float64 [N], `superclass` uint8 [N]."""

    top5: np.ndarray
    log_top: np.ndarray
    log_true: np.ndarray
    superclass: np.ndarray | None

    @classmethod
    def of_logits(cls, logits: np.ndarray, fine: np.ndarray, fine_to_coarse: np.ndarray | None) -> Self:
        """Boil logits float [N, C] down; fine int [N] are the true classes, fine_to_coarse int [C] the superclasses."""
        images = np.arange(len(logits))
        log_probability = log_softmax(logits.astype(np.float64), axis=1)
        top5 = best_classes(logits, TOP)
        return cls(
            top5=top5,
            log_top=log_probability[images, top5[:, 0]],
            log_true=log_probability[images, fine],
            superclass=None if fine_to_coarse is None else metrics.summed_superclass(logits, fine_to_coarse),
        )

    @classmethod
    def from_arrays(cls, stored: Mapping[str, np.ndarray], part: str, images: int, has_superclasses: bool) -> Self:
        """Read back what `to_arrays` gave. Raises ValueError if it is not evidence of so many images."""
        names = ["top5", "log_top", "log_true", *(["superclass"] if has_superclasses else [])]
        arrays = {name: stored[f"{part}_{name}"] for name in names}
        kinds = {name: np.float16 if name.startswith("log") else np.uint8 for name in names}
        if any(len(array) != images or array.dtype != kinds[name] for name, array in arrays.items()):
            raise ValueError(f"{part}: not the evidence of {images} images")
        return cls(
            top5=arrays["top5"],
            log_top=arrays["log_top"].astype(np.float64),
            log_true=arrays["log_true"].astype(np.float64),
            superclass=arrays.get("superclass"),
        )

    def to_arrays(self, part: str) -> dict[str, np.ndarray]:
        """Return the arrays of evidence.npz, named for `part`, val or test."""
        arrays = {name: array for name, array in asdict(self).items() if array is not None}
        rounded = {name: in_its_bin(array) for name, array in arrays.items() if name.startswith("log")}
        return {f"{part}_{name}": array for name, array in (arrays | rounded).items()}

    @property
    def predicted(self) -> np.ndarray:
        """The best class, uint8 [N]."""
        return self.top5[:, 0]

    @property
    def rounding(self) -> float:
        """How far rounding may have moved a mean over the images of what is stored as float16."""
        return max(rounding_of_mean(self.log_top), rounding_of_mean(self.log_true))

    def rank(self, fine: np.ndarray) -> np.ndarray:
        """The place of the true classes `fine` int [N], 0 to 4; 5 where the class is not among the five best."""
        found = self.top5 == fine[:, None]
        return np.where(found.any(axis=1), found.argmax(axis=1), TOP)


class NoEvidence:
    """Of images of which nothing was published: whatever is asked of it takes the logits."""

    def __getattr__(self, name: str) -> NoReturn:
        raise NeedsLogits(name)


@dataclass(frozen=True)
class ThinEvidence(NoEvidence):
    """Of N test images: the best class, `predicted` uint8 [N], and `log_true` float64 [N]; see `Evidence`."""

    predicted: np.ndarray
    log_true: np.ndarray

    @classmethod
    def from_arrays(cls, stored: Mapping[str, np.ndarray], images: int) -> Self:
        """Read back what `to_arrays` gave. Raises ValueError if it is not evidence of so many images."""
        best, log_true = stored["test_best"], stored["test_log_true"]
        if not len(best) == len(log_true) == images or (best.dtype, log_true.dtype) != (np.uint8, np.float16):
            raise ValueError(f"not the thin evidence of {images} images")
        return cls(best, log_true.astype(np.float64))

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays of a thin evidence.npz."""
        return {"test_best": self.predicted, "test_log_true": in_its_bin(self.log_true)}

    @property
    def rounding(self) -> float:
        """How far rounding may have moved a mean over the images of `log_true`."""
        return rounding_of_mean(self.log_true)


def best_classes(logits: np.ndarray, count: int) -> np.ndarray:
    """The classes uint8 [N, count] with the highest logits float [N, C], best first; of equals, the lowest first."""
    return np.argsort(-logits, axis=1, kind="stable")[:, :count].astype(np.uint8)


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
