"""A small network for 32 px images that learns in few epochs: that of the CIFAR-100 speed runs."""

import torch
from torch import nn
from torch.nn import functional

PATCH = 2  # pixels
KERNELS = [(3, 1, 1), (3, 3, 1), (2, 3, 3)]  # sides of each group's first convolution and of its residual pair
SCALE = 1.25 / 9  # of the logits


class ScratchFast(nn.Module):
    """A fixed whitening layer, three groups of convolutions, maximum plus mean over the image, and a linear head.

    After the records at https://github.com/AIDDA-Institute/CIFAR-100-speedrun (2026), whose first layer and identity
    kernels are those of Jordan (2024), https://arxiv.org/abs/2404.00498. `widths` are the channels of each group,
    `inner` those inside its residual pair. Input float [B, 3, S, S], S at least 9; output logits float [B, classes].
    """

    def __init__(self, widths: list[int], inner: list[int], classes: int) -> None:
        super().__init__()
        self.whiten = nn.Conv2d(3, 2 * 3 * PATCH**2, PATCH)
        self.whiten.weight.requires_grad = False
        nn.init.zeros_(self.whiten.bias)
        befores = [self.whiten.out_channels, *widths[:-1]]
        self.groups = nn.Sequential(*map(_Group, befores, widths, inner, KERNELS))
        self.head = nn.Linear(widths[-1], classes, bias=False)
        for module in self.groups.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.dirac_(module.weight.data[: module.in_channels])  # rows beyond the inputs stay random

    @torch.no_grad()
    def initialise(self, images: torch.Tensor) -> None:
        """Let the first layer whiten the patches of `images`, normalised float [N, 3, S, S].

        Its kernels are the eigenvectors of the patches' covariance over the root of their eigenvalues, and the same
        negated.
        """
        patches = functional.unfold(images, PATCH).transpose(1, 2).flatten(0, 1).double()
        values, vectors = torch.linalg.eigh(patches.T @ patches / len(patches))
        kernels = (vectors / (values + 5e-4).sqrt()).T.unflatten(1, (3, PATCH, PATCH))
        self.whiten.weight.copy_(torch.cat([kernels, -kernels]))

    def get_classifier(self) -> nn.Module:
        """The linear head, by timm's name for it."""
        return self.head

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = self.groups(functional.silu(self.whiten(images)))
        return SCALE * self.head(features.amax((2, 3)) + features.mean((2, 3)))


class _Group(nn.Module):
    """A convolution with 2×2 max pooling behind it, then a residual pair; each with batch norm and SiLU."""

    def __init__(self, before: int, width: int, inner: int, kernels: tuple[int, int, int]) -> None:
        super().__init__()
        first, second, third = kernels
        self.first = _convolution(before, width, first)
        self.pool = nn.MaxPool2d(2, ceil_mode=first % 2 == 0)  # an even kernel has taken a row and a column away
        self.second, self.third = _convolution(width, inner, second), _convolution(inner, width, third)
        self.norms = nn.ModuleList(map(nn.BatchNorm2d, (width, inner, width)))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        start = functional.silu(self.norms[0](self.pool(self.first(images))))
        between = functional.silu(self.norms[1](self.second(start)))
        return start + functional.silu(self.norms[2](self.third(between)))


def _convolution(before: int, after: int, side: int) -> nn.Conv2d:
    return nn.Conv2d(before, after, side, padding=(side - 1) // 2, bias=False)
