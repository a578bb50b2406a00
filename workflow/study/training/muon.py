"""Muon: momentum that is made orthogonal, for the kernels; SGD for all else."""

from typing import Any

import torch
from torch import nn

from study.config.recipes import Recipe


class MuonWithSGD:
    """torch's Muon for kernels, taken as matrices, and SGD with Nesterov momentum for biases, norms and the head.

    Jordan et al. (2024), https://kellerjordan.github.io/posts/muon. As in his CIFAR speed runs, each kernel's norm is
    held at the root of its number of outputs, so kernels have no weight decay. The recipe's decay is what biases and
    head lose in a step at their full rate, whichever that is. The whitening layer of `scratch_fast`, `network.whiten`,
    has a rate of its own: a line to zero.
    """

    def __init__(self, network: nn.Module, head: nn.Module, recipe: Recipe) -> None:
        muon = recipe.muon
        in_head = {id(parameter) for parameter in head.parameters()}
        trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
        first = [one for one in getattr(network, "whiten", nn.Identity()).parameters() if one.requires_grad]
        apart = in_head | {id(parameter) for parameter in first}
        self.kernels = [one for one in trained if one.ndim > 1 and id(one) not in apart]
        vectors = [one for one in trained if one.ndim == 1 and id(one) not in apart]
        # Orthogonal rows stay so however the columns are ordered, and in this order a channels-last kernel is a matrix.
        self.matrices = [_matrix(kernel.detach()) for kernel in self.kernels]
        for matrix, kernel in zip(self.matrices, self.kernels, strict=True):
            if matrix.untyped_storage()._cdata != kernel.untyped_storage()._cdata:
                raise ValueError("Muon needs kernels that are stored channels-last")
        self.muon = torch.optim.Muon(
            [{"params": self.matrices, "initial_lr": recipe.learning_rate}],
            lr=recipe.learning_rate,
            weight_decay=0.0,
            momentum=muon.momentum,
            ns_steps=muon.newton_schulz,
        )
        groups = [
            {"params": parameters, "lr": rate, "initial_lr": rate, "weight_decay": recipe.weight_decay / rate, **extra}
            for parameters, rate, extra in (
                (first, muon.bias_learning_rate, {"epochs": muon.whitening_epochs}),
                (vectors, muon.bias_learning_rate, {}),
                (list(head.parameters()), recipe.head_learning_rate, {}),
            )
            if parameters
        ]
        self.sgd = torch.optim.SGD(groups, momentum=muon.sgd_momentum, nesterov=True, fused=True)

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The groups of both, the kernels' first."""
        return [*self.muon.param_groups, *self.sgd.param_groups]

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients."""
        self.sgd.zero_grad(set_to_none)
        for kernel in self.kernels:
            kernel.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Move all parameters that have a gradient."""
        for kernel, matrix in zip(self.kernels, self.matrices, strict=True):
            matrix.grad = _matrix(kernel.grad)
            matrix.mul_(len(matrix) ** 0.5 / matrix.norm())
        self.muon.step()
        self.sgd.step()

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"muon": self.muon.state_dict(), "sgd": self.sgd.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.muon.load_state_dict(state["muon"])
        self.sgd.load_state_dict(state["sgd"])


def _matrix(kernel: torch.Tensor) -> torch.Tensor:
    """[outputs, height × width × inputs] of a kernel, or a linear layer's weight as it is."""
    return kernel.permute(0, 2, 3, 1).flatten(1) if kernel.ndim == 4 else kernel
