"""Accuracy of every class, and of every superclass where the data have some, with intervals."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from study.reporting import text
from study.reporting.markup import Column, chart, table
from study.reporting.panels import shared
from study.reporting.sources import Sources, best_model
from study.reporting.style import GRID, WIDTH, colours, dodge, markers, new_figure, percent_axis, say, wrap

COLUMNS = 4


def draw_classes(sources: Sources) -> Figure:
    """All classes in four columns, by superclass if any, every model with its Wilson interval."""
    known = sources.tables["classes"].dropna(subset="accuracy")
    models = [model for model in sources.models if model in set(known["model"])]
    groups = class_groups(sources)
    rows = max(sum(len(members) + 1.3 * bool(name) for name, members in part) for part in groups)
    height = rows * min(0.16 + 0.03 * len(models), 0.3)
    figure = new_figure(12.6, height + 1.4, "Test accuracy by class")
    if not models:
        say(figure.subplots(), "No run finished.")
        return figure
    axes = figure.subplots(1, len(groups), sharex=True, squeeze=False)[0]
    for axis, part in zip(axes, groups, strict=True):
        _column(axis, sources, known, models, part)
        axis.set_ylim(rows - 0.3, -0.8)
    _legend(figure, sources, models)
    return figure


def class_groups(sources: Sources) -> list[list[tuple[str, np.ndarray]]]:
    """What stands in each column: (superclass, numbers of its classes); without superclasses, no name and a share."""
    classes = np.arange(len(sources.dataset.fine_names))
    if not sources.has_superclasses:
        return [[("", part)] for part in np.array_split(classes, min(COLUMNS, len(classes)))]
    names = sources.dataset.coarse_names
    found = [(text.words(name), classes[sources.coarse_of == group]) for group, name in enumerate(names)]
    found = [(name, members) for name, members in found if len(members)]
    return [[found[place] for place in part] for part in np.array_split(range(len(found)), min(COLUMNS, len(found)))]


def _column(
    axis: Axes, sources: Sources, table: pd.DataFrame, models: list[str], groups: list[tuple[str, np.ndarray]]
) -> None:
    places: dict[int, float] = {}
    row = 0.0
    for name, members in groups:
        if name:
            axis.text(0, row, wrap(name, 34, 1), weight="bold", fontsize=8.5, va="center")
            row += 1
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
        axis.hlines(rows, part["low"] * 100, part["high"] * 100, color=palette[model], lw=0.7 if small else 1)
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


def classes_page(sources: Sources) -> list[dict[str, Any]]:
    """Every class."""
    return [classes_section(sources), _table(sources, "classes", "class")]


def superclasses_page(sources: Sources) -> list[dict[str, Any]]:
    """Every superclass."""
    return [_section(sources, "superclasses", "superclass"), _table(sources, "superclasses", "superclass")]


def classes_section(sources: Sources) -> dict[str, Any]:
    """Every class, from one model to another: which gain, which lose; a class opens its card."""
    return _section(sources, "classes", "class")


def _section(sources: Sources, many: str, one: str) -> dict[str, Any]:
    images = sources.tables[many]["n_images"]
    count = f"{images.min()}" if images.min() == images.max() else f"{images.min()} to {images.max()}"
    has_card = one == "class"
    note = f"Mean accuracy over seeds on {count} test images of each {one}. " if len(images) else ""
    note += f"Lines through the marks are 95 % Wilson intervals; verdicts are those of the differences by {one}."
    note += " Choose a class for its card: every model's accuracy, its mistakes and its pictures." * has_card
    data = shared(sources, one, *["mistakes"] * has_card)
    scripts = ["card"] * has_card
    return chart(
        "classes", f"Every {one}, from one model to the other", {"one": one, "many": many}, note, data, scripts
    )


def _table(sources: Sources, name: str, one: str) -> dict[str, Any]:
    """Classes or superclasses as rows, models as columns, the interval under each accuracy, and the best one's gain."""
    long = sources.tables[name]
    keys = [key for key in dict.fromkeys((f"{one}_id", one, "superclass")) if key in long]
    frame = long[keys].drop_duplicates(keys[0]).set_index(keys[0]).sort_index().map(text.words)
    columns = [Column(key, key.capitalize()) for key in keys[1:]]
    for place, model in enumerate(sources.models):
        own = long[long["model"] == model].set_index(keys[0])
        frame[f"accuracy {place}"] = own["accuracy"]
        frame[f"interval {place}"] = pd.Series(
            [text.spread(low, high, 0) for low, high in zip(own["low"], own["high"], strict=True)], own.index, dtype=str
        )
        columns.append(Column(f"accuracy {place}", sources.labels[model] + " (%)", text.percent, f"interval {place}"))
    frame = frame.fillna({column: "" for column in frame if column.startswith("interval")})
    best, baseline = best_model(sources.tables["models"]), sources.config["baseline"]
    if best not in (None, baseline):
        better, worse = (frame[f"accuracy {sources.models.index(model)}"] for model in (best, baseline))
        frame["gain"] = better - worse
        columns.append(Column("gain", f"{sources.contrast_label(best, baseline)} (points)", text.points))
    images = long["n_images"].max()
    note = f"Mean over seeds; below it the 95 % Wilson interval for {images} test images. The difference has none here."
    if long.empty:
        note = "No run has finished."
    return table(f"Accuracy by {one}", frame, columns, sources.csv(name), note)
