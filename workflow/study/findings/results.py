"""Everything a report is made from, read once: the config, the tables and the dataset."""

import dataclasses
import functools
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.answers import Answers, read_answers
from study.analysis.older_code import is_of_older_code
from study.analysis.ranking import best_by_validation
from study.analysis.registry import TEXT, tables_of
from study.analysis.scores import METRICS
from study.config.record import StudyRecord, read_record
from study.data.dataset import TEST, Dataset, Labels, read_dataset
from study.errors import StudyError
from study.findings import text
from study.paths import RunKey, StudyPaths


@dataclasses.dataclass(frozen=True, eq=False)
class Results:
    """`study` is its folder, `folder` that of its tables; `tables` are by name without .csv."""

    study: Path
    folder: Path
    config: StudyRecord
    tables: dict[str, pd.DataFrame]
    dataset: Dataset

    @property
    def models(self) -> list[str]:
        """Names of the models in report order."""
        return list(self.config.models)

    @property
    def labels(self) -> dict[str, str]:
        """What a reader sees for each model."""
        return {name: model.label for name, model in self.config.models.items()}

    @property
    def names(self) -> dict[str, str]:
        """What a sentence calls each model."""
        return {name: text.running(label) for name, label in self.labels.items()}

    @property
    def synthetic(self) -> bool:
        """Are the images a stand-in for real ones?"""
        return bool(self.config.dataset.synthetic)

    @property
    def coarse_of(self) -> np.ndarray | None:
        """The superclass of every class, int [classes]; None where the data have no superclasses."""
        return self.dataset.fine_to_coarse

    @property
    def has_superclasses(self) -> bool:
        """Do the classes of the data belong to superclasses?"""
        return self.coarse_of is not None

    def superclass_name(self, label: int) -> str:
        """The superclass of class `label`, as a reader writes it."""
        return text.words(self.dataset.coarse_names[self.coarse_of[label]])

    @property
    def measure(self) -> str:
        """The metric of the headline: that of balanced accuracy where the study has it."""
        balanced = "test_balanced_accuracy"
        return balanced if (self.tables["models"]["metric"] == balanced).any() else "test_accuracy"

    @property
    def measured(self) -> str:
        """What a sentence calls this metric."""
        return METRICS[self.measure].title

    @property
    def image_size(self) -> int:
        """The side of a stored image in pixels."""
        return self.dataset.meta.get("image_size", 32)

    @property
    def is_own(self) -> bool:
        """Are the images a folder of the user's?"""
        return self.dataset.meta.get("kind") == "folder"

    @property
    def literature(self) -> list[dict[str, Any]]:
        """Published numbers to stand beside the measured ones."""
        return self.config.literature

    def rows(self, table: str, **equal: Any) -> pd.DataFrame:
        """The rows of a table in which every named column has the given value."""
        found = self.tables[table]
        for column, value in equal.items():
            found = found[found[column] == value]
        return found

    @functools.cached_property
    def is_older(self) -> np.ndarray:
        """Which runs of provenance.csv are of older code than the present one, bool [rows]."""
        runs = self.tables["provenance"][["model", "seed"]].itertuples(index=False)
        return np.array([is_of_older_code(StudyPaths(self.study).run(*run)) for run in runs], bool)

    def rows_of_pairs(self, table: str, pairs: Collection[tuple[str, str]]) -> pd.DataFrame:
        """A copy of the rows of a table whose model and baseline are one of `pairs`."""
        found = self.tables[table]
        is_one = [pair in pairs for pair in zip(found["model"], found["baseline"], strict=True)]
        return found[np.array(is_one, bool)].copy()  # an empty list would stand for no columns

    def finished_costs(self) -> pd.DataFrame:
        """The costs of the runs that finished: one that diverged early would look cheap."""
        return self.tables["costs"].merge(
            self.rows("runs", outcome="finished")[["model", "seed"]], on=["model", "seed"]
        )

    def csv(self, table: str) -> tuple[str, bytes]:
        """Name and content of a table's file."""
        return f"{table}.csv", (self.folder / f"{table}.csv").read_bytes()

    @property
    def n_test(self) -> int:
        """How many test images there are."""
        return int((self.dataset.split == TEST).sum())

    def contrast_label(self, model: str, baseline: str) -> str:
        """The name of a contrast."""
        return f"{self.labels[model]} − {self.labels[baseline]}"

    @functools.cache  # noqa: B019 - there is one object, and it lives as long as the command
    def predicted(self, model: str) -> tuple[list[int], np.ndarray]:
        """The finished seeds of a model, and the class [seeds, test images] that each names for every image.

        The images are in the order of `dataset.ids(TEST)`. Raises StudyError where a file cannot be read.
        """
        seeds = sorted(self.rows("runs", model=model, outcome="finished")["seed"].tolist())
        named = np.zeros((len(seeds), len(self.dataset.ids(TEST))), dtype=self.dataset.fine.dtype)
        for place, seed in enumerate(seeds):
            named[place] = self.answers(model, seed).classes[:, 0]
        return seeds, named

    def answers(self, model: str, seed: int) -> Answers:
        """What a finished run named for each test image. Raises StudyError where its file cannot be read."""
        return read_answers(self.study, RunKey(model, seed), self.dataset)

    def class_order(self) -> np.ndarray:
        """Class ids int [classes], by superclass if any and then by class, as the figures show them."""
        classes = np.arange(len(self.dataset.fine_names))
        return np.lexsort((classes, self.coarse_of)) if self.has_superclasses else classes


def best_model(models: pd.DataFrame) -> str | None:
    """The model with the highest mean validation accuracy in the table `models`; None where no run finished."""
    return best_by_validation(models[models["metric"] == "val_accuracy"].set_index("model")["mean"])


def read_results(study: Path, tables: Path, dataset: Labels | None = None) -> Results:
    """Read the study in folder `study` and its `tables`, and its images unless the labels alone are given.

    Raises StudyError for what is missing or cannot be read.
    """
    config, dataset = read_record(study / "config.json"), dataset or read_dataset(study / "dataset.npz")
    read = {name: read_table(tables / f"{name}.csv") for name in tables_of(config)}
    return Results(study, tables, config, read, dataset)


def read_table(path: Path) -> pd.DataFrame:
    """A table of the study. Raises StudyError if it is missing or cannot be read."""
    try:
        # Only an empty cell is missing: a class may be called "null", a model "NA".
        return pd.read_csv(path, dtype=dict.fromkeys(TEXT[path.stem], str), keep_default_na=False, na_values=[""])
    except FileNotFoundError:
        raise StudyError(f"{path} is missing; run the analyse step first.") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise StudyError(f"{path} cannot be read ({error}); delete it and run the analyse step again.") from None
