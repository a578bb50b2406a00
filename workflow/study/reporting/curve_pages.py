"""The pages of the three kinds of curves: by epoch, by labelled images per class, and by compute."""

from typing import Any

import numpy as np

from study.findings import text, worth
from study.findings.limits import keeps_last
from study.findings.results import Results
from study.findings.runs import about_epochs
from study.reporting.curves import by_compute, by_labels, learning, panel
from study.reporting.markup import Column, prose, table

MEASURED = (
    "A point is the mean over seeds, its bar the 95 % interval over seeds. Blue starts from pretrained weights, orange "
    "from random ones. The arrow leads to where the other curve is as accurate, that many times further on."
)
NO_EXTRAPOLATION = (
    "Between measured points the curve is a straight line of the logit of accuracy over the logarithm of the amount; "
    "where measured points fall, they are levelled. Nothing is extrapolated: an amount beyond a curve is said to be "
    "more than its largest, or fewer than its smallest. The intervals cover seeds and test images."
)


def learning_page(results: Results) -> list[dict[str, Any]]:
    """Every epoch of every run, and how far each model came."""
    note = (
        "A line is one run, after every epoch; beside it stands the model's mean at the epochs that were kept. Blue "
        "starts from pretrained weights, orange from random ones; the two chosen models are stronger."
    )
    return [panel(results, learning(results), note + about_epochs(results)), learning_table(results)]


def learning_table(results: Results) -> dict[str, Any]:
    """The accuracies of every model's runs after their first epoch and at the one that was kept."""
    rows = results.tables["learning"]
    first = rows.loc[rows["epoch"] == 1, ["model", "seed", "val_accuracy"]]
    first = first.rename(columns={"val_accuracy": "first"})
    frame = results.tables["runs"].merge(first, on=["model", "seed"], how="left")
    columns = [
        Column("label", "Model"),
        Column("seed", "Seed", text.whole),
        Column("first", "Validation after epoch 1 (%)", text.percent, bar=True),
        Column("chosen_epoch", "Epoch that was kept", text.whole),
        Column("epochs", "of", text.whole),
        Column("val_accuracy", "Validation then (%)", text.percent, bar=True),
        Column("train_accuracy", "Training images (%)", text.percent),
        Column("train_val_gap", "Training − validation (points)", text.points),
    ]
    note = "A large gap between training and validation images is overfitting. The file has every epoch, and the loss."
    return table("First epoch and the one that was kept", frame, columns, results.csv("learning"), note)


def label_curve_page(results: Results) -> list[dict[str, Any]]:
    """What the labels of pretrained models are worth without their weights, and every accuracy."""
    said = " ".join([*worth.by_nll(results), *worth.labels_needed(results), MEASURED])
    return [panel(results, by_labels(results), said), prose("How to read it", [
        "Each seed draws the images of its runs, the same for all models, and smaller sets are parts of larger ones. "
        + ("Validation images choose nothing, because their labels are labels too: settings follow a rule that was "
           "fixed beforehand and is tuned for no number of images. The recipes behind it were not found from few "
           "labels: the limitations say how."
           if keeps_last(results) else
           "Validation images chose the epochs, so their labels, which no number here counts, were needed too."),
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
    return [panel(results, by_compute(results), MEASURED), prose("How to read it", [
        "Models whose recipes differ in nothing but the images they see are a curve. The compute of pretraining itself "
        "is not counted.", f"{NO_EXTRAPOLATION} They are made of resamples, and a little wider than that of the "
        "difference of two models."]), worth_in_points(results), worth_in_compute(results),
        accuracy_by_compute(results)]  # fmt: skip


def worth_in_points(results: Results) -> dict[str, Any]:
    """A row for each budget and pair of curves: how far apart they are there."""
    frame = results.tables["matched_budgets"].copy()
    for name in ("curve", "baseline"):
        frame[f"{name}_label"] = [worth.start_of(results, curve) for curve in frame[name]]
    for name in ("model", "baseline"):
        frame[f"{name}_had"] = [f"with {text.number(value, 0)}" for value in frame[f"compute_{name}"]]
    columns = [
        Column("compute", "Budget (10¹² MACs)", text.whole),
        Column("curve_label", "With pretrained weights", None, "model_had"),
        Column("accuracy", "Test accuracy (%)", text.percent, bar=True),
        Column("baseline_label", "From random weights", None, "baseline_had"),
        Column("accuracy_baseline", "Test accuracy (%)", text.percent, bar=True),
        Column("difference", "Points", text.points),
        Column("low", "95 % low", text.points),
        Column("high", "95 % high", text.points),
    ]
    note = "A curve that ends before the budget stands with its largest."
    csv = results.csv("matched_budgets")
    return table("What pretrained weights are worth in points at equal budgets", frame, columns, csv, note)


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
