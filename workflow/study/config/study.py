"""The typed config: what a study is, what one run of it is, and a sentence for every mistake a person can make in it.

`load_config` turns the merged YAML into a `Config`; `run_spec` turns one cell of its grid into the dictionary that
decides that run and nothing else; `features_spec` does the same for the features of a frozen backbone.
"""

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from study.config import messages
from study.config.claims import Claim, Published, check_claims
from study.config.comparison import (
    Comparison,
    Step,
    Switch,
    check_comparisons,
    check_ladder,
    read_suspects,
    suspects_record,
)
from study.config.compute_cost import compiling_pays, seconds_of
from study.config.fields import Name, Number, Strict
from study.config.models import NORMALISATIONS, Model, Seeds, Statistics, own_network, resolved_arguments
from study.config.recipes import Recipe, Validation
from study.config.search import Search, trials, with_trials
from study.data.manifest import MANIFESTS, files_fingerprint, fingerprint, load_manifest
from study.errors import StudyError
from study.files import canonical_json, sha256_text
from study.fingerprints import settings_sha256

FOLDER_VARIABLE = "CIFAR100_FOLDER"
COMPILE_FROM = 20_000  # images: compiling a backbone takes about as long as the forward pass of some thousand
COMPILE_SECONDS = 400.0  # estimated length of a run from which compiling, up to a minute or two, repays itself


class Dataset(Strict):
    name: str = Field(description="a manifest in workflow/study/data/manifests")
    folder: str | None = Field(description="folder with the official files, or null to download them")
    mirrors: list[str] = Field(description="addresses of the archive, tried in order")
    validation: Validation


class Compute(Strict):
    device: Literal["auto", "cpu", "cuda"] = Field(description="auto: the GPU where the machine has one")
    threads: Annotated[int, Field(ge=1, le=512)] = Field(description="CPU threads of one training job")
    precision: Literal["auto", "float32", "bfloat16"] = Field(description="auto: bfloat16 autocast on a GPU")
    deterministic: bool = Field(default=True, description="false: faster kernels on a GPU that repeat no run exactly")
    compile: Literal["auto", "never"] = Field(
        default="auto", description="auto: where a run is long enough to repay it"
    )
    runs_per_gpu: Annotated[int, Field(ge=1, le=8)] = Field(
        default=1, description="training jobs that may share a GPU; decides no run, so a change retrains nothing"
    )


class Grid(Strict):
    models: Annotated[list[str], Field(min_length=1)]
    seeds: Seeds


class Config(Strict):
    study: Name = Field(description="results go to results/<study>")
    dataset: Dataset
    compute: Compute
    models: dict[Name, Model]
    recipes: dict[Name, Recipe]
    grid: Grid
    baseline: str = Field(description="every other model is compared with this one")
    search: Search | None = Field(default=None, description="trials on the validation images, in place of a comparison")
    contrasts: list[Comparison] | None = Field(default=None, description="null: every other model minus baseline")
    equivalence_margin: Annotated[Number, Field(gt=0, lt=1)] = Field(
        default=0.05, description="differences of a class's accuracy below this, a fraction, do not matter"
    )
    ladder: list[Step] = Field(default_factory=list, description="models, each one change from the one before")
    suspect_labels: str | None = Field(default=None, description="a file that lists test images with doubtful labels")
    allow_missing: Switch = Field(default=False, description="compare the runs that are there, and train none")
    claims: list[Claim] = Field(default_factory=list, description="what the report says on, and its verdict")
    literature: list[Published] = Field(default_factory=list, description="published numbers, shown apart")

    @model_validator(mode="after")
    def _references(self) -> "Config":
        messages.check_known(self.dataset.name, MANIFESTS, "dataset: name", "dataset")
        self._check_split(self.dataset.validation, "dataset")
        for name, recipe in self.recipes.items():
            if recipe.validation is not None:
                self._check_split(recipe.validation, f"recipes: {name}")
        for name, model in self.models.items():
            messages.check_known(model.recipe, self.recipes, f"models: {name}: recipe", "recipe")
            recipe = self.recipes[model.recipe]
            if model.regime == "frozen" and recipe.augmentation is not None:
                raise ValueError(
                    f"models: {name}: frozen features are computed once, so recipe {model.recipe} cannot augment; "
                    "set its augmentation to null"
                )
            if model.regime != "finetune" and recipe.head_learning_rate is not None:
                raise ValueError(
                    f"models: {name}: recipe {model.recipe} has a head_learning_rate, which is for regime finetune; "
                    f"name another recipe for regime {model.regime}"
                )
        for name in self.grid.models:
            messages.check_known(name, self.models, "grid: models", "model")
        messages.check_unique(self.grid.models, "grid: models")
        for name in self.grid.models:
            messages.check_unique(self.seeds_of(name), f"seeds of {name}")
        messages.check_known(self.baseline, self.grid.models, "baseline", "model of the grid")
        check_claims(self.claims, self.models)
        if self.search is not None and not self.search.is_expanded(self.models):
            messages.check_known(self.search.model, self.models, "search: model", "model")
        check_comparisons(self.contrasts or [], self.grid.models)
        check_ladder(self.ladder, list(self.models))
        if self.suspect_labels is not None:
            read_suspects(self.suspect_labels, self.test_images())
        return self

    def _check_split(self, validation: Validation, where: str) -> None:
        images = load_manifest(self.dataset.name).train_per_class
        if validation.fraction * images < 1:
            raise ValueError(
                f"{where}: validation: fraction {validation.fraction} of {images} images per class is less than one; "
                "raise it"
            )

    def seeds_of(self, model: str) -> list[int]:
        """The seeds that `model` is trained with: its own, else the grid's."""
        own = self.models[model].seeds
        return self.grid.seeds if own is None else own

    def test_images(self) -> int:
        """How many images the official test file has."""
        manifest = load_manifest(self.dataset.name)
        return manifest.classes * manifest.test_per_class

    def compared(self) -> list[Comparison]:
        """The contrasts asked for, else every other model of the grid minus the baseline."""
        if self.contrasts is not None:
            return self.contrasts
        return [Comparison(model=name, baseline=self.baseline) for name in self.grid.models if name != self.baseline]

    def runs(self) -> list[tuple[str, int]]:
        """Every (model, seed) of the grid, in report order."""
        return [(model, seed) for model in self.grid.models for seed in self.seeds_of(model)]


def load_config(raw: dict[str, Any]) -> Config:
    """Check the merged YAML. Raises StudyError with one sentence for the first mistake found."""
    try:
        config = Config.model_validate(raw)
        return config if config.search is None else Config.model_validate(with_trials(raw, config.search))
    except ValidationError as error:
        raise StudyError(" ".join(messages.sentence(error, Config).split())) from None  # a key may hold a line break


def data_folder(config: Config) -> Path | None:
    """The folder the user names for CIFAR-100: the environment variable before `dataset: folder`; None to download."""
    if load_manifest(config.dataset.name).synthetic:
        return None
    folder = os.environ.get(FOLDER_VARIABLE) or config.dataset.folder
    return Path(folder).expanduser() if folder else None


def data_fingerprint(config: Config) -> str:
    """What dataset.npz must record of itself to be the data, and the split, that the config asks for."""
    return fingerprint(load_manifest(config.dataset.name), config.dataset.validation.model_dump())


def _data(config: Config) -> dict[str, Any]:
    validation = config.dataset.validation.model_dump()
    return {"name": config.dataset.name, "fingerprint": data_fingerprint(config), "validation": validation}


def _input(model: Model) -> dict[str, Any]:
    if isinstance(model.normalisation, Statistics):
        mean, std = model.normalisation.mean, model.normalisation.std
    else:
        mean, std = NORMALISATIONS[model.normalisation]
    return {"size": model.input_size, "mean": mean, "std": std}


def _weights(model: Model) -> dict[str, Any] | None:
    if model.weights is None:
        return None
    return {"source": model.weights, "id": messages.weights_id(model.architecture, model.weights)}


def features_spec(config: Config, name: str, compute: dict[str, Any]) -> dict[str, Any]:
    """All that decides the features of frozen model `name`; models that agree in it share one forward pass.

    Dropout and the number of classes act behind the pooled features, so `arguments` are left out where the backbone
    does not see them.
    """
    model = config.models[name]
    arguments = {key: value for key, value in resolved_arguments(model).items() if key != "drop_rate"}
    return {
        "architecture": model.architecture,
        "arguments": arguments,
        "weights": _weights(model),
        "input": _input(model),
        "data": files_fingerprint(load_manifest(config.dataset.name)),  # of all images, however they are split
        "compute": {key: compute[key] for key in ("device", "threads", "precision")},
        "compile": compute["compile"] != "never" and load_manifest(config.dataset.name).images >= COMPILE_FROM,
    }


def features_id(spec: dict[str, Any]) -> str:
    """File name for the features that `spec` decides: the architecture and a hash."""
    return f"{messages.slug(spec['architecture'])}-{sha256_text(canonical_json(spec))[:10]}"


def run_spec(config: Config, name: str, seed: int, compute: dict[str, Any]) -> dict[str, Any]:
    """All that decides the run of model `name` with `seed`: the train step adds the weights' sha256 and writes it.

    `compute` is {"device", "threads", "precision", "deterministic", "compile"} as resolved (see `study.machine.hardware`).
    Paths are relative to the run's folder, so that a study can be moved as a whole.
    """
    model = config.models[name]
    files = {"dataset": "../../../dataset.npz"}
    weights = _weights(model)
    if weights:
        files["weights"] = f"../../../weights/{weights['id']}.safetensors"
    if model.regime == "frozen":
        files["features"] = f"../../../features/{features_id(features_spec(config, name, compute))}.npz"
    recipe = config.recipes[model.recipe]
    spec = {
        "format": 2,
        "model": name,
        "seed": seed,
        "architecture": model.architecture,
        "arguments": resolved_arguments(model),
        "regime": model.regime,
        "weights": weights,
        "input": _input(model),
        "recipe": {"name": model.recipe, **recipe.model_dump()},
        "data": _data(config),
        "compute": compute | {"compile": compute["compile"] == "auto" and _repays_compiling(config, model, compute)},
        "files": files,
    }
    if config.search is not None:
        spec["test"] = False  # a search never sees the test images
    if model.architecture.startswith("file:"):
        spec["source"] = own_network(model.architecture)
    return spec


def _repays_compiling(config: Config, model: Model, compute: dict[str, Any]) -> bool:
    """Is a run of `model` long enough to repay compiling its network, and of a kind that gains by it?"""
    if model.regime == "frozen" or not compiling_pays(model.architecture, compute["device"]):
        return False
    images = load_manifest(config.dataset.name).train_per_class * load_manifest(config.dataset.name).classes
    return seconds_of(model, config.recipes[model.recipe], images, compute["device"]) >= COMPILE_SECONDS


def study_record(config: Config, compute: dict[str, Any]) -> dict[str, Any]:
    """What the analysis and the report need to know of the config: labels, order, recipes, grid, data."""
    manifest = load_manifest(config.dataset.name)
    keys = ("label", "regime", "architecture", "arguments", "input_size", "normalisation", "weights", "recipe")
    used = {name: config.models[name] for name in config.grid.models}
    return {
        "study": config.study,
        "dataset": {
            "name": manifest.name,
            "title": manifest.title,
            "synthetic": manifest.synthetic,
            "validation": config.dataset.validation.model_dump(),
        },
        "baseline": config.baseline,
        "models": {name: model.model_dump(include=set(keys)) for name, model in used.items()},
        "recipes": {model.recipe: config.recipes[model.recipe].model_dump() for model in used.values()},
        "grid": [
            {"model": name, "seed": seed, "settings_sha256": settings_sha256(run_spec(config, name, seed, compute))}
            for name, seed in config.runs()
        ],
        "compute": compute,
        "search": None if config.search is None else {"model": config.search.model, "trials": trials(config.search)},
        "contrasts": [one.model_dump() for one in config.compared()],
        "equivalence_margin": config.equivalence_margin,
        "ladder": [step.model_dump() | {"label": config.models[step.model].label} for step in config.ladder],
        "suspect_labels": suspects_record(config.suspect_labels, config.test_images()),
        "allow_missing": config.allow_missing,
        "claims": [claim.record() for claim in config.claims],
        "literature": [entry.model_dump() for entry in config.literature],
    }
