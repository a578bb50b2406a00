"""Differences class by class: the adjusted interval by hand, verdicts, what happens where nothing varies."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from study_factory import make_study, superclass_of

from study.analysis.contrasts import contrast, holm
from study.analysis.differences import small_contrast, verdict, widened
from study.analysis.tables import write_tables
from study.files import read_json, write_json


def matrices(seeds=5, images=100):
    rng = np.random.default_rng(3)
    return [rng.random((seeds, images)) < accuracy for accuracy in (0.9, 0.7)]


def test_where_seeds_are_alike_it_is_the_adjusted_wald_interval_of_bonett_and_price():
    # Of 20 images only the model gets 6 right, only the baseline 1: with one more each, (7 - 2) / 22 and their formula
    # 3 variance (p12 + p21 - (p12 - p21)^2) / (n + 2), with divisor n + 1 and t(n + 1) for being the t interval.
    model = np.repeat([[True, False, True, False]] * 3, [6, 1, 8, 5], axis=1)
    baseline = np.repeat([[False, True, True, False]] * 3, [6, 1, 8, 5], axis=1)
    found = small_contrast(model, baseline)
    centre, variance = 5 / 22, (7 / 22 + 2 / 22 - (5 / 22) ** 2) / 21
    half = stats.t.ppf(0.975, 21) * np.sqrt(variance)
    assert found.difference == pytest.approx(5 / 20)
    assert (found.low, found.high) == pytest.approx((centre - half, centre + half))


def test_a_class_that_all_get_right_is_not_known_for_sure():
    sure = np.ones((5, 100), bool)
    assert contrast(sure, sure)[:3] == (0, 0, 0)  # what the adjustment is for
    found = small_contrast(sure, sure)
    # two of 102 images differ, by +1 and -1: t(101) * sqrt(2 / 101 / 102)
    assert (found.difference, found.high) == (0, pytest.approx(stats.t.ppf(0.975, 101) * np.sqrt(2 / 101 / 102)))
    assert found.low == -found.high
    assert found.p == 1


def test_equivalence_is_two_one_sided_tests_at_bonferronis_level():
    found = small_contrast(*matrices())
    low, high = widened(found, 2)  # 2.5 % on either side
    assert (low, high) == pytest.approx((found.low, found.high))
    low, high = widened(found, 100)
    ratio = stats.t.ppf(1 - 0.0005, found.df) / stats.t.ppf(0.975, found.df)
    assert (high - low) / (found.high - found.low) == pytest.approx(ratio)


def test_verdicts():
    ahead, alike = small_contrast(*matrices()), small_contrast(np.ones((5, 100), bool), np.ones((5, 100), bool))
    assert verdict(ahead, 0.01, 100, 0.05) == "better"
    assert verdict(ahead, 0.06, 100, 0.05) == "unclear"
    assert verdict(ahead, np.nan, 100, 0.05) == "not tested"
    assert verdict(small_contrast(*matrices()[::-1]), 0.01, 100, 0.05) == "worse"
    assert verdict(alike, 1.0, 100, 0.05) == "equivalent"  # 4.7 points to either side
    assert verdict(alike, 1.0, 100, 0.04) == "unclear"
    assert verdict(alike, 1.0, 100, 0) == "unclear"
    assert verdict(alike, np.nan, 1, 0.05) == "not tested"  # fewer than 3 seeds
    assert verdict(ahead, 0.01, 100, 1.0) == "better"  # a difference that is surely there, however small
    assert verdict(ahead, 0.06, 100, 1.0) == "equivalent"


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(3, 5), st.integers(3, 5), st.integers(2, 30))
def test_properties(seed, rows, others, images):
    rng = np.random.default_rng(seed)
    model, baseline = (rng.random((n, images)) < rng.random() for n in (rows, others))
    found = small_contrast(model, baseline)
    assert found.low <= found.high
    assert found.high > found.low
    assert small_contrast(model[rng.permutation(rows)], baseline[rng.permutation(others)])[:9] == pytest.approx(
        found[:9], nan_ok=True
    )
    back = small_contrast(baseline, model)
    assert (back.difference, back.low) == pytest.approx((-found.difference, -found.high))
    same = small_contrast(model, model)
    assert same.difference == 0 and same.low < 0 < same.high


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = make_study(tmp_path_factory.mktemp("results") / "demo", {"cnn": 0.2, "vit": 0.95, "same": 0.95})
    config = read_json(folder / "config.json")
    contrasts = [*config["contrasts"], {"model": "same", "baseline": "vit"}]
    write_json(folder / "config.json", config | {"contrasts": contrasts, "equivalence_margin": 0.15})
    write_tables(folder, folder / "tables")
    return folder


def test_the_table_has_every_class_of_every_contrast(study):
    table = pd.read_csv(study / "tables" / "class_differences.csv")
    assert table.groupby(["model", "baseline"]).size().to_dict() == {
        ("vit", "cnn"): 100, ("same", "cnn"): 100, ("same", "vit"): 100}  # fmt: skip
    stored = {
        name: [np.load(study / "runs" / name / f"seed-{s}" / "predictions.npz") for s in range(3)]
        for name in ("cnn", "vit")
    }
    fine = np.load(study / "dataset.npz")["fine"][stored["cnn"][0]["test_ids"]]
    right = {
        name: np.array([file["test_logits"].argmax(1) == fine for file in files]) for name, files in stored.items()
    }
    own = table.query("model == 'vit' and baseline == 'cnn'").set_index("class_id")
    expected = small_contrast(right["vit"][:, fine == 42], right["cnn"][:, fine == 42])
    row = own.loc[42]
    assert row[["difference", "low", "p"]].tolist() == pytest.approx(
        [expected.difference, expected.low, expected.p], rel=1e-5
    )
    assert row[["class", "superclass_id", "n_images", "n_seeds"]].tolist() == ["class_42", 2, 10, 3]
    assert own["p_holm"].tolist() == pytest.approx(holm(own["p"].to_numpy()), rel=1e-5)
    assert table[["low", "high"]].abs().max(axis=None) <= 1
    assert "better" not in set(table.query("baseline == 'vit'")["verdict"])


def test_superclasses_are_judged_by_superclass(study):
    table = pd.read_csv(study / "tables" / "superclass_differences.csv").set_index(["model", "baseline"])
    assert (table["n_images"] == 50).all()
    assert set(table.loc[("vit", "cnn"), "verdict"]) == {"better"}
    superclasses = pd.read_csv(study / "tables" / "superclasses.csv").pivot(
        index="superclass_id", columns="model", values="accuracy"
    )
    assert table.loc[("vit", "cnn"), "difference"].tolist() == pytest.approx(
        (superclasses["vit"] - superclasses["cnn"]).tolist(), abs=2e-6
    )
    assert superclass_of(np.array([42])) == 2


def test_two_seeds_leave_every_class_untested(tmp_path):
    folder = make_study(tmp_path / "demo", {"cnn": 0.1, "vit": 1.0}, (0, 1))
    write_tables(folder, folder / "tables")
    table = pd.read_csv(folder / "tables" / "class_differences.csv")
    assert (table["verdict"] == "not tested").all() and table[["p", "p_holm"]].isna().all(axis=None)
    assert table[["low", "high"]].isna().all(axis=None) and table["difference"].notna().all()
