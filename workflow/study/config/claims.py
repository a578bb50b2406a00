"""What others said on the same question, as data: claims that the study judges, and numbers to stand beside its own."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from study.config.fields import DataName, Fraction, Name, Strict, Text
from study.config.options import Number, Whole

PREDICTED = ("test_accuracy", "val_accuracy")  # one number per run, so that one more run can be predicted
Share = Annotated[Number, Field(ge=-1, le=1)]


class Claim(Strict):
    """One claim and exactly one judgement of it; see `study.analysis.claims` for how each is reached."""

    id: Name
    dataset: DataName = Field(default="cifar100", description="the data that it is about; others leave it out")
    text: Text = Field(description="the claim in words, as the report prints it")
    source: Text = Field(description="who claims it, and whose the threshold is")
    model: str | None = Field(description="a model of models:, or null where there is none of this kind yet")
    baseline: str | None = Field(default=None, description="the claim is on model minus this one")
    metric: Literal["test_accuracy", "val_accuracy", "train_val_gap", "class_sd", "within_superclass"]
    untested: Text | None = Field(
        default=None,
        description="why nothing here tests it; the model's number is shown without a verdict",
    )
    equals: Share | None = Field(default=None, description="one published run's number, a fraction")
    rounding: Annotated[Number, Field(ge=0, le=0.1)] = Field(
        default=0.0, description="how far the published number may be off for having been rounded"
    )
    at_least: Share | None = Field(default=None, description="a fraction that the claim says is exceeded")
    at_most: Share | None = Field(default=None, description="a fraction that the claim says is not reached")

    @model_validator(mode="after")
    def _consistent(self) -> "Claim":
        given = self._given()
        if len(given) != 1:
            raise ValueError(f"a claim has one of equals, at_least and at_most, not {' and '.join(given) or 'none'}")
        if self.equals is None and self.rounding:
            raise ValueError("rounding belongs to equals; remove it, or move the threshold")
        if self.equals is not None and (self.metric not in PREDICTED or self.baseline is not None):
            raise ValueError("equals judges test_accuracy or val_accuracy of one model; use at_least or at_most")
        if self.baseline is not None and self.metric != "test_accuracy":
            raise ValueError(f"a difference to a baseline is one of test_accuracy, not of {self.metric}")
        if self.baseline is not None and self.baseline == self.model:
            raise ValueError(f"baseline and model are both {self.model!r}; name another baseline")
        return self

    def _given(self) -> list[str]:
        return [name for name in ("equals", "at_least", "at_most") if getattr(self, name) is not None]

    def record(self) -> dict[str, Any]:
        """The claim as config.json has it, with its judgement and the number that it is judged by."""
        judgement = self._given()[0]
        said = self.model_dump(exclude={"dataset", "equals", "at_least", "at_most"})
        return said | {"judgement": judgement, "expected": getattr(self, judgement)}


class Published(Strict):
    """A number from the literature: shown beside the study's own, apart from them, and never computed with."""

    label: Text
    dataset: DataName = Field(default="cifar100", description="whose test images: studies of others leave it out")
    accuracy: Fraction = Field(description="on the test images, a fraction")
    model_kind: Literal["scratch", "finetune", "frozen"]
    training_images: Annotated[Whole, Field(ge=1)] | None = Field(
        default=None, description="how many of the data's it was trained on; null where that is not said"
    )
    selection: Text = Field(default="not said", description="what its epoch and settings were chosen on")
    source: Text = Field(description="paper or repository, as plain text")
    note: Text = Field(description="what to know before comparing with it")
