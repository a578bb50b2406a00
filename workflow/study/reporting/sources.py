"""Everything a report is made from, read once: the config, the tables and the dataset."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study.data.dataset import Dataset, read_dataset
from study.errors import StudyError
from study.files import read_json

TABLES = ("runs", "models", "contrasts", "classes", "superclasses", "confusion", "errors", "calibration", "claims",
          "learning", "costs")  # fmt: skip
_TEXT = ("model", "label", "baseline", "metric", "outcome", "method", "class", "superclass", "device_name",
         "id", "text", "source", "judgement", "verdict", "reason")  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Sources:
    """`tables` by name without .csv; `coarse_of` int [classes], the superclass of every class."""

    study: Path
    folder: Path
    config: dict[str, Any]
    tables: dict[str, pd.DataFrame]
    dataset: Dataset
    coarse_of: np.ndarray

    @property
    def models(self) -> list[str]:
        """Names of the models in report order."""
        return list(self.config["models"])

    @property
    def labels(self) -> dict[str, str]:
        """What a reader sees for each model."""
        return {name: model["label"] for name, model in self.config["models"].items()}

    @property
    def synthetic(self) -> bool:
        """Are the images a stand-in for CIFAR-100?"""
        return bool(self.config["dataset"]["synthetic"])

    @property
    def literature(self) -> list[dict[str, Any]]:
        """Published numbers to stand beside the measured ones; none beside those of other images."""
        return [] if self.synthetic else self.config.get("literature", [])

    def rows(self, table: str, **equal: Any) -> pd.DataFrame:
        """The rows of a table in which every named column has the given value."""
        found = self.tables[table]
        for column, value in equal.items():
            found = found[found[column] == value]
        return found

    def csv(self, table: str) -> tuple[str, bytes]:
        """Name and content of a table's file."""
        return f"{table}.csv", (self.folder / f"{table}.csv").read_bytes()

    def class_order(self) -> np.ndarray:
        """Class ids int [classes], by superclass and then by class, as the figures show them."""
        return np.lexsort((np.arange(len(self.coarse_of)), self.coarse_of))


def read_sources(study: Path, tables: Path) -> Sources:
    """Read the study in folder `study` and its `tables`. Raises StudyError for what is missing or cannot be read."""
    config = read_json(study / "config.json")
    dataset = read_dataset(study / "dataset.npz")
    coarse_of = np.zeros(len(dataset.fine_names), dtype=int)
    coarse_of[dataset.fine] = dataset.coarse
    return Sources(
        study=study,
        folder=tables,
        config=config,
        tables={name: _read_table(tables / f"{name}.csv") for name in TABLES},
        dataset=dataset,
        coarse_of=coarse_of,
    )


def read_run(study: Path, model: str, seed: int) -> dict[str, Any]:
    """run.json of one run. Raises StudyError if it is missing or is not JSON."""
    return read_json(study / "runs" / model / f"seed-{seed}" / "run.json")


def _read_table(path: Path) -> pd.DataFrame:
    try:
        # Only an empty cell is missing: a class may be called "null", a model "NA".
        return pd.read_csv(path, dtype=dict.fromkeys(_TEXT, str), keep_default_na=False, na_values=[""])
    except FileNotFoundError:
        raise StudyError(f"{path} is missing; run the analyse step first.") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise StudyError(f"{path} cannot be read ({error}); delete it and run the analyse step again.") from None
