"""Agreement, McNemar, hardest images, sensitivity, ladder and front, each on a case worked by hand."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from records import record_of
from scipy import stats

from study.analysis.agreement import agreement_table, hardest_table, mcnemar, mcnemar_table, pair_shares
from study.analysis.contrasts import contrast, ladder_table
from study.analysis.costs import costs_table, front_table
from study.analysis.ranking import best_by_validation, on_front
from study.analysis.runs import Run
from study.analysis.sensitivity import sensitivity_contrasts_table, sensitivity_table
from study.analysis.uncertainty import wilson
from study.data.dataset import TEST, TRAIN, Labels

FINE = [0, 1, 2, 3]
NAMES = [f"class_{number}" for number in range(100)]
CONFIG = record_of(
    models={
        "a": {"label": "A", "recipe": "r"},
        "b": {"label": "B", "recipe": "s"},
        "c": {"label": "C", "recipe": "r"},
    },
    trials={"r": {"count": 7, "note": "x"}, "s": {"count": None, "note": "x"}},
    contrasts=[{"model": "b", "baseline": "a"}],
)


def dataset(fine=FINE):
    """Two training images before the test images."""
    fine = np.array([0, 1, *fine], np.uint8)
    split = np.array([TRAIN, TRAIN, *[TEST] * (len(fine) - 2)], np.uint8)
    return Labels(fine=fine, coarse=None, split=split, fine_names=NAMES, coarse_names=[], meta={})


def run(seed, *predicted, **record):
    accuracy = float(np.mean(np.array(predicted) == FINE)) if len(predicted) == 4 else 0.5
    numbers = {"test_accuracy": accuracy}
    return Run("m", seed, record, pd.DataFrame(), numbers, np.array(predicted, np.uint8))


def test_agreement_by_hand():
    finished = {"a": [run(0, 0, 1, 9, 9), run(1, 0, 8, 9, 9)], "b": [run(0, 0, 1, 9, 3)], "c": []}
    table = agreement_table(finished, dataset()).set_index(["model_a", "model_b"])
    columns = ["n_pairs", "agreement", "both_right", "both_wrong", "same_wrong"]
    assert table.loc[("a", "a"), columns].tolist() == pytest.approx([1, 3 / 4, 1 / 4, 2 / 4, 1])
    # with seed 0: agree on 3, both right on 2, both wrong on 1 and alike; with seed 1: 2, 1, 1 and alike
    assert table.loc[("a", "b"), columns].tolist() == pytest.approx([2, 5 / 8, 3 / 8, 1 / 4, 1])
    assert table.loc[("b", "b"), "n_pairs"] == 0 and table.loc[("b", "b"), columns[1:]].isna().all()
    assert table.loc[("a", "c"), "n_pairs"] == 0
    assert len(table) == 6


@given(st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=1, max_size=30))
def test_agreement_is_symmetric_and_its_parts_add_up(rows):
    one, other, fine = np.array(rows).T
    shares = pair_shares(one, other, fine)
    assert pair_shares(other, one, fine) == pytest.approx(shares, nan_ok=True)
    agree, right, wrong, same_wrong = shares
    assert agree == pytest.approx(right + (wrong * same_wrong if wrong else 0))
    assert pair_shares(one, one, fine)[0] == 1


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_binomial_test(one, other):
    expected = stats.binomtest(one, one + other, 0.5).pvalue if one + other else 1.0
    assert mcnemar(one, other) == pytest.approx(expected)


def test_mcnemar_pairs_every_seed_with_every_seed():
    finished = {"a": [run(3, 0, 9, 9, 9), run(4, 9, 9, 9, 9)], "b": [run(5, 9, 1, 2, 3)]}
    table = mcnemar_table(CONFIG, finished, dataset())
    assert table[["seed", "seed_baseline", "only_model", "only_baseline"]].values.tolist() == [
        [5, 3, 3, 1],
        [5, 4, 3, 0],
    ]
    assert table["p"].tolist() == pytest.approx([0.625, 0.25])  # 2 (1 + 4) / 16, and 2 / 8


def test_hardest_by_hand():
    # a (2 seeds): image 0 right, 1 half right, 2 and 3 never; b (1 seed): 2 right, the others never.
    finished = {"a": [run(0, 0, 1, 7, 8), run(1, 0, 6, 7, 9)], "b": [run(0, 9, 6, 2, 8)], "c": []}
    table = hardest_table(finished, dataset())
    assert table["test_position"].tolist() == [3, 1, 0, 2]
    assert table["image_id"].tolist() == [5, 3, 2, 4]
    assert table["correct_share"].tolist() == pytest.approx([0, 0.25, 0.5, 0.5])
    assert table["models_all_wrong"].tolist() == [2, 1, 1, 1]
    # image 3: 8 by half of a and all of b; image 1: 6 likewise; of a tie the lowest class number
    assert table["most_named_id"].tolist() == [8, 6, 0, 2]
    assert table["most_named_share"].tolist() == pytest.approx([0.75, 0.75, 0.5, 0.5])
    assert table["class"].tolist() == ["class_3", "class_1", "class_0", "class_2"]
    assert hardest_table({"c": []}, dataset()).empty


def test_hardest_does_not_depend_on_the_order_of_seeds():
    rng = np.random.default_rng(0)
    fine = rng.integers(0, 100, 300)
    runs = [run(seed, *np.where(rng.random(300) < 0.3, fine, rng.integers(0, 5, 300))) for seed in range(3)]
    tables = [hardest_table({"a": list(order)}, dataset(fine)) for order in itertools.permutations(runs)]
    assert len(tables[0]) == 200
    for table in tables[1:]:
        pd.testing.assert_frame_equal(table, tables[0])


def test_sensitivity_by_hand():
    finished = {"a": [run(0, 0, 1, 9, 9), run(1, 0, 9, 9, 9)], "b": []}
    near = pd.DataFrame({"image_id": [2], "train_image_id": [0], "distance": [0.1], "same_class": [1]})
    table = sensitivity_table(CONFIG, finished, near, dataset()).set_index(["model", "subset"])
    assert len(table) == 4
    row = table.loc[("a", "without_near_duplicates")]  # row 2 is test image 0: of the others, 1/6 is right
    assert row[["n_images", "n_seeds", "accuracy"]].tolist() == pytest.approx([3, 2, 1 / 6])
    assert row["difference"] == pytest.approx(1 / 6 - 3 / 8)
    assert (row["low"], row["high"]) == pytest.approx(tuple(map(float, wilson(0.5, 3))))
    assert table.loc[("b", "all"), "n_seeds"] == 0 and np.isnan(table.loc[("b", "all"), "accuracy"])
    # positions among the test images
    listed = replace(CONFIG, suspect_labels={"images": [2, 3]}, known_duplicates={"images": [1, 2, 3]})
    table = sensitivity_table(listed, finished, near, dataset()).set_index(["model", "subset"])
    assert table.loc[("a", "without_suspect_labels"), "accuracy"] == pytest.approx(3 / 4)
    assert table.loc[("a", "without_known_duplicates"), ["n_images", "accuracy"]].tolist() == [1, 1]


def test_a_contrast_without_doubtful_images_by_hand():
    finished = {"a": [run(s, 0, 9, 9, 9) for s in range(3)], "b": [run(s, 0, 1, 9, 3) for s in range(3)], "c": []}
    near = pd.DataFrame({"image_id": [3]})  # test image 1, which b alone gets right
    every = sensitivity_contrasts_table(CONFIG, finished, near, dataset())
    assert len(every) == 2 * 3 and every.loc[2:, "difference"].isna().all()  # every pair; of c there is no run
    table = every.head(2).set_index("subset")
    assert table["n_images"].tolist() == [4, 3]
    assert table["difference"].tolist() == pytest.approx([2 / 4, 1 / 3])
    assert table["shift"].tolist() == pytest.approx([0, 1 / 3 - 2 / 4])
    kept = [np.array([one.predicted == FINE for one in finished[name]])[:, [0, 2, 3]] for name in "ba"]
    expected = contrast(*kept)
    row = table.loc["without_near_duplicates"]
    assert (row["low"], row["high"]) == pytest.approx((expected.low, expected.high))


def test_the_ladder_compares_each_step_with_the_one_before():
    finished = {"a": [run(s, 0, 1, 9, 9) for s in range(3)], "b": [run(s, 0, 1, 2, 9 - s) for s in range(4)]}
    steps = [{"model": name, "label": name.upper(), "change": "x"} for name in ("a", "b", "elsewhere", "a")]
    table = ladder_table(record_of(ladder=steps), finished, dataset())
    assert table["n_seeds"].tolist() == [3, 4, 0, 3]
    assert table["accuracy"].tolist() == pytest.approx([0.5, 0.75, np.nan, 0.5], nan_ok=True)
    right = [np.array([one.predicted == FINE for one in finished[name]]) for name in "ba"]
    expected = contrast(*right)
    assert table.loc[1, ["difference", "low", "high", "p"]].tolist() == pytest.approx(
        [expected.difference, expected.low, expected.high, expected.p], nan_ok=True
    )
    assert table.loc[[0, 2, 3], ["difference", "low", "high", "p"]].isna().all(axis=None)
    assert ladder_table(record_of(), finished, dataset()).empty


def test_of_unequal_classes_the_ladder_and_the_front_have_balanced_accuracy():
    unequal, one = (
        dataset([0, 0, 0, 1]),
        run(0, 0, 0, 0, 0, cost={"train_seconds": 1, "features_seconds": None}, parameters=7),
    )
    one.numbers["test_balanced_accuracy"] = 0.5
    step = {"model": "a", "label": "A", "change": "x"}
    assert ladder_table(record_of(ladder=[step]), {"a": [one]}, unequal)["accuracy"].tolist() == [0.5]
    assert front_table(CONFIG, {"a": [one]}, "wall", unequal)["accuracy"].tolist() == [0.5]


def test_the_front_by_hand():
    accuracy, seconds = np.array([0.5, 0.7, 0.6, 0.7, 0.4]), np.array([10.0, 30, 30, 30, 9])
    assert on_front(accuracy, seconds).tolist() == [True, True, False, True, True]


def test_the_front_counts_features_and_means_over_runs():
    def cost(train, features, memory):
        return {"train_seconds": train, "features_seconds": features, "peak_memory_mb": memory, "images_per_second": 5}

    first = run(0, 0, 1, 9, 9, cost=cost(10, 5.0, None), parameters=7, macs=None)
    second = run(1, 0, 1, 2, 9, cost=cost(20, 5.0, 100), parameters=7)
    slow = run(0, 0, 9, 9, 9, cost=cost(30, None, None), parameters=8, macs=9)
    table = front_table(
        CONFIG, {"a": [first, second], "b": [slow], "c": []}, "wall", replace(dataset(), fine_names=NAMES[:4])
    ).set_index("model")
    assert table.loc["a", ["accuracy", "run_seconds", "peak_memory_mb", "on_front"]].tolist() == [0.625, 20, 100, 1]
    assert table.loc["b", ["run_seconds", "macs", "on_front"]].tolist() == [30, 9, 0]
    assert table["macs"].isna().tolist() == [True, False]
    assert table["trials"].fillna(-1).tolist() == [7, -1]  # nobody counted those of the second


def timed(train, cpu, features=None, **environment):
    cost = {"train_seconds": train, "cpu_seconds": cpu, "features_seconds": features}
    return run(0, cost=cost, environment={"device": "cpu", "threads": 2} | environment)


@pytest.mark.parametrize(
    ("other", "clock", "seconds"),
    [
        (timed(10, 15), "CPU", [50, 15]),  # the first: 30, and 10 seconds of features on two threads
        (timed(10, None), "wall", [30, 10]),
        (timed(10, 15, device="cuda"), "wall", [30, 10]),
        (run(0), "CPU", [50, np.nan]),  # missing
    ],
)
def test_a_run_costs_cpu_time_where_all_runs_have_it_and_otherwise_the_time_that_passed(other, clock, seconds):
    config = record_of(models={"m": {"label": "M"}})
    table = costs_table(config, [timed(20, 30, 10.0), other])
    assert table["clock"].tolist() == [clock, clock]
    assert table["run_seconds"].tolist() == pytest.approx(seconds, nan_ok=True)
    own = {"CPU": 30, "wall": 20}[clock]
    assert table["shared_seconds"].tolist() == pytest.approx([seconds[0] - own, np.nan], nan_ok=True)


def test_the_best_model_is_the_first_of_those_with_the_highest_validation_accuracy():
    assert best_by_validation({"a": 0.5, "b": np.nan, "c": 0.7, "d": 0.7}) == "c"
    assert best_by_validation({"a": np.nan}) is None
    assert best_by_validation({}) is None
