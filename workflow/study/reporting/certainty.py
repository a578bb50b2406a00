"""How sure would the study be with other numbers of seeds? Interval and power from the variances it measured."""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from study.analysis.power import DIFFERENCES, ENDLESS, SEEDS
from study.analysis.uncertainty import MIN_SEEDS
from study.data.dataset import TEST
from study.findings import text
from study.findings.compare import with_pair
from study.findings.results import Results
from study.reporting.markup import Column, chart, table
from study.reporting.panels import numbers, pair_key, pairs, shared
from study.reporting.style import FAINT, GRID, INK, colours, new_figure, say, wrap

ACROSS = 3
BEFORE = "#7A7A7A"
MIN_DRAWN = 5  # images of a seed; a point of fewer says nothing, and would pull the line
MEASURES = {
    "ece": ("ECE (%)", text.percent),
    "nll": ("NLL (nats)", partial(text.number, digits=3)),
    "brier": ("Brier score", partial(text.number, digits=3)),
}

SHAKY = 5  # seeds; from fewer, a variance is known to a factor of about 3 at best


def how_sure_section(results: Results) -> dict[str, Any]:
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
    return chart("how_sure", "How sure with more seeds?", data, note, shared(results))


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


def how_sure_page(results: Results) -> list[dict[str, Any]]:
    """What more seeds would do."""
    return [how_sure_section(results)]


def draw_calibration(results: Results) -> Figure:
    """Reliability diagrams: accuracy over confidence, a panel per model, before and after its temperature."""
    models, bins = results.models, results.tables["calibration"]
    across = min(ACROSS, len(models))
    down = -(-len(models) // across)
    figure = new_figure(0.5 + 3.15 * max(across, 2), 0.9 + 3.9 * down, "Reliability: accuracy by confidence")
    if bins.empty:
        say(figure.subplots(), "No run finished.")
        return figure
    axes = figure.subplots(2 * down, max(across, 2), squeeze=False, height_ratios=[4, 1] * down)
    for axis in axes.flat:
        axis.set_axis_off()
    for place, model in enumerate(models):
        row, column = divmod(place, across)
        own = bins[bins["model"] == model]
        upper, lower = axes[2 * row : 2 * row + 2, column]
        upper.set_title(wrap(results.labels[model], 34, 2), pad=30)
        if own.empty:
            say(upper, "No run of this model finished.")
        else:
            _panel(upper, results, model, own)
            _histogram(lower, colours(results)[model], own)
    handles = [
        Line2D([], [], color=BEFORE, marker="o", mfc="white", ms=5, lw=1.2, label="as trained"),
        Line2D([], [], color=INK, marker="o", ms=5, lw=1.2, label="after the temperature (in the model's colour)"),
        Line2D([], [], color=FAINT, ls=(0, (4, 2)), lw=1, label="perfectly calibrated"),
    ]
    figure.legend(handles=handles, loc="outside lower left", ncols=3)
    return figure


def _panel(axis: Axes, results: Results, model: str, bins: pd.DataFrame) -> None:
    axis.set_axis_on()
    axis.plot([0, 100], [0, 100], color=FAINT, ls=(0, (4, 2)), lw=1, zorder=1)
    for scaled, colour, fill in ((0, BEFORE, "white"), (1, colours(results)[model], None)):
        own = bins[(bins["scaled"] == scaled) & (bins["n_images"] >= MIN_DRAWN)]
        axis.vlines(own["confidence"] * 100, own["low"] * 100, own["high"] * 100, color=colour, lw=1, alpha=0.5)
        axis.plot(own["confidence"] * 100, own["accuracy"] * 100, color=colour, marker="o", mfc=fill or colour, ms=4.2,
                  lw=1.2, zorder=3 + scaled)  # fmt: skip
    stats = results.rows("models", model=model).set_index("metric")["mean"]
    seeds = text.counted(int(bins["n_seeds"].max()), "seed")
    said = (
        f"ECE {text.percent(stats['test_ece'])} % → {text.percent(stats['test_ece_scaled'])} % ({bins['bin'].max()} "
        f"bins)\ntemperature {text.number(stats['temperature'])}, {seeds}"
    )
    axis.text(0, 1.03, said, transform=axis.transAxes, va="bottom", fontsize=8, linespacing=1.35)
    axis.set_xlim(0, 101)
    axis.set_ylim(0, 101)
    axis.set_xticks(range(0, 101, 20), [])
    axis.set_yticks(range(0, 101, 20))
    axis.grid(color=GRID)
    axis.set_ylabel("accuracy (%)")


def _histogram(axis: Axes, colour: str, bins: pd.DataFrame) -> None:
    """The share of the images in each bin of confidence: a gap in a bin of few images means little."""
    axis.set_axis_on()
    for scaled, line in ((0, BEFORE), (1, colour)):
        own = bins[bins["scaled"] == scaled]
        edges = [*own["bin_low"] * 100, own["bin_high"].iloc[-1] * 100]
        axis.stairs(100 * own["n_images"] / own["n_images"].sum(), edges, color=line, lw=1.2)
    axis.set_xlim(0, 101)
    axis.set_xticks(range(0, 101, 20))
    axis.set_ylim(bottom=0)
    axis.set_ylabel("images (%)")
    axis.set_xlabel("confidence: probability of the top class (%)")


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
