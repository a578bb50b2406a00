"""What one run's logits are worth: accuracies, negative log likelihood, calibration.

Shapes throughout: logits float [N, C], fine and coarse int [N], fine_to_coarse int [C]. Accuracies are fractions.
Ties between classes go to the lowest class number, as in `numpy.argmax`.
"""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

ECE_BINS = 15
MIN_TEMPERATURE, MAX_TEMPERATURE = 0.01, 100.0


def summed_superclass(logits: np.ndarray, fine_to_coarse: np.ndarray) -> np.ndarray:
    """The superclass whose classes' probabilities have the highest sum, [N]."""
    member = np.eye(fine_to_coarse.max() + 1)[fine_to_coarse]
    best = (softmax(logits.astype(np.float64), axis=1) @ member).argmax(axis=1)
    return best.astype(np.min_scalar_type(member.shape[1]))


def negative_log_likelihood(logits: np.ndarray, fine: np.ndarray) -> float:
    """The mean of -log softmax at the true class, in nats, computed in float64."""
    log_probabilities = log_softmax(logits.astype(np.float64), axis=1)
    return float(-np.take_along_axis(log_probabilities, fine.astype(np.int64)[:, None], axis=1).mean())


def brier_score(logits: np.ndarray, fine: np.ndarray) -> float:
    """The mean over images of the squared distance of the probabilities to the truth, summed over classes: 0 to 2.

    Brier 1950, "Verification of forecasts expressed in terms of probability", equation 2.
    """
    errors = softmax(logits.astype(np.float64), axis=1)
    errors[np.arange(len(fine)), fine] -= 1
    return float((errors**2).sum(axis=1).mean())


def top_confidence(logits: np.ndarray) -> np.ndarray:
    """The probability of the top class, float64 [N]."""
    # The top class is found in the logits: a softmax can round two different logits to one probability.
    log_probabilities = log_softmax(logits.astype(np.float64), axis=1)
    return np.exp(np.take_along_axis(log_probabilities, logits.argmax(axis=1)[:, None], axis=1)[:, 0])


def bin_of(confidence: np.ndarray) -> np.ndarray:
    """The bin of each confidence float [N], from 0; bin m holds those in (m / ECE_BINS, (m + 1) / ECE_BINS]."""
    return np.searchsorted(np.arange(1, ECE_BINS) / ECE_BINS, confidence)


def confidence_bins(confidence: np.ndarray, right: np.ndarray) -> np.ndarray:
    """By bin of confidence: number of images, sum of confidence, number right; float64 [3, ECE_BINS].

    confidence float [N], right bool [N].
    """
    place, counted = bin_of(confidence), (np.ones_like(confidence), confidence, right)
    return np.array([np.bincount(place, weights, ECE_BINS) for weights in counted])


def expected_calibration_error(binned: np.ndarray) -> float:
    """The gap between the top class's probability and its accuracy, averaged over equal-width bins by their size.

    Guo et al. 2017, "On Calibration of Modern Neural Networks", equations 2 and 3; `binned` float64 [3, ECE_BINS] is
    what `confidence_bins` returns.
    """
    images, confidence, hits = binned
    return float(np.abs(hits - confidence).sum() / images.sum())


def fit_temperature(logits: np.ndarray, fine: np.ndarray) -> float:
    """The temperature T in [0.01, 100] whose softmax(logits / T) has the lowest mean negative log likelihood.

    Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.2; logits float [N, C] and fine int [N] are
    of the validation images. The likelihood is convex in 1/T and so has one valley over log T, on which the search
    runs. Where no temperature is better than none (logits that are all equal), it is 1; so it is where every image is
    right, as few images may be: the surer the better then, without end.
    """
    if (logits.argmax(1) == fine).all():
        return 1.0

    def loss(log_temperature: float) -> float:
        return negative_log_likelihood(scaled(logits, np.exp(log_temperature)), fine)

    found = minimize_scalar(loss, bounds=(np.log(MIN_TEMPERATURE), np.log(MAX_TEMPERATURE)), method="bounded")
    return float(np.exp(found.x)) if found.fun < loss(0.0) else 1.0


def scaled(logits: np.ndarray, temperature: float) -> np.ndarray:
    """Logits over the temperature, in float64: there, the quotients of two float32 that differ differ as well."""
    return logits.astype(np.float64) / temperature
