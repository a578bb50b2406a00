"""Which test images does hardly any network get right, and what are they taken for?"""

import numpy as np
import pandas as pd

from study.analysis.runs import Finished
from study.data.dataset import TEST, Labels

SHOWN = 200
COLUMNS = ["image_id", "test_position", "class_id", "class", "correct_share", "models_all_wrong", "most_named_id",
           "most_named", "most_named_share"]  # fmt: skip


def hardest_table(finished: Finished, dataset: Labels) -> pd.DataFrame:
    """The 200 test images with the lowest `correct_share`; ties: those that more models always get wrong, then those
    that are more often taken for one and the same class, then the first.

    Every model counts alike, whatever its seeds: shares are means over models of the share of their finished runs.
    `models_all_wrong` counts the models none of whose runs is right; `most_named` is the class named most often, which
    may be the true one (ties: the lowest number).
    """
    ids = dataset.ids(TEST)
    fine = dataset.fine[ids].astype(np.int64)
    models = [runs for runs in finished.values() if runs]
    if not models:
        return pd.DataFrame(columns=COLUMNS)
    images = np.arange(len(ids))
    named = np.zeros((len(ids), dataset.classes))
    all_wrong = np.zeros(len(ids), np.int64)
    for runs in models:
        hits = np.zeros(len(ids), np.int64)
        for run in runs:
            named[images, run.predicted] += 1 / len(runs)
            hits += run.predicted == fine
        all_wrong += hits == 0
    named = (named / len(models)).round(12)  # so that sums of thirds tie whatever the order of the seeds
    correct, most_named = named[images, fine], named.argmax(axis=1)
    share = named[images, most_named]
    order = np.lexsort((ids, -share, -all_wrong, correct))[:SHOWN]
    names = np.array(dataset.fine_names, object)
    columns = (ids, images, fine, names[fine], correct, all_wrong, most_named, names[most_named], share)
    return pd.DataFrame({name: column[order] for name, column in zip(COLUMNS, columns, strict=True)})
