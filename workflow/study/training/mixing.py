"""Mixup and CutMix: a batch is mixed with itself, moved on by one image, and so are its labels."""

from typing import Any

import numpy as np
import torch


def is_mixed(augmentation: dict[str, Any] | None) -> bool:
    """Does the recipe's augmentation mix images?"""
    return augmentation is not None and bool(augmentation["mixup"] or augmentation["cutmix"])


def mix(images: torch.Tensor, augmentation: dict[str, Any], rng: np.random.Generator) -> tuple[torch.Tensor, float]:
    """(mixed images [B, 3, S, S], the share of each image that is its own); image i is mixed with image i - 1.

    One share, and for CutMix one box, for the whole batch, as in the papers' code: Zhang et al. (2018),
    https://arxiv.org/abs/1710.09412; Yun et al. (2019), https://arxiv.org/abs/1905.04899.
    """
    use_cutmix = bool(augmentation["cutmix"]) and (not augmentation["mixup"] or rng.random() < 0.5)
    alpha = augmentation["cutmix"] if use_cutmix else augmentation["mixup"]
    share = float(rng.beta(alpha, alpha))
    others = images.roll(1, 0)
    if not use_cutmix:
        return others.lerp_(images, share), share
    top, bottom, left, right = _box(images.shape[-1], share, rng)
    mixed = images.clone(memory_format=torch.preserve_format)
    mixed[:, :, top:bottom, left:right] = others[:, :, top:bottom, left:right]
    return mixed, 1 - (bottom - top) * (right - left) / images.shape[-1] ** 2


def _box(size: int, share: float, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """(top, bottom, left, right) of a box of area 1 - share around a random pixel, cut off at the edges."""
    half = int(size * (1 - share) ** 0.5) / 2
    row, column = rng.integers(size, size=2)
    edges = (row - half, row + half, column - half, column + half)
    top, bottom, left, right = (int(min(max(edge, 0), size)) for edge in edges)
    return top, bottom, left, right
