"""Temperature scaling: one number per run that makes its probabilities less, or more, sure of themselves."""

import numpy as np
from scipy.optimize import minimize_scalar

from study.analysis.metrics import negative_log_likelihood

LOWEST, HIGHEST = 0.01, 100.0


def fit_temperature(logits: np.ndarray, fine: np.ndarray) -> float:
    """The temperature T in [0.01, 100] whose softmax(logits / T) has the lowest mean negative log likelihood.

    Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.2; logits float [N, C] and fine int [N] are
    of the validation images. The likelihood is convex in 1/T and so has one valley over log T, on which the search
    runs. Where no temperature is better than none (logits that are all equal), it is 1; where every image is right, the
    surer the better, and it is as low as makes a difference in float64.
    """

    def loss(log_temperature: float) -> float:
        return negative_log_likelihood(scaled(logits, np.exp(log_temperature)), fine)

    found = minimize_scalar(loss, bounds=(np.log(LOWEST), np.log(HIGHEST)), method="bounded")
    return float(np.exp(found.x)) if found.fun < loss(0.0) else 1.0


def scaled(logits: np.ndarray, temperature: float) -> np.ndarray:
    """Logits over the temperature, in float64: there, the quotients of two float32 that differ differ as well."""
    return logits.astype(np.float64) / temperature
