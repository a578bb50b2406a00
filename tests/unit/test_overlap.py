"""Classes with a counterpart among ImageNet's: the list, and the gain with and without."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from records import record_of
from scipy import stats
from sklearn.metrics import cohen_kappa_score
from study_factory import labels_of
from timm.data import ImageNetInfo

from study.analysis.overlap import READINGS, adjusted, overlap_table, read_counterparts, welch
from study.analysis.runs import Run
from study.data.manifest import load_manifest

LISTED = read_counterparts("cifar100")
CONFIG = record_of(
    models={"cnn": {"weights": None}, "lite0": {"weights": "hub"}, "frozen": {"weights": "hub"}},
    contrasts=[
        {"model": "cnn", "baseline": "lite0"},
        {"model": "lite0", "baseline": "frozen"},  # both are pretrained
        {"model": "frozen", "baseline": "cnn"},  # of the model there is no run
    ],
)


def test_the_list_names_classes_of_imagenet_by_number_and_name():
    info = ImageNetInfo("imagenet-1k")
    for name, row in LISTED.iterrows():
        assert bool(row["imagenet"]) == row["counterpart"], name
        for entry in filter(None, row["imagenet"].split("; ")):
            number, _, word = entry.partition(" ")
            assert word == info.index_to_description(int(number)).split(",")[0], entry


def test_the_list_has_every_class_once_with_a_reason_and_readings_that_agree_give_the_verdict():
    assert len(LISTED) == LISTED.index.nunique() == load_manifest("cifar100").classes
    assert LISTED["reason"].str.len().min() > 10
    agreed = LISTED[LISTED[list(READINGS)].nunique(axis=1) == 1]
    assert (agreed["counterpart"] == agreed["by_pictures"]).all()
    assert len(agreed) == 93
    assert cohen_kappa_score(LISTED["first_reader"], LISTED["second_reader"]) == pytest.approx(0.976, abs=5e-4)


def dataset():
    """Three test images of every class of CIFAR-100, in its order of names."""
    labels = labels_of(np.repeat(np.arange(100), 3))
    labels.fine_names[:] = sorted(LISTED.index)
    return labels


def run(right_per_class):
    """A run that gets so many of every class's three images right."""
    fine = np.repeat(np.arange(100), 3)
    right = np.tile([0, 1, 2], 100) < np.repeat(right_per_class, 3)
    return Run("m", 0, {}, pd.DataFrame(), predicted=np.where(right, fine, (fine + 1) % 100).astype(np.uint8))


def test_the_gain_with_and_without_counterpart_by_hand():
    is_in = LISTED.loc[sorted(LISTED.index), "counterpart"].to_numpy()
    before = np.arange(100) % 2
    gain = np.where(is_in, 2, np.arange(100) % 3 == 0)
    finished = {"cnn": [run(before)], "lite0": [run(before + gain)], "frozen": []}
    table = overlap_table(CONFIG, finished, dataset())
    assert set(zip(table["model"], table["baseline"], strict=True)) == {("lite0", "cnn")}
    table = table.set_index("gain")
    assert table.loc["difference", ["n_with", "n_without"]].tolist() == [70, 30]
    assert table.loc["with_counterpart", ["value", "low", "high"]].tolist() == pytest.approx([2 / 3] * 3)
    without = gain[~is_in] / 3
    assert table.loc["without_counterpart", "value"] == pytest.approx(without.mean())
    assert table.loc["difference", "value"] == pytest.approx(2 / 3 - without.mean())
    assert table.loc["difference_agreed", ["n_with", "n_without"]].tolist() == [67, 26]
    assert overlap_table(replace(CONFIG, dataset=replace(CONFIG.dataset, name="cifar10")), finished, dataset()).empty


def test_the_interval_is_welchs():
    rng = np.random.default_rng(0)
    one, other = rng.normal(1, 1, 20), rng.normal(0, 3, 9)
    expected = stats.ttest_ind(one, other, equal_var=False)
    value, low, high = welch(one, other)
    assert value == pytest.approx(one.mean() - other.mean())
    assert (low, high) == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert np.isnan(welch(one, other[:1])).all()
    assert welch(np.ones(3), np.zeros(2)) == (1, 1, 1)


def test_the_adjusted_difference_takes_out_what_the_baselines_accuracy_explains():
    before = np.array([0.2, 0.4, 0.6, 0.5, 0.7, 0.9])
    is_in = np.array([True] * 3 + [False] * 3)
    noise = np.array([1, -2, 1, -1, 2, -1]) * 0.01  # orthogonal to the rest
    value, low, high = adjusted(0.1 * is_in + 0.5 * (1 - before) + noise, is_in, before)
    assert value == pytest.approx(0.1)
    # Three degrees of freedom, residual sum of squares 12e-4. Of `before`, the groups' means are 0.3 apart, and the sum
    # of squares within them is 0.16.
    error = np.sqrt(12e-4 / 3 * (1 / 3 + 1 / 3 + 0.3**2 / 0.16))
    assert high - low == pytest.approx(2 * stats.t.ppf(0.975, 3) * error)
    assert np.isnan(adjusted(noise, is_in, is_in.astype(float))).all()
