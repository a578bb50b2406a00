"""How a network is trained: the typed recipes of config.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from study.fields import Number, Strict

Watched = Literal["val_loss", "val_accuracy"]


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
