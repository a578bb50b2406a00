"""The same test images through every model, chosen by a rule that knows no result."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.data.dataset import TEST, Dataset
from study.reporting import text
from study.reporting.answers import TOP
from study.reporting.markup import picture_uri
from study.reporting.sources import Sources
from study.reporting.style import FAINT, INK, colours, new_figure, say, wrap

IMAGES, PER_BLOCK, ENLARGED = 12, 6, 4

Named = list[tuple[int, float]]  # the most probable classes and their probabilities, NaN where these are not known


def sample_ids(dataset: Dataset) -> np.ndarray:
    """Row numbers int [<= 12] of the sample images: the first test image of every n-th class, n = `step(dataset)`."""
    test = dataset.ids(TEST)
    first = [test[dataset.fine[test] == label][:1] for label in range(0, len(dataset.fine_names), step(dataset))]
    return np.concatenate(first)[:IMAGES]


def step(dataset: Dataset) -> int:
    """How many classes on from one sample image to the next, so that twelve spread over all classes."""
    return max(1, len(dataset.fine_names) // IMAGES)


def rule(dataset: Dataset) -> str:
    """By what rule the images are chosen."""
    return "The first test image of every " + ("class" if step(dataset) == 1 else f"{step(dataset)}th class")


def draw_samples(sources: Sources) -> Figure:
    """Sample images in blocks of six; under each, every model's three most probable classes."""
    ids = sample_ids(sources.dataset)
    answers = {model: _answers(sources, model, ids) for model in sources.models}
    blocks = [ids[start : start + PER_BLOCK] for start in range(0, len(ids), PER_BLOCK)]
    image_height, model_height = 1.25, 0.56
    height = len(blocks) * (image_height + model_height * len(answers) + 0.25)
    images = text.counted(len(ids), "test image")
    figure = new_figure(10.6, height + 0.4, f"{images} and each model's {TOP} most probable classes")
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


def _answers(sources: Sources, model: str, ids: np.ndarray) -> tuple[int | None, dict[int, Named]]:
    """The first finished seed of a model, and what it named for each image; (None, {}) where no run finished."""
    seeds = sources.rows("runs", model=model, outcome="finished")["seed"]
    if seeds.empty:
        return None, {}
    seed = int(seeds.min())
    answers = sources.answers(model, seed)
    places = np.searchsorted(sources.dataset.ids(TEST), ids)
    return seed, {
        int(image): list(zip(answers.classes[place].tolist(), answers.probabilities[place].tolist(), strict=True))
        for image, place in zip(ids, places, strict=True)
    }


def _name(axis: Axes, sources: Sources, model: str, answer: tuple[int | None, dict[int, Named]]) -> None:
    seed, _ = answer
    lines = wrap(sources.labels[model], 20, 3)
    axis.set_xlim(0, 1)
    axis.set_ylim(TOP - 0.25, -0.75)
    axis.plot([0, 0], [-0.42, TOP - 0.58], color=colours(sources.models)[model], lw=3, solid_capstyle="butt")
    axis.text(0.05, -0.42, lines, va="top", fontsize=7, weight="bold", linespacing=1.05)
    axis.text(0.98, TOP - 0.58, "no finished run" if seed is None else f"seed {seed}", ha="right", fontsize=6.5,
              color=FAINT)  # fmt: skip


def _image(axis: Axes, dataset: Dataset, image: int) -> None:
    pixels = dataset.images[image].repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1)  # nearest neighbour
    axis.imshow(pixels, interpolation="none")
    axis.set_anchor("SW")
    name = text.words(dataset.fine_names[dataset.fine[image]])
    axis.set_title(wrap(name, 18, 1), fontsize=9, pad=3)


def _bars(axis: Axes, sources: Sources, model: str, named: Named | None, image: int) -> None:
    """Three lines, each a class with its probability as a bar; the true class in bold."""
    axis.set_xlim(0, 1)
    axis.set_ylim(TOP - 0.25, -0.75)
    for row, (label, probability) in enumerate(named or []):
        true = label == sources.dataset.fine[image]
        axis.barh(
            row,
            np.nan_to_num(probability),
            height=0.84,
            color=colours(sources.models)[model],
            alpha=0.32 if true else 0.14,
        )
        name = wrap(text.words(sources.dataset.fine_names[label]), 22, 1)
        size = 7.2 if len(name) <= 15 else 7.2 * 15 / len(name)
        style = {"fontsize": size, "va": "center_baseline", "weight": "bold" if true else "normal", "color": INK}
        axis.text(0.02, row, name, **style)
        axis.text(0.98, row, text.percent(probability, 0), ha="right", **style)


def samples_page(sources: Sources) -> list[dict[str, Any]]:
    """The images of `draw_samples` as cards, each with every model's three most probable classes."""
    ids = sample_ids(sources.dataset)
    palette = colours(sources.models)
    answers = {model: _answers(sources, model, ids) for model in sources.models}
    samples = []
    for image in ids:
        models = []
        for model, (seed, named) in answers.items():
            label = sources.labels[model] + ("" if seed is None else f", seed {seed}")
            said = [] if seed is None else _said(sources, int(image), named[int(image)])
            models.append({"label": label, "colour": palette[model], "answers": said})
        name = text.words(sources.dataset.fine_names[sources.dataset.fine[image]])
        address = picture_uri(sources.dataset.images[image])
        samples.append({"image": int(image), "name": name, "address": address, "models": models})
    note = (
        f"{rule(sources.dataset)}, a choice that depends on no result, enlarged without "
        "smoothing. Above each picture stands its label; ✓ and the darker bar mark it among the answers. Probabilities "
        "in percent, of each model's first finished seed."
    )
    if any(np.isnan(share) for _, named in answers.values() for image in named.values() for _, share in image):
        note += " Of a published run, only the probabilities of its first answer and of the true class are known."
    return [{"kind": "samples", "title": "The same images through every model", "note": note, "samples": samples}]


def _said(sources: Sources, image: int, named: Named) -> list[dict[str, Any]]:
    return [
        {
            "name": text.words(sources.dataset.fine_names[label]),
            "share": np.nan_to_num(probability),
            "percent": text.percent(probability, 0),
            "true": bool(label == sources.dataset.fine[image]),
        }
        for label, probability in named
    ]
