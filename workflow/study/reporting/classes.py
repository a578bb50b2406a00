"""Accuracy class by class and superclass by superclass, with intervals."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from study.reporting import text
from study.reporting.sources import Sources
from study.reporting.style import GRID, WIDTH, colours, dodge, markers, new_figure, percent_axis, say, wrap

COLUMNS = 4


def draw_classes(sources: Sources) -> Figure:
    """All classes in four columns under the names of their superclasses, every model with its Wilson interval."""
    table = sources.tables["classes"].dropna(subset="accuracy")
    models = [model for model in sources.models if model in set(table["model"])]
    groups = np.array_split(np.unique(sources.coarse_of), COLUMNS)
    rows = max(sum((sources.coarse_of == group).sum() + 1.3 for group in part) for part in groups)
    height = rows * min(0.16 + 0.03 * len(models), 0.3)
    figure = new_figure(12.6, height + 1.4, "Test accuracy by class")
    if not models:
        say(figure.subplots(), "No run finished.")
        return figure
    for axis, part in zip(figure.subplots(1, COLUMNS, sharex=True), groups, strict=True):
        _column(axis, sources, table, models, part)
        axis.set_ylim(rows - 0.3, -0.8)
    _legend(figure, sources, models)
    return figure


def _column(axis: Axes, sources: Sources, table: pd.DataFrame, models: list[str], groups: np.ndarray) -> None:
    places: dict[int, float] = {}
    row = 0.0
    for group in groups:
        name = text.words(sources.dataset.coarse_names[group])
        axis.text(0, row, wrap(name, 34, 1), weight="bold", fontsize=8.5, va="center")
        row += 1
        members = np.flatnonzero(sources.coarse_of == group)
        for member in members:
            places[int(member)] = row
            axis.axhline(row, color=GRID, lw=0.5, zorder=0)
            row += 1
        row += 0.3
    part = table[table["class_id"].isin(places)]
    _marks(axis, sources, part, models, part["class_id"].map(places))
    names = [wrap(text.words(sources.dataset.fine_names[member]), 16, 1) for member in places]
    axis.set_yticks(list(places.values()), names, fontsize=8)
    axis.tick_params(axis="y", length=0)
    axis.spines["left"].set_visible(False)
    percent_axis(axis, "accuracy (%)")
    axis.set_xlim(-2, 102)


def draw_superclasses(sources: Sources) -> Figure:
    """The superclasses, best on top, every model with its Wilson interval."""
    table = sources.tables["superclasses"].dropna(subset="accuracy")
    models = [model for model in sources.models if model in set(table["model"])]
    names = sources.dataset.coarse_names
    row_height = min(0.2 + 0.035 * len(models), 0.42)
    figure = new_figure(WIDTH, 1.5 + len(names) * row_height, "Superclass accuracy")
    axis = figure.subplots()
    if not models:
        say(axis, "No run finished.")
        return figure
    order = table.groupby("superclass_id")["accuracy"].mean().sort_values(ascending=False, kind="stable").index
    places = {group: float(row) for row, group in enumerate(order)}
    for row in places.values():
        axis.axhline(row, color=GRID, lw=0.5, zorder=0)
    _marks(axis, sources, table, models, table["superclass_id"].map(places))
    axis.set_yticks(list(places.values()), [wrap(text.words(names[group]), 32, 1) for group in places])
    axis.set_ylim(len(places) - 0.4, -0.6)
    axis.tick_params(axis="y", length=0)
    axis.spines["left"].set_visible(False)
    percent_axis(axis, "images whose predicted class lies in the true superclass (%)")
    _legend(figure, sources, models)
    return figure


def _marks(axis: Axes, sources: Sources, table: pd.DataFrame, models: list[str], places: pd.Series) -> None:
    """Dots and intervals of every model, side by side within a row."""
    palette, shapes = colours(sources.models), markers(sources.models)
    small = len(models) > 4
    for model, offset in zip(models, dodge(len(models), min(0.2 * len(models), 0.6)), strict=True):
        part = table[table["model"] == model]
        rows = places[part.index] + offset
        axis.hlines(
            rows, part["low"] * 100, part["high"] * 100, color=palette[model], lw=0.7 if small else 1, alpha=0.6
        )
        axis.scatter(part["accuracy"] * 100, rows, s=7 if small else 13, color=palette[model], marker=shapes[model],
                     lw=0, zorder=3)  # fmt: skip


def _legend(figure: Figure, sources: Sources, models: list[str]) -> None:
    palette, shapes = colours(sources.models), markers(sources.models)
    handles = [
        Line2D([], [], color=palette[model], marker=shapes[model], ms=5, lw=1, label=wrap(sources.labels[model], 40))
        for model in models
    ]
    columns = max(1, min(len(models), int(figure.get_figwidth() // 3)))
    figure.legend(handles=handles, loc="outside lower left", ncols=columns)
