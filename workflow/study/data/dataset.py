"""`dataset.npz`: the one file that every later step reads."""

import dataclasses
import functools
import json
from pathlib import Path
from typing import Any

import numpy as np

from study.errors import StudyError
from study.files import DAMAGED, atomic_write
from study.paths import IMAGES

TRAIN, VALIDATION, TEST = 0, 1, 2
LARGEST_INSIDE = 32  # pixels of images that dataset.npz holds itself


@dataclasses.dataclass(frozen=True, kw_only=True)
class Labels:
    """dataset.npz without its images, which are 180 MB for CIFAR-100.

    `fine` and `coarse` (superclass) are of `label_type` [N], `split` is uint8 [N]; the names are in label order. Data
    without superclasses have None as `coarse` and no `coarse_names`. `meta` says which dataset and split it is. Of a
    folder of pictures, `sources` str [N] are their paths in it, and `group` int32 [N] what they were grouped by, if
    anything (-1 for a picture of no group).
    """

    fine: np.ndarray
    coarse: np.ndarray | None
    split: np.ndarray
    fine_names: list[str]
    coarse_names: list[str]
    meta: dict[str, Any]
    sources: np.ndarray | None = None
    group: np.ndarray | None = None

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
    """Everything in dataset.npz: labels, split and the images, uint8 [N, S, S, 3].

    Above 32 px the images lie in images.npy beside it and are mapped into memory.
    """

    images: np.ndarray

    def write(self, path: Path) -> None:
        """Write the dataset to `path`: the same bytes for the same content."""
        images, apart = {"images": self.images}, path.with_name(IMAGES)
        optional = {"sources": self.sources, "group": self.group}
        if self.images.shape[1] > LARGEST_INSIDE:
            images = {}
            path.unlink(missing_ok=True)  # a new images.npy never lies beside old labels
            if getattr(self.images, "filename", None) != apart.resolve():
                with atomic_write(apart) as temporary:
                    np.save(temporary, self.images)
        with atomic_write(path) as temporary:
            np.savez(
                temporary,
                **images,
                fine=self.fine,
                coarse=np.empty(0, np.uint8) if self.coarse is None else self.coarse,
                split=self.split,
                fine_names=np.array(self.fine_names),
                coarse_names=np.array(self.coarse_names, dtype=str),
                meta=np.array(json.dumps(self.meta)),
                **{name: array for name, array in optional.items() if array is not None},
            )


def read_dataset(path: Path) -> Dataset:
    """Read dataset.npz. Raises StudyError if it is missing or cannot be read."""
    return Dataset(**_read(path, images=True))


def read_labels(path: Path) -> Labels:
    """Read dataset.npz without its images. Raises StudyError if it is missing or cannot be read."""
    return Labels(**_read(path, images=False))


def label_type(classes: int) -> type[np.unsignedinteger]:
    """Return the type of labels of so many classes: uint8 as in CIFAR, uint16 for more than 256."""
    return np.uint8 if classes <= 256 else np.uint16


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
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in ("fine", "coarse", "split")}
            arrays |= {name: stored[name] for name in ("sources", "group") if name in stored}
            arrays |= {name: stored[name].tolist() for name in ("fine_names", "coarse_names")}
            meta = json.loads(str(stored["meta"]))
            if images:
                apart = None if "images" in stored else np.load(path.with_name(IMAGES), mmap_mode="r")
                arrays["images"] = stored["images"] if apart is None else apart
    except FileNotFoundError as error:
        raise StudyError(f"{error.filename} is missing; run the workflow, or `python -m study prepare`.") from None
    except DAMAGED as error:
        raise StudyError(f"{path} cannot be read ({error}); delete it and run the workflow again.") from None
    if images and len(arrays["images"]) != len(arrays["fine"]):
        raise StudyError(f"{path} and {IMAGES} are of different images; delete both and run the workflow again.")
    return arrays | {"coarse": arrays["coarse"] if len(arrays["coarse"]) else None, "meta": meta}
