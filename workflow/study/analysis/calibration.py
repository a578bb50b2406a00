"""Do probabilities mean what they say? One temperature per run, fitted on validation, and reliability by confidence."""

import numpy as np
import pandas as pd

from study.analysis import metrics
from study.analysis.runs import Finished
from study.analysis.uncertainty import wilson

COLUMNS = ["model", "scaled", "bin", "bin_low", "bin_high", "n_images", "n_seeds", "confidence", "accuracy", "low",
           "high"]  # fmt: skip


def calibration_table(finished: Finished) -> pd.DataFrame:
    """Mean confidence and accuracy of the test images in each bin of confidence, before and after the temperature.

    Bins are those of the expected calibration error, over the images of all of a model's finished seeds together;
    `n_images` is a seed's average number of images in the bin, whole or not, and the n of Wilson's interval (`low`,
    `high`) of the accuracy: seeds × images would count every image once a seed. `scaled` is 1 after the temperature.
    """
    edges = np.arange(metrics.ECE_BINS + 1) / metrics.ECE_BINS
    place = {"bin": np.arange(1, len(edges)), "bin_low": edges[:-1], "bin_high": edges[1:]}
    parts = []
    for model, runs in finished.items():
        for scaled in (0, 1) if runs else ():
            n_images, confidence, hits = sum(run.bins[scaled] for run in runs) / len(runs)
            low, high = wilson(hits, n_images)
            with np.errstate(invalid="ignore"):
                measured = {"confidence": confidence / n_images, "accuracy": hits / n_images, "low": low, "high": high}
            count = {"n_images": n_images, "n_seeds": len(runs)}
            parts.append(pd.DataFrame({"model": model, "scaled": scaled} | place | count | measured))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)
