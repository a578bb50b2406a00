"""The cumulative ablation ("ladder"): what each change of the recipe adds, one after the other."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from study.analysis.uncertainty import MIN_SEEDS
from study.findings import text
from study.findings.results import Results
from study.reporting.markup import Column, prose, table
from study.reporting.style import (
    FAINT,
    GRID,
    INK,
    PRETRAINED,
    RANDOM,
    WIDTH,
    colours,
    new_figure,
    percent_axis,
    say,
    wrap,
)

ORDER = (
    "The order of the steps matters: a step shows what its change adds to all those above it. The same change made "
    "earlier, later or alone could add more or less, so the steps do not rank the changes."
)


def draw_ladder(results: Results) -> Figure:
    """A row per step: the accuracy reached, and a bar from the step before with the interval of the difference."""
    steps = results.tables["ladder"]
    figure = new_figure(WIDTH, 1.7 + 0.55 * len(steps), "Cumulative ablation: what each change adds to those above it")
    axis = figure.subplots()
    if steps["accuracy"].isna().all():
        say(axis, "No step was run.")
        return figure
    palette = colours(results)
    for row, step in enumerate(steps.to_dict("records")):
        _step(axis, row, step, palette.get(step["model"], INK))  # a step need not be in the grid
    names = [wrap(f"{step.step}. {step.change}", 44, 2) for step in steps.itertuples()]
    axis.set_yticks(range(len(steps)), names, fontsize=8.5)
    axis.set_ylim(len(steps) - 0.4, -0.6)
    axis.tick_params(axis="y", length=0)
    axis.spines["left"].set_visible(False)
    axis.use_sticky_edges = False  # else a bar's start would be the panel's edge
    axis.margins(x=0.06)
    percent_axis(axis, "test accuracy (%)")
    handles = [
        Patch(color=RANDOM[0], alpha=0.75, label="gain, random weights"),
        Patch(color=PRETRAINED[0], alpha=0.75, label="gain, pretrained weights"),
        Patch(facecolor="white", edgecolor=INK, hatch="///", label="loss"),
        Line2D([], [], color=INK, lw=1.2, marker="|", ms=6, label="95 % interval of the difference"),
        Line2D([], [], color=INK, marker="o", ls="", ms=5, label="mean over seeds"),
    ]
    figure.legend(handles=handles, loc="outside lower left", ncols=3)
    return figure


def _step(axis: Axes, row: int, step: dict[str, Any], colour: str) -> None:
    accuracy, difference = 100 * step["accuracy"], 100 * step["difference"]
    if np.isnan(accuracy):
        _note(axis, row, "not run")
        return
    axis.axhline(row, color=GRID, lw=0.5, zorder=0)
    said = text.number(accuracy, 1)
    if not np.isnan(difference):
        start = accuracy - difference
        axis.barh(
            row, difference, left=start, height=0.42, color=colour, alpha=0.75, hatch="" if difference >= 0 else "///"
        )
        axis.plot([start, start], [row - 1, row + 0.21], color=FAINT, lw=0.7, ls=":")
        axis.plot([start + 100 * step["low"], start + 100 * step["high"]], [row, row], color=INK, lw=1.2, marker="|",
                  ms=6)  # fmt: skip
        said += f"  ({text.points(step['difference'])})"
    axis.plot([accuracy], [row], "o", color=INK, ms=5, zorder=4)
    _note(axis, row, said)


def _note(axis: Axes, row: int, said: str) -> None:
    axis.annotate(said, (1.0, row), (10, 0), xycoords=axis.get_yaxis_transform(), va="center",
                  textcoords="offset points", fontsize=9, color=INK, annotation_clip=False)  # fmt: skip


def ladder_page(results: Results) -> list[dict[str, Any]]:
    """Every step, and how to read them."""
    frame: pd.DataFrame = results.tables["ladder"].copy()
    frame["label"] = frame["label"].where(frame["n_seeds"] > 0, frame["label"] + " (not run)")
    points = text.points
    columns = [
        Column("step", "Step", text.whole),
        Column("change", "Change"),
        Column("label", "Model"),
        Column("accuracy", "Test accuracy (%)", text.percent, bar=True),
        Column("difference", "Difference to the step before (points)", points),
        Column("low", "95 % low", points),
        Column("high", "95 % high", points),
        Column("p", "p", text.p_value),
        Column("n_seeds", "Seeds", text.whole),
    ]
    note = (
        "Mean over seeds. The interval covers seeds and test images. Where either step has fewer than "
        f"{MIN_SEEDS} seeds, there is neither interval nor p. p is not adjusted for the number of steps."
    )
    return [prose("How to read it", [ORDER]), table("Steps", frame, columns, results.csv("ladder"), note)]
