"""Short trials of training on random images: how fast it is, and how much memory it takes."""

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from study.config.specs import RunSpec
from study.data.dataset import TEST, TRAIN, VALIDATION, Dataset
from study.paths import StudyPaths
from study.training import device as devices
from study.training import loop
from study.training.run import make_parts
from study.training.setup import make_setup
from study.training.steps import Steps

MOST_STEPS = 20  # of one measurement
MOST_BYTES = 10**9  # of random images, which larger ones are fewer of


@dataclass(frozen=True)
class Speed:
    """Images per second in training and in evaluation, and the most memory used, in 10^6 bytes."""

    training: float
    evaluation: float
    peak_memory_mb: float


def random_dataset(images: int, image_size: int = 32) -> Dataset:
    """Random pixels, and labels as of CIFAR-100: speed does not depend on what is in a picture."""
    rng = np.random.default_rng(0)
    fine = np.arange(images, dtype=np.uint8) % 100
    split = np.full(images, TRAIN, dtype=np.uint8)
    split[-images // 6 :], split[-images // 4 : -images // 6] = TEST, VALIDATION
    return Dataset(
        images=rng.integers(0, 256, (images, image_size, image_size, 3), dtype=np.uint8),
        fine=fine,
        coarse=None,
        split=split,
        fine_names=[str(number) for number in range(100)],
        coarse_names=[],
        meta={"fingerprint": "random", "title": "Random"},
    )


def trial_setup(spec: RunSpec, device: torch.device, images: int, image_size: int = 32) -> loop.Setup:
    """Return the setup of `spec` on random images, with random weights, a frozen backbone included, not compiled."""
    compute = replace(spec.compute, compile=False)
    regime = "scratch" if spec.regime == "frozen" else spec.regime
    # an epoch is a pass over these images
    recipe = replace(spec.recipe, validation=None, images_seen=None, images_seen_at_least=None)
    spec = replace(spec, regime=regime, weights=None, compute=compute, recipe=recipe)
    return make_setup(spec, StudyPaths(Path()), random_dataset(images, image_size), device)[0]


def speed(spec: RunSpec, seconds: float, image_size: int = 32) -> Speed:
    """Measure `spec` on random images for about `seconds`, or one step of training where that takes longer."""
    device = devices.prepare(spec.compute)
    devices.forget_peak_memory(device)
    size = spec.recipe.batch_size or loop.EVALUATION_BATCH
    steps = min(MOST_STEPS, max(2, MOST_BYTES // (6 * size * image_size**2)))
    setup = trial_setup(spec, device, 2 * max(steps * size, loop.EVALUATION_BATCH), image_size)
    rows, rate = setup.train, 0.0
    if spec.regime != "frozen":  # whose head trains in seconds
        rate = _training_rate(setup, seconds / 2)
    images = loop.EVALUATION_BATCH if device.type == "cuda" else 8
    for _ in range(2):  # a warm-up, and what is measured
        start = time.perf_counter()
        loop.predict(setup, rows[:images])
        evaluation = images / (time.perf_counter() - start)
        images = int(min(loop.EVALUATION_BATCH, max(8, evaluation * seconds / 4)))
    return Speed(rate, evaluation, devices.peak_memory_mb(device))


def _training_rate(setup: loop.Setup, seconds: float) -> float:
    """Images per second in the middle epoch, measured for about `seconds`, after a first step or two on a GPU."""
    parts, rows, recipe = make_parts(setup), setup.train, setup.spec.recipe
    steps = Steps(setup, parts["optimizer"])

    def train(count: int) -> tuple[int, float]:
        setup.train = rows[: count * recipe.batch_size]
        middle = recipe.epochs // 2 + 1
        *_, took, seen = loop.train_epoch(setup, steps, parts["average"], middle, lambda *_: None)
        return seen, took

    if setup.device.type == "cuda":
        train(MOST_STEPS)  # kernels are loaded, and a step is captured
        seen, took = train(MOST_STEPS)
        while took < seconds:
            seen, took = (sum(pair) for pair in zip((seen, took), train(MOST_STEPS), strict=True))
    else:
        seen, took = train(1)
        if took < seconds / 2:
            seen, took = train(int(min(MOST_STEPS, max(1, seconds / took))))
    setup.train = rows
    return seen / took
