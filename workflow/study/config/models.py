"""What is trained: the typed models of config.yaml."""

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from study.config import messages
from study.config.fields import Strict
from study.config.options import Number, Whole, as_number
from study.config.own_code import own_network
from study.config.timm_names import check_timm, has_weights, timm_network
from study.files import canonical_json

Seeds = Annotated[list[Annotated[Whole, Field(ge=0, lt=2**31)]], Field(min_length=1)]


Size = Annotated[Whole, Field(ge=1, le=16_384)]  # channels or units: what a layer has, and hardware still holds


class NoArguments(Strict):
    """The arguments of an architecture that takes none."""

    def check_input_size(self, size: int) -> None:
        """Raise ValueError if the network cannot take images of `size` pixels."""


class ScratchCNNArguments(NoArguments):
    """The arguments of `study.models.scratch.ScratchCNN`."""

    channels: Annotated[list[Size], Field(min_length=1, max_length=5)]
    convolutions: Size = Field(description="convolutions in each block")
    kernel_size: Annotated[Whole, Field(ge=1, le=31)]
    hidden: Size = Field(description="units of the fully connected layer")
    dropout: Annotated[Number, Field(ge=0, lt=1)]

    @model_validator(mode="after")
    def _odd_kernel(self) -> "ScratchCNNArguments":
        if self.kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be odd, so that padding keeps the size, not {self.kernel_size}")
        return self

    def check_input_size(self, size: int) -> None:
        """Raise ValueError if the pooling leaves no pixel of an image of `size` pixels."""
        if size < 2 ** len(self.channels):
            raise ValueError(f"input_size must be at least {2 ** len(self.channels)} for {len(self.channels)} blocks")


class ScratchFastArguments(NoArguments):
    """The arguments of `study.models.fast.ScratchFast`."""

    widths: Annotated[list[Size], Field(min_length=3, max_length=3)] = Field(description="channels of each group")
    inner: Annotated[list[Size], Field(min_length=3, max_length=3)] = Field(
        description="channels inside each group's residual pair"
    )

    def check_input_size(self, size: int) -> None:
        """Raise ValueError if the pooling leaves no pixel of an image of `size` pixels."""
        if size < 9:
            raise ValueError("input_size must be at least 9 for scratch_fast")


# the study's own architectures: study.models.network builds them
BUILT_IN: dict[str, type[NoArguments]] = {
    "scratch_cnn": ScratchCNNArguments,
    "scratch_resnet18": NoArguments,
    "scratch_fast": ScratchFastArguments,
}
DROP_RATES = {"drop_rate", "drop_path_rate"}  # arguments that every network of timm takes
# arguments of timm.create_model that the study sets
SET_BY_STUDY = {
    "num_classes": "the data decide it",
    "in_chans": "the images have three channels",
    "img_size": "it is input_size",
    "pretrained": "weights says it",
    "checkpoint_path": "weights says it",
    "features_only": "a classifier is trained",
}


class Statistics(Strict):
    """Mean and standard deviation of the R, G and B channels of pixels scaled to [0, 1]."""

    mean: Annotated[list[Number], Field(min_length=3, max_length=3)]
    std: Annotated[list[Annotated[Number, Field(gt=0)]], Field(min_length=3, max_length=3)]


class Model(Strict):
    """A network, what it starts from, what it sees, and how it is trained."""

    label: Annotated[str, Field(min_length=1, max_length=80)]
    architecture: str = Field(
        description="scratch_cnn, scratch_resnet18, scratch_fast, timm/<full timm name with its tag>, or "
        "file:<path>.py:<class>"
    )
    arguments: dict[str, Any] = Field(default_factory=dict, description="passed to the architecture")
    weights: str | None = Field(description="hub, package:<registry package>, file:<path>, or null")
    input_size: Annotated[Whole, Field(ge=8, le=1024)] = Field(description="pixels; images are resized, bicubic")
    normalisation: Literal["cifar100", "imagenet", "half", "none"] | Statistics = Field(
        default=None, description="of the pixels; a network of timm may leave it out: as in its pretraining"
    )
    regime: Literal["scratch", "finetune", "frozen"]
    recipe: str
    redraw: Annotated[list[str], Field(min_length=1)] | None = Field(
        default=None,
        description="layers, by timm's names, that start from random weights instead of the pretrained ones, such as "
        "blocks.6 or conv_head; name the batch norm behind a convolution too",
    )
    seeds: Seeds | None = Field(default=None, description="instead of grid: seeds")
    origin: Literal["unverified"] | None = Field(
        default=None,
        description="unverified: where the weights are from is not known for sure; no headline rests on them",
    )
    note: Annotated[str, Field(min_length=1, max_length=400)] | None = Field(
        default=None, description="what a reader must know of its results, in whole sentences; stands beside them"
    )

    @model_validator(mode="before")
    @classmethod
    def _as_in_pretraining(cls, given: Any) -> Any:
        """Fill in the normalisation of a network of timm."""
        name = str(given.get("architecture")).removeprefix("timm/") if isinstance(given, dict) else ""
        network = timm_network(name)
        return given if network is None else {"normalisation": network.normalisation, **given}

    @model_validator(mode="after")
    def _consistent(self) -> "Model":
        _check_architecture(self)
        if self.normalisation is None:
            raise ValueError("normalisation is missing; config.yaml shows what it looks like")
        try:
            canonical_json(resolved_arguments(self))
        except (TypeError, ValueError, RecursionError):
            raise ValueError("arguments must be plain numbers, text, lists or sections of these") from None
        if not self.architecture.startswith("timm/") and self.regime != "scratch":
            raise ValueError(f"{self.architecture} has no pretrained weights, so regime is scratch, not {self.regime}")
        if self.regime == "scratch" and self.weights is not None:
            raise ValueError("regime scratch starts from random weights; set weights to null, or regime to finetune")
        if self.regime != "scratch" and self.weights is None:
            raise ValueError(f"regime {self.regime} needs weights: hub, package:<registry package> or file:<path>")
        if self.regime != "scratch":
            _check_pretrained(self)
        if self.redraw is not None and self.regime != "finetune":
            raise ValueError(
                f"redraw needs regime finetune, which trains the layers that it draws anew, not {self.regime}"
            )
        if self.origin is not None and self.weights is None:
            raise ValueError("origin speaks of pretrained weights, and this model has none; remove it")
        if self.weights is not None:
            check_weights(self.weights)
        return self


def _check_architecture(model: Model) -> None:
    """Raise ValueError unless the architecture is known and takes the model's arguments and input size."""
    architecture = model.architecture
    if architecture in BUILT_IN:
        try:
            BUILT_IN[architecture](**model.arguments).check_input_size(model.input_size)
        except ValidationError as error:
            _, problem = messages.first_problem(error, BUILT_IN[architecture], ("arguments",))
            raise ValueError(problem.rstrip(".")) from None
    elif architecture.startswith("timm/"):
        check_timm(architecture.removeprefix("timm/"))
        for name, reason in SET_BY_STUDY.items():
            if name in model.arguments:
                raise ValueError(f"arguments: {name} is not for the config to set: {reason}; remove it")
        for name in DROP_RATES & model.arguments.keys():
            rate = as_number(model.arguments[name])
            if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate < 1:
                raise ValueError(f"arguments: {name} is {rate!r}, but must be a number from 0 to less than 1")
    elif architecture.startswith("file:"):
        own_network(architecture)
    else:
        built_in = ", ".join(BUILT_IN)
        raise ValueError(
            f"architecture {architecture!r} is not one of {built_in}, timm/<name> and file:<path>.py:<class>"
        )


def _check_pretrained(model: Model) -> None:
    """Raise ValueError unless the study can put a new classifier on timm's network, and its weights can be had."""
    name = model.architecture.removeprefix("timm/")
    heads = timm_network(name).classifiers
    if heads != 1:
        has = "no classifier" if heads == 0 else "several classifiers"
        raise ValueError(f"{model.architecture} has {has}, and this study trains networks with one; use another")
    if model.weights == "hub" and not has_weights(name):
        raise ValueError(f"timm's hub has no weights of {name}; name a file (weights: file:<path>), or use another")


def takes_one_size(model: Model) -> bool:
    """Return whether the model cannot be trained on images of several sizes."""
    network = timm_network(model.architecture.removeprefix("timm/"))
    is_fixed = model.architecture == "scratch_cnn" if network is None else network.is_fixed
    return model.regime == "frozen" or is_fixed


def check_weights(weights: str) -> None:
    """Raise ValueError unless `weights` is hub, package:<name> or file:<path>."""
    kind, _, rest = weights.partition(":")
    if weights != "hub" and not (kind in ("package", "file") and rest):
        raise ValueError(f"weights {weights!r} must be hub, package:<registry package>, file:<path> or null")


def resolved_arguments(model: Model) -> dict[str, Any]:
    """Return the arguments as the architecture gets them: a number that YAML read as text is a number here.

    For a user's own network that is 1e-4 alone: "50" in quotes is meant as text.
    """
    if model.architecture in BUILT_IN:
        return BUILT_IN[model.architecture](**model.arguments).model_dump()
    is_own = model.architecture.startswith("file:")
    return {
        key: value if is_own and "e" not in str(value).lower() else as_number(value)
        for key, value in model.arguments.items()
    }
