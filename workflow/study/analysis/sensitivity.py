"""Do accuracies and differences hang on doubtful test images: near-duplicates of images seen before, doubted labels?"""

import numpy as np
import pandas as pd

from study.analysis import unequal
from study.analysis.contrasts import contrast, every_pair
from study.analysis.runs import Finished, correctness
from study.analysis.uncertainty import wilson
from study.config.record import StudyRecord
from study.data.dataset import TEST, Labels

COLUMNS = ["model", "label", "subset", "n_images", "n_seeds", "accuracy", "low", "high", "difference"]
OF_CONTRASTS = ["model", "baseline", "subset", "n_images", "difference", "low", "high", "shift"]


def subsets(config: StudyRecord, near_duplicates: pd.DataFrame, dataset: Labels) -> dict[str, np.ndarray]:
    """Masks bool [T] of the test images in each subset; those of lists that the user names only where there is one."""
    ids = dataset.ids(TEST)
    found = {
        "all": np.ones(len(ids), bool),
        "without_near_duplicates": ~np.isin(ids, near_duplicates["image_id"].to_numpy()),
    }
    for name in ("known_duplicates", "suspect_labels"):
        if listed := getattr(config, name):
            found[f"without_{name}"] = ~np.isin(np.arange(len(ids)), listed["images"])
    return found


def sensitivity_table(
    config: StudyRecord, finished: Finished, near_duplicates: pd.DataFrame, dataset: Labels
) -> pd.DataFrame:
    """Test accuracy of each model on each subset, mean over finished seeds, with Wilson's interval over the images.

    It is balanced where the headline is, also in `sensitivity_contrasts_table`. `difference` is the accuracy on the
    subset minus that on all test images. It has no interval: that the images are these is given.
    """
    fine = dataset.fine[dataset.ids(TEST)]
    masks = subsets(config, near_duplicates, dataset)
    rows = []
    for model, runs in finished.items():
        right = correctness(runs, fine)
        accuracies = {name: _mean(right[:, kept], fine[kept], dataset) for name, kept in masks.items()}
        for name, kept in masks.items():
            accuracy, counted = accuracies[name], unequal.counted_images(fine[kept], dataset)
            low, high = wilson(accuracy * counted, counted)
            rows.append((model, config.models[model].label, name, int(kept.sum()), len(runs), accuracy, float(low),
                         float(high), accuracy - accuracies["all"]))  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)


def _mean(right: np.ndarray, fine: np.ndarray, dataset: Labels) -> float:
    return float(unequal.counted_alike(right, fine, dataset).mean(axis=0).mean()) if right.size else np.nan


def sensitivity_contrasts_table(
    config: StudyRecord, finished: Finished, near_duplicates: pd.DataFrame, dataset: Labels
) -> pd.DataFrame:
    """The difference in test accuracy of every pair of models on each subset, with `contrast`'s interval.

    `shift` is the difference on the subset minus that on all test images.
    """
    fine = dataset.fine[dataset.ids(TEST)]
    masks = subsets(config, near_duplicates, dataset)
    rows = []
    for pair in every_pair(config):
        model, baseline = (correctness(finished[name], fine) for name in pair)
        found = {
            name: contrast(*(unequal.counted_alike(right[:, kept], fine[kept], dataset) for right in (model, baseline)))
            for name, kept in masks.items()
        }
        for name, one in found.items():
            rows.append((*pair, name, int(masks[name].sum()), one.difference, one.low, one.high,
                         one.difference - found["all"].difference))  # fmt: skip
    return pd.DataFrame(rows, columns=OF_CONTRASTS)
