"""Numbers in which every class counts alike, worked by hand; how often their intervals cover the truth, simulated."""

import numpy as np
import pytest
from study_factory import labels_of

from study.analysis import unequal
from study.analysis.contrasts import contrast
from study.analysis.uncertainty import over_seeds, share_of, t_interval, wilson

FINE = np.repeat([0, 1], [90, 10])


def test_classes_are_unequal_where_the_largest_has_more_than_half_as_many_images_again():
    assert not unequal.is_unequal(labels_of([0, 0, 0, 1, 1], classes=2, superclasses=0))
    assert unequal.is_unequal(labels_of([0, 0, 0, 0, 1, 1], classes=2, superclasses=0))
    assert unequal.is_unequal(labels_of([0], classes=2, superclasses=0))  # a class without a test image


def test_naming_the_larger_class_always_is_worth_half():
    right = np.array([FINE == 0, FINE == 1])
    assert unequal.balanced_accuracy(right[0], FINE) == 0.5
    assert unequal.balanced(right, FINE).mean(axis=1) == pytest.approx([0.5, 0.5])
    half = np.repeat([True, False, True, False], [45, 45, 5, 5])  # half of either class
    each = unequal.balanced(half[None], FINE)[0]
    # variance within the classes alone: 1/4 over the images of each, a quarter of their sum
    assert each.var() / len(FINE) == pytest.approx((0.25 / 90 + 0.25 / 10) / 4)


def test_a_balanced_accuracy_of_equal_classes_is_the_accuracy():
    right = np.array([True, False, True, True])
    assert unequal.balanced_accuracy(right, np.array([0, 0, 1, 1])) == 0.75
    assert unequal.effective_images(np.array([0, 0, 1, 1])) == 4
    assert unequal.effective_images(FINE) == pytest.approx(4 / (1 / 90 + 1 / 10))


def test_macro_f1_by_hand():
    counts = unequal.confusion([np.array([0, 0, 1]), np.array([0, 1, 1])], np.array([0, 0, 1]), 2)
    assert counts.tolist() == [[1.5, 0.5], [0, 1]]
    # class 0 has 2 images and is named 1.5 times, 1.5 of them rightly; class 1 has 1 image, is named 1.5 times, 1 right
    assert unequal.macro_f1(counts) == pytest.approx((2 * 1.5 / 3.5 + 2 * 1 / 2.5) / 2)
    low, high = unequal.macro_f1_interval(counts * 40)
    assert low < unequal.macro_f1(counts) < high < 1


def test_the_area_under_the_curve_counts_pairs_and_half_of_the_ties():
    logits = np.array([[0, 1], [0, 2], [0, 2], [0, 3.0]])
    # of class 1: 2 is above 1 and ties with 2, 3 is above both
    assert unequal.auc(logits, np.array([0, 0, 1, 1])) == (1.5 + 2) / 4
    assert np.isnan(unequal.auc(logits, np.zeros(4, int)))
    low, high = unequal.auc_interval(0.8, (30, 50))
    assert 0.6 < low < 0.8 < high < 0.9
    assert unequal.auc_interval(0.2, (50, 30)) == pytest.approx((1 - high, 1 - low))


def test_an_interval_at_100_percent_is_no_point():
    low, high = unequal.auc_interval(1.0, (50, 50))
    assert 0.9 < low < 0.99 and high == 1
    low, high = unequal.macro_f1_interval(np.diag([50.0, 50.0]))
    assert 0.95 < low < 0.99 and high == 1
    row = over_seeds(np.ones(3), share_of(100))
    assert (row["ci_low"], row["ci_high"]) == (row["test_low"], row["test_high"]) == pytest.approx(wilson(100, 100))


def test_the_interval_of_a_share_over_seeds_ends_at_0_and_100_percent():
    values = np.array([0.9, 1.0, 1.0])
    *_, low, high = t_interval(values)
    assert high > 1
    assert (over_seeds(values)["ci_low"], over_seeds(values)["ci_high"]) == (low, 1)
    assert over_seeds(1 - values)["ci_low"] == 0
    assert over_seeds(values, is_share=False)["ci_high"] == high


@pytest.mark.parametrize(("sizes", "chances"), [((90, 10), (0.95, 0.7)), ((300, 60, 20), (0.9, 0.8, 0.5))])
def test_the_intervals_of_balanced_accuracy_and_macro_f1_cover_the_truth(sizes, chances):
    # The truth is of ever more images; a wrong image is taken for the next class.
    rng, classes, found = np.random.default_rng(7), len(sizes), []
    fine = np.repeat(range(classes), sizes)
    rates = np.array(sizes) * chances
    expected = np.diag(rates) + np.roll(np.diag(np.array(sizes) - rates), 1, axis=1)
    baseline = np.array([True, False])[np.arange(len(fine)) % 2]
    for _ in range(300):
        right = rng.random(len(fine)) < np.array(chances)[fine]
        counts = unequal.confusion([np.where(right, fine, (fine + 1) % classes)], fine, classes)
        low, high = unequal.macro_f1_interval(counts)
        alike = [np.repeat(unequal.balanced(one[None], fine), 3, axis=0) for one in (right, baseline)]
        gain = contrast(*alike)
        true = np.mean(chances) - unequal.balanced_accuracy(baseline, fine)
        wide = share_of(unequal.effective_images(fine))(unequal.balanced_accuracy(right, fine))
        found.append((low <= unequal.macro_f1(expected) <= high, wide[0] <= np.mean(chances) <= wide[1],
                      gain.low <= true <= gain.high))  # fmt: skip
    print(np.mean(found, axis=0))
    assert (np.mean(found, axis=0) >= 0.9).all(), np.mean(found, axis=0)
