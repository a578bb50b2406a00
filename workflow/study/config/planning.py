"""From a checked config to what is trained: the spec of each run, the features it shares, and the study's record."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from study.config.comparison import list_record
from study.config.models import Model, Statistics, resolved_arguments
from study.config.own_code import own_network
from study.config.recipes import Recipe
from study.config.search import trials
from study.config.specs import (
    ComputeSpec,
    DataSpec,
    FeaturesSpec,
    InputSpec,
    NetworkSpec,
    RunSpec,
    WeightsSpec,
    weights_id,
)
from study.config.study import Config
from study.config.timm_names import NORMALISATIONS
from study.errors import StudyError
from study.files import canonical_json
from study.machine.hardware import cpu_has_bfloat16, resolve_compute
from study.paths import RunKey

# Compiling takes up to two minutes, which a forward pass over this many images, or this much training, repays on a CPU.
# On a GPU, a CUDA graph of the whole step gains nearly as much in a second (docs/performance.md).
COMPILE_FEATURES_FROM = 20_000  # images
COMPILE_TRAINING_FROM = 100_000  # images, each counted once an epoch


def data_folder(config: Config) -> Path | None:
    """Return the folder the user names for the data, or None.

    `dataset: folder` goes before the variable of the dataset (CIFAR100_FOLDER for cifar100). Raises StudyError if that
    is blank, which its author surely did not mean.
    """
    if config.data.synthetic:
        return None
    folder = config.dataset.folder
    if not folder and config.data.archive is not None:
        variable = config.data.folder_variable
        folder = os.environ.get(variable)
        if folder and not folder.strip():
            raise StudyError(f"The data folder is blank; name it in the variable {variable}, or unset that.")
    return Path(folder).expanduser() if folder else None


def data_fingerprint(config: Config) -> str:
    """Return what dataset.npz must record of itself to be the data, and the split, that the config asks for."""
    return config.data.fingerprint(asdict(config.dataset.validation))


def resolved_compute(config: Config, is_cluster: bool = False) -> ComputeSpec:
    """Return what training runs on, with `auto` resolved for this machine, or for the nodes of a cluster.

    `compile` says whether it is allowed.
    """
    compute = config.compute
    device, precision = resolve_compute(compute.device, compute.precision, is_cluster)
    return ComputeSpec(
        device=device,
        threads=compute.threads,
        precision=precision,
        deterministic=compute.deterministic,
        compile=compute.compile == "auto",
    )


def run_spec(
    config: Config, name: str, seed: int, compute: ComputeSpec, images_per_class: int | None = None
) -> RunSpec:
    """Return the spec of the run of model `name` with `seed` on `compute` (see `resolved_compute`)."""
    model = config.models[name]
    recipe = config.recipe_of(name, images_per_class)
    is_long = config.images_seen(name, images_per_class) >= COMPILE_TRAINING_FROM
    gains = model.regime != "frozen" and gains_by_compiling(model.architecture)
    compiles = compute.compile and compute.device == "cpu" and is_long and gains
    # the head on frozen features needs no speed
    precision = compute.precision if model.regime == "frozen" else _precision(config, recipe, compute)
    return RunSpec(
        model=name,
        seed=seed,
        regime=model.regime,
        network=_network(model),
        weights=_weights(model),
        features=features_spec(config, name, compute).id if model.regime == "frozen" else None,
        recipe=recipe,
        data=DataSpec(
            name=config.dataset.name, fingerprint=data_fingerprint(config), validation=config.dataset.validation
        ),
        compute=ComputeSpec(**{**vars(compute), "compile": compiles, "precision": precision}),
        tests=config.search is None,
        images_per_class=images_per_class,
    )


def spec_of(config: Config, run: RunKey, compute: ComputeSpec) -> RunSpec:
    """Return the spec of a run of the study."""
    return run_spec(config, run.model, run.seed, compute, run.images_per_class)


def features_spec(config: Config, name: str, compute: ComputeSpec) -> FeaturesSpec:
    """Return what decides the features of frozen model `name`.

    Dropout acts behind the pooled features, so it is left out; the features are of all images, however they are split.
    """
    model = config.models[name]
    precision = _precision(config, config.recipes[model.recipe], compute)
    # in bfloat16 a CPU computes them with folded batch norms, as they are
    compiles = compute.compile and compute.device == "cpu" and precision == "float32"
    network = vars(_network(model)) | {
        "arguments": {key: value for key, value in resolved_arguments(model).items() if key != "drop_rate"}
    }
    return FeaturesSpec(
        network=NetworkSpec(**network),
        weights=_weights(model),
        files_fingerprint=config.data.files_fingerprint,
        compute=ComputeSpec(
            device=compute.device,
            threads=compute.threads,
            precision=precision,
            compile=compiles and config.data.images >= COMPILE_FEATURES_FROM,
        ),
    )


def _network(model: Model) -> NetworkSpec:
    if isinstance(model.normalisation, Statistics):
        mean, std = model.normalisation.mean, model.normalisation.std
    else:
        mean, std = NORMALISATIONS[model.normalisation]
    source, modules = own_network(model.architecture) if model.architecture.startswith("file:") else (None, {})
    return NetworkSpec(
        architecture=model.architecture,
        arguments=resolved_arguments(model),
        input=InputSpec(size=model.input_size, mean=mean, std=std),
        source=source,
        modules=modules,
        redraw=model.redraw or [],
    )


def _weights(model: Model) -> WeightsSpec | None:
    if model.weights is None:
        return None
    return WeightsSpec(source=model.weights, id=weights_id(model.architecture, model.weights))


def _precision(config: Config, recipe: Recipe, compute: ComputeSpec) -> str:
    """Return the precision of a run, or of frozen features: a recipe may ask for bfloat16 on a CPU that has it."""
    asked = config.compute.precision == "auto" and recipe.precision is not None and compute.device == "cpu"
    return recipe.precision if asked and cpu_has_bfloat16() else compute.precision


def gains_by_compiling(architecture: str) -> bool:
    """Return whether a compiled network of this kind trains faster (docs/performance.md).

    On a CPU, networks of many small layers gain much and ResNet-18 a little; plain convolutions lose. Of a user's own
    network nothing is known.
    """
    return architecture == "scratch_resnet18" or architecture.startswith("timm/")


def _curves(config: Config) -> dict[str, list[str]]:
    """Return the models of the grid by curve, called as its first model: alike but for how many images they see."""
    first: dict[str, str] = {}
    found: dict[str, list[str]] = {}
    for name in config.grid.models:
        model = config.models[name]
        recipe = asdict(config.recipes[model.recipe])
        has_budget = recipe.pop("images_seen") is not None
        dumped = model.model_dump(exclude={"label", "recipe", "seeds", "note", "origin"})
        alike = canonical_json([dumped, recipe]) if has_budget else name
        found.setdefault(first.setdefault(alike, name), []).append(name)
    return found


def _cell(config: Config, run: RunKey, compute: ComputeSpec) -> dict[str, Any]:
    """Return a run as the study's record names it, with the hash of its settings."""
    few = {} if run.images_per_class is None else {"images_per_class": run.images_per_class}
    spec = spec_of(config, run, compute)
    return {"model": run.model, "seed": run.seed, **few, "settings_sha256": spec.settings_sha256()}


def study_record(config: Config, compute: ComputeSpec) -> dict[str, Any]:
    """Return what analysis and report need to know of the config: labels, order, recipes, grid, data."""
    data = config.data
    keys = {"label", "regime", "architecture", "arguments", "input_size", "normalisation", "weights", "recipe"}
    used = {name: config.models[name] for name in config.grid.models}
    dumped = config.model_dump(mode="json")  # JSON has no numbers as keys
    return {
        "study": config.study,
        "dataset": {
            "name": data.name,
            "title": config.dataset.title or data.title,
            "synthetic": data.synthetic,
            "classes": data.classes,
            "superclasses": data.superclasses,
            "validation": dumped["dataset"]["validation"],
        },
        "baseline": config.baseline,
        "models": {
            name: model.model_dump(include=keys)
            | {key: value for key in ("redraw", "origin", "note") if (value := getattr(model, key)) is not None}
            for name, model in used.items()
        },
        "recipes": {model.recipe: dumped["recipes"][model.recipe] for model in used.values()},
        "trials": {name: one for name, one in dumped["trials"].items() if name in {m.recipe for m in used.values()}},
        "grid": [_cell(config, run, compute) for run in config.grid_runs()],
        **({"curves": curves} if len(curves := _curves(config)) < len(used) else {}),
        **({"labels": [_cell(config, run, compute) for run in config.label_runs()]} if config.labels else {}),
        "compute": vars(compute),
        "search": None if config.search is None else {"model": config.search.model, "trials": trials(config.search)},
        "headline": config.headline and config.headline.model_dump(),
        "contrasts": [one.model_dump() for one in config.compared()],
        "equivalence_margin": config.equivalence_margin,
        "ladder": [
            step.model_dump(exclude={"dataset"}) | {"label": config.models[step.model].label}
            for step in config.ladder
            if step.dataset in (None, config.dataset.name)
        ],
        "suspect_labels": list_record("suspect_labels", config.suspect_labels, data.test_images),
        "known_duplicates": list_record("known_duplicates", config.known_duplicates, data.test_images),
        **({"duplicate_features": named} if (named := config.duplicate_features) else {}),
        "allow_missing": config.allow_missing,
        "claims": [one.record() for one in config.claims if one.dataset == config.dataset.name],
        "literature": [
            one.model_dump(exclude={"dataset"}) for one in config.literature if one.dataset == config.dataset.name
        ],
    }
