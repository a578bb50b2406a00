"""Tables by class: where a model is right, and what it takes for what; and classes as groups of test images."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.runs import Finished, correctness
from study.analysis.uncertainty import wilson
from study.data.dataset import TEST, Labels

WITHIN = ["within_superclass", "low", "high", "expected_by_chance"]


@dataclass(frozen=True)
class Grouping:
    """`columns` name a group in a table, one entry per group in the order of its number.

    `true` is the group of each test image, int [T]; `of_class` the group of each class, int [classes].
    """

    columns: dict[str, Sequence[Any]]
    true: np.ndarray
    of_class: np.ndarray

    @property
    def size(self) -> int:
        """Number of groups."""
        return int(self.of_class.max()) + 1


def by_class(dataset: Labels) -> Grouping:
    """Return the grouping in which each class is a group; its rows name the superclass where there are any."""
    columns = {"class_id": np.arange(dataset.classes), "class": dataset.fine_names}
    if dataset.fine_to_coarse is not None:
        columns["superclass_id"] = dataset.fine_to_coarse
        columns["superclass"] = [dataset.coarse_names[number] for number in dataset.fine_to_coarse]
    return Grouping(columns, dataset.fine[dataset.ids(TEST)], np.arange(dataset.classes))


def by_superclass(dataset: Labels) -> Grouping:
    """Return the grouping by superclass: an image counts as right if the top class belongs to its superclass."""
    columns = {"superclass_id": np.arange(len(dataset.coarse_names)), "superclass": dataset.coarse_names}
    return Grouping(columns, dataset.coarse[dataset.ids(TEST)], dataset.fine_to_coarse)


def classes_table(finished: Finished, dataset: Labels) -> pd.DataFrame:
    """Accuracy of each class, mean over a model's finished seeds, with Wilson's interval.

    n is the class's test images, not seeds × images: more seeds do not show more images.
    """
    return _accuracy_by_group(finished, by_class(dataset))


def superclasses_table(finished: Finished, dataset: Labels) -> pd.DataFrame:
    """As `classes_table`, by superclass; an image counts as right if the top class belongs to its superclass."""
    return _accuracy_by_group(finished, by_superclass(dataset))


def confusion_table(finished: Finished, dataset: Labels) -> pd.DataFrame:
    """How often each class was taken for which (itself included), summed over a model's finished seeds; no zeros."""
    true, classes = dataset.fine[dataset.ids(TEST)].astype(np.int64), dataset.classes
    parts = []
    for model, runs in finished.items():
        named = np.array([true * classes + run.predicted for run in runs], np.int64)
        cells, count = np.unique(named, return_counts=True)
        true_id, predicted_id = np.divmod(cells, classes)
        parts.append(pd.DataFrame({"model": model, "true_id": true_id, "predicted_id": predicted_id, "count": count}))
    return pd.concat(parts, ignore_index=True)


def errors_table(finished: Finished, dataset: Labels) -> pd.DataFrame:
    """How many test images a model gets wrong; with superclasses, how many errors stay within the superclass.

    `errors` is the share of the test images, mean over finished seeds; `within_superclass` the share of all the seeds'
    errors that name another class of the true superclass, with Wilson's interval (`low`, `high`) for the errors of one
    seed on average; `expected_by_chance` what it would be if every error fell on any other class alike.
    """
    fine = dataset.fine[dataset.ids(TEST)]
    rows = []
    for model, runs in finished.items():
        if not runs:
            continue
        predicted = np.array([run.predicted for run in runs])
        share = float((predicted != fine).mean())
        row = {"model": model, "n_images": len(fine), "n_seeds": len(runs), "errors": share}
        rows.append(row | (_within_superclass(predicted, dataset) if dataset.coarse_names else {}))
    columns = ["model", "n_images", "n_seeds", "errors", *(WITHIN if dataset.coarse_names else [])]
    return pd.DataFrame(rows, columns=columns)


def _within_superclass(predicted: np.ndarray, dataset: Labels) -> dict[str, float]:
    """Return the columns of `errors_table` that need superclasses, from classes int [seeds, T]."""
    ids = dataset.ids(TEST)
    fine, coarse = dataset.fine[ids], dataset.coarse[ids]
    is_wrong = predicted != fine
    is_within = is_wrong & (dataset.fine_to_coarse[predicted] == coarse)
    wrong, within = is_wrong.sum() / len(predicted), is_within.sum() / len(predicted)
    low, high = wilson(within, wrong)
    siblings = np.bincount(dataset.fine_to_coarse)[coarse] - 1
    share, chance = within / wrong if wrong else np.nan, siblings.mean() / (dataset.classes - 1)
    return dict(zip(WITHIN, (share, float(low), float(high), chance), strict=True))


def _accuracy_by_group(finished: Finished, grouping: Grouping) -> pd.DataFrame:
    """Mean accuracy by true group; a prediction counts as right if its class belongs to the group."""
    n_images = np.bincount(grouping.true, minlength=grouping.size)
    parts = []
    for model, runs in finished.items():
        if not runs:
            continue
        right = correctness(runs, grouping.true, grouping.of_class).sum(axis=0)
        successes = np.bincount(grouping.true, weights=right, minlength=grouping.size) / len(runs)
        low, high = wilson(successes, n_images)
        with np.errstate(invalid="ignore"):
            accuracy = successes / n_images
        measured = {"n_images": n_images, "n_seeds": len(runs), "accuracy": accuracy, "low": low, "high": high}
        parts.append(pd.DataFrame({"model": model} | grouping.columns | measured))
    columns = ["model", *grouping.columns, "n_images", "n_seeds", "accuracy", "low", "high"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
