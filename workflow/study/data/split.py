"""The validation split, on which every choice is made."""

import numpy as np

from study.data.dataset import TRAIN, VALIDATION


def split_train(fine: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Split of the training images, uint8 [N]: 0 train, 1 validation; stratified by class, fixed by its own seed."""
    from sklearn.model_selection import StratifiedShuffleSplit  # takes a second, which a training job need not wait for

    held_out = round(fraction * len(fine))  # as a share, scikit-learn rounds up what floating point adds
    splitter = StratifiedShuffleSplit(n_splits=1, test_size=held_out, random_state=seed)
    _, validation = next(splitter.split(np.zeros((len(fine), 1)), fine))
    split = np.full(len(fine), TRAIN, dtype=np.uint8)
    split[validation] = VALIDATION
    return split
