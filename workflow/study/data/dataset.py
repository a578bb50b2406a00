"""`dataset.npz`: the one file that every later step reads."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

from study.errors import StudyError
from study.files import DAMAGED

TRAIN, VALIDATION, TEST = 0, 1, 2


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Images uint8 [N, 32, 32, 3]; fine, coarse and split uint8 [N]; `meta` says which dataset and split it is."""

    images: np.ndarray
    fine: np.ndarray
    coarse: np.ndarray
    split: np.ndarray
    fine_names: list[str]
    coarse_names: list[str]
    meta: dict[str, Any]

    def ids(self, part: int) -> np.ndarray:
        """Row numbers int64 [n] of one part of the split, ascending."""
        return np.flatnonzero(self.split == part)


def read_dataset(path: Path) -> Dataset:
    """Read `dataset.npz`. Raises StudyError if it is missing or cannot be read."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            return Dataset(
                **{name: stored[name] for name in ("images", "fine", "coarse", "split")},
                fine_names=stored["fine_names"].tolist(),
                coarse_names=stored["coarse_names"].tolist(),
                meta=json.loads(str(stored["meta"])),
            )
    except FileNotFoundError:
        raise StudyError(f"{path} is missing; run the workflow, or `python -m study prepare`.") from None
    except DAMAGED as error:
        raise StudyError(f"{path} cannot be read ({error}); delete it and run the workflow again.") from None
