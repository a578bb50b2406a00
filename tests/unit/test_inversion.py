"""What one curve needs to reach another: worked by hand, and what must hold for all curves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logit

from study.analysis.inversion import Amount, Curve, amounts_to_reach, differences_at, invert, of_log_likelihood

AMOUNTS = np.array([1.0, 4.0, 16.0])
accuracies = st.lists(st.floats(0.02, 0.98), min_size=2, max_size=8, unique=True).map(sorted)


def curve(amounts: list[float], hits: list[list[int]], images: int = 100) -> Curve:
    """Runs with so many hits each, on the first images, so that runs agree as far as they can."""
    return Curve(np.array(amounts, float), [np.array([np.arange(images) < hit for hit in runs]) for runs in hits])


def reach(reached: Curve, by: Curve) -> list[Amount]:
    return amounts_to_reach(reached, by, np.random.default_rng(0))


def test_between_two_points_the_line_is_of_logit_accuracy_over_log_amount():
    logits = logit([0.2, 0.5, 0.8])  # -ln 4, 0, ln 4
    assert invert(AMOUNTS, logits, logit(1 / 3)) == pytest.approx(2)  # -ln 2 is half of the way from 1 to 4
    assert invert(AMOUNTS, logits, logit(2 / 3)) == pytest.approx(8)
    assert invert(AMOUNTS, logits, logit(0.19)) == 0
    assert invert(AMOUNTS, logits, logit(0.81)) == np.inf


def test_of_amounts_with_one_accuracy_the_smallest_reaches_it():
    assert invert(AMOUNTS, np.array([-1.0, 0.5, 0.5]), 0.5) == 4
    assert invert(AMOUNTS, np.array([0.5, 0.5, 0.5]), 0.5) == 1


@given(accuracies, st.floats(1, 1000), st.floats(1.1, 10))
def test_rising_curves_invert_exactly_at_their_points(heights, first, ratio):
    amounts = first * ratio ** np.arange(len(heights))
    assert [invert(amounts, logit(heights), target) for target in logit(heights)] == amounts.tolist()


@given(accuracies, st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_more_accuracy_never_needs_less(heights, one, other):
    amounts = 2.0 ** np.arange(len(heights))
    low, high = sorted((one, other))
    assert invert(amounts, logit(heights), logit(low)) <= invert(amounts, logit(heights), logit(high))


def test_a_curve_reaches_itself_where_it_was_measured():
    own = curve([1, 4, 16], [[20, 22, 18], [50, 52, 48], [80, 82, 78]])
    found = reach(own, own)
    assert [one.value for one in found] == [1, 4, 16]
    assert all(one.low <= one.value <= one.high for one in found)
    assert found[0].low == 0 and found[-1].high == np.inf  # about half of the resamples lie beyond the ends


def test_a_point_above_or_below_the_other_curve_is_not_extrapolated():
    by = curve([1, 4], [[40, 40, 40], [60, 60, 60]])
    found = reach(curve([1, 2], [[2, 2, 2], [98, 98, 98]]), by)
    assert found == [Amount(0, 0, 0), Amount(np.inf, np.inf, np.inf)]


def test_measured_points_that_fall_are_levelled():
    # 0.6 and 0.5 become one level, at the mean of their logits: (ln 1.5 + 0) / 2
    by = curve([1, 4, 16], [[20] * 3, [60] * 3, [50] * 3])
    level = 100 / (1 + np.exp(-np.log(1.5) / 2))
    below, above = (reach(curve([1], [[int(level) + more] * 3]), by)[0].value for more in (0, 1))
    assert 1 < below < 4 and above == np.inf


def test_runs_that_differ_widen_the_interval_and_one_run_has_none():
    by = curve([1, 4, 16], [[200] * 3, [500] * 3, [800] * 3], 1000)
    same, other = (reach(curve([1], [runs], 1000), by)[0] for runs in ([500, 500, 500], [450, 500, 550]))
    assert same.high / same.low < other.high / other.low
    alone = reach(curve([1], [[500]], 1000), by)[0]
    assert np.isnan([alone.low, alone.high]).all() and alone.value == pytest.approx(same.value)


def test_images_that_both_curves_share_do_not_move_what_one_needs_to_reach_the_other():
    # the same runs on both sides: other test images move both curves alike
    by = curve([1, 4, 16], [[20] * 3, [50] * 3, [80] * 3])
    found = reach(curve([1], [[50] * 3]), by)[0]
    assert (found.low, found.high) == pytest.approx((4, 4))


def test_at_equal_amounts_curves_differ_by_what_was_measured_and_stay_at_their_ends():
    one, other = curve([1, 4], [[30] * 3, [60] * 3]), curve([1, 4, 16], [[20] * 3, [50] * 3, [80] * 3])
    found = differences_at(one, other, AMOUNTS, np.random.default_rng(0))
    assert found[0] == pytest.approx([0.1, 0.1, -0.2])
    assert (found[1] < found[0]).all() and (found[0] < found[2]).all()
    assert differences_at(other, other, AMOUNTS, np.random.default_rng(0)) == pytest.approx(np.zeros((3, 3)), abs=1e-6)
    alone = differences_at(curve([1], [[30]]), other, AMOUNTS, np.random.default_rng(0))
    assert alone[0, 0] == pytest.approx(0.1) and np.isnan(alone[1:]).all()


def test_negative_log_likelihoods_are_interpolated_by_their_logarithm():
    rng = np.random.default_rng(0)
    losses = {1: 4.0, 4: 2.0, 16: 1.0}
    runs = [-loss * (1 + 0.1 * rng.standard_normal((3, 1000))) for loss in losses.values()]
    runs = [run / -run.mean() * loss for run, loss in zip(runs, losses.values(), strict=True)]
    by = Curve(AMOUNTS, runs, of_log_likelihood)
    found = reach(Curve(np.array([1.0, 2.0]), [runs[0] / np.sqrt(2), runs[2] / 2], of_log_likelihood), by)
    assert found[0].value == pytest.approx(2) and found[0].low < 2 < found[0].high
    assert found[1].value == np.inf
