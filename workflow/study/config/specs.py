"""What one run is: typed, complete, and the only thing that a training job reads.

A spec is written as JSON without the options that have their default, so that a new option changes no spec and
retrains nothing. Standard library only, because training jobs have no pydantic.
"""

import dataclasses
import functools
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from study.config.recipes import Recipe, Validation
from study.errors import StudyError
from study.files import canonical_json, read_json, sha256_text
from study.paths import SPEC, RunKey


@dataclass(frozen=True, kw_only=True)
class Record:
    """A dataclass that is written as JSON and read back."""

    def to_json(self) -> dict[str, Any]:
        """Return the fields that differ from their defaults, nested sections as dictionaries."""
        return _to_json(self)

    @classmethod
    def from_json(cls, given: Mapping[str, Any], where: str = "spec") -> Self:
        """Build the dataclass from `given`, the content of the file `where`.

        Raises StudyError if a field is unknown, missing or not of the right kind.
        """
        try:
            return _from_json(cls, given)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            reason = " ".join(str(error).split())
            raise StudyError(f"{where} is not a spec of this version ({reason}); run the workflow.") from None

    def sha256(self) -> str:
        """Return the SHA-256 of the canonical JSON: equal for specs that decide the same."""
        return sha256_text(canonical_json(self.to_json()))


@dataclass(frozen=True, kw_only=True)
class InputSpec(Record):
    """The network's input: `size` pixels square; `mean` and `std` of the R, G and B channels in [0, 1]."""

    size: int
    mean: list[float]
    std: list[float]


@dataclass(frozen=True, kw_only=True)
class NetworkSpec(Record):
    """Which network: an architecture with its arguments; `source` is the Python code of a user's own network.

    `modules` are the files that it imports from its folder: {path from there: Python code}.
    `redraw` names the layers that keep random weights where the network is pretrained.
    """

    architecture: str
    arguments: dict[str, Any] = field(default_factory=dict)
    input: InputSpec
    source: str | None = None
    modules: dict[str, str] = field(default_factory=dict)
    redraw: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class WeightsSpec(Record):
    """Pretrained weights: `source` as in the config, `id` their file name; `sha256` is known once they are fetched."""

    source: str
    id: str
    sha256: str | None = None
    origin: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class DataSpec(Record):
    """Which dataset, equal only for equal images, labels and split."""

    name: str
    fingerprint: str
    validation: Validation


@dataclass(frozen=True, kw_only=True)
class ComputeSpec(Record):
    """The device and its settings, `auto` resolved."""

    device: Literal["cpu", "cuda"]
    threads: int
    precision: Literal["float32", "bfloat16"]
    deterministic: bool = True
    compile: bool = False


@dataclass(frozen=True, kw_only=True)
class FeaturesSpec(Record):
    """All that decides the features of a frozen backbone; models that agree in it share one forward pass."""

    network: NetworkSpec
    weights: WeightsSpec
    files_fingerprint: str
    compute: ComputeSpec

    @property
    def id(self) -> str:
        """File name for the features: the architecture and a hash."""
        return f"{slug(self.network.architecture)}-{self.sha256()[:10]}"


@dataclass(frozen=True, kw_only=True)
class RunSpec(Record):
    """All that decides one run, and nothing else. `features` is the id of a frozen backbone's features.

    `tests` is false in a search, whose trials never see the test images. `images_per_class` is None for a run on all
    training images.
    """

    model: str
    seed: int
    regime: Literal["scratch", "finetune", "frozen"]
    network: NetworkSpec
    weights: WeightsSpec | None = None
    features: str | None = None
    recipe: Recipe
    data: DataSpec
    compute: ComputeSpec
    tests: bool = True
    images_per_class: int | None = None

    @property
    def key(self) -> RunKey:
        """The run among those of its study."""
        return RunKey(self.model, self.seed, self.images_per_class)

    @property
    def validation(self) -> Validation:
        """The split that makes the choices: the recipe's own, or the study's."""
        return self.recipe.validation or self.data.validation

    def settings_sha256(self) -> str:
        """Return the SHA-256 of what a config decides of the run on any machine: no device, no hash of weights."""
        settings = self.to_json()
        for key in ("compute", "features", "weights"):
            settings.pop(key, None)
        return sha256_text(canonical_json(settings | {"weights": self.weights and self.weights.source}))


def read_run_spec(path: Path) -> RunSpec:
    """Read a run's spec.json. Raises StudyError if it is missing or is not a spec."""
    return RunSpec.from_json(read_json(path), str(path))


def trained_spec(folder: Path, record: Mapping[str, Any]) -> RunSpec | None:
    """Return the spec of the run in `folder`, whose run.json is `record`.

    None where the spec.json beside it cannot be read or is not the one that the run was trained from.
    """
    try:
        spec = read_run_spec(folder / SPEC)
    except StudyError:
        return None
    return spec if spec.sha256() == record.get("spec_sha256") else None


def trained_settings(folder: Path, record: Mapping[str, Any]) -> str:
    """Return `settings_sha256` of `trained_spec`; empty where that is None."""
    spec = trained_spec(folder, record)
    return "" if spec is None else spec.settings_sha256()


def slug(text: str) -> str:
    """Return `text` as part of a file name: letters, digits, dots and dashes."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.")


def weights_id(architecture: str, weights: str) -> str:
    """Return the file name for weights: readable, and different for different architectures and sources."""
    return f"{slug(architecture)}-{sha256_text(weights)[:8]}"


def _to_json(value: Any) -> Any:
    if not dataclasses.is_dataclass(value):
        return value
    given = {one.name: (getattr(value, one.name), one) for one in dataclasses.fields(value)}
    return {name: _to_json(content) for name, (content, one) in given.items() if content != _default(one)}


def _default(one: dataclasses.Field) -> Any:
    return one.default if one.default_factory is dataclasses.MISSING else one.default_factory()


def _from_json(kind: Any, given: Any) -> Any:
    if not dataclasses.is_dataclass(kind) or given is None:
        return given
    hints = _sections(kind)
    return kind(**{name: _from_json(hints.get(name), content) for name, content in given.items()})


@functools.cache
def _sections(kind: type) -> dict[str, type]:
    """Return the fields of dataclass `kind` that are dataclasses themselves, or None."""
    found = {}
    for name, hint in typing.get_type_hints(kind).items():
        for option in typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,):
            if dataclasses.is_dataclass(option):
                found[name] = option
    return found
