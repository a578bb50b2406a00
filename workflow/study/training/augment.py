"""Augmentation on the device, drawn anew for every image: geometry as two small matrix products, cutout, mixing.

Flips, shifts, crops and the resize to the network's input all map rows to rows and columns to columns. Each changes
the positions that are read along an axis, so together they cost one interpolation: out = Y · image · Xᵀ, with the
weights of bicubic interpolation (a = -0.75, as in torch) in Y and X.
"""

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch.nn import functional

from study.config.recipes import Augmentation, Crop

CUBIC = -0.75


def transform(
    pixels: torch.Tensor,
    recipe: Augmentation,
    size: int,
    generator: torch.Generator,
    mirrored: torch.Tensor | None = None,
) -> torch.Tensor:
    """Float [B, 3, H, H] in [0, 1] to float [B, 3, size, size] in [0, 1], by the geometry that `recipe` asks for.

    The draws come from `generator`, which is on the device of `pixels`; `mirrored`, bool [B], takes the place of the
    draws of horizontal flips.
    """
    side = pixels.shape[-1]
    if size == side and recipe.crop is None:
        return _whole_pixels(pixels, recipe, generator, mirrored)
    lengths, starts = _crops(len(pixels), recipe.crop, generator)  # each [2, B]: rows, columns
    most = round(side * recipe.share("shift", side))
    offsets = _shifts(len(pixels), most, generator)
    weights = []
    for axis, flipped in enumerate(_flips(len(pixels), recipe, generator, mirrored)):
        places = ((torch.arange(size, device=pixels.device) + 0.5) / size).expand(len(pixels), -1)
        places = torch.where(flipped[:, None], 1 - places, places)
        places = starts[axis][:, None] + places * lengths[axis][:, None]
        weights.append(bicubic_weights(places * side - 0.5 + offsets[axis][:, None], side, 2 + most))
    rows, columns = weights
    return ((rows[:, None] @ pixels) @ columns[:, None].transpose(2, 3)).clamp_(0, 1)


def _whole_pixels(
    pixels: torch.Tensor, recipe: Augmentation, generator: torch.Generator, mirrored: torch.Tensor | None
) -> torch.Tensor:
    """Flips and shifts alone need no interpolation: one look-up of rows and columns, mirrored at the edges."""
    count, _, side, _ = pixels.shape
    offsets = _shifts(count, round(side * recipe.share("shift", side)), generator)
    places = []
    for axis, flipped in enumerate(_flips(count, recipe, generator, mirrored)):
        place = torch.arange(side, device=pixels.device).expand(count, -1)
        place = torch.where(flipped[:, None], side - 1 - place, place)
        places.append(side - 1 - (side - 1 - (place + offsets[axis][:, None]).abs()).abs())
    image = torch.arange(count, device=pixels.device)[:, None, None]
    # [B, 1, 1], [B, H, 1] and [B, 1, W] index to [B, H, W, 3]
    return pixels[image, :, places[0][:, :, None], places[1][:, None, :]].permute(0, 3, 1, 2)


def bicubic_weights(positions: torch.Tensor, side: int, reach: int) -> torch.Tensor:
    """Weights [B, S, side] with which pixels 0 … side-1 make up the values at `positions` [B, S].

    Keys (1981), https://doi.org/10.1109/TASSP.1981.1163711. Positions may lie up to reach - 2 pixels outside; the
    image goes on there as its mirror image, without its edge twice.
    """
    taps = torch.arange(-reach, side + reach, device=positions.device)
    away = (positions[:, :, None] - taps).abs()
    near = ((CUBIC + 2) * away - (CUBIC + 3)) * away * away + 1
    far = ((CUBIC * away - 5 * CUBIC) * away + 8 * CUBIC) * away - 4 * CUBIC
    weights = torch.where(away <= 1, near, torch.where(away < 2, far, 0.0))
    mirrored = side - 1 - (side - 1 - taps.abs()).abs()
    return weights @ functional.one_hot(mirrored, side).to(weights.dtype)


def cutout(images: torch.Tensor, side: float, generator: torch.Generator) -> torch.Tensor:
    """Zero a square of `side`, a share of the image's, around a random pixel of each normalised image [B, 3, S, S].

    DeVries & Taylor (2017), https://arxiv.org/abs/1708.04552: the square may reach over the edge.
    """
    count, _, size, _ = images.shape
    centres = torch.rand(2, count, 1, device=images.device, generator=generator) * size
    away = (torch.arange(size, device=images.device) + 0.5 - centres).abs()  # [2, B, S]
    inside = away < side * size / 2
    return images.masked_fill((inside[0][:, :, None] & inside[1][:, None, :])[:, None], 0.0)


def _flips(
    count: int, recipe: Augmentation, generator: torch.Generator, mirrored: torch.Tensor | None
) -> Iterator[torch.Tensor]:
    """Bool [B]: which images are flipped vertically, then which horizontally."""
    yield _happens(count, recipe.vertical_flip, generator)
    yield _happens(count, recipe.horizontal_flip, generator) if mirrored is None else mirrored


def _happens(count: int, probability: float, generator: torch.Generator) -> torch.Tensor:
    return torch.rand(count, device=generator.device, generator=generator) < probability


def _shifts(count: int, pixels: int, generator: torch.Generator) -> torch.Tensor:
    return torch.randint(-pixels, pixels + 1, (2, count), device=generator.device, generator=generator)


def _crops(count: int, crop: Crop | None, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """(lengths, starts), each [2, B], of rows and columns as shares of the image's side."""
    if crop is None:
        return torch.ones(2, count, device=generator.device), torch.zeros(2, count, device=generator.device)
    draws = torch.rand(4, count, device=generator.device, generator=generator)
    area = crop.scale + (1 - crop.scale) * draws[0]
    ratio = torch.exp((2 * draws[1] - 1) * math.log(crop.ratio))
    lengths = torch.stack([(area / ratio).sqrt(), (area * ratio).sqrt()]).clamp_(max=1)
    return lengths, draws[2:] * (1 - lengths)


def is_mixed(augmentation: Augmentation | None) -> bool:
    """Does the recipe's augmentation mix images?"""
    return augmentation is not None and bool(augmentation.mixup or augmentation.cutmix)


def draw_mixing(augmentation: Augmentation, size: int, rng: np.random.Generator) -> list[float]:
    """How a batch of images of `size` pixels is mixed: [share, weight, top, bottom, left, right], for `mix`.

    `share` is how much of each image is its own. Mixup weighs it with `weight` and CutMix pastes a box, one for the
    whole batch, as in the papers' code: Zhang et al. (2018), https://arxiv.org/abs/1710.09412; Yun et al. (2019),
    https://arxiv.org/abs/1905.04899. Where a recipe has both, each batch draws one of them.
    """
    use_cutmix = bool(augmentation.cutmix) and (not augmentation.mixup or rng.random() < 0.5)
    alpha = augmentation.cutmix if use_cutmix else augmentation.mixup
    share = float(rng.beta(alpha, alpha))
    if not use_cutmix:
        return [share, share, 0, 0, 0, 0]
    top, bottom, left, right = _box(size, share, rng)
    return [1 - (bottom - top) * (right - left) / size**2, 1, top, bottom, left, right]


def mix(images: torch.Tensor, mixing: torch.Tensor) -> torch.Tensor:
    """Images [B, 3, S, S], each mixed with the one before it as `mixing`, float [6], says (see `draw_mixing`)."""
    _, weight, top, bottom, left, right = mixing.unbind()
    others, places = images.roll(1, 0), torch.arange(images.shape[-1], device=images.device)
    rows, columns = (places >= top) & (places < bottom), (places >= left) & (places < right)
    return torch.where(rows[:, None] & columns, others, others.lerp(images, weight.to(images.dtype)))


def _box(size: int, share: float, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """(top, bottom, left, right) of a box of area 1 - share around a random pixel, cut off at the edges."""
    half = int(size * (1 - share) ** 0.5) / 2
    row, column = rng.integers(size, size=2)
    edges = (row - half, row + half, column - half, column + half)
    top, bottom, left, right = (int(min(max(edge, 0), size)) for edge in edges)
    return top, bottom, left, right
