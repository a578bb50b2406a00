"""Small real runs for tests: a dataset with 100 classes that a tiny network can learn, and specs to train on it."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import timm
import torch
from configs import raw
from pydantic import TypeAdapter

from study.config.recipes import Recipe, Validation
from study.config.specs import (
    ComputeSpec,
    DataSpec,
    FeaturesSpec,
    InputSpec,
    NetworkSpec,
    RunSpec,
    WeightsSpec,
    read_run_spec,
)
from study.data.dataset import TEST, TRAIN, VALIDATION, Dataset
from study.files import file_digest, write_json
from study.paths import SPEC, StudyPaths
from study.training.features import compute_features
from study.training.run import train_run

TIMES = ("seconds", "images_per_second")
RECIPES = raw()["recipes"]
SPECIAL = {
    "linear_head",
    "logistic_head",
    "scratch_fast",
    "modern_fast",
    "modern_quick",
}  # which suit one regime or network only
LITE0, VIT = "timm/tf_efficientnet_lite0.in1k", "timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k"
PER_CLASS = {TRAIN: 3, VALIDATION: 1, TEST: 2}

# with everything that a recipe can ask for, and mixing by either method
EVERYTHING = {
    "augmentation": {
        "horizontal_flip": 0.5,
        "vertical_flip": 0.5,
        "shift": 2,
        "cutout": 8,
        "mixup": 0.4,
        "cutmix": 1.0,
    },
    "label_smoothing": 0.1,
    "ema": 0.9,
    "epochs": 5,
}


def make_dataset(path: Path) -> None:
    """600 images whose mean colour tells the class; 300 train, 100 validation, 200 test."""
    random = np.random.RandomState(0)
    fine = np.tile(np.arange(100, dtype=np.uint8), sum(PER_CLASS.values()))
    split = np.repeat([*PER_CLASS], [100 * count for count in PER_CLASS.values()]).astype(np.uint8)
    colour = np.stack([fine % 5 * 50, fine // 5 % 5 * 50, fine // 25 * 60], axis=1)
    images = colour[:, None, None, :] + random.randint(0, 20, (len(fine), 32, 32, 3))
    Dataset(
        images=images.astype(np.uint8),
        fine=fine,
        coarse=fine // 5,
        split=split,
        fine_names=[f"class_{number}" for number in range(100)],
        coarse_names=[f"group_{number}" for number in range(20)],
        meta={
            "name": "tiny",
            "title": "Tiny",
            "synthetic": True,
            "validation": {"fraction": 0.25, "seed": 0},
            "fingerprint": "tiny",
            "split_sha256": "tiny",
        },
    ).write(path)


def recipe(**changes: Any) -> Recipe:
    """A quick recipe; `changes` replace its keys, as YAML would."""
    keys = {
        "optimizer": "adam",
        "learning_rate": 3e-3,
        "weight_decay": 0.0,
        "batch_size": 50,
        "epochs": 3,
        "augmentation": {"horizontal_flip": 0.5, "shift": 2},
        "plateau": {"watch": "val_loss", "patience": 1, "factor": 0.5, "min_learning_rate": 1e-5},
        "early_stopping": None,
        "best_epoch": "val_loss",
    }
    return TypeAdapter(Recipe).validate_python(keys | changes)


def config_recipe(name: str, **changes: Any) -> Recipe:
    """A recipe of config.yaml, for two epochs of the tiny data."""
    changes = {"epochs": 2} | changes | {"batch_size": min(50, RECIPES[name]["batch_size"])}
    if RECIPES[name].get("schedule"):
        changes["schedule"] = {**RECIPES[name]["schedule"], "warmup_epochs": 0.5, "hold_epochs": 0}
    if RECIPES[name].get("validation"):
        changes["validation"] = {**RECIPES[name]["validation"], "fraction": 0.5}  # a class has four images, not 500
    return recipe(**RECIPES[name] | changes)


def scratch_spec(seed: int = 0, **changes: Any) -> RunSpec:
    """Spec of a tiny scratch CNN on the tiny dataset; `changes` go to its recipe."""
    return RunSpec(
        model="scratch_cnn",
        seed=seed,
        regime="scratch",
        network=NetworkSpec(
            architecture="scratch_cnn",
            arguments={"channels": [8, 16], "convolutions": 1, "kernel_size": 3, "hidden": 64, "dropout": 0.2},
            input=InputSpec(size=32, mean=[0.5] * 3, std=[0.25] * 3),
        ),
        recipe=recipe(**changes),
        data=DataSpec(name="tiny", fingerprint="tiny", validation=Validation(fraction=0.25, seed=0)),
        compute=ComputeSpec(device="cpu", threads=1, precision="float32"),
    )


def make_weights(study: Path) -> Path:
    """Put random but fixed weights of two architectures into `study`, as a hub would give them; return `study`."""
    for architecture in (LITE0, VIT):
        torch.manual_seed(0)
        network = timm.create_model(architecture.removeprefix("timm/"), pretrained=False)
        file = StudyPaths(study).weights(architecture[5:9])
        file.parent.mkdir(exist_ok=True)
        safetensors.torch.save_file(network.state_dict(), file)
    return study


def pretrained_spec(study: Path, architecture: str, regime: str) -> RunSpec:
    """Spec of a run of `architecture` at 32 px in `regime`; frozen features are computed."""
    file = StudyPaths(study).weights(architecture[5:9])
    network = replace(scratch_spec().network, architecture=architecture, arguments={})
    weights = WeightsSpec(source="hub", id=file.stem, sha256=file_digest(file))
    spec = replace(
        scratch_spec(),
        model=f"{architecture[5:9]}_{regime}",
        regime=regime,
        network=network,
        weights=None if regime == "scratch" else weights,
        recipe=config_recipe({"scratch": "scratch_modern", "finetune": "modern", "frozen": "linear_head"}[regime]),
    )
    if regime != "frozen":
        return spec
    features = FeaturesSpec(network=network, weights=weights, files_fingerprint="tiny", compute=spec.compute)
    compute_features(features, StudyPaths(study).dataset, file, StudyPaths(study).features(features.id))
    return replace(spec, features=features.id)


def fast_spec(**changes: Any) -> RunSpec:
    """Spec of a small `scratch_fast` with its own recipe on the tiny dataset; `changes` go to the recipe."""
    network = replace(
        scratch_spec().network, architecture="scratch_fast", arguments={"widths": [24, 32, 40], "inner": [24, 16, 32]}
    )
    return replace(
        scratch_spec(), network=network, recipe=config_recipe("scratch_fast", **{"input_sizes": None} | changes)
    )


def write_spec(study: Path, spec: RunSpec, name: str | None = None) -> Path:
    """Write `spec` where the workflow would; the dataset is made if it is not there."""
    paths = StudyPaths(study)
    if not paths.dataset.exists():
        make_dataset(paths.dataset)
    path = paths.run(name or spec.model, spec.seed) / SPEC
    write_json(path, spec.to_json())
    return path


def train(path: Path) -> None:
    """Train the run whose spec.json is `path`, in this process."""
    train_run(read_run_spec(path), path.parent)


def history(folder: Path) -> list[dict[str, str]]:
    """The rows of a run's history.csv without what the clock decides."""
    with (folder / "history.csv").open() as handle:
        return [{key: value for key, value in row.items() if key not in TIMES} for row in csv.DictReader(handle)]
