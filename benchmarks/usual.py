"""The usual way to train on CIFAR-100, for comparison: torchvision's dataset and transforms, a DataLoader with workers.

Nothing here is slowed down: workers stay alive, memory is pinned for a GPU, and the transforms come in the order that
costs least.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import CIFAR100

from study.config.specs import ComputeSpec, InputSpec
from study.training import device as devices


def dataset(images: np.ndarray, labels: np.ndarray, spec: InputSpec) -> CIFAR100:
    """torchvision's CIFAR100 over uint8 `images` [N, 32, 32, 3] that are in memory already, with light augmentation."""
    made = CIFAR100.__new__(CIFAR100)  # its constructor reads the official files, which a benchmark need not have
    made.data, made.targets, made.target_transform = images, labels.tolist(), None
    made.transform = transforms.Compose(
        [
            transforms.RandomHorizontalFlip(),
            transforms.RandomCrop(32, padding=4, padding_mode="reflect"),
            *([transforms.Resize(spec.size, transforms.InterpolationMode.BICUBIC)] if spec.size != 32 else []),
            transforms.ToTensor(),
            transforms.Normalize(spec.mean, spec.std),
        ]
    )
    return made


def endless(data: CIFAR100, batch_size: int, workers: int, device: torch.device) -> Iterator[Any]:
    """Batches of `data`, epoch after epoch, from `workers` processes."""
    loader = DataLoader(
        data,
        batch_size,
        shuffle=True,
        num_workers=workers,
        drop_last=True,
        persistent_workers=True,
        pin_memory=device.type == "cuda",
    )
    while True:
        yield from loader


def make_step(network: torch.nn.Module, batches: Iterator[Any], compute: ComputeSpec, device: torch.device) -> Any:
    """A function that trains one step with plain Adam, as a tutorial does it."""
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)
    network.train()

    def step() -> None:
        images, labels = (tensor.to(device, non_blocking=True) for tensor in next(batches))
        with devices.autocast(compute):
            loss = functional.cross_entropy(network(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step
