"""What a model takes for what: confusion matrices, where errors lie, and the most frequent mistakes."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from study.reporting import text
from study.reporting.markup import Column, chart, table
from study.reporting.panels import shared
from study.reporting.sources import Sources
from study.reporting.style import CORRECT_MAP, INK, new_figure, say

NAMED = 45  # classes; the names of more would be too small to read
MISTAKES = 30  # of every model
NO_RUN = "No run of this model finished."


def counts(sources: Sources, model: str) -> np.ndarray:
    """Predictions of all finished seeds, int [true class, predicted class]."""
    matrix = np.zeros((len(sources.dataset.fine_names),) * 2, dtype=int)
    rows = sources.rows("confusion", model=model)
    matrix[rows["true_id"].to_numpy(int), rows["predicted_id"].to_numpy(int)] = rows["count"].to_numpy(int)
    return matrix


def superclass_counts(matrix: np.ndarray, coarse_of: np.ndarray) -> np.ndarray:
    """`matrix` int [class, class] summed to int [superclass, superclass]."""
    member = np.eye(coarse_of.max() + 1, dtype=int)[coarse_of]
    return member.T @ matrix @ member


def shares(matrix: np.ndarray) -> np.ndarray:
    """Every row in percent of its sum; a row without images is all 0."""
    return 100 * matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)


def _subtitle(sources: Sources, model: str) -> str:
    seeds = len(sources.rows("runs", model=model, outcome="finished"))
    return f"{sources.labels[model]} ({text.counted(seeds, 'seed')} summed)"


def draw_confusion(sources: Sources, model: str) -> Figure:
    """All classes, ordered by superclass if any, each row in percent of the true class."""
    matrix = counts(sources, model)
    figure = new_figure(10.4, 10.2, f"Confusion by class: {_subtitle(sources, model)}")
    axis = figure.subplots()
    if not matrix.any():
        say(axis, NO_RUN)
        return figure
    order = sources.class_order()
    image = axis.imshow(shares(matrix[np.ix_(order, order)]), cmap=CORRECT_MAP, norm=PowerNorm(0.4, 0, 100),
                        interpolation="none")  # fmt: skip
    axis.tick_params(length=0, pad=2)
    axis.set_xlabel("predicted class")
    axis.set_ylabel("true class")
    if len(order) <= NAMED:
        names = [text.words(sources.dataset.fine_names[place]) for place in order]
        axis.set_xticks(range(len(order)), names, rotation=90, fontsize=8.5)
        axis.set_yticks(range(len(order)), names, fontsize=8.5)
    elif not sources.has_superclasses:
        axis.set_xlabel("predicted class, by its number in the data")
        axis.set_ylabel("true class, by its number in the data")
    if sources.has_superclasses:
        _separate(axis, sources, order, len(order) > NAMED)
    _colour_bar(figure, image, axis)
    return figure


def _separate(axis: Axes, sources: Sources, order: np.ndarray, name: bool) -> None:
    """Lines between superclasses, and where the classes have no `name`s of their own, those of the superclasses."""
    coarse = sources.coarse_of[order]
    starts = np.flatnonzero(np.diff(coarse, prepend=-1))
    for start in starts[1:]:
        axis.axhline(start - 0.5, color="#9A9A9A", lw=0.4)
        axis.axvline(start - 0.5, color="#9A9A9A", lw=0.4)
    if name:
        middles = (starts + np.append(starts[1:], len(order)) - 1) / 2
        names = [text.words(sources.dataset.coarse_names[coarse[start]]) for start in starts]
        axis.set_xticks(middles, names, rotation=90, fontsize=8.5)
        axis.set_yticks(middles, names, fontsize=8.5)
    for side in ("top", "right"):
        axis.spines[side].set_visible(True)


def _colour_bar(figure: Figure, image, axis: Axes) -> None:
    bar = figure.colorbar(image, ax=axis, orientation="horizontal", shrink=0.45, aspect=40, pad=0.02)
    bar.set_ticks([0, 1, 5, 20, 50, 100])
    bar.set_label("share of the true class (%), colour scale stretched at the low end", fontsize=8)
    bar.ax.tick_params(labelsize=7.5)
    bar.outline.set_visible(False)


def draw_superclass_confusion(sources: Sources, model: str) -> Figure:
    """The superclasses, each row in percent of the true superclass, as numbers."""
    matrix = counts(sources, model)
    figure = new_figure(9.0, 7.9, f"Confusion by superclass: {_subtitle(sources, model)}")
    axis = figure.subplots()
    if not matrix.any():
        say(axis, NO_RUN)
        return figure
    values = shares(superclass_counts(matrix, sources.coarse_of))
    axis.imshow(values, cmap=CORRECT_MAP, norm=PowerNorm(0.5, 0, 100), interpolation="none", aspect="auto")
    names = [text.words(name) for name in sources.dataset.coarse_names[: len(values)]]
    axis.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor", fontsize=8)
    axis.set_yticks(range(len(names)), names, fontsize=8)
    axis.tick_params(length=0)
    axis.set_xlabel("superclass of the predicted class")
    axis.set_ylabel("true superclass")
    for (row, column), value in np.ndenumerate(values):
        if value >= 0.5:
            axis.text(column, row, f"{np.floor(value + 0.5):.0f}", ha="center", va="center", fontsize=7.5,
                      weight="bold" if row == column else "normal", color="white" if value > 35 else INK)  # fmt: skip
    axis.set_title("% of the true superclass's images; below 0.5 % left blank", fontsize=8.5, weight="normal")
    for side in axis.spines.values():
        side.set_visible(False)
    return figure


def confusion_page(sources: Sources) -> list[dict[str, Any]]:
    """The matrix, errors within and outside the superclass, the most frequent mistakes, of every model."""
    return [confusion_section(sources), errors_table(sources), mistakes_table(sources)]


def errors_table(sources: Sources) -> dict[str, Any]:
    """How many errors each model makes, and the share of them that stays within the superclass if there are any."""
    frame = sources.tables["errors"].copy()
    frame["label"] = frame["model"].map(sources.labels)
    columns = [
        Column("label", "Model"),
        Column("n_seeds", "Seeds", text.whole),
        Column("errors", "Errors (% of the images)", text.percent),
    ]
    if not sources.has_superclasses:
        return table("How many errors there are", frame, columns, sources.csv("errors"), "Mean over seeds.")
    frame["interval"] = [text.spread(low, high) for low, high in zip(frame["low"], frame["high"], strict=True)]
    columns += [
        Column("within_superclass", "of which within the superclass (%)", text.percent, "interval"),
        Column("expected_by_chance", "by chance (%)", text.percent),
    ]
    note = (
        "An error stays within the superclass where the predicted class belongs to the true one's. By chance: if every "
        "error fell on any other class alike. Below the share, its 95 % Wilson interval for the errors of one seed."
    )
    return table("Where errors lie", frame, columns, sources.csv("errors"), note)


def mistakes_table(sources: Sources) -> dict[str, Any]:
    """The most frequent mistakes of every model: a class, and what it is taken for."""
    frame = pd.DataFrame([row for model in sources.models for row in _mistakes(sources, model)])
    columns = [
        Column("model", "Model", choose=True),
        Column("true", "True class"),
        Column("predicted", "Predicted class"),
        Column("share", "Share of the true class (%)", text.percent),
        Column("images", "Images", text.whole),
    ]
    if sources.has_superclasses:
        columns += [Column("superclass", "True superclass"), Column("same", "Same superclass, or which")]
    frame = frame.reindex(columns=[column.key for column in columns])
    note = f"The {MISTAKES} most frequent of every model; images are counted over its finished seeds."
    return table("Most frequent mistakes", frame, columns, sources.csv("confusion"), note)


def _mistakes(sources: Sources, model: str) -> list[dict[str, Any]]:
    names = [text.words(name) for name in sources.dataset.fine_names]
    matrix = counts(sources, model)
    share = shares(matrix) / 100
    np.fill_diagonal(matrix, 0)
    order = np.argsort(-matrix, axis=None, kind="stable")[:MISTAKES]
    rows = []
    for true, predicted in zip(*np.unravel_index(order, matrix.shape), strict=True):
        if matrix[true, predicted] == 0:
            break
        row = {"model": sources.labels[model], "true": names[true], "predicted": names[predicted],
               "share": share[true, predicted], "images": float(matrix[true, predicted])}  # fmt: skip
        if sources.has_superclasses:
            group, other = (sources.superclass_name(label) for label in (true, predicted))
            row |= {"superclass": group, "same": "yes" if group == other else other}
        rows.append(row)
    return rows


def confusion_section(sources: Sources) -> dict[str, Any]:
    """The confusion matrix of a chosen model; a cell opens the pictures behind it."""
    grouped = ", both by superclass" if sources.has_superclasses else ""
    note = (
        f"Rows are true classes, columns what the model takes their test images for{grouped}; darker is more often, "
        "with the scale stretched at its low end. Choose a cell for the pictures behind it: by mouse, by touch, or "
        "with the arrow keys; + and − zoom."
    )
    data = shared(sources, "class", "mistakes")
    return chart("confusion", "What is taken for what", {}, note, data, ["card"])
