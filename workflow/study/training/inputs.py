"""From uint8 images that live on the device to batches a network takes: augment at 32 px, resize, normalise."""

from typing import Any

import torch
from torch.nn import functional


class ImageInputs:
    """The whole dataset as uint8 [N, 3, 32, 32] on the device (180 MB for CIFAR-100), turned into input in batches."""

    def __init__(self, images: torch.Tensor, spec: dict[str, Any], channels_last: bool = True) -> None:
        self.images = images
        self.size = spec["input"]["size"]
        self.augmentation = spec.get("recipe", {}).get("augmentation")
        self.format = torch.channels_last if channels_last else torch.contiguous_format
        self.mean = torch.tensor(spec["input"]["mean"], device=images.device).view(1, 3, 1, 1)
        self.std = torch.tensor(spec["input"]["std"], device=images.device).view(1, 3, 1, 1)

    def batch(self, ids: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """Float [B, 3, S, S] for rows `ids`; augmented if a generator is given and the recipe says so."""
        pixels = self.images[ids].to(torch.float32).div_(255)
        if generator is not None and self.augmentation is not None:
            pixels = augment(pixels, self.augmentation, generator)
        return normalise(resize(pixels, self.size), self.mean, self.std).contiguous(memory_format=self.format)


class FeatureInputs:
    """Pooled features float [N, F] of a frozen backbone on the device; nothing is random about them."""

    def __init__(self, features: torch.Tensor) -> None:
        self.features = features

    def batch(self, ids: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """Float [B, F] for rows `ids`."""
        return self.features[ids]


def resize(pixels: torch.Tensor, size: int) -> torch.Tensor:
    """Bicubic resize of [B, 3, H, W] in [0, 1] to [B, 3, size, size], clamped, because bicubic overshoots at edges."""
    if pixels.shape[-1] == size:
        return pixels
    small = size < pixels.shape[-1]
    return functional.interpolate(pixels, size=(size, size), mode="bicubic", antialias=small).clamp_(0, 1)


def normalise(pixels: torch.Tensor, mean: torch.Tensor, std: torch.Tensor) -> torch.Tensor:
    """(pixels - mean) / std per channel."""
    return (pixels - mean) / std


def augment(pixels: torch.Tensor, recipe: dict[str, Any], generator: torch.Generator) -> torch.Tensor:
    """Random horizontal flip and random shift by whole pixels with reflected edges, drawn anew for every image.

    `pixels` is float [B, 3, H, W]; the draws come from `generator`, on the device of `pixels`.
    """
    count, _, height, width = pixels.shape
    device = pixels.device
    flip = torch.rand(count, device=device, generator=generator) < recipe["horizontal_flip"]
    pad = recipe["shift"]
    offsets = torch.randint(0, 2 * pad + 1, (2, count, 1), device=device, generator=generator)
    rows = torch.arange(height, device=device) + offsets[0]
    columns = torch.arange(width, device=device)
    columns = torch.where(flip[:, None], width - 1 - columns, columns) + offsets[1]
    padded = functional.pad(pixels, (pad, pad, pad, pad), mode="reflect") if pad else pixels
    image = torch.arange(count, device=device)[:, None, None]
    # One gather does both: [B, 1, 1], [B, H, 1] and [B, 1, W] index to [B, H, W, 3].
    return padded[image, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
