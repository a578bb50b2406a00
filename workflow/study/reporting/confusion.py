"""What a model takes for what: confusion matrices, where errors lie, and the most frequent mistakes."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from study.data.dataset import TEST
from study.findings import text
from study.findings.compare import headline
from study.findings.results import Results
from study.findings.topics import confused_pairs, counts
from study.reporting.accuracy import ranked
from study.reporting.markup import Column, Picture, chart, table
from study.reporting.panels import shared
from study.reporting.pictures import enlarged, picture
from study.reporting.style import SHARE_MAP, new_figure, say

PAIRS, EXAMPLES = 8, 3

NAMED = 45  # classes; the names of more would be too small to read
MISTAKES = 30  # of every model


def shares(matrix: np.ndarray) -> np.ndarray:
    """Every row in percent of its sum; a row without images is all 0."""
    return 100 * matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)


def draw_confusion(results: Results) -> Figure:
    """All classes of the headline's model, ordered by superclass if any, each row in percent of the true class."""
    two = headline(results)
    model = two.model if two else ranked(results)[0]
    matrix = counts(results, model)
    figure = new_figure(7.4, 7.4, f"What {results.names[model]} takes for what")
    axis = figure.subplots()
    if not matrix.any():
        say(axis, "No run finished.")
        return figure
    order = results.class_order()
    image = axis.imshow(shares(matrix[np.ix_(order, order)]), cmap=SHARE_MAP, norm=PowerNorm(0.4, 0, 100),
                        interpolation="none")  # fmt: skip
    axis.tick_params(length=0, pad=2)
    axis.set_xlabel("predicted class")
    axis.set_ylabel("true class")
    if len(order) <= NAMED:
        names = [text.words(results.dataset.fine_names[place]) for place in order]
        axis.set_xticks(range(len(order)), names, rotation=90, fontsize=7.5)
        axis.set_yticks(range(len(order)), names, fontsize=7.5)
    elif not results.has_superclasses:
        axis.set_xlabel("predicted class, by its number in the data")
        axis.set_ylabel("true class, by its number in the data")
    if results.has_superclasses:
        _separate(axis, results, order, len(order) > NAMED)
    _colour_bar(figure, image, axis)
    return figure


def _separate(axis: Axes, results: Results, order: np.ndarray, name: bool) -> None:
    """Lines between superclasses, and where the classes have no `name`s of their own, those of the superclasses."""
    coarse = results.coarse_of[order]
    starts = np.flatnonzero(np.diff(coarse, prepend=-1))
    for start in starts[1:]:
        axis.axhline(start - 0.5, color="#9A9A9A", lw=0.4)
        axis.axvline(start - 0.5, color="#9A9A9A", lw=0.4)
    if name:
        middles = (starts + np.append(starts[1:], len(order)) - 1) / 2
        names = [text.words(results.dataset.coarse_names[coarse[start]]) for start in starts]
        axis.set_xticks(middles, names, rotation=90, fontsize=7.5)
        axis.set_yticks(middles, names, fontsize=7.5)
    for side in ("top", "right"):
        axis.spines[side].set_visible(True)


def _colour_bar(figure: Figure, image, axis: Axes) -> None:
    bar = figure.colorbar(image, ax=axis, orientation="horizontal", shrink=0.45, aspect=40, pad=0.02)
    bar.set_ticks([0, 1, 5, 20, 50, 100])
    bar.set_label("share of the true class (%), colour scale stretched at the low end", fontsize=8)
    bar.ax.tick_params(labelsize=7.5)
    bar.outline.set_visible(False)


def confusion_page(results: Results) -> list[dict[str, Any]]:
    """The matrix, errors within and outside the superclass, the most frequent mistakes, of every model."""
    return [confusion_section(results), errors_table(results), mistakes_table(results)]


def errors_table(results: Results) -> dict[str, Any]:
    """How many errors each model makes, and the share of them that stays within the superclass if there are any."""
    frame = results.tables["errors"].copy()
    frame["label"] = frame["model"].map(results.labels)
    columns = [
        Column("label", "Model"),
        Column("n_seeds", "Seeds", text.whole),
        Column("errors", "Errors (% of the images)", text.percent),
    ]
    if not results.has_superclasses:
        return table("How many errors there are", frame, columns, results.csv("errors"), "Mean over seeds.")
    frame["interval"] = [text.spread(low, high) for low, high in zip(frame["low"], frame["high"], strict=True)]
    columns += [
        Column("within_superclass", "of which within the superclass (%)", text.percent, "interval"),
        Column("expected_by_chance", "by chance (%)", text.percent),
    ]
    note = (
        "An error stays within the superclass where the predicted class belongs to the true one's. By chance: if every "
        "error fell on any other class alike. Below the share, its 95 % Wilson interval for the errors of one seed."
    )
    return table("Where errors lie", frame, columns, results.csv("errors"), note)


def mistakes_table(results: Results) -> dict[str, Any]:
    """The most frequent mistakes of every model: a class, and what it is taken for."""
    frame = pd.DataFrame([row for model in results.models for row in _mistakes(results, model)])
    columns = [
        Column("model", "Model", choose=True),
        Column("true", "True class"),
        Column("predicted", "Predicted class"),
        Column("share", "Share of the true class (%)", text.percent),
        Column("images", "Images", text.whole),
    ]
    if results.has_superclasses:
        columns += [Column("superclass", "True superclass"), Column("same", "Same superclass, or which")]
    frame = frame.reindex(columns=[column.key for column in columns])
    note = f"The most frequent of every model, at most {MISTAKES}; images are counted over its finished seeds."
    return table("Most frequent mistakes", frame, columns, results.csv("confusion"), note)


def _mistakes(results: Results, model: str) -> list[dict[str, Any]]:
    names = [text.words(name) for name in results.dataset.fine_names]
    matrix = counts(results, model)
    share = shares(matrix) / 100
    np.fill_diagonal(matrix, 0)
    order = np.argsort(-matrix, axis=None, kind="stable")[:MISTAKES]
    rows = []
    for true, predicted in zip(*np.unravel_index(order, matrix.shape), strict=True):
        if matrix[true, predicted] == 0:
            break
        row = {"model": results.labels[model], "true": names[true], "predicted": names[predicted],
               "share": share[true, predicted], "images": float(matrix[true, predicted])}  # fmt: skip
        if results.has_superclasses:
            group, other = (results.superclass_name(label) for label in (true, predicted))
            row |= {"superclass": group, "same": "yes" if group == other else other}
        rows.append(row)
    return rows


def confusion_section(results: Results) -> dict[str, Any]:
    """The confusion matrix of a chosen model; a cell opens the pictures behind it."""
    grouped = ", both by superclass" if results.has_superclasses else ""
    note = (
        f"Rows are true classes, columns what the model takes their test images for{grouped}; darker is more often, "
        "with the scale stretched at its low end. Choose a cell for the pictures behind it: by mouse, by touch, or "
        "with the arrow keys; + and − zoom."
    )
    data = shared(results, "class", "mistakes")
    return chart("confusion", "What is taken for what", {}, note, data, ["card"], "confusion")


def examples(named: np.ndarray, fine: np.ndarray, true: int, predicted: int) -> list[tuple[int, int]]:
    """The images of class `true` most often taken for `predicted`: (place, number of seeds), at most EXAMPLES of them.

    `named` int [seeds, images], `fine` int [images]. Ties: the first.
    """
    times = (named == predicted).sum(axis=0) * (fine == true)
    order = np.argsort(-times, kind="stable")[:EXAMPLES]
    return [(int(place), int(times[place])) for place in order if times[place]]


def pairs_page(results: Results) -> list[dict[str, Any]]:
    """The most confused pairs of every model, whichever way round, with pictures."""
    rows = [row for model in results.models for row in _pairs_of(results, model)]
    columns = [
        Column("model", "Model", choose=True),
        Column("pair", "Classes A / B", None, "where"),
        Column("share", "A → B or B → A (%)", text.percent),
        Column("first", "A → B (%)", text.percent),
        Column("first images", "Labelled A, taken for B", pictures=True),
        Column("second", "B → A (%)", text.percent),
        Column("second images", "Labelled B, taken for A", pictures=True),
    ]
    frame = pd.DataFrame(rows, columns=[*[column.key for column in columns], "where"])
    note = (
        f"The most confused pairs of every model, at most {PAIRS}: the share of both classes' images that is taken for "
        "the other class, mean over seeds. A → B is the share of class A that is taken for B. The pictures are those "
        f"that most seeds mistake that way, at most {EXAMPLES}{enlarged(results)}; below them, how many of the "
        "model's seeds do."
    )
    numbers = frame.drop(columns=["first images", "second images"])
    csv = ("pairs.csv", numbers.to_csv(index=False, float_format="%.6f", lineterminator="\n").encode())
    return [table("Most confused pairs", frame, columns, csv, note)]


def _pairs_of(results: Results, model: str) -> list[tuple]:
    """The most confused pairs of one model, as the columns of the page have them, and their superclasses."""
    test, matrix = results.dataset.ids(TEST), counts(results, model)
    names = [text.words(name) for name in results.dataset.fine_names]
    one_way = shares(matrix) / 100
    seeds, named = results.predicted(model)

    def pictures(true: int, predicted: int) -> list[Picture]:
        found = examples(named, results.dataset.fine[test], true, predicted)
        said = text.counted(len(seeds), "seed")
        return [picture(results, test[place], f"{times} of {said}") for place, times in found]

    rows = []
    for a, b, share in confused_pairs(matrix)[:PAIRS]:
        groups = [results.superclass_name(label) for label in (a, b)] if results.has_superclasses else []
        rows.append((results.labels[model], f"{names[a]} / {names[b]}", share, one_way[a, b], pictures(a, b),
                     one_way[b, a], pictures(b, a), " and ".join(dict.fromkeys(groups))))  # fmt: skip
    return rows


def agreement_page(results: Results) -> list[dict[str, Any]]:
    """Every pair of models."""
    frame = results.tables["agreement"].copy()
    for side in ("a", "b"):
        frame[f"label_{side}"] = frame[f"model_{side}"].map(results.labels)
    percent = text.percent
    columns = [
        Column("label_a", "Model"),
        Column("label_b", "and model"),
        Column("agreement", "Same class named (%)", percent),
        Column("both_right", "Both right (%)", percent),
        Column("both_wrong", "Both wrong (%)", percent),
        Column("same_wrong", "of which the same wrong class (%)", percent),
        Column("n_pairs", "Pairs of runs", text.whole),
    ]
    note = (
        "Shares of the test images, mean over all pairs of a run of the one and a run of the other; for a model and "
        "itself, over pairs of different seeds. Two models of the same accuracy that rarely err together have "
        "learned different things; the row of a model with itself shows how much they would disagree by chance."
    )
    return [table("Agreement", frame, columns, results.csv("agreement"), note)]
