"""The typed config: `load_config` turns the merged YAML into a `Config`, or says in a sentence what is wrong in it."""

import functools
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from study.config import messages
from study.config.claims import Claim, Published
from study.config.comparison import Comparison, Step, Trials, read_test_images
from study.config.dataset import Dataset
from study.config.fields import Name, Strict, Switch
from study.config.labels import LabelCurve
from study.config.models import Model, Seeds, takes_one_size
from study.config.options import Number, Whole, at_step
from study.config.recipes import Recipe, Validation
from study.config.search import Search, trials, with_trials
from study.config.yaml_files import file_of
from study.data.folder import Folder
from study.data.manifest import Manifest
from study.errors import StudyError
from study.paths import RESULTS, RunKey, StudyPaths


class Compute(Strict):
    """What training runs on."""

    device: Literal["auto", "cpu", "cuda"] = Field(description="auto: the GPU where the machine has one")
    threads: Annotated[Whole, Field(ge=1, le=512)] = Field(description="CPU threads of one training job")
    precision: Literal["auto", "float32", "bfloat16"] = Field(description="auto: bfloat16 autocast on a GPU")
    deterministic: Switch = Field(default=True, description="false: faster kernels on a GPU that repeat no run exactly")
    compile: Literal["auto", "never"] = Field(
        default="auto", description="auto: where a run is long enough to repay it"
    )
    runs_per_gpu: Annotated[Whole, Field(ge=1, le=8)] = Field(
        default=1, description="training jobs that may share a GPU; decides no run, so a change retrains nothing"
    )


class Grid(Strict):
    """Which models are trained, and with which seeds."""

    models: Annotated[list[str], Field(min_length=1)]
    seeds: Seeds


class Config(Strict):
    """The science of a study: config.yaml with its overlays."""

    study: Name = Field(description="results go to results/<study>")
    dataset: Dataset
    compute: Compute
    models: dict[Name, Model]
    recipes: dict[Name, Recipe]
    trials: dict[Name, Trials] = Field(
        default_factory=dict, description="by recipe, what finding its settings took; it decides no run"
    )
    grid: Grid
    labels: LabelCurve | None = Field(default=None, description="runs on few images of each class, beside the grid's")
    baseline: str = Field(description="every other model is compared with this one")
    search: Search | None = Field(default=None, description="trials on the validation images, in place of a comparison")
    headline: Comparison | None = Field(
        default=None,
        description="the pair that answers the study's question; null: the best pretrained model whose weights have a "
        "known origin, and the best from random weights",
    )
    contrasts: list[Comparison] | None = Field(default=None, description="null: every other model minus baseline")
    equivalence_margin: Annotated[Number, Field(gt=0, lt=1)] = Field(
        default=0.05, description="differences of a class's accuracy below this, a fraction, do not matter"
    )
    ladder: list[Step] = Field(default_factory=list, description="cumulative ablation: models, each with one change")
    suspect_labels: str | None = Field(default=None, description="a file that lists test images with doubtful labels")
    duplicate_features: str | None = Field(
        default=None, description="a frozen model of models: its features find near-duplicates; null: pixels alone do"
    )
    known_duplicates: str | None = Field(
        default=None, description="a file that lists test images known to be near-duplicates of training images"
    )
    allow_missing: Switch = Field(default=False, description="compare the runs that are there, and train none")
    seconds_per_image: dict[Name, Annotated[Number, Field(gt=0)]] = Field(
        default_factory=dict,
        description="by model, on one core of another machine: the time is judged by it before a run has finished here",
    )
    published: str | None = Field(
        default=None,
        description="a published study: its runs with the same settings are taken as they are, not trained",
    )
    claims: list[Claim] = Field(default_factory=list, description="what the original report says, to be judged")
    literature: list[Published] = Field(default_factory=list, description="published numbers, shown apart")

    @model_validator(mode="after")
    def _check_references(self) -> "Config":
        for name in self.models:
            self._check_recipe_of(name)
        self._check_grid()
        self._check_splits()
        self._check_labels()
        for name in self.trials:
            messages.check_known(name, self.recipes, "trials", "recipe")
        for name in self.seconds_per_image:
            messages.check_known(name, self.models, "seconds_per_image", "model")
        if self.search is not None and list(self.models) != [*trials(self.search)]:  # as `with_trials` leaves them
            messages.check_known(self.search.model, self.models, "search: model", "model")
        self._check_compared()
        if self.duplicate_features is not None:
            messages.check_known(self.duplicate_features, self.models, "duplicate_features", "model")
            if self.models[self.duplicate_features].regime != "frozen":
                raise ValueError(f"duplicate_features: {self.duplicate_features} is not frozen; name a frozen model")
        for key in ("suspect_labels", "known_duplicates"):
            if (file := getattr(self, key)) is not None:
                read_test_images(key, file, self.data.test_images)
        return self

    def _check_compared(self) -> None:
        contrasts = self.contrasts or []
        pairs = {f"contrasts: {number}": one for number, one in enumerate(contrasts, 1)}
        pairs |= {"headline": self.headline} if self.headline else {}
        for key in ("model", "baseline"):
            for where, one in pairs.items():
                messages.check_known(getattr(one, key), self.grid.models, f"{where}: {key}", "model of the grid")
            for claim in self.claims:
                if (name := getattr(claim, key)) is not None:
                    messages.check_known(name, self.models, f"claims: {claim.id}: {key}", "model")
        for number, step in enumerate(self.ladder, 1):
            messages.check_known(step.model, self.models, f"ladder: {number}: model", "model")
        messages.check_unique([f"{one.model} minus {one.baseline}" for one in contrasts], "contrasts")
        messages.check_unique([claim.id for claim in self.claims], "claims: id")
        messages.check_unique([step.model for step in self.ladder], "ladder")

    def _check_splits(self) -> None:
        splits = {"dataset": self.dataset.validation}
        for name in (self.models[model].recipe for model in self.grid.models):
            splits |= {f"recipes: {name}": split} if (split := self.recipes[name].validation) else {}
        for where, validation in splits.items():
            try:
                self.data.check_validation(asdict(validation))
            except ValueError as error:
                raise ValueError(f"{where}: validation: {error}") from None

    def _check_recipe_of(self, name: str) -> None:
        model = self.models[name]
        messages.check_known(model.recipe, self.recipes, f"models: {name}: recipe", "recipe")
        recipe, where = self.recipes[model.recipe], f"models: {name}: recipe {model.recipe}"
        if model.regime == "frozen" and recipe.augmentation is not None:
            raise ValueError(
                f"models: {name}: frozen features are computed once, so recipe {model.recipe} cannot augment; "
                "set its augmentation to null"
            )
        pretrained = recipe.frozen_norms or recipe.frozen_blocks or recipe.frozen_depthwise or recipe.probe
        for has, regime, what in (
            (pretrained, "finetune", "freezes or probes parts"),
            (recipe.regression, "frozen", "has a regression"),
            (recipe.head_learning_rate and not recipe.muon, "finetune", "has a head_learning_rate"),
        ):
            if has and model.regime != regime:
                other = f"name another recipe for regime {model.regime}"
                raise ValueError(f"{where} {what}, which is for regime {regime}; {other}")
        if recipe.input_sizes is not None and takes_one_size(model):
            raise ValueError(f"{where} has input_sizes, but this model takes images of one size only")
        if recipe.muon is not None and model.architecture != "scratch_fast":
            other = f"name another recipe for {model.architecture}"
            raise ValueError(f"{where} has optimizer muon, which is for scratch_fast; {other}")

    def _check_grid(self) -> None:
        for name in self.grid.models:
            messages.check_known(name, self.models, "grid: models", "model")
        messages.check_unique(self.grid.models, "grid: models")
        for name in self.grid.models:
            where = "grid: seeds" if self.models[name].seeds is None else f"models: {name}: seeds"
            messages.check_unique(self.seeds_of(name), where)
            self.recipe_of(name)
        messages.check_known(self.baseline, self.grid.models, "baseline", "model of the grid")

    def _check_labels(self) -> None:
        if self.labels is None:
            return
        if self.search is not None:
            raise ValueError("labels: a search trains its trials on all images; remove labels, or search")
        for name in self.labels.models:
            messages.check_known(name, self.grid.models, "labels: models", "model of the grid")
            fraction = self._validation_of(name).fraction
            most, largest = self.data.fewest_training_images(fraction), max(self.labels.images_per_class)
            if largest >= most:
                raise ValueError(
                    f"labels: images_per_class: {largest} is not fewer than the {most:g} images per class that the "
                    f"grid's runs of {name} train on; remove it, because these runs are the end of the curve"
                )
            self.recipe_of(name, min(self.labels.images_per_class))

    @functools.cached_property
    def data(self) -> Manifest | Folder:
        """What is known of the images before they are prepared. Raises StudyError for a folder that is no data set."""
        return self.dataset.read(StudyPaths(RESULTS / self.study).dataset)

    @property
    def mirrors(self) -> list[str]:
        """Addresses of the dataset's archive, to be tried in order."""
        if self.dataset.mirrors is not None:
            return self.dataset.mirrors
        return self.data.archive.mirrors if self.data.archive else []

    def seeds_of(self, model: str) -> list[int]:
        """Return the seeds that `model` is trained with: its own, else the grid's."""
        own = self.models[model].seeds
        return self.grid.seeds if own is None else own

    def training_images(self, model: str, images_per_class: int | None = None) -> int:
        """Return how many images a run of `model` trains on, those held out for validation not among them."""
        if images_per_class is not None:
            return images_per_class * self.data.classes
        return self.data.training_images(self._validation_of(model).fraction)

    def _validation_of(self, model: str) -> Validation:
        return self.recipes[self.models[model].recipe].validation or self.dataset.validation

    def recipe_of(self, model: str, images_per_class: int | None = None) -> Recipe:
        """Return the recipe of a run of `model`, its `images_seen` as this number of images per class has it.

        Raises ValueError if it has none for that number.
        """
        name = self.models[model].recipe
        recipe = self.recipes[name]
        if not isinstance(recipe.images_seen, dict):
            return recipe
        number = self.training_images(model, images_per_class) / self.data.classes
        return replace(recipe, images_seen=at_step(recipe.images_seen, number, f"recipes: {name}: images_seen"))

    def images_seen(self, model: str, images_per_class: int | None = None) -> int:
        """Return how many images a run of `model` sees at most, each counted as often as it is seen.

        Of a run on all images without a budget, those held out for validation are counted too.
        """
        data = self.data
        images = data.train_images if images_per_class is None else images_per_class * data.classes
        return self.recipe_of(model, images_per_class).budget(images)

    def compared(self) -> list[Comparison]:
        """Return the contrasts asked for, else every other model of the grid minus the baseline."""
        if self.contrasts is not None:
            return self.contrasts
        return [Comparison(model=name, baseline=self.baseline) for name in self.grid.models if name != self.baseline]

    def grid_runs(self) -> list[RunKey]:
        """Return the runs on all images, in report order."""
        return [RunKey(model, seed) for model in self.grid.models for seed in self.seeds_of(model)]

    def label_runs(self) -> list[RunKey]:
        """Return the runs on few images of each class, the fewest first."""
        if self.labels is None:
            return []
        return [
            RunKey(model, seed, number)
            for number in sorted(self.labels.images_per_class)
            for model in self.labels.models
            for seed in self.labels.seeds_of(number)
        ]

    def featured(self) -> list[str]:
        """Return the frozen models whose features are needed: those of the grid, and that of `duplicate_features`."""
        asked = [] if self.duplicate_features is None else [self.duplicate_features]
        return [name for name in dict.fromkeys([*self.grid.models, *asked]) if self.models[name].regime == "frozen"]

    def runs(self) -> list[RunKey]:
        """Return every run of the study."""
        return [*self.grid_runs(), *self.label_runs()]


def load_config(raw: dict[str, Any], files: Sequence[Path | str] = ()) -> Config:
    """Check the merged YAML. Raises StudyError with one sentence for the first mistake found.

    `files` are those that it was merged from, the last one first in rank: the sentence names the one to correct.
    """
    try:
        config = Config.model_validate(raw)
    except ValidationError as error:
        raise _refusal(error, raw, files) from None
    if config.search is None:
        return config
    try:
        return Config.model_validate(with_trials(raw, config.search))
    except ValidationError as error:  # in a trial, which is in no file
        raise _refusal(error, {"search": raw["search"]}, files, ["search"]) from None


def _refusal(
    error: ValidationError, raw: dict[str, Any], files: Sequence[Path | str], keys: Sequence[Any] = ()
) -> StudyError:
    """Return the first problem as a sentence that begins with the file in which the key stands."""
    path, sentence = messages.first_problem(error, Config)
    where = file_of(keys or _all_keys(path, sentence, raw), raw, files) if files else "config"
    return StudyError(f"{where}: {sentence}")


def _all_keys(path: list[Any], sentence: str, raw: dict[str, Any]) -> list[Any]:
    """Return `path` and the keys below it that `sentence` goes on with, as a check of several sections names them."""
    section: Any = raw
    for number, key in enumerate([*path, *sentence.split(": ")[len(path) :]]):
        if number >= len(path) and not (isinstance(section, dict) and key in section):
            return [*path, *sentence.split(": ")[len(path) : number]]
        section = section.get(key) if isinstance(section, dict) else None
    return path
