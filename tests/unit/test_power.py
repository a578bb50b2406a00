"""How sure a study would be with other numbers of seeds: at its own, as sure as it is; by hand; and by simulation."""

import numpy as np
import pytest
from scipy import stats
from simulated import WORLDS, draw, true_accuracies

from study.analysis.contrasts import contrast
from study.analysis.power import Foreseen, Variances, foresee, power, smallest_seen, variances


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("seeds", [3, 5])
def test_at_its_own_number_of_seeds_a_study_gets_its_own_interval(world, seeds):
    matrices = draw(np.random.default_rng(1), (seeds, seeds), 400, WORLDS[world])
    found, expected = foresee(variances(*matrices), seeds), contrast(*matrices)
    assert found.half == pytest.approx((expected.high - expected.low) / 2)
    assert found[1:] == pytest.approx((expected.df, expected.var_seeds, expected.var_images))


def test_by_hand():
    # Seeds alone: variances of one seed 0.0006 and 0.0002, no noise, images alike. With 4 seeds: 0.0008 / 4 = 0.0002;
    # degrees of freedom 0.0002^2 / ((0.00015^2 + 0.00005^2) / 3) = 4.8.
    found = foresee(Variances(1001, 0.0, (0.0006, 0.0002), (0.0, 0.0)), 4)
    assert found == pytest.approx((stats.t.ppf(0.975, 4.8) * np.sqrt(0.0002), 4.8, 0.0002, 0.0))
    # With noise 0.2 and 0.3 on 1,000 images: 0.0001 of one seed's variance is noise, which counts with the images.
    found = foresee(Variances(1000, 0.5, (0.0003, 0.0003), (0.2, 0.3)), 5)
    assert found.var_images == pytest.approx((0.5 + 0.5 / 5) / 1000)
    assert found.var_seeds == pytest.approx((0.0001 + 0.0) / 5)


def test_what_so_many_test_images_can_tell_before_any_run():
    # the variance of a difference that is ±1 on a fifth of 30 images is 0.2 / 30, on 29 degrees of freedom
    assert smallest_seen(30) == pytest.approx(stats.t.ppf(0.975, 29) * np.sqrt(0.2 / 30))
    assert smallest_seen(1) == smallest_seen(2) > smallest_seen(10_000)


def test_no_interval_below_three_seeds_and_no_variances_below_two():
    matrices = draw(np.random.default_rng(1), (2, 4), 400, WORLDS["a bit of each"])
    assert np.isnan(foresee(variances(*matrices), 2).half)
    assert np.isnan(power(foresee(variances(*matrices), 2), 0.01))
    assert foresee(variances(*matrices), 3).half > 0
    assert variances(matrices[0][:1], matrices[1]) is None


def test_power_is_that_of_a_t_test():
    found = Foreseen(np.nan, 8.0, 0.00005, 0.00005)  # a standard error of 1 point
    t = stats.nct(8.0, 2.0)
    assert power(found, 0.02) == pytest.approx(t.sf(stats.t.ppf(0.975, 8)) + t.cdf(stats.t.ppf(0.025, 8)))
    assert power(found, 0) == pytest.approx(0.05)
    few = Foreseen(np.nan, 4.0, 0.00005, 0.00005)
    assert [power(few, size) for size in (0.09, 0.15, 0.9)] == pytest.approx(
        [stats.nct(4.0, size * 100).sf(stats.t.ppf(0.975, 4)) for size in (0.09, 0.15, 0.3)]
    )
    assert power(Foreseen(0.0, np.nan, 0.0, 0.0), 0.01) == 1


def test_power_foreseen_from_one_study_is_what_simulated_studies_show():
    world, rng = WORLDS["images dominate"], np.random.default_rng(7)
    accuracy, baseline = true_accuracies(world)  # 4.9 points apart
    found = [power(foresee(variances(*draw(rng, (5, 5), 1000, world)), 5), accuracy - baseline) for _ in range(5)]
    hits = [contrast(*draw(rng, (5, 5), 1000, world)).p < 0.05 for _ in range(300)]
    assert np.mean(found) == pytest.approx(np.mean(hits), abs=0.08)
