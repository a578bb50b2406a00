"""What is timed: networks and sizes, as specs of runs on random images."""

from pathlib import Path
from typing import Any

import torch

from study.config.recipes import Augmentation, Recipe, Validation
from study.config.specs import ComputeSpec, DataSpec, InputSpec, NetworkSpec, RunSpec
from study.config.timm_names import NORMALISATIONS
from study.data.dataset import Dataset
from study.paths import StudyPaths
from study.training.loop import Setup
from study.training.setup import make_setup

SCRATCH = {"channels": [32, 64, 128], "convolutions": 2, "kernel_size": 3, "hidden": 512, "dropout": 0.3}
LITE0 = "timm/tf_efficientnet_lite0.in1k"
# name: architecture, arguments, input size, batch size
CASES: dict[str, tuple[str, dict[str, Any], int, int]] = {
    "scratch_cnn 32 px": ("scratch_cnn", SCRATCH, 32, 64),
    "scratch_resnet18 32 px": ("scratch_resnet18", {}, 32, 128),
    "lite0 96 px": (LITE0, {}, 96, 32),
    "lite0 224 px": (LITE0, {}, 224, 32),
}


def case_spec(name: str, compute: ComputeSpec) -> RunSpec:
    """Return the spec of a run from random weights with light augmentation and Adam."""
    architecture, arguments, size, batch_size = CASES[name]
    mean, std = NORMALISATIONS["cifar100"]
    return RunSpec(
        model="bench",
        seed=0,
        regime="scratch",
        network=NetworkSpec(
            architecture=architecture, arguments=arguments, input=InputSpec(size=size, mean=mean, std=std)
        ),
        recipe=Recipe(
            optimizer="adam",
            learning_rate=1e-4,
            weight_decay=0.0,
            batch_size=batch_size,
            epochs=1,
            augmentation=Augmentation(horizontal_flip=0.5, shift=4),
            plateau=None,
            early_stopping=None,
            best_epoch="val_loss",
        ),
        data=DataSpec(name="random", fingerprint="random", validation=Validation(fraction=0.1, seed=0)),
        compute=compute,
    )


def case_setup(name: str, compute: ComputeSpec, data: Dataset, device: torch.device) -> Setup:
    """Return the loop's setup of a case, its network not compiled yet."""
    return make_setup(case_spec(name, compute), StudyPaths(Path()), data, device)[0]
