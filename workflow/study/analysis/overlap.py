"""Does pretraining help more in classes that ImageNet has too? Classes with a counterpart there against the others.

data/counterparts/<dataset>.csv names, for each class, the classes of ImageNet-1k that are the same thing or kinds of
it, with a reason. Beside the verdict `counterpart` stand those of two readers, the second of whom had not seen the list
of the first; of CIFAR-100's classes they agree on 99 (Cohen's kappa 0.98). `by_pictures` and `by_wordnet` are what the
first judged by: what the pictures of both show, and whether an ImageNet class is below the word in WordNet 3.0, from
which ImageNet has its classes. Where any differ, the reason says why the verdict follows the one or the other.

For each pair of a pretrained model and one from random weights, the gain of a class is the difference of the two
models' accuracies on its test images. Classes are the sample, so that intervals are of what other classes of the same
kinds would give. Classes with a counterpart may differ from the others in more than that: this is no cause.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from study.analysis.contrasts import every_pair
from study.analysis.runs import Finished, correctness
from study.analysis.uncertainty import UPPER_TAIL, t_interval
from study.config.record import StudyRecord
from study.data.dataset import TEST, Labels

COUNTERPARTS = Path(__file__).parents[1] / "data" / "counterparts"
READINGS = ("first_reader", "second_reader", "by_pictures", "by_wordnet")
COLUMNS = ["model", "baseline", "gain", "n_with", "n_without", "value", "low", "high"]

Estimate = tuple[float, float, float]  # value, low, high


def read_counterparts(dataset: str) -> pd.DataFrame | None:
    """The list of a dataset by class name, yes and no as bool; None where there is none for it."""
    path = COUNTERPARTS / f"{dataset}.csv"
    if not path.exists():
        return None
    table = pd.read_csv(path, index_col="class", keep_default_na=False)
    return table.assign(**{name: table[name] == "yes" for name in ("counterpart", *READINGS)})


def overlap_table(config: StudyRecord, finished: Finished, dataset: Labels) -> pd.DataFrame:
    """Rows per pair of pretrained and random weights: the mean gain of classes with and without counterpart.

    `gain` says of which: with_counterpart, without_counterpart; their difference; the difference between classes in
    which the baseline is equally good (difference_adjusted); and without the classes on which not all readings agree
    (difference_agreed). Empty for data that have no list.
    """
    listed = read_counterparts(config.dataset.name)
    if listed is None or set(listed.index) != set(dataset.fine_names):
        return pd.DataFrame(columns=COLUMNS)
    listed = listed.loc[dataset.fine_names]
    is_in, agreed = listed["counterpart"].to_numpy(), listed[list(READINGS)].nunique(axis=1).eq(1).to_numpy()
    rows = []
    for model, baseline in _pretrained_and_random(config):
        if not (finished[model] and finished[baseline]):
            continue
        accuracy, before = (_by_class(finished[name], dataset) for name in (model, baseline))
        gain = accuracy - before
        every = np.ones(len(gain), bool)
        estimates = {
            "with_counterpart": (_mean(gain[is_in]), every),
            "without_counterpart": (_mean(gain[~is_in]), every),
            "difference": (welch(gain[is_in], gain[~is_in]), every),
            "difference_adjusted": (adjusted(gain, is_in, before), every),
            "difference_agreed": (welch(gain[is_in & agreed], gain[~is_in & agreed]), agreed),
        }
        for name, (estimate, used) in estimates.items():
            counts = (int((is_in & used).sum()), int((~is_in & used).sum()))
            rows.append((model, baseline, name, *counts, *estimate))
    return pd.DataFrame(rows, columns=COLUMNS)


def _pretrained_and_random(config: StudyRecord) -> list[tuple[str, str]]:
    """(model, baseline) of every pair of a pretrained model and one from random weights."""
    pretrained = {name for name, entry in config.models.items() if entry.weights is not None}
    pairs = [sorted(pair, key=pretrained.__contains__) for pair in every_pair(config)]
    return [(model, baseline) for baseline, model in pairs if model in pretrained and baseline not in pretrained]


def welch(one: np.ndarray, other: np.ndarray) -> Estimate:
    """The difference of two means with Welch's 95 % interval (1947, "The generalization of 'Student's' problem").

    NaN where either has fewer than two values.
    """
    if min(len(one), len(other)) < 2:
        return np.nan, np.nan, np.nan
    parts = np.array([values.var(ddof=1) / len(values) for values in (one, other)])
    difference, total = float(one.mean() - other.mean()), parts.sum()
    if total == 0:
        return difference, difference, difference
    df = total**2 / (parts**2 / [len(one) - 1, len(other) - 1]).sum()
    half = float(stdtrit(df, UPPER_TAIL) * np.sqrt(total))
    return difference, difference - half, difference + half


def adjusted(gain: np.ndarray, is_in: np.ndarray, before: np.ndarray) -> Estimate:
    """The difference in `gain` float [C] between classes that are in and not, bool [C], at equal accuracy `before`.

    A class in which the baseline is good has little left to gain. Analysis of covariance: least squares of the gain on
    the group and the baseline's accuracy float [C], with Student's t interval. NaN where that is not determined.
    """
    design = np.column_stack([is_in, before, np.ones(len(gain))]).astype(float)
    df = len(gain) - design.shape[1]
    if df < 1 or np.linalg.matrix_rank(design) < design.shape[1]:
        return np.nan, np.nan, np.nan
    inverse = np.linalg.inv(design.T @ design)
    slopes = inverse @ design.T @ gain
    mean_square = ((gain - design @ slopes) ** 2).sum() / df
    half = float(stdtrit(df, UPPER_TAIL) * np.sqrt(mean_square * inverse[0, 0]))
    return float(slopes[0]), float(slopes[0]) - half, float(slopes[0]) + half


def _mean(values: np.ndarray) -> Estimate:
    mean, _, low, high = t_interval(values)
    return mean, low, high


def _by_class(runs: list, dataset: Labels) -> np.ndarray:
    """Accuracy float [classes] on test, mean over runs."""
    fine = dataset.fine[dataset.ids(TEST)]
    right = correctness(runs, fine).mean(axis=0)
    return np.bincount(fine, right, dataset.classes) / np.bincount(fine, minlength=dataset.classes)
