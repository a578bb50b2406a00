"""What a frozen backbone costs with several seeds: the whole study over one forward pass."""

import time
from dataclasses import replace
from typing import Any

import torch

from benchmarks.cases import CASES, case_setup
from benchmarks.timing import steps_per_second
from study.config.recipes import Recipe
from study.config.specs import ComputeSpec
from study.training import device as devices
from study.training import loop
from study.training.compiling import compiled
from study.training.features import BATCH
from study.training.inputs import FeatureInputs
from study.training.optimizers import make_optimizer, make_plateau
from study.training.steps import Steps
from study.training.trial import random_dataset

IMAGES, FEATURES, SEEDS = 60_000, 1280, 5
APART = 0.1  # of the classes' centres, in noise's standard deviations: a head gets about two thirds right, as on images


def time_frozen(recipe: Recipe, compute: ComputeSpec, seconds: float) -> dict[str, Any]:
    """{forward_seconds, head_seconds, head_accuracy, ratio}: the forward pass from its rate, a head on random features.

    `recipe` is linear_head of config.yaml. ratio = (forward pass + a head for each of five seeds) / forward pass.
    """
    device = devices.prepare(compute)
    data = random_dataset(IMAGES)
    setup = case_setup("lite0 224 px", replace(compute, compile=False), data, device)
    ids = torch.arange(BATCH, device=device)

    def forward_of(network: Any) -> None:
        with torch.inference_mode(), devices.autocast(compute):
            network(setup.inputs.batch(ids))

    network, _ = compiled(setup.network.eval(), forward_of)
    forward = IMAGES / BATCH / steps_per_second(lambda: forward_of(network), seconds, device)
    torch.manual_seed(0)
    features = torch.randn(IMAGES, FEATURES, device=device)
    features += APART * torch.randn(100, FEATURES, device=device)[setup.labels]
    setup.inputs = FeatureInputs(features)
    setup.network = torch.nn.Sequential(torch.nn.Dropout(0.2), torch.nn.Linear(FEATURES, 100)).to(device)
    setup.spec = replace(setup.spec, recipe=recipe)
    start = time.perf_counter()
    accuracy = _train_head(setup)
    head = time.perf_counter() - start
    return {
        "case": f"{CASES['lite0 224 px'][0]} frozen",
        "forward_seconds": forward,
        "head_seconds": head,
        "head_accuracy": accuracy,
        "ratio": (forward + SEEDS * head) / forward,
    }


def _train_head(setup: loop.Setup) -> float:
    """The accuracy on the validation images."""
    recipe = setup.spec.recipe
    optimizer = make_optimizer(setup.network, None, recipe)
    steps = Steps(setup, optimizer)
    plateau, progress = make_plateau(optimizer, recipe.plateau), loop.Progress()
    while loop.why_stop(progress, recipe) is None:
        loop.one_epoch(setup, steps, plateau, None, progress, lambda step, steps, loss: None)
    return progress.history[progress.best_epoch - 1]["val_accuracy"]
