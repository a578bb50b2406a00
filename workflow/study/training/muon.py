"""Muon: momentum that is made orthogonal, for the kernels; SGD for all else."""

from typing import Any

import torch
from torch import nn

from study.config.recipes import Recipe
from study.machine.hardware import cpu_has_bfloat16

NEWTON_SCHULZ = 3.4445, -4.7750, 2.0315  # coefficients of the odd polynomial that brings singular values near one


class Muon(torch.optim.Optimizer):
    """Muon for convolution kernels, each taken as the matrix [outputs, all else].

    Jordan et al. (2024), https://kellerjordan.github.io/posts/muon. As in his CIFAR speed runs, each kernel's norm is
    held at the root of its number of outputs, so kernels have no weight decay. torch.optim.Muon does the same, but
    waits for the GPU where the learning rate is a tensor on it, so a CUDA graph cannot capture it; this one never does.
    """

    def __init__(self, kernels: list[nn.Parameter], lr: float, momentum: float, newton_schulz: int) -> None:
        groups = [{"params": kernels, "initial_lr": lr}]
        super().__init__(groups, {"lr": lr, "momentum": momentum, "newton_schulz": newton_schulz})
        for kernel in kernels:
            self.state[kernel]["momentum_buffer"] = torch.zeros_like(kernel)

    @torch.no_grad()
    def step(self) -> None:
        """Move all kernels."""
        for group in self.param_groups:
            for kernel in group["params"]:
                buffer = self.state[kernel]["momentum_buffer"]
                buffer.mul_(group["momentum"]).add_(kernel.grad)
                nesterov = kernel.grad.add(buffer, alpha=group["momentum"]).flatten(1)
                kernel.mul_(len(kernel) ** 0.5 / kernel.norm())
                kernel.sub_(orthogonalised(nesterov, group["newton_schulz"]).view_as(kernel) * group["lr"])


def orthogonalised(matrix: torch.Tensor, steps: int) -> torch.Tensor:
    """A matrix [R, C] of the dtype of `matrix` with its singular vectors, and singular values around one.

    Newton-Schulz steps in bfloat16, as in Jordan et al. (2024), but in float32 on a CPU that would have to emulate it.
    """
    linear, cubic, quintic = NEWTON_SCHULZ
    flat = matrix.T if len(matrix) > matrix.shape[1] else matrix
    flat = flat.bfloat16() if matrix.device.type != "cpu" or cpu_has_bfloat16() else flat
    flat = flat / flat.norm().clamp(min=1e-7)
    for _ in range(steps):
        square = flat @ flat.T
        flat = torch.addmm(flat, torch.addmm(square, square, square, beta=cubic, alpha=quintic), flat, beta=linear)
    return (flat.T if len(matrix) > matrix.shape[1] else flat).to(matrix.dtype)


class MuonWithSGD:
    """Muon for kernels, and SGD with Nesterov momentum for norms, biases and the head, which alone has weight decay.

    The whitening layer of `scratch_fast`, `network.whiten`, has a rate of its own: a line to zero.
    """

    def __init__(self, network: nn.Module, head: nn.Module, recipe: Recipe) -> None:
        muon = recipe.muon
        in_head = {id(parameter) for parameter in head.parameters()}
        trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
        first = [one for one in getattr(network, "whiten", nn.Identity()).parameters() if one.requires_grad]
        apart = in_head | {id(parameter) for parameter in first}
        kernels = [one for one in trained if one.ndim > 1 and id(one) not in apart]
        vectors = [one for one in trained if one.ndim == 1 and id(one) not in apart]
        self.muon = Muon(kernels, recipe.learning_rate, muon.momentum, muon.newton_schulz)
        groups = [
            {"params": parameters, "lr": rate, "initial_lr": rate, **extra}
            for parameters, rate, extra in (
                (first, muon.bias_learning_rate, {"epochs": muon.whitening_epochs}),
                (vectors, muon.bias_learning_rate, {}),
                (list(head.parameters()), recipe.head_learning_rate, {"weight_decay": recipe.weight_decay}),
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
        self.muon.zero_grad(set_to_none)
        self.sgd.zero_grad(set_to_none)

    def step(self) -> None:
        """Move all parameters that have a gradient."""
        self.muon.step()
        self.sgd.step()

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"muon": self.muon.state_dict(), "sgd": self.sgd.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.muon.load_state_dict(state["muon"])
        self.sgd.load_state_dict(state["sgd"])
