"""What else a gain may come from: classes that ImageNet has too, weights that may have seen the images."""

from typing import Any

from study.findings import text
from study.findings.results import Results
from study.reporting.markup import Column, table

GAINS = {
    "with_counterpart": "classes with a counterpart in ImageNet",
    "without_counterpart": "classes without",
    "difference": "with minus without",
    "difference_adjusted": "the same between classes in which the baseline is equally good",
    "difference_agreed": "the same without classes on which the two readings differ",
}


def overlap_page(results: Results) -> list[dict[str, Any]]:
    """The gain from pretraining in classes with and without a counterpart in ImageNet; nothing without a list."""
    frame = results.tables["overlap"].copy()
    if frame.empty:
        return []
    frame["pair"] = [results.contrast_label(row.model, row.baseline) for row in frame.itertuples()]
    frame["gain"] = frame["gain"].map(GAINS)
    columns = [
        Column("pair", "Pretrained − random weights"),
        Column("gain", "Gain in test accuracy"),
        Column("value", "Points", text.points),
        Column("low", "95 % low", text.points),
        Column("high", "95 % high", text.points),
        Column("n_with", "Classes with", text.whole),
        Column("n_without", "Classes without", text.whole),
    ]
    note = (
        "Means over classes, with intervals over classes (Welch's for differences). Which classes have a counterpart "
        "among ImageNet's 1,000, and why, is in workflow/study/data/counterparts; it was read twice, by what the "
        "pictures show and by WordNet. The two groups of classes may differ in more than that."
    )
    return [table("Gain in classes that ImageNet has too", frame, columns, results.csv("overlap"), note)]


def contamination_page(results: Results) -> list[dict[str, Any]]:
    """Whether weights of unverified origin look as if they had seen the training images; nothing without any."""
    frame = results.tables["contamination"].copy()
    if frame.empty:
        return []
    for side in ("model", "reference"):
        frame[side] = frame[side].map(results.labels)
    columns = [
        Column("model", "Weights of unverified origin"),
        Column("reference", "against known origin"),
        Column("gain_validation", "Gain on validation (points)", text.points),
        Column("gain_test", "Gain on test (points)", text.points),
        Column("difference", "Validation − test", text.points),
        Column("low", "95 % low", text.points),
        Column("high", "95 % high", text.points),
    ]
    note = (
        "Validation images are drawn from the training images. Weights that have seen these would gain more "
        "on them than on test; weights that have seen the test file too would not show. Intervals cover seeds and "
        "images."
    )
    title = "Have weights of unverified origin seen the training images?"
    return [table(title, frame, columns, results.csv("contamination"), note)]
