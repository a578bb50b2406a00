"""The accuracy–cost front: which models no other one beats in both."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, NullLocator

from study.reporting.sources import Sources
from study.reporting.style import FAINT, colours, markers, new_figure, percent_axis, say, wrap

COSTS = {"train_seconds": "training time of one run (s)", "macs": "multiply-accumulates for one image"}


def on_front(cost: pd.Series, accuracy: pd.Series) -> pd.Series:
    """Where no other entry is at least as accurate at no more cost, and better in one of the two."""
    dominated = [
        bool(((cost <= c) & (accuracy >= a) & ((cost < c) | (accuracy > a))).any())
        for c, a in zip(cost, accuracy, strict=True)
    ]
    return ~pd.Series(dominated, index=cost.index, dtype=bool)


def draw_front(sources: Sources) -> Figure:
    """Mean test accuracy over training seconds and over MACs, a mark per model, the front as a dashed line."""
    figure = new_figure(10.6, 4.9, "Accuracy–cost front")
    known = sources.tables["front"].dropna(subset="accuracy").set_index("model")
    axes = figure.subplots(1, 2, sharey=True)
    for axis, (key, title) in zip(axes, COSTS.items(), strict=True):
        rows = known[known[key] > 0]
        if rows.empty:
            say(axis, "No run finished." if known.empty else "Not measured by these runs.")
        else:
            _panel(axis, sources, rows, key, title)
    if axes[0].axison:
        axes[0].set_ylabel("test accuracy (%)")
        handles = axes[0].get_legend_handles_labels()
        figure.legend(*handles, loc="outside lower left", ncols=3)
    return figure


def _panel(axis: Axes, sources: Sources, rows: pd.DataFrame, key: str, title: str) -> None:
    palette, shapes = colours(sources.models), markers(sources.models)
    for model, row in rows.iterrows():
        axis.plot([row[key]], [100 * row["accuracy"]], shapes[model], color=palette[model], ms=8, ls="",
                  label=wrap(sources.labels[model], 38), zorder=3)  # fmt: skip
    best = rows[on_front(rows[key], rows["accuracy"])].sort_values(key)
    axis.plot(best[key], 100 * best["accuracy"], color=FAINT, ls=(0, (4, 2)), lw=1.2, label="front", zorder=2)
    axis.set_xscale("log")
    axis.set_xlim(rows[key].min() / 1.5, rows[key].max() * 1.5)
    wide = rows[key].max() > 100 * rows[key].min()
    axis.xaxis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 2, 5)))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(EngFormatter(sep=" "))
    axis.set_xlabel(title)
    percent_axis(axis, "", "y")
    axis.grid(axis="x")
