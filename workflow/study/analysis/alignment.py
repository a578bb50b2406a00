"""How alike are two pictures once the one is laid upon the other, mirrored, enlarged and shifted as fits best?

The fit is the highest normalised cross-correlation (Lewis 1995, "Fast normalized cross-correlation") of what is finer
than `BLUR` pixels, over `SCALES`, both mirrorings and all shifts that leave `OVERLAP` of the picture covered.
"""

import functools
from typing import NamedTuple

import numpy as np
from scipy import fft
from scipy.ndimage import gaussian_filter, zoom

SIDE = 32
SCALES = (0.75, 0.85, 0.92, 1.0, 1.09, 1.18, 1.33)
OVERLAP = 0.5
PADDED = 60  # of the transforms: the largest enlargement, and the shifts that leave enough overlap
BLUR = 2.5  # standard deviation, in pixels, of what counts as coarse
WINDOW = 1.5  # standard deviation, in pixels, of the window of local statistics
STEADY = 30.0  # keeps ratios of small variances, and of small means, from being noise
MOST = 400.0  # variance from which on a place counts no more
# Turns red, green and blue, orthonormally, into luminance and two colour differences.
COLOURS = np.array([[1, 1, 1], [1, -1, 0], [1, 1, -2]], np.float32) / np.sqrt([[3], [2], [6]], dtype=np.float32)


class Fit(NamedTuple):
    """How well two aligned pictures agree, in the part in which they overlap.

    `structure` is the structure term of the structural similarity (Wang et al. 2004, "Image quality assessment"), -1 to
    1, mean over places weighted by how much there is to see; `colour` its luminance term over all colours; `texture`
    the logarithm of how much there is to see, near 0 for plain surfaces.
    """

    structure: float
    colour: float
    texture: float


def best_fit(image: np.ndarray, other: np.ndarray) -> Fit:
    """Lay `other` upon `image`, both uint8 [32, 32, 3], and compare them."""
    fine = _fine(_colours(image))
    spectrum, energy = _spectrum(fine), _spectrum((fine**2).sum(axis=0))
    best = (-np.inf, 0, 0, fine)
    for size, cover, is_enough in _sizes():
        resized = _resized(other, size)
        pair = np.stack([resized, resized[:, :, ::-1]])
        detail = _fine(pair)
        product = _inverse((spectrum * _spectrum(detail).conj()).sum(axis=1))
        energies = _inverse(energy * cover.conj()) * _inverse(_whole() * _spectrum((detail**2).sum(axis=1)).conj())
        likeness = np.where(is_enough, product / np.sqrt(np.maximum(energies, 1)), -1)
        mirrored, down, right = np.unravel_index(likeness.argmax(), likeness.shape)
        if likeness[mirrored, down, right] > best[0]:
            shifts = (int(shift) - PADDED * (shift > PADDED // 2) for shift in (down, right))
            best = (likeness[mirrored, down, right], *shifts, pair[mirrored])
    return _compared(*_overlap(_colours(image), *best[1:]))


def _compared(one: np.ndarray, other: np.ndarray) -> Fit:
    """Two pictures float32 [3, h, w] that lie on each other."""
    means = [_local(one), _local(other)]
    variances = [(_local(part**2) - mean**2).sum(axis=0) for part, mean in zip((one, other), means, strict=True)]
    covariance = (_local(one * other) - means[0] * means[1]).sum(axis=0)
    structure = (2 * covariance + STEADY) / (variances[0] + variances[1] + STEADY)
    weight = np.clip(np.maximum(*variances), 1e-6, MOST)
    colour = (2 * (means[0] * means[1]).sum(axis=0) + 2 * STEADY) / (
        (means[0] ** 2 + means[1] ** 2).sum(axis=0) + 2 * STEADY
    )
    return Fit(float((structure * weight).sum() / weight.sum()), float(colour.mean()), float(np.log1p(weight.mean())))


def _overlap(one: np.ndarray, down: int, right: int, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The parts of float32 [3, 32, 32] and [3, n, n] that lie on each other if `other` begins at (down, right)."""
    size = other.shape[1]
    rows, columns = (slice(max(shift, 0), min(SIDE, size + shift)) for shift in (down, right))
    return one[:, rows, columns], other[
        :, rows.start - down : rows.stop - down, columns.start - right : columns.stop - right
    ]


def _colours(image: np.ndarray) -> np.ndarray:
    return (image.astype(np.float32) @ COLOURS.T).transpose(2, 0, 1)


def _resized(image: np.ndarray, size: int) -> np.ndarray:
    """Colours float32 [3, size, size] of uint8 [32, 32, 3]."""
    if size == SIDE:
        return _colours(image)
    factors = (size / SIDE, size / SIDE, 1)
    return _colours(zoom(image.astype(np.float32), factors, order=1, mode="nearest", grid_mode=True))


def _fine(colours: np.ndarray) -> np.ndarray:
    """What is finer than `BLUR` in float32 [..., h, w]."""
    return colours - gaussian_filter(colours, BLUR, axes=(-2, -1))


def _local(values: np.ndarray) -> np.ndarray:
    return gaussian_filter(values, WINDOW, axes=(-2, -1))


def _spectrum(values: np.ndarray) -> np.ndarray:
    return fft.rfft2(values, (PADDED, PADDED))


def _inverse(spectrum: np.ndarray) -> np.ndarray:
    return fft.irfft2(spectrum, (PADDED, PADDED))


@functools.cache
def _whole() -> np.ndarray:
    return _spectrum(np.ones((SIDE, SIDE), np.float32))


@functools.cache
def _sizes() -> list[tuple[int, np.ndarray, np.ndarray]]:
    """Of each scale: size in pixels, spectrum of its area, and which shifts leave enough overlap, bool [P, P]."""
    found = []
    for scale in SCALES:
        size = round(SIDE * scale)
        cover = _spectrum(np.ones((size, size), np.float32))
        found.append((size, cover, _inverse(_whole() * cover.conj()) >= OVERLAP * SIDE**2 - 0.5))
    return found
