"""Every model and every run in numbers: test accuracy with both of its variances, and each other metric."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.provenance import weights_name
from study.analysis.scores import METRICS, Metric
from study.analysis.uncertainty import MIN_SEEDS
from study.findings import text
from study.findings.compare import shown_pairs
from study.findings.results import Results, best_model
from study.findings.runs import about_epochs
from study.reporting.costs import minutes_heading
from study.reporting.markup import Column, table

SUBSETS = {
    "all": "all test images",
    "without_near_duplicates": "without near-duplicates of training or validation images",
    "without_known_duplicates": "without the near-duplicates that the config lists",
    "without_suspect_labels": "without suspect labels",
}

OF_RUNS = ("train_accuracy", "val_accuracy", "test_accuracy", "test_balanced_accuracy", "test_auc", "test_top5",
           "test_superclass", "test_nll", "test_ece")  # fmt: skip


def head(metric: Metric) -> str:
    """A metric's title for the head of a column."""
    title = metric.title[0].upper() + metric.title[1:]
    return f"{title} ({metric.unit})" if metric.unit else title


def show(metric: Metric) -> Callable[[float], str]:
    """How to write a metric's value: with the same decimals wherever it stands."""
    return partial(text.percent, digits=1) if metric.unit in ("%", "points") else partial(text.number, digits=3)


def show_sd(metric: Metric) -> Callable[[float], str]:
    """How to write the standard deviation of a metric."""
    return text.deviation if metric.unit in ("%", "points") else show(metric)


def numbers_page(results: Results) -> list[dict[str, Any]]:
    """The table of the models: accuracy with its spread over seeds, and what a run takes."""
    models, runs = results.tables["models"], results.tables["runs"]
    by_metric = models.pivot(index="model", columns="metric", values="mean").reindex(results.models)
    frame = models[models["metric"] == results.measure].set_index("model").reindex(results.models)
    costs, best = results.finished_costs(), best_model(models)
    seconds = costs.groupby("model")["run_seconds"].mean()
    rows = []
    for name, entry in results.config.models.items():
        planned, seeds = int((runs["model"] == name).sum()), int(frame.loc[name, "n_seeds"])
        tags = ["best by validation"] * (name == best) + ["baseline"] * (name == results.config.baseline)
        kind = f"{text.REGIMES[entry.regime].short}, {entry.input_size} px"
        weights = f", weights: {weights_name(entry.weights, entry.redraw)}" if entry.weights else ""
        rows.append({
            "label": entry.label, "kind": "; ".join([kind + weights, *tags]),
            "seeds": str(seeds) if seeds == planned else f"{seeds} of {planned}",
            "test": frame.loc[name, "mean"], "sd": frame.loc[name, "sd"],
            "interval": text.spread(frame.loc[name, "ci_low"], frame.loc[name, "ci_high"]),
            "both": text.spread(frame.loc[name, "both_low"], frame.loc[name, "both_high"]),
            "validation": by_metric.loc[name, "val_accuracy"], "train": by_metric.loc[name, "train_accuracy"],
            "minutes": seconds.get(name, np.nan),
        })  # fmt: skip
    columns = [
        Column("label", "Model", None, "kind"),
        Column("seeds", "Seeds"),
        Column("test", "Test (%)", text.percent, bar=True),
        Column("sd", "SD over seeds", text.deviation),
        Column("interval", "95 % interval, seeds (%)"),
        Column("both", "95 % interval, seeds and images (%)"),
        Column("validation", "Validation (%)", text.percent),
        Column("train", "Train (%)", text.percent),
        Column("minutes", minutes_heading(costs), text.minutes),
    ]
    return [table("The models in numbers", pd.DataFrame(rows), columns, results.csv("models"))]


def literature_page(results: Results) -> list[dict[str, Any]]:
    """Published numbers with their sources; nothing in them was measured here."""
    if not results.literature:
        return []
    frame = pd.DataFrame([
        entry | {"accuracy": text.published(entry["accuracy"]), "model_kind": text.REGIMES[entry["model_kind"]].short,
                 "training_images": text.images_said(entry)}
        for entry in results.literature
    ])  # fmt: skip
    columns = [Column("label", "Model", None, "model_kind"), Column("accuracy", "Test (%)"),
               Column("training_images", "Trained on (images)"), Column("selection", "Chosen on"),
               Column("source", "Source"), Column("note", "Caveat")]  # fmt: skip
    csv = ("literature.csv", frame.to_csv(index=False, lineterminator="\n").encode())
    return [table("From the literature, not measured here", frame, columns, csv)]


def runs_page(results: Results) -> list[dict[str, Any]]:
    """Every run of the grid."""
    made = results.tables["provenance"][["model", "seed", "stopped"]]
    frame = results.tables["runs"].merge(made, on=["model", "seed"], how="left")
    frame["how"] = frame["stopped"].where(frame["outcome"] == "diverged", "")
    shown = [METRICS[name] for name in OF_RUNS if name in frame]
    columns = [
        Column("label", "Model"),
        Column("seed", "Seed", text.whole),
        Column("outcome", "Outcome", None, "how"),
        Column("epochs", "Epochs", text.whole),
        Column("chosen_epoch", "Chosen epoch", text.whole),
        *[Column(one.name, head(one), show(one), bar=one.name == results.measure) for one in shown],
    ]
    note = (
        "The training accuracy is that of the chosen epoch's weights on a sample of the training images, without "
        f"augmentation. The file has every other metric.{about_epochs(results)}"
    )
    return [table("Every run", frame, columns, results.csv("runs"), note)]


def models_page(results: Results) -> list[dict[str, Any]]:
    """Every model: test accuracy with both variances, and every other metric."""
    models = results.tables["models"]
    columns = [
        Column("label", "Model"),
        Column("n_seeds", "Seeds", text.whole),
        Column("mean", "Mean (%)", text.percent, bar=True),
        Column("sd", "SD", text.deviation),
        *[Column(key, title, text.percent) for key, title in (
            ("ci_low", "95 % low, seeds"), ("ci_high", "95 % high, seeds"),
            ("min", "Lowest seed"), ("max", "Highest seed"), ("test_low", "95 % low, images"),
            ("test_high", "95 % high, images"),
        )],
    ]  # fmt: skip
    note = (
        f"Over seeds: a t interval of the mean, from {MIN_SEEDS} seeds on. Over images: Wilson's, at the mean, which "
        "stands for both where every seed gets all images right, or none."
    )
    shares, others = [], []
    for metric in METRICS.values():
        if metric.name != results.measure and (models["metric"] == metric.name).any():
            (shares if metric.unit in ("%", "points") else others).append(metric)
    spread = "Mean over seeds; below it the standard deviation, and the 95 % interval over test images if there is one."
    superclass = " Superclass is that of the top class; summed, the one whose classes' probabilities add up to most."
    superclass *= results.has_superclasses
    title, rows = METRICS[results.measure].title.capitalize(), models[models["metric"] == results.measure]
    return [
        table(title, rows, columns, results.csv("models"), note),
        _means("Other accuracies, gaps and shares", results, shares, spread + superclass),
        _means("Other metrics", results, others, spread),
    ]


def _means(title: str, results: Results, metrics: list[Metric], note: str) -> dict[str, Any]:
    """Models as rows, metrics as columns."""
    models = results.tables["models"]
    frame = pd.DataFrame({"label": results.labels.values()}, index=results.models)
    columns = [Column("label", "Model")]
    for metric in metrics:
        rows, said = models[models["metric"] == metric.name].set_index("model"), show(metric)
        frame[metric.name] = rows["mean"]
        spreads = ["" if np.isnan(sd) else f"± {show_sd(metric)(sd)}" for sd in rows["sd"]]
        ends = zip(rows["test_low"], rows["test_high"], strict=True)
        ranges = [text.spread(low, high).strip(text.NOTHING) for low, high in ends]
        frame[f"{metric.name} sd"] = ["; ".join(filter(None, both)) for both in zip(spreads, ranges, strict=True)]
        columns.append(Column(metric.name, head(metric), said, f"{metric.name} sd"))
    return table(title, frame, columns, results.csv("models"), note)


def contrasts_page(results: Results) -> list[dict[str, Any]]:
    """The differences the study asks for, and two descriptions of them: wins of seeds, and McNemar's test."""
    return [contrasts_table(results), mcnemar_table(results)]


def contrasts_table(results: Results) -> dict[str, Any]:
    """Each contrast of the study, in percentage points."""
    frame = results.rows_of_pairs("contrasts", shown_pairs(results))
    frame["label"] = [results.contrast_label(*pair) for pair in zip(frame["model"], frame["baseline"], strict=True)]
    frame["what"] = [METRICS[metric].title for metric in frame["metric"]]
    for part in ("seeds", "images"):
        frame[f"sd_{part}"] = np.sqrt(frame[f"var_{part}"])
    frame["errors_between"] = [
        "" if np.isnan(low) else f"{text.change(low)} to {text.change(high)}"
        for low, high in zip(frame["error_ratio_low"], frame["error_ratio_high"], strict=True)
    ]
    pairs = frame["n_seeds"] * frame["n_seeds_baseline"]
    frame["wins_of"] = [f"of {text.counted(count, 'pair')}" if count else "" for count in pairs]
    points = text.points
    columns = [
        Column("label", "Difference"),
        Column("what", "Metric"),
        Column("difference", "Difference (points)", points),
        Column("low", "95 % low", points),
        Column("high", "95 % high", points),
        Column("lowest", "Lowest, single runs", points),
        Column("highest", "Highest, single runs", points),
        Column("error_ratio", "Errors", text.change, "errors_between"),
        Column("sd_seeds", "SE from seeds", partial(text.percent, digits=2)),
        Column("sd_images", "SE from images", partial(text.percent, digits=2)),
        Column("p_holm", "p, Holm", text.p_value),
        Column(
            "probability_of_improvement", "Probability of improvement (%)", partial(text.percent, digits=0), "wins_of"
        ),
        Column("n_seeds", "Seeds", text.whole),
        Column("n_seeds_baseline", "Seeds, baseline", text.whole),
        Column("method", "Interval over"),
    ]
    tested = int(frame["p_holm"].notna().sum())
    enough = f"at least {MIN_SEEDS} seeds of both models"
    test = f"Nothing is tested here, because that takes {enough}."
    if tested:
        test = (
            "p is two-sided, of the same t as the interval, and adjusted by Holm's method for "
            f"{text.counted(tested, 'comparison')} of {results.measured}: only those of {enough} are tested, and no "
            "other metric is."
        )
    shown = f"{test} No interval is adjusted for their number."
    if (frame["var_seeds"] == 0).any():
        shown += " An SE from seeds of 0.00: not distinguishable from image noise."
    note = (
        f"In percentage points; images are paired. {shown} Probability of improvement: the share of all pairs of a "
        "seed of the model and a seed of the baseline in which the model's is higher, ties counting half."
    )
    return table("Differences", frame, columns, results.csv("contrasts"), note)


def mcnemar_table(results: Results) -> dict[str, Any]:
    """McNemar's test of every pair of networks: it describes these two, and says nothing about other seeds."""
    frame = results.tables["mcnemar"].copy()
    frame["label"] = [results.contrast_label(*pair) for pair in zip(frame["model"], frame["baseline"], strict=True)]
    columns = [
        Column("label", "Difference", choose=True),
        Column("seed", "Seed", text.whole),
        Column("seed_baseline", "Seed, baseline", text.whole),
        Column("only_model", "Only the model right (images)", text.whole),
        Column("only_baseline", "Only the baseline right (images)", text.whole),
        Column("p", "p, McNemar", text.p_value),
    ]
    note = (
        "Two trained networks at a time, on the same test images: how many each gets right that the other does not, "
        "and the p of McNemar's exact test that both numbers are equal. It compares two networks, not two methods, "
        "because another seed gives another network; p is not adjusted. For the methods see the table above."
    )
    return table("McNemar's test for each pair of trained networks", frame, columns, results.csv("mcnemar"), note)


def sensitivity_page(results: Results) -> list[dict[str, Any]]:
    """Test accuracy, and its differences, with and without the images in doubt."""
    frame: pd.DataFrame = results.tables["sensitivity"].copy()
    frame.loc[frame["subset"] == "all", "difference"] = np.nan
    frame["subset"] = frame["subset"].map(SUBSETS)
    points = partial(text.points, digits=2)
    columns = [
        Column("label", "Model"),
        Column("subset", "Test images"),
        Column("n_images", "Images", text.whole),
        Column("accuracy", "Accuracy (%)", text.percent),
        Column("low", "95 % low, images", text.percent),
        Column("high", "95 % high, images", text.percent),
        Column("difference", "Change (points)", points),
        Column("n_seeds", "Seeds", text.whole),
    ]
    note = (
        "Mean over seeds, with the 95 % Wilson interval for the number of images. Methods says what near-duplicates "
        "are; suspect labels are those of a list that the config may name. If the order of the models or the size of a "
        "gap changed here, the answer would depend on the images left out."
    )
    return [
        table("Sensitivity to the test images", frame, columns, results.csv("sensitivity"), note),
        _differences_without(results),
    ]


def _differences_without(results: Results) -> dict[str, Any]:
    """The contrasts that the config asks for, on each subset of the test images."""
    frame = results.rows_of_pairs("sensitivity_contrasts", results.config.contrasts)
    frame["contrast"] = [results.contrast_label(row.model, row.baseline) for row in frame.itertuples()]
    frame["subset"] = frame["subset"].map(SUBSETS)
    points = partial(text.points, digits=2)
    columns = [
        Column("contrast", "Difference"),
        Column("subset", "Test images"),
        Column("difference", "Points", points),
        Column("low", "95 % low", points),
        Column("high", "95 % high", points),
        Column("shift", "Change (points)", points),
    ]
    note = "Intervals cover seeds and test images. The file has every pair of models."
    return table("Differences without doubtful images", frame, columns, results.csv("sensitivity_contrasts"), note)
