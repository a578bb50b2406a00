"""The same test images through every model, chosen by a rule that knows no result."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import softmax

from study.data.dataset import TEST, Dataset
from study.errors import StudyError
from study.reporting import text
from study.reporting.sources import Sources
from study.reporting.style import FAINT, INK, colours, new_figure, say, wrap

STEP, IMAGES, PER_BLOCK, ENLARGED, TOP = 8, 12, 6, 4, 3
RULE = f"the first test image of every {STEP}th class"


def sample_ids(dataset: Dataset) -> np.ndarray:
    """Row numbers int [<= 12] of the sample images: the first test image of every eighth class."""
    test = dataset.ids(TEST)
    first = [test[dataset.fine[test] == label][:1] for label in range(0, len(dataset.fine_names), STEP)]
    return np.concatenate(first)[:IMAGES]


def top_classes(logits: np.ndarray) -> list[tuple[int, float]]:
    """The most probable classes of logits float [classes], with their probabilities, best first."""
    probabilities = softmax(logits.astype(float))
    best = np.argsort(-probabilities, kind="stable")[:TOP]
    return [(int(label), float(probabilities[label])) for label in best]


def draw_samples(sources: Sources) -> Figure:
    """Twelve test images in two blocks; under each, every model's three most probable classes."""
    ids = sample_ids(sources.dataset)
    answers = {model: _answers(sources, model, ids) for model in sources.models}
    blocks = [ids[start : start + PER_BLOCK] for start in range(0, len(ids), PER_BLOCK)]
    image_height, model_height = 1.25, 0.56
    height = len(blocks) * (image_height + model_height * len(answers) + 0.25)
    figure = new_figure(10.6, height + 0.4, f"Twelve test images and each model's {TOP} most probable classes")
    if not len(ids):
        say(figure.subplots(), "The dataset has no test images.")
        return figure
    figure.supxlabel("in bold: the true class; numbers: probability in %", x=0.0, ha="left", fontsize=8, color=FAINT)
    outer = figure.subfigures(len(blocks), 1)
    for block, part in zip(blocks, np.atleast_1d(outer), strict=True):
        axes = part.subplots(
            1 + len(answers), PER_BLOCK + 1, squeeze=False,
            gridspec_kw={"height_ratios": [image_height, *[model_height] * len(answers)], "hspace": 0, "wspace": 0.02},
        )  # fmt: skip
        for axis in axes.flat:
            axis.set_axis_off()
        for row, model in enumerate(answers, start=1):
            _name(axes[row, 0], sources, model, answers[model])
        for column, image in enumerate(block, start=1):
            _image(axes[0, column], sources.dataset, image)
            for row, model in enumerate(answers, start=1):
                _bars(axes[row, column], sources, model, answers[model][1].get(int(image)), int(image))
    return figure


def _answers(sources: Sources, model: str, ids: np.ndarray) -> tuple[int | None, dict[int, np.ndarray]]:
    """The first finished seed of a model, and its logits by image; (None, {}) where no run finished."""
    seeds = sources.rows("runs", model=model, outcome="finished")["seed"]
    if seeds.empty:
        return None, {}
    seed = int(seeds.min())
    path: Path = sources.study / "runs" / model / f"seed-{seed}" / "predictions.npz"
    try:
        with np.load(path, allow_pickle=False) as stored:
            test_ids, logits = stored["test_ids"], stored["test_logits"]
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise StudyError(f"{path} cannot be read ({error}); delete it and run this training again.") from None
    return seed, {int(image): row for image, row in zip(test_ids, logits, strict=True) if image in ids}


def _name(axis: Axes, sources: Sources, model: str, answer: tuple[int | None, dict[int, np.ndarray]]) -> None:
    seed, _ = answer
    lines = wrap(sources.labels[model], 19, 2)
    axis.set_xlim(0, 1)
    axis.set_ylim(TOP - 0.25, -0.75)
    axis.plot([0, 0], [-0.42, TOP - 0.58], color=colours(sources.models)[model], lw=3, solid_capstyle="butt")
    axis.text(0.05, -0.42, lines, va="top", fontsize=7.8, weight="bold")
    axis.text(0.05, TOP - 0.58, "no finished run" if seed is None else f"seed {seed}", fontsize=7, color=FAINT)


def _image(axis: Axes, dataset: Dataset, image: int) -> None:
    pixels = dataset.images[image].repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1)  # nearest neighbour
    axis.imshow(pixels, interpolation="none")
    axis.set_anchor("SW")
    name = text.words(dataset.fine_names[dataset.fine[image]])
    axis.set_title(wrap(name, 18, 1), fontsize=9, pad=3)


def _bars(axis: Axes, sources: Sources, model: str, logits: np.ndarray | None, image: int) -> None:
    """Three lines, each a class with its probability as a bar; the true class in bold."""
    axis.set_xlim(0, 1)
    axis.set_ylim(TOP - 0.25, -0.75)
    if logits is None:
        return
    for row, (label, probability) in enumerate(top_classes(logits)):
        true = label == sources.dataset.fine[image]
        axis.barh(row, probability, height=0.84, color=colours(sources.models)[model], alpha=0.32 if true else 0.14)
        name = wrap(text.words(sources.dataset.fine_names[label]), 14, 1)
        style = {"fontsize": 7.2, "va": "center_baseline", "weight": "bold" if true else "normal", "color": INK}
        axis.text(0.02, row, name, **style)
        axis.text(0.98, row, f"{100 * probability:.0f}", ha="right", **style)
