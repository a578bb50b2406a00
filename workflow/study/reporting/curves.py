"""Accuracy against labelled images per class, and against compute: what pretrained weights are worth in either."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from study.findings import text, worth
from study.findings.results import Results
from study.reporting.markup import Column, prose, table
from study.reporting.style import INK, WIDTH, colours, new_figure, percent_axis, say

MARKS = "os^Dv<>p"
NO_EXTRAPOLATION = (
    "Between measured points the curve is a straight line of the logit of accuracy over the logarithm of the amount; "
    "where measured points fall, they are levelled. Nothing is extrapolated: an amount beyond a curve is said to be "
    "more than its largest, or fewer than its smallest. The intervals cover seeds and test images."
)


def draw_label_curve(results: Results) -> Figure:
    """Accuracy over labelled images per class, a curve for each model, and the distance between two of them."""
    rows = results.tables["label_curve"]
    figure = new_figure(WIDTH, 5.0, "Accuracy by labelled images per class")
    axis = figure.subplots()
    if rows.empty:
        say(axis, "No run has finished.")
        return figure
    lines = {results.labels[model]: own for model, own in rows.groupby("model", sort=False)}
    _draw(axis, lines, "images_per_class", results)
    ticks = sorted(rows["images_per_class"].unique())
    axis.xaxis.set_major_locator(FixedLocator(ticks))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xticklabels([f"{tick:g}" for tick in ticks])
    axis.set_xlabel("labelled images per class")
    row = worth.labels_row(results)
    if row is not None:
        _distance(axis, row, row["images_per_class"], row["effective"], worth.amount(row, "multiplier"))
    return figure


def draw_budget_curve(results: Results) -> Figure:
    """Accuracy over training compute, a curve for models that differ in their budget alone."""
    rows = results.tables["budget_curve"]
    figure = new_figure(WIDTH, 5.0, "Accuracy by training compute")
    axis = figure.subplots()
    if rows.empty:
        say(axis, "No run has finished.")
        return figure
    lines = {worth.start_of(results, curve): own for curve, own in rows.groupby("curve", sort=False)}
    _draw(axis, lines, "compute", results)
    axis.set_xlabel("10¹² multiply-accumulates of forward passes over the images seen by one run")
    row = worth.compute_row(results)
    if row is not None:
        _distance(axis, row, row["compute"], row["needed"], worth.amount(row, "times"))
    return figure


def _draw(axis: Axes, lines: dict[str, pd.DataFrame], amount: str, results: Results) -> None:
    """A line through the means of each of `lines`, with the interval over seeds, on a logarithmic axis of `amount`."""
    palette = colours(results)
    for mark, (label, rows) in zip(MARKS * len(lines), lines.items(), strict=False):
        mean = 100 * rows["mean"].to_numpy(float)
        ends = [mean - 100 * rows["ci_low"], 100 * rows["ci_high"] - mean]
        colour, widths = palette[rows["model"].iloc[0]], np.nan_to_num(np.array(ends, float))
        axis.errorbar(rows[amount], mean, widths, color=colour, marker=mark, ms=5, lw=1.6, elinewidth=1, capsize=2,
                      label=label)  # fmt: skip
    axis.set_xscale("log")
    percent_axis(axis, "test accuracy (%)", "y")
    axis.legend(loc="best")


def _distance(axis: Axes, row: dict[str, Any], start: float, end: float, times: str) -> None:
    """An arrow at the accuracy of `row` from its own amount to the one that the other curve needs."""
    height = 100 * row["accuracy"]
    axis.annotate("", (end, height), (start, height), arrowprops={"arrowstyle": "->", "color": INK, "lw": 1.2})
    axis.annotate(f"× {times}", (np.sqrt(start * end), height), (0, 5), textcoords="offset points", ha="center",
                  fontsize=9, color=INK)  # fmt: skip


def label_curve_page(results: Results) -> list[dict[str, Any]]:
    """What the labels of pretrained models are worth without their weights, and every accuracy."""
    return [prose("How to read it", [
        "Each seed draws the images of its runs, the same for all models, and smaller sets are parts of larger ones. "
        "Validation chooses nothing, because its labels are labels too: all settings were fixed beforehand.",
        NO_EXTRAPOLATION]), worth_in_labels(results), accuracy_by_labels(results)]  # fmt: skip


def worth_in_labels(results: Results) -> dict[str, Any]:
    """A row for each pretrained model, model from random weights, and number of images per class."""
    frame = results.tables["effective_data"].copy()
    for name in ("effective", "multiplier"):
        frame[f"{name}_said"] = [worth.amount(row, name) for row in frame.to_dict("records")]
    for name in ("model", "baseline"):
        frame[name] = frame[name].map(results.labels)
    frame["same"] = np.where(frame["same_network"] == 1, "the same network", "")
    columns = [
        Column("model", "With pretrained weights"),
        Column("images_per_class", "Images per class", text.whole),
        Column("accuracy", "Test accuracy (%)", text.percent, bar=True),
        Column("baseline", "Without", None, "same"),
        Column("effective_said", "needs for it, images per class [95 %]"),
        Column("multiplier_said", "times as many [95 %]"),
    ]
    return table("What pretrained weights are worth in labels", frame, columns, results.csv("effective_data"))


def accuracy_by_labels(results: Results) -> dict[str, Any]:
    """The accuracy of every model on every number of images per class."""
    columns = [Column("label", "Model"), Column("images_per_class", "Images per class", text.whole), *_accuracies()]
    return table("Accuracy by images per class", results.tables["label_curve"], columns, results.csv("label_curve"),
                 "The last row of a model is of its runs on all images.")  # fmt: skip


def budget_curve_page(results: Results) -> list[dict[str, Any]]:
    """What compute random weights need to be as good as pretrained ones, and every accuracy."""
    return [prose("How to read it", [
        "Models whose recipes differ in nothing but the images they see are a curve. The compute of pretraining itself "
        "is not counted.", NO_EXTRAPOLATION]), worth_in_compute(results), accuracy_by_compute(results)]  # fmt: skip


def worth_in_compute(results: Results) -> dict[str, Any]:
    """A row for each pretrained model and curve from random weights."""
    frame = results.tables["compute_needed"].copy()
    for name in ("needed", "times"):
        frame[f"{name}_said"] = [worth.amount(row, name) for row in frame.to_dict("records")]
    frame["model"] = frame["model"].map(results.labels)
    frame["curve"] = [worth.start_of(results, curve) for curve in frame["curve"]]
    columns = [
        Column("model", "With pretrained weights"),
        Column("accuracy", "Test accuracy (%)", text.percent, bar=True),
        Column("compute", "Compute (10¹² MACs)", text.whole),
        Column("curve", "From random weights"),
        Column("needed_said", "needs for it (10¹² MACs) [95 %]"),
        Column("times_said", "times as much [95 %]"),
    ]
    return table("What pretrained weights are worth in compute", frame, columns, results.csv("compute_needed"))


def accuracy_by_compute(results: Results) -> dict[str, Any]:
    """The accuracy of every model, and what its runs computed."""
    columns = [
        Column("label", "Model"),
        Column("images_seen", "Images seen", text.whole),
        Column("compute", "Compute (10¹² MACs)", text.whole),
        *_accuracies(),
    ]
    note = (
        "Compute: multiply-accumulates of forward passes over the images seen; an image of another size than the "
        "model's counts as its share of the pixels. Steps backwards are not in it."
    )
    rows = results.tables["budget_curve"]
    return table("Accuracy by compute", rows, columns, results.csv("budget_curve"), note)


def _accuracies() -> list[Column]:
    return [
        Column("n_seeds", "Seeds", text.whole),
        Column("mean", "Test accuracy (%)", text.percent, bar=True),
        Column("sd", "SD over seeds", text.percent),
        Column("ci_low", "95 % low", text.percent),
        Column("ci_high", "95 % high", text.percent),
    ]
