"""Parts of a pretrained network that are not trained, and the head's start from the features they give."""

import itertools
import math

import torch
from torch import nn
from torch.nn import functional

from study.config.recipes import Recipe
from study.errors import StudyError
from study.models.network import classifier
from study.training import device as devices
from study.training import streams
from study.training.loop import Setup
from study.training.steps import batches

SETTLING = 2000  # training images from which the statistics of a redrawn batch norm are taken


def freeze(network: nn.Module, recipe: Recipe) -> None:
    """Let no gradient reach what the recipe freezes: stem, first blocks, depthwise kernels, their norms' scales."""
    if recipe.frozen_blocks:
        frozen = {name for names in _blocks(network)[: recipe.frozen_blocks + 1] for name in names}
        head = set(classifier(network).parameters())
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(name not in frozen or parameter in head)
    if recipe.frozen_depthwise:
        for module in network.modules():
            for layer, after in itertools.pairwise([*module.children(), None]):
                if isinstance(layer, nn.Conv2d) and layer.groups == layer.in_channels > 1:
                    layer.weight.requires_grad_(False)
                    # the norm's scale is part of the folded kernel, and its gradient costs as much
                    if isinstance(after, nn.BatchNorm2d):
                        after.weight.requires_grad_(False)


def _blocks(network: nn.Module) -> list[list[str]]:
    """Return the names of the parameters of the stem, of each block after it, and of the rest.

    Where timm doesn't say which they are, blocks are the children of the first child that has several in a row.
    """
    if hasattr(network, "group_matcher"):
        from timm.models import group_parameters

        return list(group_parameters(network, network.group_matcher(coarse=True)).values())
    stages = [name for name, child in network.named_children() if isinstance(child, nn.Sequential | nn.ModuleList)]
    if not stages:
        raise StudyError(f"config: {type(network).__name__} has no blocks to freeze; set frozen_blocks to 0.")
    names = [name for name, _ in network.named_parameters()]
    blocks: dict[str, list[str]] = {"": []}
    for name in names:
        child, _, rest = name.partition(".")
        block = f"{stages[0]}.{rest.split('.')[0]}" if child == stages[0] else ""
        blocks.setdefault(block if block or len(blocks) == 1 else "rest", []).append(name)
    return list(blocks.values())


def settle_norms(setup: Setup) -> None:
    """Give redrawn batch norms, where the recipe freezes norms, the statistics of plain training images."""
    recipe, layers = setup.spec.recipe, tuple(f"{layer}." for layer in setup.spec.network.redraw)
    norms = {
        norm: norm.momentum
        for name, norm in setup.network.named_modules()
        if isinstance(norm, nn.modules.batchnorm._BatchNorm) and f"{name}.".startswith(layers)
    }
    if not (recipe.frozen_norms and norms):
        return
    setup.train_mode(False)
    for norm in norms:
        norm.train().momentum = None  # the mean over all batches
    draws = streams.generator(setup.spec.seed, 0, "settle")
    ids = setup.train[torch.randperm(len(setup.train), generator=draws)[:SETTLING]].to(setup.device)
    with torch.no_grad(), devices.autocast(setup.spec.compute):
        for part in batches(ids, recipe.batch_size):
            setup.network(setup.inputs.plain(part, _first_size(setup)))
    for norm, momentum in norms.items():
        norm.eval().momentum = momentum


def start_head(setup: Setup) -> None:
    """Start the classifier from a linear probe: logistic regression on features of plain training images.

    Kumar et al. (2022), https://arxiv.org/abs/2202.10054. Images have the size of the first epoch.
    """
    recipe, seed, network = setup.spec.recipe, setup.spec.seed, setup.folded or setup.network
    probe, head = recipe.probe, classifier(setup.network)
    draws = streams.generator(seed, 0, "probe")
    ids = setup.train[torch.randperm(len(setup.train), generator=draws)[: probe.images]].to(setup.device)
    size = _first_size(setup)
    setup.train_mode(False)
    inputs: list[torch.Tensor] = []
    taken = classifier(network).register_forward_pre_hook(lambda _, given: inputs.append(given[0].float().flatten(1)))
    with torch.no_grad(), devices.autocast(setup.spec.compute):
        for part in ids.split(recipe.batch_size):
            network(setup.inputs.plain(part, size))
    taken.remove()
    features, labels = torch.cat(inputs), setup.labels[ids]
    std, mean = torch.std_mean(features, 0)
    std = std.clamp_min(1e-3)
    features = (features - mean) / std
    weight = torch.zeros(setup.classes, features.shape[1], device=setup.device, requires_grad=True)
    bias = torch.zeros(setup.classes, device=setup.device, requires_grad=True)
    optimizer = torch.optim.AdamW([weight, bias], lr=2e-3, weight_decay=0.05, fused=True)
    steps = math.ceil(len(ids) / 500) * probe.epochs
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)
    for _ in range(probe.epochs):
        for picked in torch.randperm(len(ids), generator=draws).to(setup.device).split(500):
            logits = functional.linear(features[picked], weight, bias)
            smoothing, weights = recipe.label_smoothing, setup.class_weights
            loss = functional.cross_entropy(logits, labels[picked], weights, label_smoothing=smoothing)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
    with torch.no_grad():
        head.weight.copy_((weight / std).view_as(head.weight))
        head.bias.copy_(bias - weight @ (mean / std))


def _first_size(setup: Setup) -> int:
    sizes = setup.spec.recipe.input_sizes
    return sizes[0] if sizes else setup.inputs.size
