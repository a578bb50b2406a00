"""Training images per second: our path, eager and compiled, against the usual way; and what the input path costs.

The paths take turns in one process, round after round, so that whatever else the machine does meets them all alike.
"""

import statistics
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from benchmarks import usual
from benchmarks.cases import CASES, case_setup
from benchmarks.timing import steps_per_second
from study.config.planning import gains_by_compiling
from study.config.specs import ComputeSpec
from study.training import device as devices
from study.training import streams
from study.training.loop import Setup
from study.training.optimizers import make_optimizer
from study.training.setup import compile_network
from study.training.steps import loss_and_correct
from study.training.trial import random_dataset

IMAGES = 12_000
USUAL, EAGER, COMPILED, FIXED = "usual way", "ours, eager", "ours, compiled", "ours, input held fixed"


def our_step(setup: Setup, fixed: bool) -> Callable[[], None]:
    """A function that trains one step as the loop does; with `fixed`, always on the same ready batch."""
    size = setup.spec.recipe.batch_size
    optimizer = make_optimizer(setup.network, None, setup.spec.recipe)
    generator = streams.generator(0, 1, "augment", setup.device)
    order = setup.train[torch.randperm(len(setup.train))].to(setup.device)
    held = setup.inputs.batch(order[:size], generator)
    place = 0

    def step() -> None:
        nonlocal place
        place = place + size if place + 2 * size <= len(order) else 0
        ids = order[place : place + size]
        inputs = held if fixed else setup.inputs.batch(ids, generator)
        loss, _ = loss_and_correct(setup.apply(inputs, size), setup.labels[ids], None, 0.0)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    setup.network.train()
    return step


def time_case(name: str, compute: ComputeSpec, rounds: int, seconds: float) -> list[dict[str, Any]]:
    """Rows {case, path, used, images_per_second, lowest, highest, compile_seconds}: medians over `rounds` turns.

    `used` marks the path that a long run takes; the input is held fixed in that one.
    """
    print(f"bench: {name}", file=sys.stderr, flush=True)
    device = devices.prepare(compute)
    data = random_dataset(IMAGES)
    batch_size = CASES[name][3]
    eager = case_setup(name, replace(compute, compile=False), data, device)
    ours = case_setup(name, replace(compute, compile=True), data, device)
    is_compiled, compile_seconds = compile_network(ours)
    used = COMPILED if is_compiled and gains_by_compiling(CASES[name][0]) else EAGER
    plain = case_setup(name, replace(compute, compile=False), data, device).network.to(
        memory_format=torch.contiguous_format
    )
    loader = usual.endless(
        usual.dataset(data.images, data.fine, eager.spec.network.input), batch_size, compute.threads, device
    )
    steps = {
        USUAL: usual.make_step(plain, loader, compute, device),
        EAGER: our_step(eager, fixed=False),
        COMPILED: our_step(ours, fixed=False),
        FIXED: our_step(ours if used == COMPILED else eager, fixed=True),
    }
    rates = {path: [] for path in steps}
    for _ in range(rounds):
        for path, step in steps.items():
            rates[path].append(batch_size * steps_per_second(step, seconds, device))
    return [
        {
            "case": name,
            "path": path,
            "used": int(path == used),
            "images_per_second": statistics.median(values),
            "lowest": min(values),
            "highest": max(values),
            "compile_seconds": compile_seconds if path == COMPILED and is_compiled else 0.0,
        }
        for path, values in rates.items()
    ]
