"""Test images that are near-duplicates of training images: CIFAR-100 has many (Barz & Denzler 2020).

Two searches. The one here is of the pixels as they lie; it takes seconds. Where the study names a frozen network for
it, `study.analysis.look_alikes` finds twice as many with that network's features, and of those that it misses this one
adds the nearest (`SURE`). docs/duplicates.md has both measured.

*Distance.* Of each image only the detail counts: its discrete cosine transform by colour channel without the lowest
frequencies (`MIN_FREQUENCY`), which hold overall colour and shading, and without those that vary along one axis only,
which are much the same in all horizons and picture frames; scaled to length 1. The distance of two images is that of
their details, with one of them mirrored where that is nearer: 0 for the same picture, brighter, paler or mirrored too,
and about 1.4 for two pictures that have nothing to do with each other.

*Threshold.* A test image whose nearest training or validation image is nearer than `THRESHOLD` is a near-duplicate.
It was set by looking at 48 pairs of CIFAR-100 from each of several bands of distance: below 0.72 most are one picture,
or one object photographed alike; from 0.72 to 0.76 about half are, from 0.76 to 0.8 a third, and above that more and
more just have one outline. Pictures that are cropped, shifted or turned, whose details do not lie on each other, are
missed.

*Search.* No pair nearer than the threshold is missed: the middle frequencies and the length of what is left make a
vector of some 150 numbers that cannot be further apart than the details are (the cosine transform is orthonormal, and
lengths obey the triangle inequality), so only pairs that are near in these are compared in full. Of a test image with
more than `MAX_COMPARED` of these, as noise may have, only the nearest `MAX_COMPARED` are compared.

*Size.* Images of other sizes are compared at 32 pixels, so that both searches are those that were measured.
"""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.fft import dct

from study.analysis.alignment import COLOURS, SIDE
from study.analysis.look_alikes import look_alikes
from study.data.dataset import TEST, read_dataset
from study.data.pictures import resized
from study.errors import StudyError
from study.files import DAMAGED, atomic_write

THRESHOLD = 0.75
SURE = 0.55  # beside what a network finds: below this, those that it misses are nearly all one picture
MIN_FREQUENCY = 3.0  # frequencies below this, in half periods per image side, are no detail
# the quick comparison has frequencies below these, of luminance and of two colour differences
QUICK_FREQUENCIES = (12.0, 7.0, 7.0)
COLUMNS = ["image_id", "train_image_id", "distance", "likeness", "same_class"]
SLACK = 1e-3  # float32 rounding of the quick comparison
BLOCK = 500
MAX_COMPARED = 50


class _Waves(NamedTuple):
    """Which cosine coefficients make up the detail of an image.

    `kept` int [K] numbers the frequencies of the detail in each of the three COLOURS. Of the 3 K coefficients, `quick`
    int [Q] numbers those of the quick comparison; mirroring an image left to right multiplies them by `mirror` float32
    [3 K].
    """

    kept: np.ndarray
    quick: np.ndarray
    mirror: np.ndarray


@functools.cache
def _waves() -> _Waves:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    radius = np.hypot(rows, columns).ravel()
    kept = np.flatnonzero((radius >= MIN_FREQUENCY) & (np.minimum(rows, columns).ravel() > 0))
    quick = [
        np.flatnonzero(radius[kept] < highest) + channel * len(kept)
        for channel, highest in enumerate(QUICK_FREQUENCIES)
    ]
    return _Waves(
        kept=kept,
        quick=np.concatenate(quick),
        mirror=np.tile(np.where(kept % SIDE % 2, -1, 1).astype(np.float32), 3),  # a cosine of odd frequency is odd
    )


def write_near_duplicates(dataset: Path, out: Path, features: Path | None = None) -> None:
    """Write the table `out` of the near-duplicates in dataset.npz, found with `features`, a frozen network's, if given.

    Raises StudyError if a file cannot be read, or the features are not those of its images.
    """
    data = read_dataset(dataset)
    images, given = resized(data.images, SIDE), _read_features(features, len(data.fine))
    table = near_duplicates(images, data.fine, data.split == TEST, given)
    with atomic_write(out) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6f", lineterminator="\n")


def _read_features(path: Path | None, images: int) -> np.ndarray | None:
    if path is None:
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            features = stored["features"]
    except DAMAGED:
        raise StudyError(f"{path} cannot be read as features; delete it and run the workflow again.") from None
    if features.ndim != 2 or len(features) != images:
        raise StudyError(f"{path} is not of the {images} images of the study; delete it and run the workflow again.")
    return features


def near_duplicates(
    images: np.ndarray, fine: np.ndarray, is_test: np.ndarray, features: np.ndarray | None = None
) -> pd.DataFrame:
    """One row per test image with a near-duplicate among the others, the nearest of them.

    images uint8 [N, 32, 32, 3], fine uint8 [N], is_test bool [N], features float32 [N, F]; image_id and train_image_id
    are their row numbers. `likeness`, the chance that the two are near-duplicates, is NaN for a pair that only the
    search of the pixels found.
    """
    table = _found_in_pixels(images, is_test)
    if features is None:
        table["likeness"] = np.nan
    else:
        found = look_alikes(images, is_test, features)
        found["distance"] = _in_blocks(images, found[["image_id", "train_image_id"]].to_numpy())
        is_added = (table["distance"] < SURE) & ~table["image_id"].isin(found["image_id"])
        table = pd.concat([found, table[is_added]], ignore_index=True).sort_values("image_id")
    for name in ("distance", "likeness"):
        table[name] = table[name].round(6) + 0.0
    table["same_class"] = (fine[table["image_id"]] == fine[table["train_image_id"]]).astype(int)
    return table[COLUMNS].reset_index(drop=True)


def _found_in_pixels(images: np.ndarray, is_test: np.ndarray) -> pd.DataFrame:
    """Pairs nearer than the threshold, the nearest of each test image (ties: the first)."""
    test, others = np.flatnonzero(is_test), np.flatnonzero(~is_test)
    pairs = np.concatenate([np.empty((0, 2), np.int64), *_candidates(images, test, others)])
    pairs = np.column_stack([test[pairs[:, 0]], others[pairs[:, 1]]])
    table = pd.DataFrame(pairs, columns=["image_id", "train_image_id"]).assign(distance=_in_blocks(images, pairs))
    table = table[table["distance"] < THRESHOLD].sort_values(["image_id", "distance", "train_image_id"])
    return table.drop_duplicates("image_id")


def _in_blocks(images: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """The distance float64 [n] of the two images of each row of `pairs` int [n, 2]."""
    parts = (_distances(images[part[:, 0]], images[part[:, 1]]) for part in _blocks(pairs))
    return np.concatenate([np.empty(0), *parts])


def detail(images: np.ndarray) -> np.ndarray:
    """Cosine coefficients float32 [n, C] of the detail of uint8 [n, 32, 32, 3], of length 1; 0 where there is none."""
    colours = images.astype(np.float32) @ COLOURS.T
    waves = dct(dct(colours, axis=1, norm="ortho"), axis=2, norm="ortho").reshape(len(images), SIDE * SIDE, 3)
    found = waves[:, _waves().kept].transpose(0, 2, 1).reshape(len(images), -1)
    length = np.linalg.norm(found, axis=1, keepdims=True)
    return np.where(length > 1, found / np.maximum(length, 1), 0)


def _distances(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The distance float64 [n] of each image to the one in the same row of `others`, mirrored if that is nearer."""
    one, other = detail(images).astype(np.float64), detail(others).astype(np.float64)
    return np.minimum(np.linalg.norm(one - other, axis=1), np.linalg.norm(one * _waves().mirror - other, axis=1))


def _quick(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vectors float32 [n, Q + 1] that are no further apart than the details, as they are and mirrored."""
    parts = []
    for block in _blocks(images):
        found = detail(block)
        middle = found[:, _waves().quick]
        rest = np.sqrt(np.maximum((found**2).sum(axis=1) - (middle**2).sum(axis=1), 0))
        parts.append(np.column_stack([middle, rest]))
    plain = np.concatenate(parts)
    return plain, plain * np.append(_waves().mirror[_waves().quick], 1)


def _candidates(images: np.ndarray, test: np.ndarray, others: np.ndarray) -> Iterator[np.ndarray]:
    """Places (in `test`, in `others`) int [k, 2] of the pairs that may be nearer than the threshold."""
    known, _ = _quick(images[others])
    length = (known**2).sum(axis=1)
    for start in range(0, len(test), BLOCK):
        found = []
        for asked in _quick(images[test[start : start + BLOCK]]):
            # |a - b|² < T² turned to a·b - |b|²/2 > (|a|² - T²)/2: one product, one comparison
            likeness = asked @ known.T
            likeness -= length / 2
            enough = ((asked**2).sum(axis=1) - THRESHOLD**2) / 2 - SLACK
            near = likeness > enough[:, None]
            for row in np.flatnonzero(near.sum(axis=1) > MAX_COMPARED):
                near[row] &= likeness[row] >= np.partition(likeness[row], -MAX_COMPARED)[-MAX_COMPARED]
            found.append(np.argwhere(near))
        yield np.unique(np.concatenate(found), axis=0) + np.array([start, 0])


def _blocks(rows: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(rows), BLOCK):
        yield rows[start : start + BLOCK]


def read_near_duplicates(path: Path, dataset: Path, split: np.ndarray) -> pd.DataFrame:
    """The table in `path`, made first from dataset.npz where there is none; `split` uint8 [N] is dataset.npz's.

    Raises StudyError if the table is of other data.
    """
    if not path.exists():
        write_near_duplicates(dataset, path)
    table = pd.read_csv(path)
    try:
        fits = (split[table["image_id"]] == TEST).all() and (split[table["train_image_id"]] != TEST).all()
    except (KeyError, IndexError):
        fits = False
    if not fits:
        raise StudyError(f"{path} is not of the images in {dataset}; delete it and analyse again.")
    return table
