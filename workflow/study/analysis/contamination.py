"""Have pretrained weights of unverified origin seen these very images? Their gain on validation against that on test.

Validation images are a part of the official training file, held out from every run here. A network whose weights have
seen that file knows them already, and would be better on them than its accuracy on test lets expect. The comparison is
with a pretrained network of known origin on the same images, so that it does not matter that the two sets of images may
differ in difficulty. Weights that have seen the test file too would not show.

A model's weights are of unverified origin where the config says so (`origin: unverified`).
"""

from typing import Any

import numpy as np
import pandas as pd

from study.analysis.contrasts import SEEDS_AND_IMAGES, TOO_FEW_SEEDS, SeedPart, combined, seed_part
from study.analysis.ranking import best_by_validation
from study.analysis.runs import Finished, Run, correctness
from study.analysis.uncertainty import MIN_SEEDS
from study.config.record import ModelRecord, StudyRecord
from study.data.dataset import TEST, VALIDATION, Labels

COLUMNS = ["model", "reference", "gain_validation", "gain_test", "difference", "low", "high", "n_validation", "n_test",
           "n_seeds", "n_seeds_reference", "method"]  # fmt: skip


def is_of_unverified_origin(model: ModelRecord) -> bool:
    """Whether a model's entry in config.json says so."""
    return model.origin == "unverified"


def contamination_table(config: StudyRecord, finished: Finished, dataset: Labels) -> pd.DataFrame:
    """One row per model of unverified origin: its gain over the reference on validation minus that on test, a fraction.

    The reference is the best pretrained model of known origin by validation accuracy. Runs whose recipe has a
    validation split of its own are left out; a model without others, or a study without a reference, has no row.
    """
    shared = {model: [run for run in runs if run.val_predicted is not None] for model, runs in finished.items()}
    known = {
        model: float(np.mean([run.numbers["val_accuracy"] for run in runs])) if runs else np.nan
        for model, runs in shared.items()
        if config.models[model].weights and not is_of_unverified_origin(config.models[model])
    }
    reference = best_by_validation(known)
    rows = [
        {"model": model, "reference": reference} | _compared(runs, shared[reference], dataset)
        for model, runs in shared.items()
        if reference and runs and is_of_unverified_origin(config.models[model])
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _compared(runs: list[Run], reference: list[Run], dataset: Labels) -> dict[str, Any]:
    """The numbers of one row.

    The two sets of images are apart, so the variances of the mean difference per image add up; what a seed does to both
    sets alike cancels, and what is left of it, beyond the images' noise, is added as in `contrast`.
    """
    test, held_out = dataset.fine[dataset.ids(TEST)], dataset.fine[dataset.ids(VALIDATION)]
    pairs = [
        (correctness(some, test), np.array([run.val_predicted for run in some]) == held_out)
        for some in (runs, reference)
    ]
    gains = [right.mean(axis=0) - before.mean(axis=0) for right, before in zip(*pairs, strict=True)]
    gain_test, gain_validation = (float(gain.mean()) for gain in gains)
    difference = gain_validation - gain_test
    low, high, method = np.nan, np.nan, TOO_FEW_SEEDS
    if min(len(runs), len(reference)) >= MIN_SEEDS:
        var_images = sum(float(gain.var(ddof=1)) / len(gain) for gain in gains)
        _, _, half = combined(var_images, min(len(test), len(held_out)), [_gap_part(*pair) for pair in pairs])
        low, high, method = difference - half, difference + half, SEEDS_AND_IMAGES
    return {
        "gain_validation": gain_validation, "gain_test": gain_test, "difference": difference, "low": low, "high": high,
        "n_validation": len(held_out), "n_test": len(test), "n_seeds": len(runs), "n_seeds_reference": len(reference),
        "method": method,
    }  # fmt: skip


def _gap_part(test: np.ndarray, held_out: np.ndarray) -> SeedPart:
    """What seeds do to a model's accuracy on validation minus that on test; correctness bool [S, T] and [S, V]."""
    gaps = held_out.mean(axis=1) - test.mean(axis=1)
    noise = seed_part(test).noise + seed_part(held_out).noise
    return SeedPart(float(gaps.var(ddof=1)) / len(gaps), noise, len(gaps))
