"""Does the accuracy hang on doubtful test images: near-duplicates of images seen before, labels that a user doubts?"""

from typing import Any

import numpy as np
import pandas as pd

from study.analysis.runs import Finished, correctness
from study.analysis.uncertainty import wilson
from study.data.dataset import TEST, Labels

COLUMNS = ["model", "label", "subset", "n_images", "n_seeds", "accuracy", "low", "high", "difference"]


def subsets(config: dict[str, Any], near_duplicates: pd.DataFrame, dataset: Labels) -> dict[str, np.ndarray]:
    """Masks bool [T] of the test images in each subset; without_suspect_labels only where the config lists any."""
    ids = dataset.ids(TEST)
    found = {
        "all": np.ones(len(ids), bool),
        "without_near_duplicates": ~np.isin(ids, near_duplicates["image_id"].to_numpy()),
    }
    if config["suspect_labels"]:
        found["without_suspect_labels"] = ~np.isin(np.arange(len(ids)), config["suspect_labels"]["images"])
    return found


def sensitivity_table(
    config: dict[str, Any], finished: Finished, near_duplicates: pd.DataFrame, dataset: Labels
) -> pd.DataFrame:
    """Test accuracy of each model on each subset, mean over finished seeds, with Wilson's interval over the images.

    `difference` is the accuracy on the subset minus that on all test images. It has no interval: that the images are
    these is given.
    """
    fine = dataset.fine[dataset.ids(TEST)]
    masks = subsets(config, near_duplicates, dataset)
    rows = []
    for model, runs in finished.items():
        share = correctness(runs, fine).mean(axis=0) if runs else np.full(len(fine), np.nan)
        for name, kept in masks.items():
            n_images = int(kept.sum())
            accuracy = float(share[kept].mean()) if n_images else np.nan
            low, high = wilson(accuracy * n_images, n_images)
            values = (model, config["models"][model]["label"], name, n_images, len(runs), accuracy, float(low),
                      float(high), accuracy - float(share.mean()))  # fmt: skip
            rows.append(dict(zip(COLUMNS, values, strict=True)))
    return pd.DataFrame(rows, columns=COLUMNS)
