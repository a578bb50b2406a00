"""Classes, or superclasses, as groups of test images by which a table has its rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from study.data.dataset import TEST, Labels


@dataclass(frozen=True)
class Grouping:
    """`columns` name a group in a table, one entry per group in the order of its number.

    `true` is the group of each test image, int [T]; `of_class` the group of each class, int [classes].
    """

    columns: dict[str, Sequence[Any]]
    true: np.ndarray
    of_class: np.ndarray

    @property
    def size(self) -> int:
        """Number of groups."""
        return int(self.of_class.max()) + 1


def by_class(dataset: Labels) -> Grouping:
    """Return the grouping in which each class is a group; its rows name the superclass where there are any."""
    columns = {"class_id": np.arange(dataset.classes), "class": dataset.fine_names}
    if dataset.fine_to_coarse is not None:
        columns["superclass_id"] = dataset.fine_to_coarse
        columns["superclass"] = [dataset.coarse_names[number] for number in dataset.fine_to_coarse]
    return Grouping(columns, dataset.fine[dataset.ids(TEST)], np.arange(dataset.classes))


def by_superclass(dataset: Labels) -> Grouping:
    """Return the grouping by superclass: an image counts as right if the top class belongs to its superclass."""
    columns = {"superclass_id": np.arange(len(dataset.coarse_names)), "superclass": dataset.coarse_names}
    return Grouping(columns, dataset.coarse[dataset.ids(TEST)], dataset.fine_to_coarse)
