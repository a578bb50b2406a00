"""Three pictures of one kind: accuracy by epoch, by labelled images per class, and by compute.

Each is a panel for a reader to turn over (curves.js) and a figure for print, both of the same `Curves`.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from study.findings import text, worth
from study.findings.compare import headline
from study.findings.learning import is_on_training
from study.findings.results import Results
from study.reporting.markup import chart
from study.reporting.panels import numbers, shared
from study.reporting.style import FAINT, INK, WIDTH, apart, colours, hue, new_figure, percent_axis, say, wrap

ACCURACY, LOSS = "accuracy on test images (%)", "loss on validation images"
HEIGHT = 4.4  # inches
LONG = 8  # times as many epochs as the shortest training has: from here on they stand on a logarithmic axis


class Line(NamedTuple):
    """What a picture shows of some `models`, the first of which gives it its colour.

    `runs` are its strokes, lists of (amount, value) or (amount, value, low, high); `end` is the value that stands
    beside its `label`; `training` are dashed strokes, of training images.
    """

    models: list[str]
    label: str
    end: float
    runs: list[list[tuple[float, ...]]]
    training: Sequence[list[tuple[float, ...]]] = ()


class Curves(NamedTuple):
    """Lines over one axis of amounts, by quantity; `table` has their numbers.

    `arrow` is (value, from, to, text), `ticks` amounts to name.
    """

    title: str
    table: str
    amount: str
    quantities: dict[str, list[Line]]
    log: bool = False
    ticks: Sequence[float] = ()
    arrow: tuple[float, float, float, str] | None = None


def learning(results: Results) -> Curves:
    """Accuracy and loss on the validation images after every epoch, a line per run; training images dashed."""
    rows = results.tables["learning"]
    last = rows.groupby("model")["epoch"].max()
    quantities = {
        "accuracy on validation images (%)": _learned(results, "accuracy", 100, "val_accuracy"),
        LOSS: _learned(results, "loss", 1, "val_nll"),
    }
    if is_on_training(results):
        quantities = {"accuracy on training images, as altered (%)": _learned(results, "accuracy", 100, "", "train")}
    log = len(last) > 0 and last.max() >= LONG * last.min()
    drawn = {name: lines for name, lines in quantities.items() if lines}
    return Curves("Learning curves", "learning", "epoch", drawn, log)


def _learned(results: Results, quantity: str, scale: float, metric: str, kind: str = "val") -> list[Line]:
    """The lines of models with values of `quantity` by epoch; at their ends stands the mean of the kept epochs."""
    ends = results.rows("models", metric=metric).set_index("model")["mean"]
    lines = []
    for model in results.models:
        runs = [run for _, run in results.rows("learning", model=model).groupby("seed")]
        strokes, dashed = ([_points(run, f"{of}_{quantity}", scale) for run in runs] for of in (kind, "train_eval"))
        if any(strokes):
            end = scale * ends.get(model, np.nan)
            end = float(np.mean([run[-1][1] for run in strokes if run])) if np.isnan(end) else end
            lines.append(Line([model], results.labels[model], end, strokes, dashed if kind == "val" else ()))
    return lines


def _points(run: pd.DataFrame, column: str, scale: float) -> list[tuple[float, ...]]:
    known = run[np.isfinite(run[column])]
    return list(zip(known["epoch"].tolist(), (scale * known[column]).tolist(), strict=True))


def by_labels(results: Results) -> Curves:
    """Accuracy over labelled images per class, a curve for each model, and the distance between two of them."""
    rows, told = results.tables["label_curve"], worth.labels_row(results)
    lines = [_measured([model], results.labels[model], own, "images_per_class")
             for model, own in rows.groupby("model", sort=False)]  # fmt: skip
    arrow = told and _arrow(told, told["images_per_class"], told["effective"], worth.amount(told, "multiplier"))
    return Curves("Accuracy by labelled images per class", "label_curve", "labelled images per class",
                   {ACCURACY: lines}, True, sorted(rows["images_per_class"].unique().tolist()), arrow)  # fmt: skip


def by_compute(results: Results) -> Curves:
    """Accuracy over training compute, a curve for models that differ in their budget alone."""
    rows, told = results.tables["budget_curve"], worth.compute_row(results)
    lines = [_measured(own["model"].tolist(), worth.start_of(results, curve), own, "compute")
             for curve, own in rows.groupby("curve", sort=False)]  # fmt: skip
    arrow = told and _arrow(told, told["compute"], told["needed"], worth.amount(told, "times"))
    return Curves("Accuracy by training compute", "budget_curve", "10¹² multiply-accumulates of a run, forward",
                   {ACCURACY: lines}, True, (), arrow)  # fmt: skip


def _measured(models: list[str], label: str, rows: pd.DataFrame, amount: str) -> Line:
    values = (100 * rows[["mean", "ci_low", "ci_high"]]).to_numpy(float)
    points = [(x, *value) for x, value in zip(rows[amount].tolist(), values.tolist(), strict=True)]
    return Line(models, label, points[-1][1], [points])


def _arrow(row: dict[str, Any], start: float, end: float, times: str) -> tuple[float, float, float, str]:
    return 100 * row["accuracy"], start, end, f"arrow: × {times}"


def panel(results: Results, picture: Curves, note: str = "") -> dict[str, Any]:
    """The picture as a panel."""
    ceilings = {LOSS: round(2 * float(np.log(len(results.dataset.fine_names))), 2)}  # what explodes leaves the panel
    quantities = [
        {"title": title, "ceiling": ceilings.get(title), "lines": [_drawn(results, line) for line in lines]}
        for title, lines in picture.quantities.items()
    ]
    arrow = picture.arrow and [*numbers(picture.arrow[:3], 3), picture.arrow[3]]
    data = {"amount": picture.amount, "log": bool(picture.log), "ticks": list(picture.ticks), "arrow": arrow,
            "quantities": quantities}  # fmt: skip
    return chart("curves", picture.title, data, note, shared(results), numbers=picture.table)


def _drawn(results: Results, line: Line) -> dict[str, Any]:
    strokes = {kind: [[numbers(point, 3) for point in run] for run in runs if run]
               for kind, runs in (("runs", line.runs), ("training", line.training))}  # fmt: skip
    return {"models": [results.models.index(model) for model in line.models], "label": line.label,
            "end": round(float(line.end), 3), **strokes}  # fmt: skip


def draw(results: Results, picture: Curves) -> Figure:
    """The first quantity of the picture as a figure, its lines named at their ends."""
    figure = new_figure(WIDTH, HEIGHT, picture.title)
    axis = figure.subplots()
    lines = next(iter(picture.quantities.values()), [])
    if not lines:
        say(axis, "No run has finished an epoch that was looked at.")
        return figure
    two, palette = headline(results), colours(results)
    named = {two.model, two.other} if two else set()
    for line in lines:
        strong = bool(named.intersection(line.models)) or len(lines) <= 2
        _stroke(axis, line, hue(results, line.models[0])[0] if strong else palette[line.models[0]], strong)
    _amounts(axis, picture)
    percent_axis(axis, next(iter(picture.quantities)), "y")
    if axis.get_ylim()[0] < axis.get_ylim()[1] / 2:
        axis.set_ylim(0, None)
    _name_lines(axis, results, picture, lines, named)
    return figure


def _stroke(axis: Axes, line: Line, colour: str, strong: bool) -> None:
    """A line's runs, with intervals where they have some."""
    width = (1.6 if strong else 1.1) if len(line.runs) > 1 else (2.2 if strong else 1.5)
    for run in filter(None, line.runs):
        amounts, values, *ends = np.array(run, float).T
        axis.plot(amounts, values, color=colour, lw=width, marker="o", ms=3.2, zorder=3 if strong else 2)
        if ends:
            axis.vlines(amounts, *ends, color=colour, lw=width + 1.6, alpha=0.35, zorder=1)


def _amounts(axis: Axes, picture: Curves) -> None:
    axis.set_xlabel(picture.amount)
    if not picture.log:
        axis.set_xlim(0, None)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
        return
    axis.set_xscale("log")
    low, high = axis.get_xlim()
    ticks = picture.ticks or [one * 10.0**power for power in range(-3, 13) for one in (1, 2, 5)]
    axis.xaxis.set_major_locator(FixedLocator([tick for tick in ticks if low <= tick <= high]))
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.xaxis.set_minor_locator(NullLocator())


def _name_lines(axis: Axes, results: Results, picture: Curves, lines: list[Line], strong: set[str]) -> None:
    """Name every line beyond the right edge, as near its end as the others let it; a dotted line leads there.

    So does what the picture's arrow says, which would lie over the lines anywhere else.
    """
    ends = [(f"{text.number(line.end, 1)}  {line.label}", line.end, max(point[0] for run in line.runs for point in run),
             hue(results, line.models[0])[0], "bold" if strong.intersection(line.models) else "normal")
            for line in lines]  # fmt: skip
    if picture.arrow:
        value, start, end, times = picture.arrow
        axis.annotate("", (end, value), (start, value), arrowprops={"arrowstyle": "->", "color": INK, "lw": 1.2})
        ends.append((times, value, end, INK, "normal"))
    low, high = axis.get_ylim()
    names = [wrap(words, 26).splitlines() for words, *_ in ends]
    room = (high - low) / 3.45  # of an inch, in a figure of `HEIGHT`
    places = apart([value for _, value, *_ in ends], [room * (0.132 * len(name) + 0.05) for name in names], low, high)
    across = axis.get_yaxis_transform()
    thin = {"arrowstyle": "-", "color": FAINT, "lw": 0.6, "shrinkA": 0, "shrinkB": 0}
    for (_, value, last, colour, weight), name, place in zip(ends, names, places, strict=True):
        axis.annotate("", (last, value), (1, value), textcoords=across, arrowprops=thin | {"ls": ":"})
        axis.annotate("\n".join(name), (1, value), (1.05, place), xycoords=across, textcoords=across, va="center",
                      color=colour, fontsize=8.5, linespacing=1.1, annotation_clip=False, weight=weight,
                      arrowprops=thin | {"relpos": (0, 0.5)})  # fmt: skip


def draw_learning(results: Results) -> Figure:
    """Validation accuracy by epoch."""
    return draw(results, learning(results))


def draw_label_curve(results: Results) -> Figure:
    """Test accuracy by labelled images per class."""
    return draw(results, by_labels(results))


def draw_budget_curve(results: Results) -> Figure:
    """Test accuracy by compute."""
    return draw(results, by_compute(results))
