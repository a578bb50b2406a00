import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from study.analysis.uncertainty import t_interval, wilson


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_that_of_scipy(case):
    successes, n = case
    expected = stats.binomtest(successes, n).proportion_ci(method="wilson")
    low, high = wilson(successes, n)
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert 0 <= low <= successes / n <= high <= 1


def test_wilson_is_vectorised_and_knows_nothing_without_images():
    low, high = wilson(np.array([0, 82, 100, 0]), np.array([100, 100, 100, 0]))
    assert low[:3] == pytest.approx([0, 0.7334, 0.9630], abs=1e-4)
    assert high[:3] == pytest.approx([0.0370, 0.8830, 1], abs=1e-4)
    assert np.isnan([low[3], high[3]]).all()


def test_t_interval_is_that_of_scipy():
    values = np.array([0.81, 0.82, 0.80, 0.825, 0.815])
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    mean, sd, low, high = t_interval(values)
    assert (mean, sd) == pytest.approx((np.mean(values), stats.tstd(values)))
    assert (low, high) == pytest.approx((expected.low, expected.high))


def test_three_seeds_are_the_fewest_for_an_interval():
    mean, sd, low, high = t_interval([1.0, 2.0, 3.0])  # t(2 df) = 4.302653, standard error 1 / sqrt(3)
    assert (mean, sd, low, high) == pytest.approx((2, 1, 2 - 2.484138, 2 + 2.484138))
    assert t_interval([1.0, 3.0]) == pytest.approx((2, np.sqrt(2), np.nan, np.nan), nan_ok=True)
    assert t_interval([0.5]) == pytest.approx((0.5, np.nan, np.nan, np.nan), nan_ok=True)
    assert np.isnan(t_interval([])).all()
