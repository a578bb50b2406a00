"""Which models are trained on few images of each class, on how many, and with which seeds."""

from typing import Annotated

from pydantic import Field, model_validator

from study.config import messages
from study.config.fields import Strict
from study.config.models import Seeds
from study.config.options import Steps, Whole, at_step


class LabelCurve(Strict):
    """Runs on fewer images than the grid's, for accuracy against labelled images per class."""

    models: Annotated[list[str], Field(min_length=1, description="models of the grid, whose runs are on all images")]
    images_per_class: Annotated[list[Annotated[Whole, Field(ge=1)]], Field(min_length=1)] = Field(
        description="training images of each class; the smaller sets are parts of the larger ones"
    )
    seeds: Seeds | Steps[Seeds] = Field(
        description="also as {1: [0, 1, 2, 3, 4], 25: [0, 1, 2]}: other seeds from that many images per class on"
    )

    @model_validator(mode="after")
    def _consistent(self) -> "LabelCurve":
        messages.check_unique(self.models, "models")
        messages.check_unique(self.images_per_class, "images_per_class")
        for number in self.images_per_class:
            messages.check_unique(self.seeds_of(number), "seeds")
        return self

    def seeds_of(self, images_per_class: int) -> list[int]:
        """Return the seeds of the runs on so many images of each class. Raises ValueError if none are given."""
        return self.seeds if isinstance(self.seeds, list) else at_step(self.seeds, images_per_class, "seeds")
