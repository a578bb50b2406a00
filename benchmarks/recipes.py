"""Images per second of the two fast recipes, a step of each against the usual way and against timm's training loop.

Model, input size, batch and cores are the same for all; the recipe freezes parts of the network, the others train all.
"""

import statistics
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from benchmarks import timms, usual
from benchmarks.throughput import USUAL
from benchmarks.timing import steps_per_second
from study.config.planning import run_spec
from study.config.specs import ComputeSpec, RunSpec
from study.config.study import Config
from study.machine.hardware import cpu_has_bfloat16
from study.training import device as devices
from study.training import streams
from study.training.loop import Setup
from study.training.run import make_parts
from study.training.steps import loss_and_correct
from study.training.trial import random_dataset, trial_setup

IMAGES = 12_000
SIZES = {"efficientnet_lite0_fast": (96, 128, 160), "scratch_fast": (32,)}
TIMM_FLOAT, TIMM_BFLOAT, OURS = "timm, float32", "timm, bfloat16", "ours"


def time_recipes(config: Config, threads: int, rounds: int, seconds: float) -> list[dict[str, Any]]:
    """Rows {model, size, batch_size, path, images_per_second, lowest, highest}, medians of `rounds` turns on a CPU."""
    compute = ComputeSpec(device="cpu", threads=threads, precision="bfloat16" if cpu_has_bfloat16() else "float32")
    rows = []
    for model, sizes in SIZES.items():
        spec = run_spec(config, model, 0, compute)
        spec = replace(spec, recipe=replace(spec.recipe, probe=None))
        for size in sizes:
            print(f"bench: {model} {size} px", file=sys.stderr, flush=True)
            rows += _time_size(spec, size, rounds, seconds)
    return rows


def _time_size(spec: RunSpec, size: int, rounds: int, seconds: float) -> list[dict[str, Any]]:
    device, batch_size = devices.prepare(spec.compute), spec.recipe.batch_size
    devices.forget_peak_memory(device)  # hands back what the size before has freed
    steps = steps_of(spec, size, device, IMAGES)
    rates: dict[str, list[float]] = {path: [] for path in steps}
    for turn in range(rounds):
        for path, (step, _) in steps.items():
            warm_up = 1 if turn == 0 else 0  # a step may take half a minute
            rates[path].append(batch_size * steps_per_second(step, seconds, device, warm_up, least=1))
    case = {"model": spec.model, "size": size, "batch_size": batch_size}
    return [
        {**case, "path": path, "images_per_second": statistics.median(found), "lowest": min(found),
         "highest": max(found)}
        for path, found in rates.items()
    ]  # fmt: skip


def steps_of(
    spec: RunSpec, size: int, device: torch.device, images: int
) -> dict[str, tuple[Callable[[], None], nn.Module]]:
    """Return each way's function for a step, with the network that it trains, at `size` px on random `images`."""
    data, batch_size, threads = random_dataset(images), spec.recipe.batch_size, spec.compute.threads
    at_size, pictures = replace(spec.network.input, size=size), (data.images, data.fine)

    def network() -> nn.Module:
        return trial_setup(spec, device, images).network

    plain = network().requires_grad_(True).to(memory_format=torch.contiguous_format)
    batches = _started(usual.endless(usual.dataset(*pictures, at_size), batch_size, threads, device))
    steps = {USUAL: (usual.make_step(plain, batches, replace(spec.compute, precision="float32"), device), plain)}
    for path, precision in ((TIMM_FLOAT, "float32"), (TIMM_BFLOAT, spec.compute.precision)):
        batches = _started(timms.endless(*pictures, spec.network.input, size, batch_size, threads, device))
        theirs = network()
        steps[path] = timms.make_step(theirs, batches, precision), theirs
    ours = trial_setup(spec, device, images)
    return steps | {OURS: (_our_step(ours, size), ours.network)}


def _started(batches: Iterator[Any]) -> Iterator[Any]:
    """Return `batches` with its workers started now, while there is little in memory that each of them would keep."""
    next(batches)
    return batches


def _our_step(setup: Setup, size: int) -> Callable[[], None]:
    """Return a function that trains a step of the recipe as the loop does, at `size` px."""
    recipe, parts, place = setup.spec.recipe, make_parts(setup), 0
    draws = streams.generator(0, 1, "augment", setup.device)
    setup.inputs.begin_epoch(0, 1)
    setup.inputs.training_size = size
    setup.train_mode(True)

    def step() -> None:
        nonlocal place
        place = place + recipe.batch_size if place + 2 * recipe.batch_size <= len(setup.train) else 0
        ids = setup.train[place : place + recipe.batch_size]
        logits = setup.apply(setup.inputs.batch(ids, draws), recipe.batch_size)
        loss, _ = loss_and_correct(logits, setup.labels[ids], None, recipe.label_smoothing)
        parts["optimizer"].zero_grad(set_to_none=True)
        loss.backward()
        parts["optimizer"].step()
        if parts["average"] is not None:
            parts["average"].update()

    return step
