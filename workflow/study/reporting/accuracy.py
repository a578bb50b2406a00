"""The headline figure: every seed of every model."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from study.findings import text
from study.findings.results import Results
from study.reporting.style import (
    FAINT,
    INK,
    PRETRAINED,
    RANDOM,
    WIDTH,
    colours,
    dodge,
    new_figure,
    percent_axis,
    say,
    wrap,
)

LINE = 0.36  # height of a published number's row, where a model's is 1
HOLLOW = {"color": FAINT, "marker": "o", "ls": "", "ms": 5, "mfc": "white", "mew": 1.2}


def draw_accuracy(results: Results) -> Figure:
    """Test accuracy: one row per model, a dot per seed, the mean with its interval over seeds and over test images."""
    models = results.models
    literature = results.literature
    end = len(models) - 0.4 + (0.75 + LINE * len(literature) if literature else 0)
    figure = new_figure(WIDTH, 1.6 + 0.62 * end, "Test accuracy of every run")
    axis = figure.subplots()
    runs = results.rows("runs", outcome="finished")
    if runs.empty:
        say(axis, "No run finished.")
        return figure
    for row, model in enumerate(models):
        _model_row(axis, row, results, model, runs[runs["model"] == model])
    axis.set_yticks(range(len(models)), [wrap(results.labels[model], 30) for model in models])
    axis.tick_params(axis="y", length=0, labelsize=9.5)
    axis.set_ylim(end, -0.6)
    axis.spines["left"].set_visible(False)
    percent_axis(axis, f"test accuracy (%); chance is {100 / len(results.dataset.fine_names):.3g} %")
    axis.margins(x=0.04)
    _note(axis, -0.62, "", "mean ± SD (%)")
    if literature:
        _literature(axis, len(models) - 0.3, literature)
    figure.legend(handles=_legend(results), loc="outside lower left", ncols=3, handlelength=2.2)
    return figure


def _legend(results: Results) -> list[Line2D]:
    """What the marks mean, of those that are drawn."""
    has_interval = results.rows("models", metric="test_accuracy")["ci_low"].notna().any()
    mean = {"ls": "", "label": "mean"}
    if has_interval:
        mean = {"ls": "-", "lw": 3, "label": "mean, 95 % interval over seeds"}
    hues = (("random weights", RANDOM), ("pretrained weights", PRETRAINED))
    handles = [
        *(Line2D([], [], color=hue[0], marker="s", ls="", ms=6, label=label) for label, hue in hues),
        Line2D([], [], color=FAINT, marker="o", ls="", ms=5, alpha=0.6, label="one seed"),
        Line2D([], [], color=FAINT, marker="|", ms=11, mew=2, **mean),
        Line2D([], [], color="#999999", lw=1, label="95 % interval over test images"),
    ]
    if results.literature:
        handles.append(Line2D([], [], label="published, not measured here", **HOLLOW))
    return handles


def _model_row(axis: Axes, row: int, results: Results, model: str, runs: pd.DataFrame) -> None:
    """Draw one model: seeds above the line, the mean and its interval on it, the finite test set's below it."""
    colour = colours(results)[model]
    summary = results.rows("models", model=model, metric="test_accuracy")
    outcomes = results.rows("runs", model=model)["outcome"]
    lost = [f"{count} {outcome}" for outcome in ("diverged", "missing") if (count := int((outcomes == outcome).sum()))]
    note = f"{', '.join(lost)} of {len(outcomes)}" if lost else ""
    if runs.empty:
        _note(axis, row, "–", note)
        return
    spread = [offset * 0.2 - 0.2 for offset in dodge(len(runs), 1.0)]
    axis.scatter(runs["test_accuracy"] * 100, row + np.array(spread), s=24, color=colour, alpha=0.55, lw=0, zorder=3)
    mean, low, high, test_low, test_high = summary[["mean", "ci_low", "ci_high", "test_low", "test_high"]].iloc[0] * 100
    axis.plot([test_low, test_high], [row + 0.3] * 2, color="#999999", lw=1)
    if not np.isnan(low):
        axis.plot([low, high], [row + 0.08] * 2, color=colour, lw=3, solid_capstyle="butt", zorder=2)
    axis.plot([mean], [row + 0.08], marker="|", ms=13, mew=2.2, color=colour, zorder=4)
    said = text.mean_and_sd(*summary[["mean", "sd"]].iloc[0])
    _note(axis, row, f"{said}, n = {len(runs)}", note)


def _literature(axis: Axes, top: float, entries: list[dict[str, Any]]) -> None:
    """A grey band below the models, with a hollow mark for every published number: nothing in it was measured here."""
    rows = [top + 0.7 + LINE * place for place in range(len(entries))]
    axis.axhspan(top, top + 0.65 + LINE * len(entries), color="#F4F4F4", lw=0, zorder=0)
    axis.plot([entry["accuracy"] * 100 for entry in entries], rows, **HOLLOW)
    names = [wrap(entry["label"], 36, 1) for entry in entries]
    ticks = axis.get_yticks(), [label.get_text() for label in axis.get_yticklabels()]
    axis.set_yticks([*ticks[0], top + 0.3, *rows], [*ticks[1], "literature (not measured here)", *names])
    for label in axis.get_yticklabels()[len(ticks[0]) :]:
        label.set(color=FAINT, fontsize=8)
    axis.get_yticklabels()[len(ticks[0])].set_style("italic")
    for row, entry in zip(rows, entries, strict=True):
        _note(axis, row - 0.2, "", text.published(entry["accuracy"]))


def _note(axis: Axes, row: float, first: str, second: str = "") -> None:
    """What stands to the right of a row."""
    for line, colour, size, offset in ((first, INK, 9, -0.08 if second else 0.0), (second, FAINT, 8, 0.2)):
        axis.annotate(line, (1.0, row + offset), (10, 0), xycoords=axis.get_yaxis_transform(), va="center",
                      textcoords="offset points", fontsize=size, color=colour, annotation_clip=False)  # fmt: skip
