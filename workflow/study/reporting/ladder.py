"""The cumulative ablation ("ladder"): what each change of the recipe adds, one after the other."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.analysis.uncertainty import MIN_SEEDS
from study.findings import text
from study.findings.results import Results
from study.reporting.markup import Column, prose, table
from study.reporting.style import FAINT, INK, WIDTH, colours, name_row, new_figure, percent_axis, rows_only, say, wrap

ORDER = (
    "The order of the steps matters: a step shows what its change adds to all those above it. The same change made "
    "earlier, later or alone could add more or less, so the steps do not rank the changes."
)


def draw_ladder(results: Results) -> Figure:
    """A row per step: the accuracy reached, and a bar from the step before with the interval of the difference."""
    steps = results.tables["ladder"]
    figure = new_figure(WIDTH, 1.2 + 0.62 * len(steps), "What each change adds to those above it")
    axis = figure.subplots()
    if steps["accuracy"].isna().all():
        say(axis, "No step was run.")
        return figure
    palette = colours(results)
    for row, step in enumerate(steps.to_dict("records")):
        name = wrap(f"{step['step']}. {step['change']}", 64, 2)
        _step(axis, row, step, name, palette.get(step["model"], INK))  # a step need not be in the grid
    rows_only(axis, len(steps))
    axis.use_sticky_edges = False  # else a bar's start would be the panel's edge
    axis.margins(x=0.04)
    percent_axis(axis, f"{results.measured} (%)")
    return figure


def _step(axis: Axes, row: int, step: dict[str, Any], name: str, colour: str) -> None:
    """A bar from the accuracy of the step before to this one's, hollow where it is a loss."""
    accuracy, difference = 100 * step["accuracy"], 100 * step["difference"]
    if np.isnan(accuracy):
        name_row(axis, row, name, "not run", FAINT)
        return
    said = text.number(accuracy, 1)
    if not np.isnan(difference):
        start = accuracy - difference
        fill = {"color": colour, "alpha": 0.75} if difference >= 0 else {"fc": "none", "ec": colour, "hatch": "///"}
        axis.barh(row, difference, left=start, height=0.22, **fill)
        axis.plot([start, start], [row - 1, row + 0.11], color=FAINT, lw=0.7, ls=":")
        axis.plot([start + 100 * step["low"], start + 100 * step["high"]], [row, row], color=INK, lw=1.2, marker="|",
                  ms=6)  # fmt: skip
        said = f"{text.points(step['difference'])}"
    axis.plot([accuracy], [row], "o", color=INK, ms=4.5, zorder=4)
    name_row(axis, row, name, said)


def ladder_page(results: Results) -> list[dict[str, Any]]:
    """Every step, and how to read them."""
    frame: pd.DataFrame = results.tables["ladder"].copy()
    frame["label"] = frame["label"].where(frame["n_seeds"] > 0, frame["label"] + " (not run)")
    points = text.points
    columns = [
        Column("step", "Step", text.whole),
        Column("change", "Change"),
        Column("label", "Model"),
        Column("accuracy", f"{results.measured.capitalize()} (%)", text.percent, bar=True),
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
