"""From uint8 images to batches a network takes: augment and resize on the device, normalise."""

import warnings
from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional

from study.config.recipes import Augmentation
from study.config.specs import InputSpec
from study.training import streams
from study.training.augment import cutout, transform

ROOM = 0.25  # share of a GPU's free memory that mapped images may take; more are read from their file in batches


def as_tensor(images: np.ndarray) -> torch.Tensor:
    """Images uint8 [N, S, S, 3] as [N, 3, S, S]: contiguous in memory, or a view of those that a file maps."""
    if not isinstance(images, np.memmap):
        return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()
    with warnings.catch_warnings(action="ignore"):  # that the file cannot be written through the tensor
        return torch.from_numpy(images).permute(0, 3, 1, 2)


class ImageInputs:
    """All images as uint8 [N, 3, S, S], turned into input in batches.

    They live on the device (180 MB for CIFAR-100), unless a file maps them and they would fill it.
    """

    def __init__(
        self,
        images: torch.Tensor,
        spec: InputSpec,
        augmentation: Augmentation | None = None,
        sizes: Sequence[int] | None = None,
    ) -> None:
        self.sizes, self.training_size = sizes, spec.size  # of the training images: in each epoch, in this one
        self.images, self.size, self.augmentation = images, spec.size, augmentation
        self.mirrored: torch.Tensor | None = None  # bool [N] in this epoch, where mirroring alternates
        self.mean = torch.tensor(spec.mean, device=images.device).view(1, 3, 1, 1)
        self.std = torch.tensor(spec.std, device=images.device).view(1, 3, 1, 1)

    def to(self, device: torch.device) -> None:
        """Move to `device`; mapped images stay where they are if they take too much room there."""
        self.mean, self.std = self.mean.to(device), self.std.to(device)
        is_mapped = not self.images.is_contiguous()
        if not (is_mapped and device.type == "cuda") or self.images.nbytes < ROOM * torch.cuda.mem_get_info(device)[0]:
            self.images = self.images.to(device)

    def begin_epoch(self, seed: int, epoch: int) -> None:
        """Decide what is the same for a whole epoch: the size, and where mirroring alternates, which images are."""
        if self.sizes is not None:
            self.training_size = self.sizes[epoch - 1]
        if self.augmentation is not None and self.augmentation.alternating_flip:
            draws = torch.rand(len(self.images), generator=streams.generator(seed, 0, "flip"))
            mirrored = (draws < 0.5) ^ (epoch % 2 == 0)
            if self.mirrored is None:
                self.mirrored = torch.empty_like(mirrored, device=self.mean.device)
            self.mirrored.copy_(mirrored)  # a captured step finds it at the same address

    def batch(self, ids: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """Float [B, 3, S, S], channels last, for rows `ids`.

        Given a generator, for training: augmented as the recipe says, in this epoch's size.
        """
        if generator is None:
            return self.plain(ids, self.size)
        if self.augmentation is None:
            return self.plain(ids, self.training_size)
        pixels = self._pixels(ids)
        mirrored = None if self.mirrored is None else self.mirrored[ids]
        size = self.training_size
        pixels = transform(pixels, self.augmentation, max(size, pixels.shape[-1]), generator, mirrored)
        inputs = normalise(resize(pixels, size), self.mean, self.std)
        if self.augmentation.cutout:
            inputs = cutout(inputs, self.augmentation.share("cutout", self.images.shape[-1]), generator)
        return inputs.contiguous(memory_format=torch.channels_last)

    def plain(self, ids: torch.Tensor, size: int) -> torch.Tensor:
        """Float [B, 3, size, size], channels last, for rows `ids`, not augmented."""
        pixels = self._pixels(ids)
        return normalise(resize(pixels, size), self.mean, self.std).contiguous(memory_format=torch.channels_last)

    def _pixels(self, ids: torch.Tensor) -> torch.Tensor:
        """Float [B, 3, S, S] in [0, 1] on the device, of rows `ids`."""
        pixels = self.images[ids.to(self.images.device)].to(self.mean.device)
        return pixels.contiguous().to(torch.float32).div_(255)


class FeatureInputs:
    """Pooled features float [N, F] of a frozen backbone on the device; nothing is random about them."""

    augmentation = None

    def __init__(self, features: torch.Tensor) -> None:
        self.features = features

    def to(self, device: torch.device) -> None:
        """Move to `device`."""
        self.features = self.features.to(device)

    def begin_epoch(self, seed: int, epoch: int) -> None:
        """Decide nothing: every epoch sees the same features."""

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
