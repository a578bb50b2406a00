"""Near-duplicates that do not lie on each other pixel by pixel: cropped, shifted, enlarged, recoloured.

*Candidates.* Every image is a vector of the features of a pretrained network and, with less weight, of a thumbnail of
its own without what is coarse and fine, either way round. Both are put on their principal axes, with the square root of
the standard deviation in place of it, and scaled to length 1. A test image's `CANDIDATES` most similar training or
validation images are compared in full.

*Likeness.* Of a pair: the similarity of these vectors; its `lead`, how much higher it is than the mean of the test
image's next ones (a hub is similar to many); and how the pictures agree once aligned (`study.analysis.alignment`).
A logistic regression on the 891 pairs that Barz & Denzler (2020, "Do we train on test data?") judged by eye, those with
an even place in the test file, turns the five numbers into a chance. docs/duplicates.md says how well this finds the
others, whose places are odd, and how the threshold was chosen.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter
from scipy.special import expit

from study.analysis.alignment import COLOURS, Fit, best_fit

CANDIDATES, SIMILAR_FROM = 10, 0.5
USUAL = slice(5, 20)  # the ranks whose similarity is usual for a test image
PIXELS = 0.3  # weight of the thumbnails beside the features
THUMB, FINE, COARSE = 8, 2.0, 8.0  # pixels a side; standard deviations of what is left out
AXES = {"features": 256, "thumbs": 100}
BLOCK = 500
INTERCEPT = -37.81
COEFFICIENTS = {"structure": 8.62, "colour": 13.9, "texture": 2.05, "similarity": 4.5, "lead": 12.91}
THRESHOLD = 0.061
MIN_STRUCTURE = 0.3  # however alike the vectors; of the pairs in the list, those that agree less are not found anyway
COLUMNS = ["image_id", "train_image_id", "likeness"]


class Space(NamedTuple):
    """Vectors float32 of length 1: of N other images, and of T test images as they are and mirrored."""

    others: np.ndarray
    plain: np.ndarray
    mirrored: np.ndarray


def look_alikes(images: np.ndarray, is_test: np.ndarray, features: np.ndarray) -> pd.DataFrame:
    """The pairs of a test image and another whose likeness reaches the threshold, at most one per test image.

    images uint8 [N, 32, 32, 3], is_test bool [N], features float32 [N, F]; image_id and train_image_id are row numbers.
    """
    pairs = measured_pairs(images, is_test, features)
    terms = sum(pairs[name] * value for name, value in COEFFICIENTS.items())
    pairs["likeness"] = expit(terms + INTERCEPT)
    found = pairs[(pairs["likeness"] >= THRESHOLD) & (pairs["structure"] >= MIN_STRUCTURE)]
    found = found.sort_values(["image_id", "likeness", "train_image_id"], ascending=[True, False, True])
    return found.drop_duplicates("image_id")[COLUMNS].reset_index(drop=True)


def measured_pairs(images: np.ndarray, is_test: np.ndarray, features: np.ndarray) -> pd.DataFrame:
    """Every candidate pair with the numbers that `COEFFICIENTS` names."""
    test, others = np.flatnonzero(is_test), np.flatnonzero(~is_test)
    space = _space(images, features, test, others)
    pairs = pd.concat([_candidates(space, start) for start in range(0, len(test), BLOCK)], ignore_index=True)
    pairs["image_id"], pairs["train_image_id"] = test[pairs["test"]], others[pairs["other"]]
    fits = [best_fit(images[one], images[other]) for one, other in pairs[["image_id", "train_image_id"]].to_numpy()]
    return pairs.join(pd.DataFrame(np.array(fits, float).reshape(-1, len(Fit._fields)), columns=Fit._fields))


def _candidates(space: Space, start: int) -> pd.DataFrame:
    """Pairs of a block of test images: their places in `test` and `others`, similarity and lead."""
    block = slice(start, start + BLOCK)
    similarity = np.maximum(space.plain[block] @ space.others.T, space.mirrored[block] @ space.others.T)
    count = min(USUAL.stop, similarity.shape[1])
    nearest = np.argpartition(-similarity, count - 1, axis=1)[:, :count]
    values = np.take_along_axis(similarity, nearest, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    nearest, values = (np.take_along_axis(array, order, axis=1) for array in (nearest, values))
    usual = values[:, USUAL if count > USUAL.start else slice(None)].mean(axis=1)
    row, rank = np.nonzero(values[:, :CANDIDATES] >= SIMILAR_FROM)
    return pd.DataFrame({
        "test": row + start,
        "other": nearest[row, rank],
        "similarity": values[row, rank],
        "lead": values[row, rank] - usual[row],
    })  # fmt: skip


def _space(images: np.ndarray, features: np.ndarray, test: np.ndarray, others: np.ndarray) -> Space:
    thumbs = np.concatenate([_thumbs(images[part]) for part in _blocks(len(images))])
    mirrored = np.concatenate([_thumbs(images[test[part], :, ::-1]) for part in _blocks(len(test))])
    seen = _on_axes(features[others], AXES["features"], features[others], features[test])
    small = _on_axes(thumbs[others], AXES["thumbs"], thumbs[others], thumbs[test], mirrored)
    parts = ((seen[0], small[0]), (seen[1], small[1]), (seen[1], small[2]))
    return Space(*(np.hstack([np.sqrt(1 - PIXELS) * one, np.sqrt(PIXELS) * two]) for one, two in parts))


def _thumbs(images: np.ndarray) -> np.ndarray:
    """Vectors float32 [n, 192] of length 1 of uint8 [n, 32, 32, 3]."""
    colours = images.astype(np.float32) @ COLOURS.T
    middle = gaussian_filter(colours, FINE, axes=(1, 2)) - gaussian_filter(colours, COARSE, axes=(1, 2))
    step = images.shape[1] // THUMB
    small = middle.reshape(len(images), THUMB, step, THUMB, step, 3).mean(axis=(2, 4))
    return _unit(small.reshape(len(images), -1))


def _on_axes(fitted: np.ndarray, axes: int, *vectors: np.ndarray) -> list[np.ndarray]:
    """`vectors` float32 [n, D] on the principal axes of `fitted` float32 [N, D], as the module says."""
    mean = fitted.mean(axis=0)
    centred = fitted - mean
    values, found = np.linalg.eigh(centred.T @ centred / len(fitted))
    axes = min(axes, int((values > 1e-9 * values[-1]).sum()))
    scaled = (found[:, ::-1][:, :axes] / values[::-1][:axes] ** 0.25).astype(np.float32)
    return [_unit((array - mean) @ scaled) for array in vectors]


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-3)


def _blocks(count: int) -> Iterator[slice]:
    return (slice(start, start + BLOCK) for start in range(0, count, BLOCK))
