"""Learning curves: what training did, epoch by epoch, in every run."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from study.reporting import text
from study.reporting.sources import Sources
from study.reporting.style import FAINT, WIDTH, colours, new_figure, percent_axis, say

TRAIN = "#8A8A8A"


def draw_curves(sources: Sources, model: str) -> Figure:
    """Loss and accuracy of one model over epochs: a line per seed for train and for validation."""
    figure = new_figure(WIDTH, 3.8, f"Learning curves: {sources.labels[model]}")
    learning = sources.rows("learning", model=model)
    if learning.empty:
        say(figure.subplots(), "No run finished its first epoch.")
        return figure
    loss, accuracy = figure.subplots(1, 2)
    colour = colours(sources.models)[model]
    _panel(loss, learning, "loss", 1, colour)
    _panel(accuracy, learning, "accuracy", 100, colour)
    loss.set_ylabel("cross-entropy loss")
    loss.grid(axis="y")
    _limit_loss(loss, learning, len(sources.dataset.fine_names))
    percent_axis(accuracy, "accuracy (%)", "y")
    handles = [
        Line2D([], [], color=TRAIN, lw=1.2, ls=(0, (4, 1.5)), label="train (evaluation mode)"),
        Line2D([], [], color=colour, lw=1.4, label="validation"),
        Line2D([], [], color=colour, marker="o", ms=6, mec="white", ls="", label="chosen epoch"),
    ]
    figure.legend(handles=handles, loc="outside lower left", ncols=3)
    diverged = sources.rows("runs", model=model, outcome="diverged")["seed"].tolist()
    seeds = sources.rows("runs", model=model)["seed"].tolist()
    note = f"one line per seed: {text.listed(seeds)}" + (
        f"; × diverged: seed {text.listed(diverged)}" if diverged else ""
    )
    accuracy.set_title(note, fontsize=8.5, weight="normal", color=FAINT, loc="right")
    for seed in diverged:
        _mark_end(loss, learning[learning["seed"] == seed], "val_loss", 1)
        _mark_end(accuracy, learning[learning["seed"] == seed], "val_accuracy", 100)
    return figure


def _panel(axis: Axes, learning: pd.DataFrame, quantity: str, scale: float, colour: str) -> None:
    dot = "." if learning["epoch"].max() == 1 else ""  # a line of one point does not show
    for _, run in learning.groupby("seed"):
        axis.plot(run["epoch"], run[f"train_eval_{quantity}"] * scale, color=TRAIN, lw=1, ls=(0, (4, 1.5)), marker=dot)
        axis.plot(run["epoch"], run[f"val_{quantity}"] * scale, color=colour, lw=1.3, alpha=0.8, marker=dot)
        chosen = run[run["chosen"] == 1]
        axis.plot(chosen["epoch"], chosen[f"val_{quantity}"] * scale, "o", ms=6.5, color=colour, mec="white", zorder=4)
    axis.set_xlabel("epoch")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))


def _limit_loss(axis: Axes, learning: pd.DataFrame, classes: int) -> None:
    """Let a loss that explodes leave the panel instead of flattening every other line in it."""
    ceiling = 2 * np.log(classes)
    if np.nanmax(learning[["train_eval_loss", "val_loss"]].to_numpy(), initial=0) > ceiling:
        axis.set_ylim(top=ceiling)
        axis.set_title(f"values above {ceiling:.1f} are not shown", fontsize=8.5, weight="normal", color=FAINT)
    axis.set_ylim(bottom=0)


def _mark_end(axis: Axes, run: pd.DataFrame, column: str, scale: float) -> None:
    known = run[np.isfinite(run[column])]
    if len(known):
        axis.plot(known["epoch"].iloc[-1], known[column].iloc[-1] * scale, "x", color="#B23A00", ms=7, mew=2, zorder=5)
