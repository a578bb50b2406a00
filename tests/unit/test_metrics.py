import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import accuracy_score, log_loss, top_k_accuracy_score

from study.analysis import metrics
from study.analysis.evidence import Evidence


def rank(logits, fine):
    """The place of the true class as the tables have it: 5 stands for all places behind the fifth."""
    return Evidence.of_logits(logits, fine, None).rank


def ece(logits, fine):
    right = logits.argmax(axis=1) == fine
    return metrics.expected_calibration_error(metrics.confidence_bins(metrics.top_confidence(logits), right))


@pytest.fixture
def random_case():
    rng = np.random.default_rng(7)
    fine = rng.integers(0, 100, 400).astype(np.uint8)
    logits = rng.normal(0, 2, (400, 100)).astype(np.float32)
    logits[np.arange(400), fine] += 3
    return logits, fine


@pytest.mark.parametrize("k", [1, 5])
def test_top_k_accuracy_is_that_of_sklearn(random_case, k):
    logits, fine = random_case
    expected = top_k_accuracy_score(fine, logits, k=k, labels=range(100))
    assert (rank(logits, fine) < k).mean() == pytest.approx(expected)


def test_equal_logits_rank_by_class_number():
    assert rank(np.zeros((4, 100), np.float32), np.array([0, 1, 4, 99], np.uint8)).tolist() == [0, 1, 4, 5]


def test_top_1_agrees_with_argmax_where_logits_tie():
    rng = np.random.default_rng(0)
    logits, fine = rng.integers(0, 3, (500, 10)).astype(np.float32), rng.integers(0, 10, 500)
    assert (rank(logits, fine) == 0).mean() == accuracy_score(fine, logits.argmax(axis=1))


def test_negative_log_likelihood_is_that_of_sklearn(random_case):
    logits, fine = random_case
    expected = log_loss(fine, softmax(logits.astype(np.float64), axis=1), labels=range(100))
    assert metrics.negative_log_likelihood(logits, fine) == pytest.approx(expected, rel=1e-12)


def test_negative_log_likelihood_survives_probabilities_of_zero():
    logits = np.array([[1e4, 0.0], [0.0, 0.0]], np.float32)
    assert metrics.negative_log_likelihood(logits, np.array([1, 0])) == pytest.approx((1e4 + np.log(2)) / 2)


def test_ece_by_hand():
    # Confidence 0.9 twice, right once: gap 0.4. Confidence 0.5 twice, right twice: gap 0.5. Half the images each.
    probabilities = np.array([[0.9, 0.06, 0.04], [0.9, 0.06, 0.04], [0.5, 0.3, 0.2], [0.5, 0.3, 0.2]])
    assert ece(np.log(probabilities), np.array([0, 1, 0, 0])) == pytest.approx(0.45)


def test_ece_averages_within_a_bin_before_taking_the_gap():
    # 0.88 and 0.92 share the bin (13/15, 14/15]; one of two right: |0.5 - 0.9|, not the mean of 0.12 and 0.92.
    probabilities = np.array([[0.88, 0.12], [0.92, 0.08]])
    assert ece(np.log(probabilities), np.array([0, 1])) == pytest.approx(0.4)


def test_ece_bins_own_their_upper_edge():
    assert metrics.bin_of(np.array([0.2, np.nextafter(0.2, 1), 1.0])).tolist() == [2, 3, 14]  # 0.2 is 3 / 15


def test_ece_of_certain_and_right_is_zero():
    assert ece(np.eye(100) * 1e3, np.arange(100)) == 0
