"""Confusion matrices: which classes, and which superclasses, a model takes for which."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from study.reporting import text
from study.reporting.sources import Sources
from study.reporting.style import CORRECT_MAP, INK, new_figure, say

NO_RUN = "No run of this model finished."


def counts(sources: Sources, model: str) -> np.ndarray:
    """Predictions of all finished seeds, int [true class, predicted class]."""
    matrix = np.zeros((len(sources.coarse_of),) * 2, dtype=int)
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
    """All classes, ordered by superclass, each row in percent of the true class."""
    matrix = counts(sources, model)
    figure = new_figure(10.4, 10.2, f"Confusion by class: {_subtitle(sources, model)}")
    axis = figure.subplots()
    if not matrix.any():
        say(axis, NO_RUN)
        return figure
    order = sources.class_order()
    image = axis.imshow(shares(matrix[np.ix_(order, order)]), cmap=CORRECT_MAP, norm=PowerNorm(0.4, 0, 100),
                        interpolation="none")  # fmt: skip
    names = [text.words(sources.dataset.fine_names[place]) for place in order]
    ticks = range(len(order))
    axis.set_xticks(ticks, names, rotation=90, fontsize=4.6)
    axis.set_yticks(ticks, names, fontsize=4.6)
    axis.tick_params(length=0, pad=2)
    axis.set_xlabel("predicted class")
    axis.set_ylabel("true class")
    _separate(axis, sources, order)
    _colour_bar(figure, image, axis)
    return figure


def _separate(axis: Axes, sources: Sources, order: np.ndarray) -> None:
    """Lines between superclasses, and their names along the right and the top."""
    coarse = sources.coarse_of[order]
    starts = np.flatnonzero(np.diff(coarse, prepend=-1))
    for start in starts[1:]:
        axis.axhline(start - 0.5, color="#9A9A9A", lw=0.4)
        axis.axvline(start - 0.5, color="#9A9A9A", lw=0.4)
    for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
        name = text.words(sources.dataset.coarse_names[coarse[start]])
        middle = (start + end - 1) / 2
        axis.text(len(order) + 0.3, middle, name, fontsize=6, va="center", color=INK)
        axis.text(middle, -1.3, name, fontsize=6, rotation=45, ha="left", va="bottom", rotation_mode="anchor")
    for side in ("top", "right"):
        axis.spines[side].set_visible(True)


def _colour_bar(figure: Figure, image, axis: Axes) -> None:
    bar = figure.colorbar(image, ax=axis, orientation="horizontal", shrink=0.45, aspect=40, pad=0.02)
    bar.set_ticks([0, 1, 5, 20, 50, 100])
    bar.set_label("share of the true class (%), colour scale stretched at the low end", fontsize=8)
    bar.ax.tick_params(labelsize=7.5)
    bar.outline.set_visible(False)


def draw_superconfusion(sources: Sources, model: str) -> Figure:
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
