"""Do models, and seeds of one model, name the same classes, and do they make the same errors?"""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.reporting import text
from study.reporting.markup import Column, table
from study.reporting.sources import Sources
from study.reporting.style import CORRECT_MAP, INK, new_figure, say, wrap

QUANTITIES = {
    "agreement": "same class named (% of the images)",
    "same_wrong": "same wrong class (% of shared errors)",
}


def agreement_matrix(sources: Sources, quantity: str) -> np.ndarray:
    """A column of agreement.csv as float [models, models], symmetric; NaN where no pair of runs was to be had."""
    place = {model: number for number, model in enumerate(sources.models)}
    matrix = np.full((len(place),) * 2, np.nan)
    for row in sources.tables["agreement"].to_dict("records"):
        a, b = place[row["model_a"]], place[row["model_b"]]
        matrix[a, b] = matrix[b, a] = row[quantity]
    return matrix


def draw_agreement(sources: Sources) -> Figure:
    """Two heat maps with numbers, models × models; the diagonal is between seeds of one model."""
    size = max(2.6, 0.55 * len(sources.models))
    figure = new_figure(3.4 + 2 * size, 1.9 + size, "Agreement between models, and between seeds of one model")
    axes = figure.subplots(1, 2)
    for axis, (quantity, title) in zip(axes, QUANTITIES.items(), strict=True):
        matrix = 100 * agreement_matrix(sources, quantity)
        if np.isnan(matrix).all():
            say(axis, "No pair of finished runs.")
            continue
        _heat_map(axis, matrix, [wrap(sources.labels[model], 24, 2) for model in sources.models])
        axis.set_title(wrap(title, int(9 * size), 2))
    if axes[0].axison:
        axes[1].set_yticklabels([])
    return figure


def _heat_map(axis: Axes, matrix: np.ndarray, names: list[str]) -> None:
    axis.imshow(matrix, cmap=CORRECT_MAP, vmin=0, vmax=100, interpolation="none")
    places = range(len(names))
    axis.set_xticks(places, names, rotation=40, ha="right", rotation_mode="anchor", fontsize=8)
    axis.set_yticks(places, names, fontsize=8)
    axis.tick_params(length=0)
    for side in axis.spines.values():
        side.set_visible(False)
    for (row, column), value in np.ndenumerate(matrix):
        said = text.NOTHING if np.isnan(value) else f"{value:.0f}"
        axis.text(column, row, said, ha="center", va="center", fontsize=9 if len(names) < 9 else 7.5,
                  weight="bold" if row == column else "normal", color="white" if value > 60 else INK)  # fmt: skip


def agreement_page(sources: Sources) -> list[dict[str, Any]]:
    """Every pair of models."""
    frame = sources.tables["agreement"].copy()
    for side in ("a", "b"):
        frame[f"label_{side}"] = frame[f"model_{side}"].map(sources.labels)
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
    return [table("Agreement", frame, columns, sources.csv("agreement"), note)]
