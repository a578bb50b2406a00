"""A small network for 32 px images that learns in few epochs, in the manner of the CIFAR speed runs."""

import torch
from torch import nn
from torch.nn import functional

PATCH = 2  # pixels
LIKE_AIRBENCH = {"eps": 1e-12, "momentum": 0.4}  # an epoch has few steps, in which running statistics must settle


class ScratchFast(nn.Module):
    """A fixed whitening layer, then groups of convolutions, then the maximum over the image and a linear head.

    After Jordan (2024), https://arxiv.org/abs/2404.00498. `widths` and `depths` have one entry per group: its channels
    and its convolutions; groups of three and more have a residual connection around all but the first. Input float
    [B, 3, S, S]; output logits float [B, classes].
    """

    def __init__(self, widths: list[int], depths: list[int], classes: int) -> None:
        super().__init__()
        self.whiten = nn.Conv2d(3, 2 * 3 * PATCH**2, PATCH)
        self.whiten.weight.requires_grad = False
        nn.init.zeros_(self.whiten.bias)
        befores = [self.whiten.out_channels, *widths[:-1]]
        self.groups = nn.Sequential(*map(_Group, befores, widths, depths))
        self.head = nn.Linear(widths[-1], classes, bias=False)
        for module in self.groups.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.dirac_(module.weight.data[: module.in_channels])  # rows beyond the inputs stay random
        with torch.no_grad():  # small logits at first: each sums over the maxima of all channels
            self.head.weight /= self.head.weight.std() * widths[-1]

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
        return self.head(self.groups(functional.gelu(self.whiten(images))).amax((2, 3)))


class _Group(nn.Module):
    """A convolution with 2×2 max pooling behind it, then `depth` - 1 more; each with batch norm and GELU."""

    def __init__(self, before: int, width: int, depth: int) -> None:
        super().__init__()
        sides = [before, *[width] * (depth - 1)]
        self.convolutions = nn.ModuleList(nn.Conv2d(side, width, 3, padding=1, bias=False) for side in sides)
        self.norms = nn.ModuleList(nn.BatchNorm2d(width, **LIKE_AIRBENCH) for _ in sides)
        for norm in self.norms:
            norm.weight.requires_grad = False
        self.is_residual = depth >= 3

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        start = functional.gelu(self.norms[0](functional.max_pool2d(self.convolutions[0](images), 2)))
        images = start
        for convolution, norm in zip(self.convolutions[1:], self.norms[1:], strict=True):
            images = functional.gelu(norm(convolution(images)))
        return images + start if self.is_residual else images
