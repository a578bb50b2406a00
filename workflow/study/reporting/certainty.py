"""How sure would the study be with other numbers of seeds? Interval and power from the variances it measured."""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.analysis.power import DIFFERENCES, ENDLESS, SEEDS
from study.analysis.uncertainty import MIN_SEEDS
from study.data.dataset import TEST
from study.findings import text
from study.findings.compare import headline, with_pair
from study.findings.results import Results
from study.reporting.accuracy import ranked
from study.reporting.markup import Column, chart, table
from study.reporting.panels import numbers, pair_key, pairs, shared
from study.reporting.style import (
    FAINT,
    GRID,
    WIDTH,
    colours,
    hue,
    name_row,
    new_figure,
    percent_axis,
    rows_only,
    say,
    wrap,
)

MIN_DRAWN = 5  # images of a seed; a point of fewer says nothing, and would pull the line
MEASURES = {
    "ece": ("ECE (%)", text.percent),
    "nll": ("NLL (nats)", partial(text.number, digits=3)),
    "brier": ("Brier score", partial(text.number, digits=3)),
}

SHAKY = 5  # seeds; from fewer, a variance is known to a factor of about 3 at best


def how_sure_page(results: Results) -> list[dict[str, Any]]:
    """Of every two models: half the interval, the images' share of its variance, and the power, by number of seeds."""
    data = {"seeds": list(SEEDS), "differences": list(DIFFERENCES.values()), "min_seeds": MIN_SEEDS,
            "pairs": foreseen(results)}  # fmt: skip
    images = len(results.dataset.ids(TEST))
    note = (
        "What the 95 % interval of a difference would be with other numbers of seeds of each model, on the same "
        f"{images:,} test images: from the variances measured in this study, by the formula of its own intervals. "
        "Power is the chance that the interval leaves out 0 if "
        f"the true difference is as large as said. From fewer than {SHAKY} seeds, the variances are rough estimates."
    )
    return [chart("how_sure", "How sure with more seeds?", data, note, shared(results))]


def foreseen(results: Results) -> dict[str, Any]:
    """By pair, for every number of SEEDS; `seeds` are those that baseline and model had.

    `images` is the share of the variance that no seed takes away; `floor` is half the interval that it leaves.
    """
    had = results.rows("runs", outcome="finished")["model"].value_counts()
    found = {}
    for model, baseline in pairs(results):
        rows = with_pair(results, "more_seeds", model, baseline).set_index("seeds")
        if rows.empty:
            continue
        steps = rows.loc[list(SEEDS)]
        found[pair_key(results, model, baseline)] = {
            "seeds": [int(had[one]) for one in (baseline, model)],
            "half": numbers(steps["half_width"], 5),
            "floor": round(rows.loc[ENDLESS, "half_width"], 5),
            "images": numbers(steps["var_lasting"] / steps["variance"], 3),
            "power": [numbers(steps[name], 3) for name in DIFFERENCES],
        }
    return found


def draw_calibration(results: Results) -> Figure:
    """How far each model's confidence is from its accuracy, and accuracy by confidence of the headline's two."""
    bins, two = results.tables["calibration"], headline(results)
    models = [model for model in ranked(results) if (bins["model"] == model).any()]
    shown = [two.model, two.other] if two else models[:2]
    rows = 1.1 + 0.44 * len(models)
    figure = new_figure(WIDTH, rows + 3.1, "How far confidence is from accuracy")
    if not models:
        say(figure.subplots(), "No run finished.")
        return figure
    above, below = figure.subfigures(2, 1, height_ratios=[rows, 3.1])
    _errors(above.subplots(), results, models)
    for axis, model in zip(below.subplots(1, len(shown), sharey=True, squeeze=False).flat, shown, strict=True):
        _reliability(axis, results, model, bins[bins["model"] == model])
    return figure


def _errors(axis: Axes, results: Results, models: list[str]) -> None:
    """The calibration error of each model, as trained (hollow) and after its temperature (filled)."""
    for row, model in enumerate(models):
        stats = results.rows("models", model=model).set_index("metric")["mean"]
        errors = [100 * stats[name] for name in ("test_ece", "test_ece_scaled")]
        colour = colours(results)[model]
        axis.plot(errors, [row, row], color=colour, lw=1.2, zorder=1)
        axis.plot(errors[:1], [row], "o", color=colour, mfc="white", ms=6)
        axis.plot(errors[1:], [row], "o", color=colour, ms=6)
        said = " → ".join(text.number(error, 1) for error in errors)
        name_row(axis, row, results.labels[model], said, hue(results, model)[0])
    rows_only(axis, len(models))
    axis.set_xlim(0, None)
    percent_axis(axis, "calibration error (ECE, points): ○ as trained, ● after a temperature")


def _reliability(axis: Axes, results: Results, model: str, bins: pd.DataFrame) -> None:
    """Accuracy over confidence, before and after the temperature of the model."""
    axis.plot([0, 100], [0, 100], color=FAINT, ls=(0, (4, 2)), lw=1, zorder=1)
    colour = hue(results, model)[0]
    for scaled, fill in ((0, "white"), (1, colour)):
        own = bins[(bins["scaled"] == scaled) & (bins["n_images"] >= MIN_DRAWN)]
        axis.vlines(own["confidence"] * 100, own["low"] * 100, own["high"] * 100, color=colour, lw=1, alpha=0.5)
        axis.plot(own["confidence"] * 100, own["accuracy"] * 100, color=colour, marker="o", mfc=fill, ms=4.2,
                  lw=1.4 if scaled else 0.8, zorder=3 + scaled)  # fmt: skip
    axis.set_title(wrap(results.labels[model], 30, 2), fontsize=9)
    axis.set(xlim=(0, 101), ylim=(0, 101), xticks=range(0, 101, 25), yticks=range(0, 101, 25), box_aspect=1)
    axis.grid(color=GRID)
    axis.set_xlabel("confidence (%)")
    axis.set_ylabel("accuracy (%)")
    axis.label_outer()


def calibration_page(results: Results) -> list[dict[str, Any]]:
    """Temperature, ECE, NLL and Brier score before and after it, by model and by run; and every bin of the figure."""
    models, runs = results.tables["models"], results.tables["runs"]
    means = models.pivot(index="model", columns="metric", values="mean").reindex(results.models)
    measures = [Column("temperature", "Temperature", partial(text.number, digits=3))]
    for name, (title, show) in MEASURES.items():
        measures += [Column(f"test_{name}", title, show), Column(f"test_{name}_scaled", f"{title}, scaled", show)]
    bins = results.tables["calibration"].assign(
        label=lambda frame: frame["model"].map(results.labels),
        probabilities=lambda frame: np.where(frame["scaled"] == 1, "scaled", "as trained"),
    )
    by_bin = [
        Column("label", "Model", choose=True),
        Column("probabilities", "Probabilities"),
        *[Column(key, title, text.percent) for key, title in (
            ("bin_low", "Confidence above (%)"), ("bin_high", "up to (%)"), ("confidence", "Mean confidence (%)"),
            ("accuracy", "Accuracy (%)"), ("low", "95 % low"), ("high", "95 % high"),
        )],
        Column("n_images", "Images of a seed", partial(text.number, digits=1)),
    ]  # fmt: skip
    explained = (
        "Of the test images, mean over seeds. A temperature above 1 makes a run's probabilities less sure, below 1 "
        "surer; it is fitted on the run's validation images and changes no prediction. ECE, NLL and Brier score: lower "
        "is better."
    )
    pooled = (
        "All finished seeds together. Images are those of one seed on average, and the 95 % Wilson interval counts "
        "only them: more seeds do not show more images."
    )
    label, seed = Column("label", "Model"), Column("seed", "Seed", text.whole)
    return [
        table("By model", means.assign(label=results.labels), [label, *measures], results.csv("models"), explained),
        table("By run", runs, [label, seed, *measures], results.csv("runs")),
        table("By confidence", bins[bins["n_images"] > 0], by_bin, results.csv("calibration"), pooled),
    ]
