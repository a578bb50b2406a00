"""Optimisers, and what moves their learning rate: a schedule by step, or a plateau of what is watched."""

import math
from typing import Any

import torch
from torch import nn

from study.config.recipes import Plateau, Recipe, Schedule
from study.training.muon import MuonWithSGD

SMALLEST_CHANGE = 1e-4  # what counts as an improvement for the plateau: the default of Keras' ReduceLROnPlateau
MOMENTUM = 0.9


def make_optimizer(network: nn.Module, head: nn.Module | None, recipe: Recipe) -> torch.optim.Optimizer | MuonWithSGD:
    """Muon, Adam (Kingma & Ba 2015), AdamW (Loshchilov & Hutter 2019) or SGD with Nesterov momentum.

    The parameters of `head` get the recipe's head_learning_rate. Weight decay is for matrices and kernels; biases and
    norms have none (He et al. 2019, https://arxiv.org/abs/1812.01187, section 3.1).
    """
    if recipe.muon is not None:
        return MuonWithSGD(network, head, recipe)
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}[recipe.optimizer]
    groups = _groups(network, head, recipe)
    if recipe.optimizer == "sgd":
        extra = {"momentum": MOMENTUM, "nesterov": True}
    else:
        extra = {"capturable": groups[0]["params"][0].is_cuda}  # so that a CUDA graph can hold its step
    return kind(groups, lr=recipe.learning_rate, fused=True, **extra)


def _groups(network: nn.Module, head: nn.Module | None, recipe: Recipe) -> list[dict[str, Any]]:
    """Parameter groups, each with its learning rate, kept as initial_lr too, and its weight decay; none is empty."""
    in_head = {id(parameter) for parameter in head.parameters()} if head is not None else set()
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for parameter in network.parameters():
        if parameter.requires_grad:
            groups.setdefault((id(parameter) in in_head, parameter.ndim > 1), []).append(parameter)
    rates = {False: recipe.learning_rate, True: recipe.head_learning_rate or recipe.learning_rate}
    return [
        {
            "params": parameters,
            "lr": rates[of_head],
            "initial_lr": rates[of_head],
            "weight_decay": recipe.weight_decay if decays else 0.0,
        }
        for (of_head, decays), parameters in groups.items()
    ]


def share_of_rate(schedule: Schedule, epochs: int, done: float) -> float:
    """The share of the full learning rate after `done` of `epochs`: linear warm-up, level, a cosine or a line to 0.

    Cosine: Loshchilov & Hutter (2017), https://arxiv.org/abs/1608.03983; the line: one cycle, Smith & Topin (2018),
    https://arxiv.org/abs/1708.07120.
    """
    warmup = schedule.warmup_epochs
    if done < warmup:
        return done / warmup
    level = warmup + schedule.hold_epochs
    left = 1 - max(0.0, done - level) / (epochs - level)
    return left if schedule.shape == "linear" else (1 - math.cos(math.pi * left)) / 2


def scheduled_rates(optimizer: torch.optim.Optimizer, recipe: Recipe, done: float) -> list[float]:
    """Return the learning rate of each parameter group for the step that is in its middle after `done` epochs."""
    share = share_of_rate(recipe.schedule, recipe.epochs, done)
    own = [max(0.0, 1 - done / group["epochs"]) if "epochs" in group else share for group in optimizer.param_groups]
    return [one * group["initial_lr"] for one, group in zip(own, optimizer.param_groups, strict=True)]


def rate_of(optimizer: torch.optim.Optimizer) -> float:
    """Return the learning rate of the first group, to the seven digits that a float32 on a GPU has."""
    rate = optimizer.param_groups[0]["lr"]
    return float(f"{rate.item():.7g}") if isinstance(rate, torch.Tensor) else rate


def make_plateau(optimizer: torch.optim.Optimizer, plateau: Plateau | None) -> Any:
    """Reduce the learning rate on a plateau, counting as Keras does: a cut after `patience` epochs, not one later."""
    if plateau is None:
        return None
    return torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer,
        factor=plateau.factor,
        patience=plateau.patience - 1,
        threshold=SMALLEST_CHANGE,
        threshold_mode="abs",
        min_lr=plateau.min_learning_rate,
    )
