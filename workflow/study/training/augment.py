"""Augmentation on the device, drawn anew for every image: geometry as two small matrix products, then cutout.

Flips, shifts, crops, grid distortion and the resize to the network's input all map rows to rows and columns to
columns. Each is a change of the positions that are read along an axis, so together they cost one interpolation:
out = Y · image · Xᵀ, with the weights of bicubic interpolation (a = -0.75, as in torch) in Y and X.
"""

import math
from typing import Any

import torch
from torch.nn import functional

CUBIC = -0.75
GRID_STEPS, GRID_LIMIT = 5, 0.3  # albumentations' GridDistortion
# albumentations' ElasticTransform(alpha=1, sigma=50, alpha_affine=50) at 224 px, as shares of half the image: where
# its three points are, and how far each moves. The displacement field of alpha 1 moves no pixel by a hundredth and is
# left out.
ELASTIC_POINT, ELASTIC_MOVE = 74 / 112, 50 / 112
# (x, y, 1) of the three points, a column each
ELASTIC_POINTS = torch.tensor([[1.0, 1, -1], [1, -1, -1], [1 / ELASTIC_POINT] * 3]) * ELASTIC_POINT


def transform(pixels: torch.Tensor, recipe: dict[str, Any], size: int, generator: torch.Generator) -> torch.Tensor:
    """Float [B, 3, H, H] in [0, 1] to float [B, 3, size, size] in [0, 1], by the geometry that `recipe` asks for.

    The draws come from `generator`, which is on the device of `pixels`.
    """
    if recipe["elastic"]:
        pixels = _elastic(pixels, recipe["elastic"], generator)
    side = pixels.shape[-1]
    if size == side and recipe["crop"] is None and not recipe["grid_distortion"]:
        return _whole_pixels(pixels, recipe, generator)
    lengths, starts = _crops(len(pixels), recipe["crop"], generator)  # each [2, B]: rows, columns
    offsets = _shifts(len(pixels), recipe["shift"], generator)
    reach = 2 + recipe["shift"] + (math.ceil(GRID_LIMIT * side) if recipe["grid_distortion"] else 0)
    distorted = _happens(len(pixels), recipe["grid_distortion"], generator)
    weights = []
    for axis, flip in enumerate((recipe["vertical_flip"], recipe["horizontal_flip"])):
        places = ((torch.arange(size, device=pixels.device) + 0.5) / size).expand(len(pixels), -1)
        places = torch.where(_happens(len(pixels), flip, generator)[:, None], 1 - places, places)
        if recipe["grid_distortion"]:
            places = torch.where(distorted[:, None], _grid_distortion(places, generator), places)
        places = starts[axis][:, None] + places * lengths[axis][:, None]
        weights.append(bicubic_weights(places * side - 0.5 + offsets[axis][:, None], side, reach))
    rows, columns = weights
    return ((rows[:, None] @ pixels) @ columns[:, None].transpose(2, 3)).clamp_(0, 1)


def _whole_pixels(pixels: torch.Tensor, recipe: dict[str, Any], generator: torch.Generator) -> torch.Tensor:
    """Flips and shifts alone need no interpolation: one look-up of rows and columns, mirrored at the edges."""
    count, _, side, _ = pixels.shape
    offsets = _shifts(count, recipe["shift"], generator)
    places = []
    for axis, flip in enumerate((recipe["vertical_flip"], recipe["horizontal_flip"])):
        place = torch.arange(side, device=pixels.device).expand(count, -1)
        place = torch.where(_happens(count, flip, generator)[:, None], side - 1 - place, place)
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


def _happens(count: int, probability: float, generator: torch.Generator) -> torch.Tensor:
    return torch.rand(count, device=generator.device, generator=generator) < probability


def _shifts(count: int, pixels: int, generator: torch.Generator) -> torch.Tensor:
    return torch.randint(-pixels, pixels + 1, (2, count), device=generator.device, generator=generator)


def _crops(count: int, crop: dict[str, float] | None, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """(lengths, starts), each [2, B], of rows and columns as shares of the image's side."""
    if crop is None:
        return torch.ones(2, count, device=generator.device), torch.zeros(2, count, device=generator.device)
    draws = torch.rand(4, count, device=generator.device, generator=generator)
    area = crop["scale"] + (1 - crop["scale"]) * draws[0]
    ratio = torch.exp((2 * draws[1] - 1) * math.log(crop["ratio"]))
    lengths = torch.stack([(area / ratio).sqrt(), (area * ratio).sqrt()]).clamp_(max=1)
    return lengths, draws[2:] * (1 - lengths)


def _grid_distortion(places: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Places [B, S] in [0, 1], each fifth of the axis stretched or squeezed by up to 30 %."""
    shape = (len(places), GRID_STEPS)
    draws = torch.rand(shape, device=places.device, generator=generator)
    widths = (1 + (2 * draws - 1) * GRID_LIMIT) / GRID_STEPS
    ends = functional.pad(widths.cumsum(1), (1, 0))
    step = (places * GRID_STEPS).floor().clamp_(0, GRID_STEPS - 1)
    index = step.long()
    return ends.gather(1, index) + (places * GRID_STEPS - step) * widths.gather(1, index)


def _elastic(pixels: torch.Tensor, probability: float, generator: torch.Generator) -> torch.Tensor:
    """A random affine map for some of the images: three points of the image each move a random way."""
    count, device = len(pixels), pixels.device
    happens = _happens(count, probability, generator)
    moves = (2 * torch.rand(count, 2, 3, device=device, generator=generator) - 1) * ELASTIC_MOVE
    back = torch.linalg.inv(ELASTIC_POINTS)  # on the CPU: on a GPU it would wait for the device
    maps = (ELASTIC_POINTS[:2].to(device) + moves) @ back.to(device)
    grid = functional.affine_grid(maps, list(pixels.shape), align_corners=False)
    moved = functional.grid_sample(pixels, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    return torch.where(happens[:, None, None, None], moved, pixels)
