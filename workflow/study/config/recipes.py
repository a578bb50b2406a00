"""How a network is trained: the typed recipes of config.yaml."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from study.config.fields import Number, Strict

Watched = Literal["val_loss", "val_accuracy"]
Share = Annotated[Number, Field(ge=0, le=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]


class Validation(Strict):
    fraction: Annotated[Number, Field(gt=0, lt=0.9)] = Field(description="share of the training images held out")
    seed: Seed = Field(description="decides which images; fixed for all seeds of a run")


class Plateau(Strict):
    watch: Watched
    patience: Annotated[int, Field(ge=1)] = Field(description="epochs without improvement before a cut")
    factor: Annotated[Number, Field(gt=0, lt=1)]
    min_learning_rate: Annotated[Number, Field(ge=0)]


class EarlyStopping(Strict):
    watch: Watched
    patience: Annotated[int, Field(ge=1)] = Field(description="epochs without improvement before the end")
    min_delta: Annotated[Number, Field(ge=0)] = Field(0.0, description="what counts as an improvement must exceed this")


class Schedule(Strict):
    """A learning rate that follows the step number: up in a line, down along a cosine or a line to zero."""

    shape: Literal["cosine", "linear"] = Field(description="linear with a long warm-up is the one-cycle schedule")
    warmup_epochs: Annotated[Number, Field(ge=0)]


class Crop(Strict):
    """Random resized crop (Szegedy et al. 2015), as torchvision draws it, but for one try per image instead of ten."""

    scale: Annotated[Number, Field(gt=0, le=1)] = Field(description="smallest share of the image's area")
    ratio: Annotated[Number, Field(ge=1, le=4)] = Field(description="largest aspect ratio, either way")


class Augmentation(Strict):
    """What happens to a training image; probabilities and sizes of zero switch a transformation off."""

    horizontal_flip: Share = Field(default=0.0, description="probability")
    vertical_flip: Share = Field(default=0.0, description="probability")
    shift: Annotated[int, Field(ge=0, le=16)] = Field(
        default=0, description="pixels of the 32 px image, edges reflected"
    )
    crop: Crop | None = None
    grid_distortion: Share = Field(default=0.0, description="probability; albumentations' GridDistortion")
    elastic: Share = Field(default=0.0, description="probability; albumentations' ElasticTransform")
    cutout: Annotated[int, Field(ge=0, le=32)] = Field(
        default=0,
        description="side of the square that is blanked, in pixels of the 32 px image (DeVries & Taylor 2017)",
    )
    mixup: Annotated[Number, Field(ge=0, le=10)] = Field(
        default=0.0, description="alpha of the Beta distribution of mixup (Zhang et al. 2018)"
    )
    cutmix: Annotated[Number, Field(ge=0, le=10)] = Field(
        default=0.0, description="alpha of CutMix (Yun et al. 2019); with mixup too, each batch draws one of the two"
    )

    @model_validator(mode="after")
    def _consistent(self) -> "Augmentation":
        if self.crop is not None and self.shift:
            raise ValueError("crop and shift both move the image; set shift to 0, or crop to null")
        return self


class Recipe(Strict):
    optimizer: Literal["adam", "adamw", "sgd"] = Field(description="sgd: Nesterov momentum 0.9")
    learning_rate: Annotated[Number, Field(gt=0)]
    head_learning_rate: Annotated[Number, Field(gt=0)] | None = Field(
        default=None, description="of the new classifier, where it differs from the backbone's"
    )
    weight_decay: Annotated[Number, Field(ge=0)] = Field(description="of matrices and kernels, not of biases and norms")
    batch_size: Annotated[int, Field(ge=1)]
    epochs: Annotated[int, Field(ge=1)]
    augmentation: Augmentation | None
    label_smoothing: Annotated[Number, Field(ge=0, lt=1)] = 0.0
    schedule: Schedule | None = None
    plateau: Plateau | None
    early_stopping: EarlyStopping | None
    ema: Annotated[Number, Field(gt=0, lt=1)] | None = Field(
        default=None, description="decay per step of the averaged weights that are judged and kept"
    )
    best_epoch: Watched = Field(description="the epoch whose weights are kept and tested")
    validation: Validation | None = Field(default=None, description="a split of its own, instead of the study's")

    @model_validator(mode="after")
    def _consistent(self) -> "Recipe":
        if self.schedule is not None and self.plateau is not None:
            raise ValueError("schedule and plateau both set the learning rate; set one of them to null")
        if self.schedule is not None and self.schedule.warmup_epochs >= self.epochs:
            raise ValueError(f"schedule: warmup_epochs must be less than the {self.epochs} epochs")
        return self
