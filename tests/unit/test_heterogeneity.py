"""How much classes truly differ, held against worlds whose truth is known and against formulas worked by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from study_factory import make_study

from study.analysis.differences import reachable, small_contrast
from study.analysis.heterogeneity import estimates, gain_probability, shrunken, spread
from study.analysis.tables import write_tables


def test_classes_of_one_variance_by_hand():
    y, v = np.array([0.1, 0.2, 0.6]), np.full(3, 0.01)
    found = spread(y, v)
    assert (found.mean, found.observed_sd, found.sampling_sd) == pytest.approx((0.3, np.sqrt(0.07), 0.1))
    assert (found.q, found.p) == pytest.approx((14, stats.chi2.sf(14, 2)))
    assert found.true_sd == pytest.approx(np.sqrt(0.06))  # 0.07 - 0.01
    ends = [np.sqrt(0.14 / stats.chi2.ppf(level, 2) - 0.01) for level in (0.975, 0.025)]
    assert (found.low, found.high) == pytest.approx(ends)
    means, sds = shrunken(y, v)
    assert means == pytest.approx(0.3 + (y - 0.3) * 6 / 7)
    assert sds == pytest.approx(np.sqrt(0.06 / 7 + (1 / 7) ** 2 * 0.07 / 3))
    assert gain_probability(means, sds) == pytest.approx(stats.norm.cdf(means / sds))


def test_where_classes_are_alike_all_are_shrunken_to_their_mean():
    y, v = np.array([0.10, 0.12, 0.11]), np.array([0.01, 0.01, 0.02])
    found = spread(y, v)
    assert (found.true_sd, found.low) == (0, 0) and found.p > 0.9
    means, sds = shrunken(y, v)
    assert means == pytest.approx(np.full(3, found.mean))
    assert sds == pytest.approx(np.full(3, np.sqrt(1 / 250)))


def test_what_cannot_be_known_is_not_a_number():
    assert np.isnan(spread(np.array([0.3, np.nan]), np.array([0.1, np.nan]))).all()
    means, _ = shrunken(np.array([0.1, np.nan, 0.3]), np.array([0.01, np.nan, 0.01]))
    assert np.isnan(means).tolist() == [False, True, False]


def studies(seeds, count=150, images=100, classes=100):
    """Worlds of classes whose true gains have the mean 5 and the SD 5 points, and what a study sees of them."""
    rng = np.random.default_rng(7)
    groups = np.arange(classes * images).reshape(classes, images)
    for _ in range(count):
        gains = rng.normal(0.05, 0.05, classes)
        sides = []
        for accuracy in (0.75 + gains, np.full(classes, 0.75)):
            # an image is harder or easier for every seed, and each seed is another draw
            skill = rng.normal(0, 1, classes * images) * 0.8 + stats.norm.ppf(accuracy).repeat(images) * np.sqrt(1.64)
            sides.append(skill + rng.normal(0, 1, (seeds, classes * images)) > 0)
        yield gains, *estimates(sides, groups)


def test_the_expected_number_of_losing_classes_and_the_smallest_gains_are_right_on_average():
    losing, smallest, true_sds, covered = [], [], [], []
    for gains, y, v in studies(seeds=3):
        means, sds = shrunken(y, v)
        losing.append([(gains < 0).sum(), (1 - gain_probability(means, sds)).sum()])
        last = [np.argsort(values)[:5] for values in (y, means)]
        smallest.append([(y - gains)[last[0]].mean(), (means - gains)[last[1]].mean()])
        found = spread(y, v)
        true_sds.append(found.true_sd)
        covered.append(found.low < 0.05 < found.high)
    true, expected = np.mean(losing, axis=0)
    assert true == pytest.approx(15.9, abs=1) and expected == pytest.approx(true, rel=0.1)
    raw, shrunk = np.mean(smallest, axis=0)
    assert raw < -0.04 and abs(shrunk) < 0.01
    assert np.mean(true_sds) == pytest.approx(0.05, abs=0.003)
    assert np.mean(covered) > 0.9


def test_seeds_that_move_classes_apart_are_part_of_the_variance():
    rng = np.random.default_rng(3)
    groups = np.arange(4000).reshape(40, 100)
    steady = np.repeat(rng.random((1, 4000)) < 0.7, 3, axis=0)
    moved = np.array([rng.random(4000) < np.repeat(rng.choice([0.5, 0.9], 40), 100) for _ in range(3)])
    assert estimates([steady], groups)[1].mean() == pytest.approx(0.7 * 0.3 / 99, rel=0.1)
    assert estimates([moved], groups)[1].mean() > 0.2**2 / 3 * 0.7


def test_no_equivalence_where_the_typical_class_could_not_reach_it():
    rng = np.random.default_rng(5)
    right = np.repeat(rng.random((1, 100)) < 0.8, 3, axis=0)
    other = right ^ (rng.random((3, 100)) < 0.05)
    alike, apart = small_contrast(right, right), small_contrast(right, other)
    assert reachable([alike, alike, apart], 100, 0.05) == 0.05
    assert reachable([alike, apart, apart], 100, 0.05) == 0


def test_the_table_has_accuracies_of_models_and_differences_of_pairs(tmp_path):
    study = make_study(tmp_path / "demo", {"cnn": 0.3, "vit": 0.8, "few": 0.5}, seeds=(0, 1, 2), diverged=[("few", 1)])
    write_tables(study, study / "tables")
    table = pd.read_csv(study / "tables" / "heterogeneity.csv", keep_default_na=False)
    rows = table[["model", "baseline", "level"]].to_numpy().tolist()
    one = [["cnn", ""], ["vit", ""], ["few", ""], ["vit", "cnn"]]  # few has two seeds, too few for a difference
    assert rows == [[*pair, level] for level in ("class", "superclass") for pair in one]
    gain = table[table["baseline"] == "cnn"].iloc[0]
    assert float(gain["mean"]) == pytest.approx(0.5, abs=0.05)
    assert (gain["surely_gaining"], gain["surely_losing"]) == ("100", "0") and float(gain["expected_losing"]) < 0.01
    differences = pd.read_csv(study / "tables" / "class_differences.csv").query("model == 'vit'")
    assert differences["gain_probability"].rsub(1).sum() == pytest.approx(float(gain["expected_losing"]), abs=1e-4)
    assert pd.read_csv(study / "tables" / "class_differences.csv").query("model == 'few'")["shrunken"].isna().all()
