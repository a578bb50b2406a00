"""A training step as timm's own training script takes it: its loader, transforms, optimiser and loss, with autocast."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from timm.data import create_loader
from timm.loss import LabelSmoothingCrossEntropy
from timm.optim import create_optimizer_v2
from torch import nn
from torchvision.datasets import CIFAR100

from study.config.specs import InputSpec

SMOOTHING = 0.1


def endless(
    images: np.ndarray,
    labels: np.ndarray,
    spec: InputSpec,
    size: int,
    batch_size: int,
    workers: int,
    device: torch.device,
) -> Iterator[Any]:
    """Batches of uint8 `images` [N, 32, 32, 3], epoch after epoch: random resized crops to `size`, flips, no jitter.

    Crops have the bounds of `modern_fast`; timm's own default of 0.08 costs the same.
    """
    data = CIFAR100.__new__(CIFAR100)  # its constructor reads the official files, which a benchmark need not have
    data.data, data.targets, data.transform, data.target_transform = images, labels.tolist(), None, None
    loader = create_loader(
        data,
        (3, size, size),
        batch_size,
        is_training=True,
        scale=(0.6, 1.0),
        ratio=(0.8, 1.25),
        color_jitter=0.0,
        interpolation="bicubic",
        mean=tuple(spec.mean),
        std=tuple(spec.std),
        num_workers=workers,
        use_prefetcher=device.type == "cuda",
        pin_memory=device.type == "cuda",
        device=device,
    )
    while True:
        yield from loader


def make_step(network: nn.Module, batches: Iterator[Any], precision: str) -> Callable[[], None]:
    """Return a function that trains one step of all of `network`, channels last, under autocast for bfloat16."""
    network.requires_grad_(True).to(memory_format=torch.channels_last).train()
    optimizer = create_optimizer_v2(network, opt="adamw", lr=5e-4, weight_decay=0.02)
    criterion = LabelSmoothingCrossEntropy(SMOOTHING)

    def step() -> None:
        images, labels = next(batches)
        images = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast(images.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
            loss = criterion(network(images).float(), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step
