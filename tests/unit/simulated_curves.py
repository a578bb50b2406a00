"""How often do the intervals of `amounts_to_reach` cover the truth? Simulated label studies, for docs/coverage.md.

Two models on growing sets of images, their mean logits smooth curves over the logarithm of the images per class, and
every run's effects as in `simulated`; small sets differ more. The truth is the number of images per class at which the
baseline's curve, with infinitely many seeds and images, has the model's accuracy: so what the lines between measured
points miss counts too.
"""

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit
from simulated import World, true_accuracies

from study.analysis import inversion
from study.analysis.inversion import Curve

AMOUNTS = np.array([5.0, 10, 25, 50, 100, 225, 450])
RESAMPLES = 500  # enough for coverage, in an eighth of the time
STUDIES = 200
WORLDS = {
    "images dominate": World(2.0, 1.0, 0.02, 0.5),
    "seeds dominate": World(1.0, 0.3, 0.15, 0.5),
    "a bit of each": World(2.0, 1.0, 0.08, 0.5),
}


def scratch(amount: float) -> float:
    """The mean logit without pretrained weights: about 8 to 70 % right."""
    return -5.5 + 1.9 * np.log(amount) ** 0.75


def pretrained(amount: float) -> float:
    """The mean logit with them: about 40 to 80 % right."""
    return -2.0 + 0.65 * np.log(amount)


def label_coverage(world: World, seeds: int, images: int = 2000) -> float:
    """The share of intervals, over studies and points within the baseline's curve, that cover the true amount."""
    rng = np.random.default_rng(2021)
    truth = {place: found for place, amount in enumerate(AMOUNTS) if (found := _true(world, amount)) is not None}
    inversion.RESAMPLES, kept = RESAMPLES, inversion.RESAMPLES
    hits = []
    for _ in range(STUDIES):
        found = inversion.amounts_to_reach(*_study(rng, world, seeds, images), rng)
        hits += [found[place].low <= true <= found[place].high for place, true in truth.items()]
    inversion.RESAMPLES = kept
    return float(np.mean(hits))


def _study(rng: np.random.Generator, world: World, seeds: int, images: int) -> list[Curve]:
    shared = world.shared * rng.standard_normal(images)
    curves = []
    for mean in (pretrained, scratch):
        own = world.own * rng.standard_normal(images)
        correct = []
        for amount in AMOUNTS:
            seed = world.seed * (1 + 5 / amount) * rng.standard_normal((seeds, 1))
            logits = mean(amount) + shared + own + seed + world.noise * rng.standard_normal((seeds, images))
            correct.append(rng.random(logits.shape) < expit(logits))
        curves.append(Curve(AMOUNTS, correct))
    return curves


def _accuracy(world: World, mean: Callable[[float], float], amount: float) -> float:
    seed = world.seed * (1 + 5 / amount)
    return true_accuracies(world._replace(seed=seed, means=(mean(amount), 0.0)))[0]


def _true(world: World, amount: float) -> float | None:
    """The amount at which the baseline is as good as the model at `amount`; None beyond the baseline's curve."""
    wanted = _accuracy(world, pretrained, amount)
    ends = [_accuracy(world, scratch, end) for end in (AMOUNTS[0], AMOUNTS[-1])]
    if not ends[0] < wanted < ends[1]:
        return None
    return brentq(lambda other: _accuracy(world, scratch, other) - wanted, AMOUNTS[0], AMOUNTS[-1])


def lines() -> list[str]:
    """The section of docs/coverage.md."""
    table = [
        f"| {name} | " + " | ".join(f"{label_coverage(world, seeds):.1%}" for seeds in (3, 5)) + " |"
        for name, world in WORLDS.items()
    ]
    return [
        "",
        "## What pretraining is worth in labels",
        "",
        f"Share of the intervals of `effective_data.csv`, over {STUDIES} simulated studies with 2,000 test images and",
        "5 to 450 images per class, that cover the true number of images per class (`tests/unit/simulated_curves.py`).",
        "",
        "| what varies | 3 seeds | 5 seeds |",
        "| --- | --- | --- |",
        *table,
    ]
