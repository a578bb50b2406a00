import numpy as np
import pandas as pd
import pytest
from study_factory import labels_of, make_study, superclass_of

from study.analysis.classes import errors_table
from study.analysis.runs import Run
from study.analysis.tables import write_tables
from study.analysis.uncertainty import wilson
from study.findings.topics import confused_pairs

CLASSES = np.arange(100)


def run_of(predicted):
    return Run("cnn", 0, {}, pd.DataFrame(), {"x": 1.0}, np.array(predicted, np.uint8))


def test_errors_by_hand():
    # Of class 7 (superclass of 5 to 9) and 20: the first seed errs twice, once inside; the second once, inside.
    dataset = labels_of([7, 7, 7, 20])
    row = errors_table({"cnn": [run_of([7, 9, 10, 20]), run_of([7, 7, 7, 24])]}, dataset).iloc[0]
    assert row[["n_images", "n_seeds"]].tolist() == [4, 2]
    assert row["errors"] == pytest.approx(3 / 8)
    assert row["within_superclass"] == pytest.approx(2 / 3)
    assert (row["low"], row["high"]) == pytest.approx(wilson(1.0, 1.5))  # of one seed's 1.5 errors
    assert row["expected_by_chance"] == pytest.approx(4 / 99)


def test_without_an_error_there_is_no_share():
    row = errors_table({"cnn": [run_of([7, 8])], "dead": []}, labels_of([7, 8])).iloc[0]
    assert row["errors"] == 0
    assert row[["within_superclass", "low", "high"]].isna().all()
    assert errors_table({"dead": []}, labels_of([7])).empty


def test_errors_at_random_are_within_as_often_as_chance_says():
    rng = np.random.default_rng(0)
    fine = np.repeat(CLASSES, 200)
    predicted = (fine + rng.integers(1, 100, len(fine))) % 100
    row = errors_table({"cnn": [run_of(predicted)]}, labels_of(fine)).iloc[0]
    assert row["errors"] == 1
    assert row["low"] < row["expected_by_chance"] < row["high"]


def test_without_superclasses_only_the_errors_are_counted():
    table = errors_table({"cnn": [run_of([0, 1, 2, 2])]}, labels_of([0, 1, 1, 2], classes=3, superclasses=0))
    assert list(table.columns) == ["model", "n_images", "n_seeds", "errors"]
    assert table["errors"].tolist() == [0.25]


def test_errors_complement_the_accuracies(tmp_path):
    study = make_study(tmp_path / "demo")
    write_tables(study, tmp_path / "tables")
    errors = pd.read_csv(tmp_path / "tables" / "errors.csv").set_index("model")
    means = pd.read_csv(tmp_path / "tables" / "models.csv").pivot(index="model", columns="metric", values="mean")
    for model, row in errors.iterrows():
        assert row["errors"] == pytest.approx(1 - means.loc[model, "test_accuracy"], abs=1e-6)
        within = means.loc[model, "test_superclass"] - means.loc[model, "test_accuracy"]
        assert row["errors"] * row["within_superclass"] == pytest.approx(within, abs=2e-6)
    fine, same = CLASSES, superclass_of(CLASSES)[:, None] == superclass_of(CLASSES)
    assert errors["expected_by_chance"].iloc[0] == pytest.approx((same.sum() - len(fine)) / (100 * 99), abs=1e-6)


def test_confused_pairs_count_both_ways_and_leave_out_the_rest():
    matrix = np.array([[6, 3, 1, 0], [1, 9, 0, 0], [4, 0, 16, 0], [0, 0, 0, 0]])
    # 0 and 1: 3 + 1 of 10 + 10 images; 0 and 2: 1 + 4 of 10 + 20.
    assert confused_pairs(matrix) == [(0, 1, pytest.approx(4 / 20)), (0, 2, pytest.approx(5 / 30))]
    assert confused_pairs(np.diag([1, 2, 3])) == []
    assert confused_pairs(10 * matrix) == confused_pairs(matrix)  # more seeds, the same shares
