"""What a study's config.json says, typed: written by `study_record`, read by analysis, findings and report."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

from study.config.specs import ComputeSpec
from study.errors import StudyError
from study.files import read_json
from study.paths import RunKey


@dataclass(frozen=True, kw_only=True)
class DatasetRecord:
    """The data: how many classes and superclasses they have, and what share of the training images is held out."""

    name: str
    title: str
    synthetic: bool
    classes: int
    superclasses: int
    validation: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class ModelRecord:
    """A model of the grid, as in config.yaml."""

    label: str
    regime: str
    architecture: str
    arguments: dict[str, Any]
    weights: str | None
    input_size: int
    normalisation: Any
    recipe: str
    redraw: tuple[str, ...] | list[str] = ()
    origin: str | None = None
    note: str | None = None


class Pair(NamedTuple):
    """Two models that are compared: `model` minus `baseline`."""

    model: str
    baseline: str


@dataclass(frozen=True, kw_only=True)
class StudyRecord:
    """A study as its config.json records it. Fields with defaults are not in every record: older ones lack some.

    `grid` and `labels` (None where the study has no runs on few images) give the hash of each run's settings; `curves`
    the models of each curve, called as its first. `recipes`, `trials`, `ladder`, `claims` and `literature` are as
    config.yaml has them.
    """

    study: str
    dataset: DatasetRecord
    baseline: str
    models: dict[str, ModelRecord]
    recipes: dict[str, dict[str, Any]]
    trials: dict[str, dict[str, Any]]
    grid: dict[RunKey, str]
    labels: dict[RunKey, str] | None = None
    curves: dict[str, list[str]] | None = None
    compute: ComputeSpec
    search: dict[str, Any] | None
    headline: Pair | None
    contrasts: list[Pair]
    equivalence_margin: float
    ladder: list[dict[str, Any]]
    suspect_labels: dict[str, Any] | None
    known_duplicates: dict[str, Any] | None = None
    duplicate_features: str | None = None
    allow_missing: bool
    claims: list[dict[str, Any]]
    literature: list[dict[str, Any]]

    @classmethod
    def from_json(cls, given: Mapping[str, Any], where: Path | str = "config.json") -> Self:
        """Build it from the content of the file `where`. Raises StudyError if a field is unknown or missing."""
        try:
            sections = {
                "dataset": DatasetRecord(**given["dataset"]),
                "models": {name: ModelRecord(**model) for name, model in given["models"].items()},
                "grid": _hashes(given["grid"]),
                "labels": _hashes(given["labels"]) if "labels" in given else None,
                "compute": ComputeSpec(**given["compute"]),
                "headline": given["headline"] and Pair(**given["headline"]),
                "contrasts": [Pair(**pair) for pair in given["contrasts"]],
            }
            return cls(**{**given, **sections})
        except (KeyError, TypeError, AttributeError) as error:
            reason = " ".join(str(error).split())
            raise StudyError(f"{where} is not a study's record of this version ({reason}); run the workflow.") from None

    def recipe_of(self, model: str) -> dict[str, Any]:
        """The settings of a model's recipe."""
        return self.recipes[self.models[model].recipe]


def read_record(path: Path) -> StudyRecord:
    """The record in the file `path`. Raises StudyError if it is missing, or is not one."""
    return StudyRecord.from_json(read_json(path), path)


def _hashes(cells: list[dict[str, Any]]) -> dict[RunKey, str]:
    return {RunKey(one["model"], one["seed"], one.get("images_per_class")): one["settings_sha256"] for one in cells}
