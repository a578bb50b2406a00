"""Tables by class: where a model is right, and what it takes for what."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from study.analysis.metrics import FINE_CLASSES
from study.analysis.runs import Dataset, Run
from study.analysis.uncertainty import wilson
from study.data.dataset import TEST


def classes_table(finished: dict[str, list[Run]], dataset: Dataset) -> pd.DataFrame:
    """Accuracy of each fine class, mean over a model's finished seeds, with Wilson's interval.

    n is the class's test images, not seeds × images: more seeds do not show more images.
    """
    names = {
        "class_id": np.arange(FINE_CLASSES),
        "class": dataset.fine_names,
        "superclass_id": dataset.fine_to_coarse,
        "superclass": [dataset.coarse_names[number] for number in dataset.fine_to_coarse],
    }
    true = dataset.fine[dataset.ids(TEST)]
    return _accuracy_by_group(finished, names, true, lambda predicted: predicted)


def superclasses_table(finished: dict[str, list[Run]], dataset: Dataset) -> pd.DataFrame:
    """As `classes_table`, by superclass; an image counts as right if the top class belongs to its superclass."""
    names = {"superclass_id": np.arange(len(dataset.coarse_names)), "superclass": dataset.coarse_names}
    true = dataset.coarse[dataset.ids(TEST)]
    return _accuracy_by_group(finished, names, true, lambda predicted: dataset.fine_to_coarse[predicted])


def confusion_table(finished: dict[str, list[Run]], dataset: Dataset) -> pd.DataFrame:
    """How often each class was taken for which (itself included), summed over a model's finished seeds; no zeros."""
    true = dataset.fine[dataset.ids(TEST)].astype(np.int64)
    parts = []
    for model, runs in finished.items():
        counts = np.zeros(FINE_CLASSES**2, dtype=np.int64)
        for run in runs:
            counts += np.bincount(true * FINE_CLASSES + run.predicted, minlength=FINE_CLASSES**2)
        cells = np.flatnonzero(counts)
        true_id, predicted_id = np.divmod(cells, FINE_CLASSES)
        parts.append(
            pd.DataFrame({"model": model, "true_id": true_id, "predicted_id": predicted_id, "count": counts[cells]})
        )
    return pd.concat(parts, ignore_index=True)


def errors_table(finished: dict[str, list[Run]], dataset: Dataset) -> pd.DataFrame:
    """How many test images a model gets wrong, and how many of these it takes for another class of the superclass.

    `errors` is the share of the test images, mean over finished seeds; `within_superclass` the share of all the seeds'
    errors, with Wilson's interval (`low`, `high`) for the errors of one seed on average; `expected_by_chance` what it
    would be if every error fell on any other class alike.
    """
    ids = dataset.ids(TEST)
    fine, coarse = dataset.fine[ids], dataset.coarse[ids]
    siblings = np.bincount(dataset.fine_to_coarse)[coarse] - 1
    rows = []
    for model, runs in finished.items():
        if not runs:
            continue
        predicted = np.array([run.predicted for run in runs])
        is_wrong = predicted != fine
        is_within = is_wrong & (dataset.fine_to_coarse[predicted] == coarse)
        wrong, within = is_wrong.sum() / len(runs), is_within.sum() / len(runs)
        low, high = wilson(within, wrong)
        rows.append(
            {
                "model": model,
                "n_images": len(ids),
                "n_seeds": len(runs),
                "errors": wrong / len(ids),
                "within_superclass": within / wrong if wrong else np.nan,
                "low": float(low),
                "high": float(high),
                "expected_by_chance": siblings.mean() / (FINE_CLASSES - 1),
            }
        )
    columns = ["model", "n_images", "n_seeds", "errors", "within_superclass", "low", "high", "expected_by_chance"]
    return pd.DataFrame(rows, columns=columns)


def _accuracy_by_group(
    finished: dict[str, list[Run]],
    names: dict[str, Sequence],
    true: np.ndarray,
    group_of: Callable[[np.ndarray], np.ndarray],
) -> pd.DataFrame:
    """Mean accuracy by true group int [T], where a prediction's group is group_of(predicted class).

    `names` are the columns that say which group a row is, one entry for each group in the order of its number.
    """
    ids = next(iter(names.values()))
    n_images = np.bincount(true, minlength=len(ids))
    parts = []
    for model, runs in finished.items():
        if not runs:
            continue
        hits = sum(np.bincount(true[group_of(run.predicted) == true], minlength=len(ids)) for run in runs)
        successes = hits / len(runs)
        low, high = wilson(successes, n_images)
        with np.errstate(invalid="ignore"):
            accuracy = successes / n_images
        measured = {"n_images": n_images, "n_seeds": len(runs), "accuracy": accuracy, "low": low, "high": high}
        parts.append(pd.DataFrame({"model": model} | names | measured))
    columns = ["model", *names, "n_images", "n_seeds", "accuracy", "low", "high"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
