"""The typed config: what a study is, what one run of it is, and a sentence for every mistake a person can make in it.

`load_config` turns the merged YAML into a `Config`; `run_spec` turns one cell of its grid into the dictionary that
decides that run and nothing else; `features_spec` does the same for the features of a frozen backbone.
"""

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from study import names
from study.claims_spec import Claim, Published, check_claims
from study.data.manifest import MANIFESTS, files_fingerprint, fingerprint, load_manifest
from study.errors import StudyError
from study.fields import Name, Number, Strict, as_number
from study.files import canonical_json, sha256_text

FOLDER_VARIABLE = "CIFAR100_FOLDER"
NORMALISATIONS = {
    # mean and standard deviation per RGB channel of pixels scaled to [0, 1]
    "cifar100": ([0.5071, 0.4865, 0.4409], [0.2673, 0.2564, 0.2762]),  # of CIFAR-100's training images
    "imagenet": ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),  # torchvision and timm
    "half": ([0.5, 0.5, 0.5], [0.5, 0.5, 0.5]),  # TensorFlow's EfficientNet-Lite and augreg ViT weights
    "none": ([0.0, 0.0, 0.0], [1.0, 1.0, 1.0]),
}
COMPILE_FROM = 20_000  # images: compiling a backbone takes about as long as the forward pass of some thousand

Watched = Literal["val_loss", "val_accuracy"]
Seeds = Annotated[list[Annotated[int, Field(ge=0, lt=2**31)]], Field(min_length=1)]


class Validation(Strict):
    fraction: Annotated[Number, Field(gt=0, lt=0.9)] = Field(description="share of the training images held out")
    seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(description="decides which images; fixed for the whole study")


class Dataset(Strict):
    name: str = Field(description="a manifest in workflow/study/data/manifests")
    folder: str | None = Field(description="folder with the official files, or null to download them")
    mirrors: list[str] = Field(description="addresses of the archive, tried in order")
    validation: Validation


class Compute(Strict):
    device: Literal["auto", "cpu", "cuda"] = Field(description="auto: the GPU where the machine has one")
    threads: Annotated[int, Field(ge=1, le=512)] = Field(description="CPU threads of one training job")
    precision: Literal["auto", "float32", "bfloat16"] = Field(description="auto: bfloat16 autocast on a GPU")


class Plateau(Strict):
    watch: Watched
    patience: Annotated[int, Field(ge=1)] = Field(description="epochs without improvement before a cut")
    factor: Annotated[Number, Field(gt=0, lt=1)]
    min_learning_rate: Annotated[Number, Field(ge=0)]


class EarlyStopping(Strict):
    watch: Watched
    patience: Annotated[int, Field(ge=1)] = Field(description="epochs without improvement before the end")


class Augmentation(Strict):
    horizontal_flip: Annotated[Number, Field(ge=0, le=1)] = Field(description="probability")
    shift: Annotated[int, Field(ge=0, le=16)] = Field(description="pixels of the 32 px image, edges reflected")


class Recipe(Strict):
    optimizer: Literal["adam", "adamw"]
    learning_rate: Annotated[Number, Field(gt=0)]
    weight_decay: Annotated[Number, Field(ge=0)]
    batch_size: Annotated[int, Field(ge=1)]
    epochs: Annotated[int, Field(ge=1)]
    augmentation: Augmentation | None
    plateau: Plateau | None
    early_stopping: EarlyStopping | None
    best_epoch: Watched = Field(description="the epoch whose weights are kept and tested")


class ScratchCNNArguments(Strict):
    channels: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1, max_length=5)]
    convolutions: Annotated[int, Field(ge=1)] = Field(description="convolutions in each block")
    kernel_size: Annotated[int, Field(ge=1, le=31)]
    hidden: Annotated[int, Field(ge=1)] = Field(description="units of the fully connected layer")
    dropout: Annotated[Number, Field(ge=0, lt=1)]

    @model_validator(mode="after")
    def _odd_kernel(self) -> "ScratchCNNArguments":
        if self.kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be odd, so that padding keeps the size, not {self.kernel_size}")
        return self


class Statistics(Strict):
    mean: Annotated[list[Number], Field(min_length=3, max_length=3)]
    std: Annotated[list[Annotated[Number, Field(gt=0)]], Field(min_length=3, max_length=3)]


class Model(Strict):
    label: Annotated[str, Field(min_length=1, max_length=80)]
    architecture: str = Field(description="scratch_cnn, or timm/<full timm name with its tag>")
    arguments: dict[str, Any] = Field(default_factory=dict, description="passed to the architecture")
    weights: str | None = Field(description="hub, package:<registry package>, file:<path>, or null")
    input_size: Annotated[int, Field(ge=8, le=1024)] = Field(description="pixels; images are resized, bicubic")
    normalisation: Literal["cifar100", "imagenet", "half", "none"] | Statistics
    regime: Literal["scratch", "finetune", "frozen"]
    recipe: str
    seeds: Seeds | None = Field(default=None, description="instead of grid: seeds")

    @model_validator(mode="after")
    def _consistent(self) -> "Model":
        if self.architecture == "scratch_cnn":
            try:
                ScratchCNNArguments(**self.arguments)
            except ValidationError as error:
                problem = names.sentence(error, ScratchCNNArguments, ("arguments",))
                raise ValueError(problem.removeprefix("config: ").rstrip(".")) from None
            smallest = 2 ** len(self.arguments["channels"])
            if self.input_size < smallest:
                raise ValueError(f"input_size must be at least {smallest} for {len(self.arguments['channels'])} blocks")
        elif self.architecture.startswith("timm/"):
            names.check_timm(self.architecture.removeprefix("timm/"))
        else:
            raise ValueError(f"architecture {self.architecture!r} is neither scratch_cnn nor timm/<name>")
        try:
            canonical_json(_arguments(self))
        except (TypeError, ValueError):
            raise ValueError("arguments must be plain numbers, text, lists or sections of these") from None
        if self.architecture == "scratch_cnn" and self.regime != "scratch":
            raise ValueError(f"scratch_cnn has no pretrained weights, so its regime is scratch, not {self.regime}")
        if self.regime == "scratch" and self.weights is not None:
            raise ValueError("regime scratch starts from random weights; set weights to null, or regime to finetune")
        if self.regime != "scratch" and self.weights is None:
            raise ValueError(f"regime {self.regime} needs weights: hub, package:<registry package> or file:<path>")
        if self.weights is not None:
            names.check_weights(self.weights)
        return self


def _arguments(model: Model) -> dict[str, Any]:
    """The arguments as the architecture gets them: a number that YAML read as text is a number here."""
    if model.architecture == "scratch_cnn":
        return ScratchCNNArguments(**model.arguments).model_dump()
    return {key: as_number(value) for key, value in model.arguments.items()}


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
    claims: list[Claim] = Field(default_factory=list, description="what the report says on, and its verdict")
    literature: list[Published] = Field(default_factory=list, description="published numbers, shown apart")

    @model_validator(mode="after")
    def _references(self) -> "Config":
        names.check_known(self.dataset.name, MANIFESTS, "dataset: name", "dataset")
        fraction, images = self.dataset.validation.fraction, load_manifest(self.dataset.name).train_per_class
        if fraction * images < 1:
            raise ValueError(
                f"dataset: validation: fraction {fraction} of {images} images per class is less than one; raise it"
            )
        for name, model in self.models.items():
            names.check_known(model.recipe, self.recipes, f"models: {name}: recipe", "recipe")
            recipe = self.recipes[model.recipe]
            if model.regime == "frozen" and recipe.augmentation is not None:
                raise ValueError(
                    f"models: {name}: frozen features are computed once, so recipe {model.recipe} cannot augment; "
                    "set its augmentation to null"
                )
        for name in self.grid.models:
            names.check_known(name, self.models, "grid: models", "model")
        names.check_unique(self.grid.models, "grid: models")
        for name in self.grid.models:
            names.check_unique(self.seeds_of(name), f"seeds of {name}")
        names.check_known(self.baseline, self.grid.models, "baseline", "model of the grid")
        check_claims(self.claims, self.models)
        return self

    def seeds_of(self, model: str) -> list[int]:
        """The seeds that `model` is trained with: its own, else the grid's."""
        own = self.models[model].seeds
        return self.grid.seeds if own is None else own

    def runs(self) -> list[tuple[str, int]]:
        """Every (model, seed) of the grid, in report order."""
        return [(model, seed) for model in self.grid.models for seed in self.seeds_of(model)]


def load_config(raw: dict[str, Any]) -> Config:
    """Check the merged YAML. Raises StudyError with one sentence for the first mistake found."""
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        raise StudyError(" ".join(names.sentence(error, Config).split())) from None  # a key may hold a line break


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
    return {"source": model.weights, "id": names.weights_id(model.architecture, model.weights)}


def features_spec(config: Config, name: str, compute: dict[str, Any]) -> dict[str, Any]:
    """All that decides the features of frozen model `name`; models that agree in it share one forward pass.

    Dropout and the number of classes act behind the pooled features, so `arguments` are left out where the backbone
    does not see them.
    """
    model = config.models[name]
    arguments = {key: value for key, value in _arguments(model).items() if key != "drop_rate"}
    return {
        "architecture": model.architecture,
        "arguments": arguments,
        "weights": _weights(model),
        "input": _input(model),
        "data": files_fingerprint(load_manifest(config.dataset.name)),  # of all images, however they are split
        "compute": compute,
        "compile": load_manifest(config.dataset.name).images >= COMPILE_FROM,
    }


def features_id(spec: dict[str, Any]) -> str:
    """File name for the features that `spec` decides: the architecture and a hash."""
    return f"{names.slug(spec['architecture'])}-{sha256_text(canonical_json(spec))[:10]}"


def run_spec(config: Config, name: str, seed: int, compute: dict[str, Any]) -> dict[str, Any]:
    """All that decides the run of model `name` with `seed`: the plan step adds the weights' sha256 and writes it.

    `compute` is {"device", "threads", "precision"} as resolved for this machine (see `study.machine`).
    Paths are relative to the run's folder, so that a study can be moved as a whole.
    """
    model = config.models[name]
    files = {"dataset": "../../../dataset.npz"}
    weights = _weights(model)
    if weights:
        files["weights"] = f"../../../weights/{weights['id']}.safetensors"
    if model.regime == "frozen":
        files["features"] = f"../../../features/{features_id(features_spec(config, name, compute))}.npz"
    return {
        "format": 1,
        "model": name,
        "seed": seed,
        "architecture": model.architecture,
        "arguments": _arguments(model),
        "regime": model.regime,
        "weights": weights,
        "input": _input(model),
        "recipe": {"name": model.recipe, **config.recipes[model.recipe].model_dump()},
        "data": _data(config),
        "compute": compute,
        "files": files,
    }


def study_record(config: Config, compute: dict[str, Any]) -> dict[str, Any]:
    """What the analysis and the report need to know of the config: labels, order, recipes, grid, data."""
    manifest = load_manifest(config.dataset.name)
    keys = ("label", "regime", "architecture", "input_size", "weights", "recipe")
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
        "models": {name: {key: getattr(model, key) for key in keys} for name, model in used.items()},
        "recipes": {model.recipe: config.recipes[model.recipe].model_dump() for model in used.values()},
        "grid": [{"model": model, "seed": seed} for model, seed in config.runs()],
        "compute": compute,
        "claims": [claim.record() for claim in config.claims],
        "literature": [entry.model_dump() for entry in config.literature],
    }
