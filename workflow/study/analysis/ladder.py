"""The ladder of the config: models that differ by one change from one step to the next, and what each change brings."""

import numpy as np
import pandas as pd

from study.analysis.contrasts import contrast
from study.analysis.runs import Finished, correctness
from study.analysis.unequal import counted_alike
from study.config.record import StudyRecord
from study.data.dataset import TEST, Labels

COLUMNS = ["step", "model", "label", "change", "n_seeds", "accuracy", "difference", "low", "high", "p"]


def ladder_table(config: StudyRecord, finished: Finished, dataset: Labels) -> pd.DataFrame:
    """One row per step, from 1: the headline's accuracy, and the difference to the step before with its interval.

    Each step answers a question of its own, so p is adjusted for nothing. A step whose model has no finished run here
    (it is not in the grid, or its runs are missing or diverged) has n_seeds 0 and no numbers; neither it nor the step
    after it has a difference.
    """
    fine = dataset.fine[dataset.ids(TEST)]
    rows, before = [], correctness([], fine)
    for number, step in enumerate(config.ladder, 1):
        right = counted_alike(correctness(finished.get(step["model"], []), fine), fine, dataset)
        found = contrast(right, before)
        accuracy = float(right.mean()) if len(right) else np.nan
        rows.append((number, step["model"], step["label"], step["change"], len(right), accuracy, found.difference,
                     found.low, found.high, found.p))  # fmt: skip
        before = right
    return pd.DataFrame(rows, columns=COLUMNS)
