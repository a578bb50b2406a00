"""Which models come out ahead: the one rule each for the best model and for the Pareto front."""

from collections.abc import Mapping

import numpy as np


def best_by_validation(val_accuracies: Mapping[str, float]) -> str | None:
    """Return the name with the highest mean validation accuracy (ties: the first), or None where all are NaN.

    Choosing by test accuracy would flatter the choice.
    """
    known = {name: accuracy for name, accuracy in val_accuracies.items() if np.isfinite(accuracy)}
    return max(known, key=known.__getitem__) if known else None


def on_front(accuracy: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """Return bool [K]: no other point is at least as good in both, and better in one (Pareto).

    Accuracy is better where it is higher, cost where it is lower. Equal points are all on the front.
    """
    as_good = (accuracy >= accuracy[:, None]) & (cost <= cost[:, None])  # [point, other]
    better = (accuracy > accuracy[:, None]) | (cost < cost[:, None])
    return ~(as_good & better).any(axis=1)
