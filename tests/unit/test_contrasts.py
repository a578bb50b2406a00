import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from simulated import CLASS_WORLDS, WORLDS, coverage, draw, true_accuracies

from study.analysis.contrasts import (
    NOT_TESTED,
    SEEDS_AND_IMAGES,
    TOO_FEW_SEEDS,
    contrast,
    error_ratio,
    holm,
    over_seeds_and_images,
    share_of_wins,
)
from study.analysis.differences import small_contrast


@pytest.mark.parametrize("seeds", [(3, 3), (5, 5), (3, 5)], ids=str)
@pytest.mark.parametrize("world", WORLDS)
def test_the_interval_covers_the_true_difference(world, seeds):
    found = coverage(contrast, WORLDS[world], seeds, images=2000, studies=600)
    assert 0.93 <= found <= 0.99, f"{found:.1%}"


@pytest.mark.parametrize("seeds", [(3, 3), (5, 5), (3, 5)], ids=str)
@pytest.mark.parametrize("world", CLASS_WORLDS)
def test_the_interval_of_one_class_covers_the_true_difference(world, seeds):
    found = coverage(small_contrast, CLASS_WORLDS[world], seeds, images=100, studies=1000)
    nearly_all_right = max(true_accuracies(CLASS_WORLDS[world])) > 0.9
    assert 0.93 <= found <= (1 if nearly_all_right else 0.99), f"{found:.1%}"


@pytest.fixture
def pair():
    return draw(np.random.default_rng(3), (5, 4), 500, WORLDS["a bit of each"])


def test_where_every_seed_is_alike_it_is_the_paired_t_interval_over_images(pair):
    model, baseline = (np.repeat(matrix[:1], 3, axis=0) for matrix in pair)
    expected = stats.ttest_rel(model[0].astype(float), baseline[0].astype(float)).confidence_interval(0.95)
    result = contrast(model, baseline)
    assert (result.low, result.high, result.df) == pytest.approx((expected.low, expected.high, 499))
    assert result.var_seeds == 0


def test_two_seeds_have_the_range_of_their_differences_and_no_interval():
    # Of 4 images the model's runs get 3 and 2 right, the baseline's 0 and 1: 3/4 - 1/4 and so on.
    model = np.array([[1, 1, 1, 0], [1, 0, 1, 0]], bool)
    baseline = np.array([[0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 1]], bool)
    result = contrast(model, baseline)
    assert (result.lowest, result.highest) == (0.25, 0.75)
    assert result.difference == pytest.approx(5 / 8 - 1 / 6)
    assert np.isnan([result.low, result.high, result.p, result.df, result.var_seeds]).all()
    assert result.method == TOO_FEW_SEEDS


def test_where_every_image_is_alike_it_is_welchs_interval_over_seeds():
    # A seed gets everything right or everything wrong: no image tells anything, and no noise is left to subtract.
    model, baseline = np.array([1, 1, 0, 1, 1]), np.array([0, 1, 0, 0])
    expected = stats.ttest_ind(model, baseline, equal_var=False)
    result = contrast(*(np.repeat(values[:, None] == 1, 50, axis=1) for values in (model, baseline)))
    interval = expected.confidence_interval(0.95)
    assert (result.low, result.high) == pytest.approx((interval.low, interval.high))
    assert result.df == pytest.approx(expected.df)
    assert result.p == pytest.approx(expected.pvalue)
    assert result.var_images == 0


def test_noise_that_is_counted_in_the_images_is_taken_off_the_seeds():
    # The model's accuracy per seed is 1, 1/2, 1/4: their variance over 3 seeds is 7/144. Its sums of squares by hand:
    # total 35/12, seeds 14/12, images 11/12, so 10/12 is left; over 2·3 degrees of freedom and 12 cells it is 5/432.
    model = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]], bool)
    result = contrast(model, np.zeros((3, 4), bool))
    per_image = np.array([1, 2 / 3, 1 / 3, 1 / 3])
    assert result.difference == pytest.approx(7 / 12)
    assert result.var_seeds == pytest.approx(7 / 144 - 5 / 432)
    assert result.var_images == pytest.approx(per_image.var(ddof=1) / 4)
    assert result.method == SEEDS_AND_IMAGES


def test_no_component_is_negative_where_seeds_agree_better_than_chance():
    # Every seed is right on half the images, on other ones each: the means do not vary at all, the noise is large.
    model = np.array([[1, 0, 1, 0], [0, 1, 0, 1], [1, 1, 0, 0]], bool)
    result = contrast(model, model[:, ::-1])
    assert result.var_seeds == 0
    assert result.var_images > 0


def test_an_interval_exists_where_nothing_is_left_after_the_subtraction():
    # Each image is right for one seed of three: the images say nothing, and the seeds vary less than their noise.
    model = np.array([[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 0], [0, 0, 0, 0, 0, 1]], bool)
    result = contrast(model, np.zeros((3, 6), bool))
    assert (result.low, result.high, result.df) == pytest.approx((1 / 3, 1 / 3, 2))
    assert np.isnan(result.p)  # a difference over a standard error of 0


def test_identical_models_differ_by_nothing(pair):
    result = contrast(pair[0], pair[0])
    assert result.difference == 0
    assert result.low < 0 < result.high
    alike = np.repeat(pair[0][:1], 3, axis=0)
    assert contrast(alike, alike)[:5] == (0, 0, 0, 0, 0)
    assert (result.p, result.probability_of_improvement) == (1, 0.5)
    assert np.isnan(contrast(np.ones((3, 9), bool), np.ones((3, 9), bool)).p)  # nothing varies: nothing to test with


def test_the_order_of_seeds_and_images_means_nothing(pair):
    rng = np.random.default_rng(5)
    images = rng.permutation(500)
    shuffled = [matrix[rng.permutation(len(matrix))][:, images] for matrix in pair]
    assert contrast(*shuffled)[:10] == pytest.approx(contrast(*pair)[:10], rel=1e-9)


@pytest.mark.parametrize("rows", [1, 4])
def test_swapping_the_models_mirrors_the_interval(pair, rows):
    there, back = contrast(pair[0][:rows], pair[1]), contrast(pair[1], pair[0][:rows])
    assert back.difference == -there.difference
    assert (back.low, back.high) == pytest.approx((-there.high, -there.low), nan_ok=True)
    assert (back.lowest, back.highest) == (-there.highest, -there.lowest)
    assert back.p == pytest.approx(there.p, nan_ok=True)
    assert back.probability_of_improvement == pytest.approx(1 - there.probability_of_improvement)


@pytest.mark.parametrize("seeds", [(2, 4), (5, 2), (3, 3)])
def test_an_interval_takes_three_seeds_of_both(pair, seeds):
    result = contrast(pair[0][: seeds[0]], pair[1][: seeds[1]])
    few = min(seeds) < 3
    assert result.method == (TOO_FEW_SEEDS if few else SEEDS_AND_IMAGES)
    assert np.isnan(result.p) == np.isnan(result.low) == np.isnan(result.high) == few
    assert result.lowest <= result.difference <= result.highest


def test_without_a_seed_or_an_image_there_is_no_difference(pair):
    for result in (contrast(pair[0], pair[1][:0]), contrast(pair[0][:, :0], pair[1][:, :0])):
        assert result.method == NOT_TESTED
        assert np.isnan(result[:10]).all()


@pytest.mark.parametrize("world", WORLDS)
def test_p_is_below_5_percent_exactly_where_the_interval_leaves_0_out(world):
    rng = np.random.default_rng(9)
    results = [contrast(*draw(rng, (3, 4), 300, WORLDS[world])) for _ in range(40)]
    significant = [result.p < 0.05 for result in results]
    assert significant == [not result.low <= 0 <= result.high for result in results]
    assert 0 < sum(significant) < 40


def test_share_of_wins_by_hand():
    # 0.5 beats 0.4; 0.6 beats 0.4 and 0.5; 0.5 ties with 0.5: 3 and a half of 6.
    assert share_of_wins(np.array([0.5, 0.6]), np.array([0.4, 0.5, 0.7])) == pytest.approx(3.5 / 6)


@given(*[st.lists(st.integers(0, 6), min_size=1, max_size=6)] * 2)
def test_share_of_wins_is_scipys_mann_whitney_u_over_the_pairs(values, others):
    expected = stats.mannwhitneyu(values, others, method="asymptotic").statistic / (len(values) * len(others))
    assert share_of_wins(np.array(values), np.array(others)) == pytest.approx(expected)


def test_holm_by_hand():
    # 4 · 0.005, 3 · 0.01, 2 · 0.03, and 0.04, which may not be below the 0.06 before it (Holm 1979).
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([0.4, np.nan, 0.6])) == pytest.approx([0.8, np.nan, 0.8], nan_ok=True)
    assert holm(np.array([0.9, 0.8])).tolist() == [1, 1]
    assert holm(np.array([])).size == 0


@given(st.lists(st.floats(0, 1) | st.sampled_from([0.01, 0.02]), min_size=1, max_size=6))
def test_holm_is_the_closed_test_of_bonferroni(p_values):
    # Marcus, Peritz & Gabriel 1976: reject a hypothesis when Bonferroni rejects every set of hypotheses that has it.
    p = np.array(p_values)
    sets = [np.array(chosen) for chosen in itertools.product([False, True], repeat=len(p)) if any(chosen)]
    bonferroni = [min(1, chosen.sum() * p[chosen].min()) for chosen in sets]
    closed = [max(b for b, chosen in zip(bonferroni, sets, strict=True) if chosen[k]) for k in range(len(p))]
    adjusted = holm(p)
    assert adjusted == pytest.approx(closed)
    assert (adjusted >= p).all()
    assert (np.diff(adjusted[np.argsort(p)]) >= 0).all()


@pytest.mark.parametrize("world", WORLDS)
def test_the_intervals_of_an_accuracy_and_of_an_error_ratio_cover_the_true_ones(world):
    rng, studies, hits = np.random.default_rng(11), 400, np.zeros(2)
    one, other = true_accuracies(WORLDS[world])
    for _ in range(studies):
        model, baseline = draw(rng, (3, 4), 2000, WORLDS[world])
        low, high = over_seeds_and_images(model)
        _, ratio_low, ratio_high = error_ratio(model, baseline)
        hits += [low < one < high, ratio_low < (1 - one) / (1 - other) < ratio_high]
    assert (hits / studies > 0.92).all(), hits / studies


def test_the_interval_of_an_accuracy_is_never_narrower_than_over_seeds_alone():
    rng = np.random.default_rng(2)
    apart = np.array([rng.random(2000) < share for share in (0.42, 0.44, 0.47)])
    alike = np.repeat(rng.random((1, 2000)) < 0.8, 3, axis=0)
    accuracies = apart.mean(axis=1)
    over_seeds = stats.t.interval(0.95, 2, accuracies.mean(), stats.sem(accuracies))
    assert over_seeds_and_images(apart) == pytest.approx(over_seeds)
    over_images = stats.t.interval(0.95, 1999, alike.mean(), stats.sem(alike[0]))
    assert over_seeds_and_images(alike) == pytest.approx(over_images)


def test_an_error_ratio_by_hand_and_where_there_is_none():
    model = np.array([[1, 1, 1, 0], [1, 1, 1, 0], [1, 1, 1, 0]], bool)
    baseline = np.array([[1, 1, 0, 0], [1, 0, 1, 0], [0, 1, 1, 0]], bool)
    ratio, low, high = error_ratio(model, baseline)
    assert ratio == pytest.approx(0.5) and low * high == pytest.approx(0.25)
    assert np.isnan(error_ratio(np.ones((3, 4), bool), baseline)).all()
    assert np.isnan(error_ratio(model[:0], baseline)).all()
    assert np.isnan(error_ratio(model[:2], baseline)[1:]).all()
