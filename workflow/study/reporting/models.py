"""Every model and every run in numbers: test accuracy with both of its variances, and each other metric."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.scores import METRICS, Metric
from study.analysis.uncertainty import MIN_SEEDS
from study.reporting import text
from study.reporting.markup import Column, table
from study.reporting.sources import Sources

OF_RUNS = ("train_accuracy", "val_accuracy", "test_accuracy", "test_top5", "test_superclass", "test_nll", "test_ece")


def head(metric: Metric) -> str:
    """A metric's title for the head of a column."""
    title = metric.title[0].upper() + metric.title[1:]
    return f"{title} ({metric.unit})" if metric.unit else title


def show(metric: Metric) -> Callable[[float], str]:
    """How to write a metric's value: with the same decimals wherever it stands."""
    return partial(text.percent, digits=1) if metric.unit in ("%", "points") else partial(text.number, digits=3)


def runs_page(sources: Sources) -> list[dict[str, Any]]:
    """Every run of the grid."""
    made = sources.tables["provenance"][["model", "seed", "stopped"]]
    frame = sources.tables["runs"].merge(made, on=["model", "seed"], how="left")
    frame["how"] = frame["stopped"].where(frame["outcome"] == "diverged", "")
    shown = [METRICS[name] for name in OF_RUNS if name in frame]
    columns = [
        Column("label", "Model"),
        Column("seed", "Seed", text.whole),
        Column("outcome", "Outcome", None, "how"),
        Column("epochs", "Epochs", text.whole),
        Column("chosen_epoch", "Chosen epoch", text.whole),
        *[Column(one.name, head(one), show(one), bar=one.name == "test_accuracy") for one in shown],
    ]
    note = (
        "The training accuracy is that of the chosen epoch's weights on a sample of the training images, without "
        "augmentation. The file has every other metric."
    )
    return [table("Every run", frame, columns, sources.csv("runs"), note)]


def models_page(sources: Sources) -> list[dict[str, Any]]:
    """Every model: test accuracy with both variances, and every other metric."""
    models = sources.tables["models"]
    columns = [
        Column("label", "Model"),
        Column("n_seeds", "Seeds", text.whole),
        Column("mean", "Mean (%)", text.percent, bar=True),
        *[Column(key, title, text.percent) for key, title in (
            ("sd", "SD"), ("ci_low", "95 % low, seeds"), ("ci_high", "95 % high, seeds"),
            ("min", "Lowest seed"), ("max", "Highest seed"), ("test_low", "95 % low, images"),
            ("test_high", "95 % high, images"),
        )],
    ]  # fmt: skip
    note = f"Over seeds: a t interval of the mean, from {MIN_SEEDS} seeds on. Over images: Wilson's, at the mean."
    shares, others = [], []
    for metric in METRICS.values():
        if metric.name != "test_accuracy" and (models["metric"] == metric.name).any():
            (shares if metric.unit in ("%", "points") else others).append(metric)
    spread = "Mean over seeds, with the standard deviation below it."
    superclass = (
        " Superclass is that of the top class; summed, the one whose classes' probabilities add up to most."
        if sources.has_superclasses
        else ""
    )
    return [
        table("Test accuracy", models[models["metric"] == "test_accuracy"], columns, sources.csv("models"), note),
        _means("Other accuracies, gaps and shares", sources, shares, spread + superclass),
        _means("Other metrics", sources, others, spread),
    ]


def _means(title: str, sources: Sources, metrics: list[Metric], note: str) -> dict[str, Any]:
    """Models as rows, metrics as columns."""
    models = sources.tables["models"]
    frame = pd.DataFrame({"label": sources.labels.values()}, index=sources.models)
    columns = [Column("label", "Model")]
    for metric in metrics:
        rows, said = models[models["metric"] == metric.name].set_index("model"), show(metric)
        frame[metric.name] = rows["mean"]
        frame[f"{metric.name} sd"] = ["" if np.isnan(sd) else f"± {said(sd)}" for sd in rows["sd"]]
        columns.append(Column(metric.name, head(metric), said, f"{metric.name} sd"))
    return table(title, frame, columns, sources.csv("models"), note)
