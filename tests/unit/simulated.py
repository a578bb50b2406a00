"""How often do the intervals of `contrast` cover the truth? Simulated studies; as a script: docs/coverage.md.

Every seed's logit of the right answer for an image is a mean plus normal effects; the answer is right with the
logistic chance of it. The truth is what infinitely many seeds and images would give.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.special import expit, roots_hermitenorm


class World(NamedTuple):
    """Standard deviations on the logit scale, and the mean logit of model and baseline."""

    shared: float  # difficulty of an image, common to both models
    own: float  # difficulty of an image for one model
    seed: float  # a seed's effect on all images
    noise: float  # a seed's effect on one image
    means: tuple[float, float] = (1.5, 1.0)


WORLDS = {
    "seeds dominate": World(1.0, 0.3, 0.5, 0.5),
    "images dominate": World(3.0, 1.5, 0.02, 0.5),
    "noise dominates": World(1.0, 0.3, 0.0, 1.5),
    "a bit of each": World(2.0, 1.0, 0.12, 0.5),
}
# One class: 100 images, and seeds that differ by more than they do on average over all classes.
CLASS_WORLDS = {
    "one class, 58 and 53 %": World(2.0, 1.0, 0.3, 0.5, (0.6, 0.2)),
    "one class, 88 and 74 %": World(2.0, 1.0, 0.3, 0.5, (3.4, 1.9)),
    "one class, 96 and 94 %": World(2.0, 1.0, 0.3, 0.5, (5.2, 4.6)),
    "one class, 96 % both": World(2.0, 1.0, 0.3, 0.5, (5.2, 5.2)),
    "one class, seeds differ much": World(1.5, 0.5, 0.8, 0.5, (2.5, 1.5)),
}


def draw(rng: np.random.Generator, seeds: tuple[int, int], images: int, world: World) -> list[np.ndarray]:
    """Two correctness matrices, bool [seeds, images]."""

    def normal(sd, *shape):
        return sd * rng.standard_normal(shape, dtype=np.float32)

    difficulty = normal(world.shared, images)
    logits = (
        mean + difficulty + normal(world.own, images) + normal(world.seed, n, 1) + normal(world.noise, n, images)
        for mean, n in zip(world.means, seeds, strict=True)
    )
    return [rng.random(logit.shape, dtype=np.float32) < expit(logit) for logit in logits]


def true_accuracies(world: World) -> list[float]:
    """What infinitely many seeds and images would give: a Gaussian average of the logistic curve."""
    nodes, weights = roots_hermitenorm(64)
    total = np.sqrt(np.square(world[:4]).sum())
    return [float((weights * expit(mean + total * nodes)).sum() / weights.sum()) for mean in world.means]


def coverage(interval: Callable, world: World, seeds: tuple[int, int], images: int, studies: int) -> float:
    """The share of simulated studies whose interval covers the true difference of the two models."""
    rng = np.random.default_rng(2021)
    results = [interval(*draw(rng, seeds, images, world)) for _ in range(studies)]
    accuracy, baseline = true_accuracies(world)
    return float(np.mean([result.low <= accuracy - baseline <= result.high for result in results]))


def report(studies: int) -> str:
    """docs/coverage.md."""
    import simulated_curves

    from study.analysis.contrasts import contrast
    from study.analysis.differences import small_contrast

    sizes = [(3, 3), (5, 5), (3, 5)]
    lines = [
        "# How often the intervals cover the truth",
        "",
        f"Share of {studies} simulated studies whose 95 % interval for a difference covers the true one. Written by",
        "`PYTHONPATH=workflow python tests/unit/simulated.py docs/coverage.md`, which says how a study is simulated.",
        "`tests/unit/test_contrasts.py` fails if coverage leaves 93 to 99 %; only for single classes of which nearly",
        "all images are right it may be more: there the two images that the interval adds (see",
        "`workflow/study/analysis/differences.py`) weigh as much as the few on which the models disagree, and a class",
        "is rather called unclear than wrongly better.",
        "",
        "| what varies | images | " + " | ".join(f"{a} and {b} seeds" for a, b in sizes) + " |",
        "| --- | --- |" + " --- |" * len(sizes),
    ]
    for worlds, interval, images in ((WORLDS, contrast, 2000), (CLASS_WORLDS, small_contrast, 100)):
        for name, world in worlds.items():
            shares = [f"{coverage(interval, world, seeds, images, studies):.1%}" for seeds in sizes]
            lines.append(f"| {name} | {images:,} | " + " | ".join(shares) + " |")
    return "\n".join([*lines, *simulated_curves.lines()]) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(report(2000), encoding="utf-8")
