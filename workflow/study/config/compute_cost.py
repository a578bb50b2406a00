"""How much a model computes, roughly: from published multiply-accumulate counts and two measured rates."""

from study.config.models import Model
from study.config.recipes import Recipe

# 10^9 multiply-accumulates per image at 224 px, from the papers' and timm's tables
MACS_224 = {"efficientnet_b0": 0.39, "efficientnet_b1": 0.57, "efficientnet_b2": 0.66, "efficientnet_b3": 1.0,
            "efficientnet_b4": 1.5, "efficientnet_b5": 2.4, "efficientnet_lite0": 0.40, "efficientnet_lite2": 0.65,
            "resnet18": 1.8, "resnet50": 4.1, "vit_tiny": 1.3, "vit_small": 4.6, "vit_base": 17.6}  # fmt: skip
UNKNOWN_224 = 2.0
# 10^9 multiply-accumulates per second: two cores of a server CPU (docs/performance.md), one data-centre GPU (guessed)
RATE = {"cpu": 45.0, "cuda": 2000.0}
PLAIN_ON_CPU = 100.0  # networks of few, large convolutions
BACKWARD = 3  # a training step costs about three forward passes


def macs(model: Model) -> float:
    """10^9 multiply-accumulates of one forward pass of one image."""
    if model.architecture == "scratch_cnn":
        arguments, total, width, side = model.arguments, 0, 3, model.input_size
        for channel in arguments["channels"]:
            for _ in range(arguments["convolutions"]):
                total += width * channel * (arguments["kernel_size"] * side) ** 2
                width = channel
            side //= 2
        return total / 1e9
    if model.architecture == "scratch_resnet18":
        return 0.56 * (model.input_size / 32) ** 2
    known = [value for name, value in MACS_224.items() if name in model.architecture]
    return (known[0] if known else UNKNOWN_224) * (model.input_size / 224) ** 2


def seconds_of(model: Model, recipe: Recipe, images: int, device: str) -> float:
    """Seconds that training on `images` takes on `device`, cpu or cuda, to the recipe's last epoch."""
    is_plain = device == "cpu" and model.architecture.startswith("scratch_")
    return macs(model) * images * BACKWARD * recipe.epochs / (PLAIN_ON_CPU if is_plain else RATE[device])


def compiling_pays(architecture: str, device: str) -> bool:
    """Does a compiled network of this kind train faster? See docs/performance.md.

    On a CPU, networks of many small layers gain much, ResNet-18 a little; plain convolutions lose. Of a user's own
    network nothing is known. On a GPU nothing was measured, and all are taken to gain.
    """
    return device == "cuda" or architecture == "scratch_resnet18" or architecture.startswith("timm/")
