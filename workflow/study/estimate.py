"""Roughly how long a study takes and how much disk it fills: said before it starts, so that nobody is surprised.

Rough means within a factor of two or three: costs come from published multiply-accumulate counts and from two
measured rates, not from a trial.
"""

from typing import Any

from study.data.manifest import load_manifest
from study.model_spec import Model
from study.spec import Config, features_id, features_spec

# 10^9 multiply-accumulates per image at 224 px, from the papers' and timm's tables
MACS_224 = {"efficientnet_b0": 0.39, "efficientnet_b1": 0.57, "efficientnet_b2": 0.66, "efficientnet_b3": 1.0,
            "efficientnet_b4": 1.5, "efficientnet_b5": 2.4, "efficientnet_lite0": 0.40, "efficientnet_lite2": 0.65,
            "resnet18": 1.8, "resnet50": 4.1, "vit_tiny": 1.3, "vit_small": 4.6, "vit_base": 17.6}  # fmt: skip
UNKNOWN_224 = 2.0
# 10^9 multiply-accumulates per second in forward passes: two cores of a server CPU, and one data-centre GPU
RATE = {"cpu": 20.0, "cuda": 2000.0}
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
    known = [value for name, value in MACS_224.items() if name in model.architecture]
    return (known[0] if known else UNKNOWN_224) * (model.input_size / 224) ** 2


def hours(study: Config, compute: dict[str, Any]) -> float:
    """Hours of the whole grid, one job after the other, every run to its last epoch."""
    manifest = load_manifest(study.dataset.name)
    training = manifest.classes * manifest.train_per_class
    total, seen = 0.0, set()
    for name in study.grid.models:
        model, seeds = study.models[name], study.seeds_of(name)
        if model.regime != "frozen":
            total += macs(model) * training * BACKWARD * study.recipes[model.recipe].epochs * len(seeds)
            continue
        features = features_id(features_spec(study, name, compute))
        if features not in seen:
            seen.add(features)
            total += macs(model) * manifest.images
    return total / RATE[compute["device"]] / 3600 + 0.01 * len(study.runs())


def disk_gb(study: Config) -> float:
    """10^9 bytes of results: data, predictions, models, and features where a backbone is frozen."""
    manifest = load_manifest(study.dataset.name)
    data = manifest.images * 3100
    run = manifest.images * 100 * 4 * 0.25 + 25e6  # logits of validation and test; a network of six million parameters
    frozen = sum(study.models[name].regime == "frozen" for name in study.grid.models)
    return (data + run * len(study.runs()) + frozen * manifest.images * 1280 * 4) / 1e9
