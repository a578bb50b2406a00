"""The table pages: which columns each shows, and how."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from study.reporting import text
from study.reporting.accuracy import run_seconds
from study.reporting.answer import best_model
from study.reporting.charts import front_chart, groups_chart
from study.reporting.hardest import is_true
from study.reporting.markup import Column, table
from study.reporting.sources import Sources, read_run

FRONT = (
    "Mean over seeds. On the front: no other model is at least as accurate in less training time. MACs are the "
    "multiply-accumulates of one forward pass of one image."
)
whole = partial(text.number, digits=0)


def millions(value: float) -> str:
    """A count in millions."""
    return text.number(value / 1e6, 1)


METRICS: dict[str, tuple[str, Callable[..., str]]] = {
    "test_accuracy": ("test accuracy (%)", text.percent),
    "test_top5": ("test top-5 (%)", text.percent),
    "test_superclass": ("test superclass (%)", text.percent),
    "test_superclass_summed": ("test superclass, summed (%)", text.percent),
    "val_accuracy": ("validation accuracy (%)", text.percent),
    "train_accuracy": ("train accuracy (%)", text.percent),
    "train_val_gap": ("train − validation (points)", text.percent),
    "val_test_gap": ("validation − test (points)", text.percent),
    "test_nll": ("test NLL (nats)", text.number),
    "test_ece": ("test ECE (%)", text.percent),
    "test_brier": ("test Brier score", text.number),
}


def runs_page(sources: Sources) -> list[dict[str, Any]]:
    """Every run of the grid."""
    frame = sources.tables["runs"].copy()
    for row in frame[frame["outcome"] == "diverged"].itertuples():
        where = read_run(sources.study, row.model, row.seed)["diverged_at"]
        frame.loc[row.Index, "outcome"] = f"diverged in epoch {where['epoch']}, step {where['step']}"
    columns = [
        Column("label", "Model"),
        Column("seed", "Seed", whole),
        Column("outcome", "Outcome"),
        Column("epochs", "Epochs", whole),
        Column("chosen_epoch", "Chosen epoch", whole),
        Column("train_accuracy", "Train (%)", text.percent),
        Column("val_accuracy", "Validation (%)", text.percent),
        Column("test_accuracy", "Test (%)", partial(text.percent, digits=2)),
        Column("test_top5", "Top-5 (%)", text.percent),
        Column("test_superclass", "Superclass (%)", text.percent),
        Column("test_nll", "NLL (nats)", partial(text.number, digits=3)),
        Column("test_ece", "ECE (%)", text.percent),
    ]
    note = "The training accuracy is that of the chosen epoch's weights on a sample of the training images as they are."
    return [table("Every run", frame, columns, sources.csv("runs"), note)]


def models_page(sources: Sources) -> list[dict[str, Any]]:
    """Every model: test accuracy with both variances, and the other metrics."""
    models = sources.tables["models"]
    csv = sources.csv("models")
    fine = partial(text.percent, digits=2)
    test = models[models["metric"] == "test_accuracy"]
    columns = [
        Column("label", "Model"),
        Column("n_seeds", "Seeds", whole),
        *[Column(key, title, fine) for key, title in (
            ("mean", "Mean (%)"), ("sd", "SD"), ("ci_low", "95 % low, seeds"), ("ci_high", "95 % high, seeds"),
            ("min", "Lowest seed"), ("max", "Highest seed"), ("test_low", "95 % low, images"),
            ("test_high", "95 % high, images"),
        )],
    ]  # fmt: skip
    others = pd.DataFrame({"label": test["label"].to_numpy()}, index=test["model"])
    shown = []
    for metric, (title, show) in METRICS.items():
        rows = models[models["metric"] == metric].set_index("model")
        if metric != "test_accuracy" and not rows.empty:
            others[metric] = rows["mean"]
            others[metric + "_sd"] = ["" if np.isnan(sd) else f"± {show(sd, 2)}" for sd in rows["sd"]]
            shown.append(Column(metric, title, partial(show, digits=2), metric + "_sd"))
    return [
        table("Test accuracy", test, columns, csv,
              "Over seeds: a t interval of the mean, from 3 seeds on. Over images: Wilson's, at the mean."),
        table("Other metrics", others, [Column("label", "Model"), *shown], csv,
              "Mean over seeds, with the standard deviation below it. Superclass is that of the top class; summed, the "
              "one whose classes' probabilities add up to most."),
    ]  # fmt: skip


def contrasts_page(sources: Sources) -> list[dict[str, Any]]:
    """The differences the study asks for, and two descriptions of them: wins of seeds, and McNemar's test."""
    return [contrasts_table(sources), mcnemar_table(sources)]


def contrasts_table(sources: Sources) -> dict[str, Any]:
    """Each contrast of the study, in percentage points."""
    frame = sources.tables["contrasts"].copy()
    frame["label"] = [sources.minus(*pair) for pair in zip(frame["model"], frame["baseline"], strict=True)]
    frame["what"] = [METRICS.get(metric, (metric,))[0].removesuffix(" (%)") for metric in frame["metric"]]
    for part in ("seeds", "images"):
        frame[f"sd_{part}"] = np.sqrt(frame[f"var_{part}"])
    pairs = frame["n_seeds"] * frame["n_seeds_baseline"]
    frame["wins_of"] = [f"of {text.counted(count, 'pair')}" if count else "" for count in pairs]
    points = partial(text.points, digits=2)
    columns = [
        Column("label", "Difference"),
        Column("what", "Metric"),
        Column("difference", "Difference (points)", points),
        Column("low", "95 % low", points),
        Column("high", "95 % high", points),
        Column("sd_seeds", "SE from seeds", partial(text.percent, digits=2)),
        Column("sd_images", "SE from images", partial(text.percent, digits=2)),
        Column("p_holm", "p, Holm", text.p_value),
        Column("probability_of_improvement", "Ahead (% of pairs)", partial(text.percent, digits=0), "wins_of"),
        Column("n_seeds", "Seeds", whole),
        Column("n_seeds_baseline", "Seeds, baseline", whole),
        Column("method", "The interval covers"),
    ]
    tested = int(frame["p_holm"].notna().sum())
    note = (
        "In percentage points; images are paired. p is two-sided, of the same t as the interval, and adjusted by "
        f"Holm's method for {text.counted(tested, 'comparison')} of test accuracy: only those of at least 3 seeds of "
        "both models are tested, and no other metric is. Ahead: the share of all pairs of a seed of the model and a "
        "seed of the baseline in which the model's is higher, ties counting half (the probability of improvement)."
    )
    return table("Differences", frame, columns, sources.csv("contrasts"), note)


def mcnemar_table(sources: Sources) -> dict[str, Any]:
    """McNemar's test of every pair of networks: a description of these, no statement on what another seed would do."""
    frame = sources.tables["mcnemar"].copy()
    frame["label"] = [sources.minus(*pair) for pair in zip(frame["model"], frame["baseline"], strict=True)]
    columns = [
        Column("label", "Difference", choose=True),
        Column("seed", "Seed", whole),
        Column("seed_baseline", "Seed, baseline", whole),
        Column("only_model", "Only the model right (images)", whole),
        Column("only_baseline", "Only the baseline right (images)", whole),
        Column("p", "p, McNemar", text.p_value),
    ]
    note = (
        "Two trained networks at a time, on the same test images: how many each gets right that the other does not, "
        "and the p of McNemar's exact test that both numbers are alike. It compares two networks and not two methods, "
        "for another seed is another network; p is not adjusted. The table above answers for the methods."
    )
    return table("Network against network, as a description", frame, columns, sources.csv("mcnemar"), note)


def classes_page(sources: Sources) -> list[dict[str, Any]]:
    """Every class."""
    return [groups_chart(sources, "classes", ("class_id", "class")),
            _by_group(sources, "classes", ["class_id", "class", "superclass"])]  # fmt: skip


def superclasses_page(sources: Sources) -> list[dict[str, Any]]:
    """Every superclass."""
    return [groups_chart(sources, "superclasses", ("superclass_id", "superclass")),
            _by_group(sources, "superclasses", ["superclass_id", "superclass"])]  # fmt: skip


def _by_group(sources: Sources, name: str, keys: list[str]) -> dict[str, Any]:
    """Classes or superclasses as rows, models as columns, the interval under each accuracy, and the best one's gain."""
    long = sources.tables[name]
    frame = long[keys].drop_duplicates(keys[0]).set_index(keys[0]).sort_index().map(text.words)
    columns = [Column(key, key.capitalize()) for key in keys[1:]]
    for place, model in enumerate(sources.models):
        own = long[long["model"] == model].set_index(keys[0])
        frame[f"accuracy {place}"] = own["accuracy"]
        frame[f"interval {place}"] = pd.Series(
            [text.spread(low, high, 0) for low, high in zip(own["low"], own["high"], strict=True)], own.index, dtype=str
        )
        columns.append(Column(f"accuracy {place}", sources.labels[model] + " (%)", text.percent, f"interval {place}"))
    frame = frame.fillna({column: "" for column in frame if column.startswith("interval")})
    best, baseline = best_model(sources.tables["models"]), sources.config["baseline"]
    if best not in (None, baseline):
        frame["gain"] = (
            frame[f"accuracy {sources.models.index(best)}"] - frame[f"accuracy {sources.models.index(baseline)}"]
        )
        columns.append(Column("gain", f"{sources.labels[best]} − {sources.labels[baseline]} (points)", text.points))
    images = long["n_images"].max()
    note = f"Mean over seeds; below it the 95 % Wilson interval for {images} test images. The difference has none here."
    if long.empty:
        note = "No run has finished."
    return table(f"Accuracy by {keys[1]}", frame, columns, sources.csv(name), note)


def costs_page(sources: Sources) -> list[dict[str, Any]]:
    """Time, speed and memory, by model and by run."""
    frame = sources.tables["costs"].assign(run_seconds=run_seconds(sources.tables["costs"]))
    quantities = [
        Column("parameters", "Parameters", whole),
        Column("run_seconds", "Minutes per run", text.minutes),
        Column("features_seconds", "of which features (s)", partial(text.number, digits=1)),
        Column("images_per_second", "Images/s", whole),
        Column("peak_memory_mb", "Peak memory (MB)", whole),
        Column("macs", "MACs per image (millions)", millions),
    ]
    keys = [column.key for column in quantities]
    finished = sources.finished_costs()
    finished = finished.assign(run_seconds=run_seconds(finished))
    means = finished.groupby(["model", "label"], sort=False)[keys].mean().reset_index()
    by_run = [Column("label", "Model"), Column("seed", "Seed", whole), *quantities, Column("device_name", "Device")]
    csv = sources.csv("costs")
    note = (
        "Mean over finished runs. A frozen backbone computes its features once for all its seeds; each run counts "
        "them, and its images/s are those of the head on them."
    )
    return [front_chart(sources), front_table(sources),
            table("By model", means, [Column("label", "Model"), *quantities], csv, note),
            table("By run", frame, by_run, csv)]  # fmt: skip


def front_table(sources: Sources) -> dict[str, Any]:
    """Accuracy and cost of every model, and whether another one beats it in both."""
    frame = sources.tables["front"].copy()
    frame["front"] = ["yes" if is_true(value) else "no" for value in frame["on_front"]]
    columns = [
        Column("label", "Model"),
        Column("accuracy", "Test accuracy (%)", partial(text.percent, digits=2)),
        Column("front", "On the front"),
        Column("train_seconds", "Seconds per run", partial(text.number, digits=1)),
        Column("macs", "MACs per image (millions)", millions),
        Column("parameters", "Parameters", whole),
        Column("peak_memory_mb", "Peak memory (MB)", whole),
        Column("images_per_second", "Images/s", whole),
    ]
    return table("Accuracy and cost", frame, columns, sources.csv("front"), FRONT)
