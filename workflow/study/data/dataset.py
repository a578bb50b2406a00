"""`dataset.npz`: the one file that every later step reads."""

import dataclasses
import functools
import json
from pathlib import Path
from typing import Any

import numpy as np

from study.errors import StudyError
from study.files import DAMAGED, atomic_write

TRAIN, VALIDATION, TEST = 0, 1, 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Labels:
    """dataset.npz without its images, which are 180 MB for CIFAR-100.

    `fine`, `coarse` (superclass) and `split` are uint8 [N]; the names are in label order. Data without superclasses
    have None as `coarse` and no `coarse_names`. `meta` says which dataset and split it is.
    """

    fine: np.ndarray
    coarse: np.ndarray | None
    split: np.ndarray
    fine_names: list[str]
    coarse_names: list[str]
    meta: dict[str, Any]

    def ids(self, part: int) -> np.ndarray:
        """Return the row numbers int64 [n] of one part of the split, ascending."""
        return np.flatnonzero(self.split == part)

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.fine_names)

    @functools.cached_property
    def fine_to_coarse(self) -> np.ndarray | None:
        """The superclass of every class, int64 [classes]; None where the data have no superclasses.

        It comes from the data because published hand-typed maps were wrong. Raises StudyError if a class occurs with
        two superclasses or does not occur at all.
        """
        return None if self.coarse is None else superclass_of_class(self.fine, self.coarse, self.classes)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dataset(Labels):
    """Everything in dataset.npz: labels, split and the images, uint8 [N, 32, 32, 3]."""

    images: np.ndarray

    def write(self, path: Path) -> None:
        """Write the dataset to `path`: the same bytes for the same content."""
        with atomic_write(path) as temporary:
            np.savez(
                temporary,
                images=self.images,
                fine=self.fine,
                coarse=np.empty(0, np.uint8) if self.coarse is None else self.coarse,
                split=self.split,
                fine_names=np.array(self.fine_names),
                coarse_names=np.array(self.coarse_names, dtype=str),
                meta=np.array(json.dumps(self.meta)),
            )


def read_dataset(path: Path) -> Dataset:
    """Read dataset.npz. Raises StudyError if it is missing or cannot be read."""
    return Dataset(**_read(path, images=True))


def read_labels(path: Path) -> Labels:
    """Read dataset.npz without its images. Raises StudyError if it is missing or cannot be read."""
    return Labels(**_read(path, images=False))


def superclass_of_class(fine: np.ndarray, coarse: np.ndarray, classes: int) -> np.ndarray:
    """Return the superclass of every class, int64 [classes], from the labels int [N] and int [N] of images.

    Raises StudyError if a class occurs with two superclasses or does not occur at all.
    """
    pairs = np.unique(np.stack([fine, coarse]).astype(np.int64), axis=1)
    counts = np.bincount(pairs[0], minlength=classes)
    if (counts > 1).any():
        raise StudyError(f"dataset.npz: class {counts.argmax()} has more than one superclass; prepare the data again.")
    if (counts == 0).any() or len(counts) > classes:
        raise StudyError(f"dataset.npz: its labels are not the classes 0 to {classes - 1}; prepare the data again.")
    return pairs[1]


def _read(path: Path, images: bool) -> dict[str, Any]:
    names = ["fine", "coarse", "split", *(["images"] if images else [])]
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in names}
            arrays |= {name: stored[name].tolist() for name in ("fine_names", "coarse_names")}
            meta = json.loads(str(stored["meta"]))
    except FileNotFoundError:
        raise StudyError(f"{path} is missing; run the workflow, or `python -m study prepare`.") from None
    except DAMAGED as error:
        raise StudyError(f"{path} cannot be read ({error}); delete it and run the workflow again.") from None
    return arrays | {"coarse": arrays["coarse"] if len(arrays["coarse"]) else None, "meta": meta}
