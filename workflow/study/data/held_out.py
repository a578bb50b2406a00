"""Draw the pictures of a folder that are held out: of classes of any size, and with no group on both sides."""

import warnings

import numpy as np

from study.data.dataset import VALIDATION
from study.data.split import split_train
from study.errors import StudyError


def hold_out(fine: np.ndarray, group: np.ndarray | None, fraction: float, seed: int, what: str) -> np.ndarray:
    """Return bool [N], true for about this fraction of each class, drawn by `seed`; `what` names its purpose.

    `fine` int [N] are the classes, `group` int [N] the groups that stay together (-1: none), or None. A class of two
    pictures or more has at least one on both sides; of groups, a class is as near to the fraction as they allow. The
    only picture or group of a class is never held out. Raises StudyError where no class has two.
    """
    units = (
        np.arange(len(fine)) if group is None else np.where(group < 0, group.max() + 1 + np.arange(len(fine)), group)
    )
    pairs = np.unique(np.stack([fine, units]).astype(np.int64), axis=1)
    alone = np.bincount(pairs[0])[pairs[0]] == 1
    rows = np.flatnonzero(~np.isin(units, pairs[1, alone]))
    if len(np.unique(units[rows])) < 2:
        one = "picture" if group is None else "group"
        raise StudyError(
            f"dataset: no class has more than one {one} to draw from, so none can be held out for {what}; add some, or "
            "say in the folder or in labels.csv which they are."
        )
    held = np.zeros(len(fine), dtype=bool)
    if group is None:
        held[rows] = _by_class(fine[rows], fraction, seed)
    else:
        held[rows] = _by_group(fine[rows], units[rows], fraction, seed)
    return held


def _by_class(fine: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """The split of `split_train`, mended where it leaves a class, all of more than one picture, without a side."""
    classes = np.unique(fine)
    number = min(max(round(fraction * len(fine)), len(classes)), len(fine) - len(classes))
    held = split_train(fine, number / len(fine), seed) == VALIDATION
    draws = np.random.default_rng(seed)
    for one in classes:
        rows = np.flatnonzero(fine == one)
        if held[rows].all() or not held[rows].any():
            held[draws.choice(rows)] ^= True
    return held


def _by_group(fine: np.ndarray, units: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """The fold whose classes are nearest to `fraction`, among those of scikit-learn's stratified folds of groups."""
    from sklearn.model_selection import StratifiedGroupKFold

    share = min(fraction, 1 - fraction)
    folds = max(2, min(round(1 / share), len(np.unique(units))))
    with warnings.catch_warnings(action="ignore"):  # of classes with fewer pictures than folds
        splits = list(StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(units, fine, units))
    sides = [np.isin(np.arange(len(fine)), test) ^ (fraction > 0.5) for _, test in splits]
    wanted = fraction * np.bincount(fine)
    held = min(sides, key=lambda side: np.abs(np.bincount(fine[side], minlength=len(wanted)) - wanted).sum())
    for one in np.unique(fine):
        if held[fine == one].all():
            held[units == units[fine == one][0]] = False
    return held
