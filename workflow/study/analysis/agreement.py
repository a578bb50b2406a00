"""Image by image: do two networks say the same, and which images does hardly any get right?

Description only: networks, not methods, are what is compared here.
"""

import itertools

import numpy as np
import pandas as pd
from scipy.special import bdtr

from study.analysis.runs import Finished, correctness
from study.config.record import StudyRecord
from study.data.dataset import TEST, Labels

SHARES = ["agreement", "both_right", "both_wrong", "same_wrong"]
HARDEST_SHOWN = 200
HARDEST = ["image_id", "test_position", "class_id", "class", "correct_share", "models_all_wrong", "most_named_id",
           "most_named", "most_named_share"]  # fmt: skip


def agreement_table(finished: Finished, dataset: Labels) -> pd.DataFrame:
    """Mean over the pairs of a finished run of model_a and one of model_b (of one model: of different seeds).

    `agreement` is the share of the test images for which both name the same class, right or wrong; `same_wrong` the
    share of those that both get wrong for which they name the same wrong class, mean over the pairs that have any.
    """
    fine = dataset.fine[dataset.ids(TEST)]
    rows = []
    for first, second in itertools.combinations_with_replacement(finished, 2):
        runs = [[run.predicted for run in finished[name]] for name in (first, second)]
        pairs = list(itertools.combinations(runs[0], 2) if first == second else itertools.product(*runs))
        shares = pd.DataFrame([pair_shares(*pair, fine) for pair in pairs], columns=SHARES, dtype=float)
        rows.append({"model_a": first, "model_b": second, "n_pairs": len(pairs), **shares.mean()})
    return pd.DataFrame(rows)


def pair_shares(one: np.ndarray, other: np.ndarray, fine: np.ndarray) -> tuple[float, float, float, float]:
    """agreement, both_right, both_wrong and same_wrong of two networks' classes int [T]; see `agreement_table`."""
    same, right, other_right = one == other, one == fine, other == fine
    agree, both_right = same.mean(), (right & other_right).mean()
    both_wrong = (~right & ~other_right).mean()
    # where they agree and are not both right, they are both wrong
    same_wrong = (same & ~right).sum() / (~right & ~other_right).sum() if both_wrong else np.nan
    return float(agree), float(both_right), float(both_wrong), float(same_wrong)


def mcnemar_table(config: StudyRecord, finished: Finished, dataset: Labels) -> pd.DataFrame:
    """For every contrast, every pair of a run of the model and one of the baseline: who alone gets how many right?

    `p` is McNemar's exact test: two-sided, binomial with one half on the images that only one of the two gets right
    (McNemar 1947). It is of these two networks; on other seeds it says nothing, so it is adjusted for nothing.
    """
    fine = dataset.fine[dataset.ids(TEST)]
    right = {model: correctness(runs, fine) for model, runs in finished.items()}
    rows = []
    for model, baseline in config.contrasts:
        for (i, run), (j, other) in itertools.product(enumerate(finished[model]), enumerate(finished[baseline])):
            only_model = int((right[model][i] & ~right[baseline][j]).sum())
            only_baseline = int((~right[model][i] & right[baseline][j]).sum())
            p = mcnemar(only_model, only_baseline)
            rows.append((model, baseline, run.seed, other.seed, only_model, only_baseline, p))
    columns = ["model", "baseline", "seed", "seed_baseline", "only_model", "only_baseline", "p"]
    return pd.DataFrame(rows, columns=columns)


def mcnemar(only_one: int, only_other: int) -> float:
    """The exact two-sided p that as unequal a split, or more so, of the images comes from one half each."""
    fewer, both = min(only_one, only_other), only_one + only_other
    return min(1.0, 2 * float(bdtr(fewer, both, 0.5))) if both else 1.0


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
        return pd.DataFrame(columns=HARDEST)
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
    order = np.lexsort((ids, -share, -all_wrong, correct))[:HARDEST_SHOWN]
    names = np.array(dataset.fine_names, object)
    columns = (ids, images, fine, names[fine], correct, all_wrong, most_named, names[most_named], share)
    return pd.DataFrame({name: column[order] for name, column in zip(HARDEST, columns, strict=True)})
