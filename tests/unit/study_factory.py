"""A tiny study, complete on disk, whose accuracies the caller chooses."""

import json
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np

CLASSES, SUPERCLASSES, EPOCHS, CHOSEN_EPOCH = 100, 20, 4, 3
TRAIN_IMAGES, VAL_IMAGES, TEST_IMAGES = 3, 2, 10  # of every class
ACCURACIES = {"scratch_cnn": 0.4, "lite0_finetune": 0.8, "lite0_frozen": 0.6}
REGIMES = {"scratch_cnn": "scratch", "lite0_finetune": "finetune", "lite0_frozen": "frozen"}
FINGERPRINT = "5" * 64


def make_study(
    study: Path,
    accuracies: Mapping[str, float] = ACCURACIES,
    seeds: Collection[int] = (0, 1, 2),
    diverged: Collection[tuple[str, int]] = (),
) -> Path:
    """Write a study into the folder `study` and return it.

    `accuracies` gives the models, in report order (the first is the baseline), with the chance that an image's top
    class is the true one, on test and validation alike; half of the wrong answers stay within the superclass.
    `diverged` names runs (model, seed) that ended without predictions. The 1,500 images are shuffled over the splits.
    """
    rng = np.random.default_rng(0)
    fine, split = _write_dataset(study / "dataset.npz", study.name, rng)
    grid = [{"model": model, "seed": seed} for model in accuracies for seed in seeds]
    (study / "config.json").write_text(json.dumps(_config(study.name, list(accuracies), grid), indent=2))
    for number, run in enumerate(grid):
        model, seed = run["model"], run["seed"]
        folder = study / "runs" / model / f"seed-{seed}"
        folder.mkdir(parents=True)
        finished = (model, seed) not in diverged
        predictions = {}
        for name, code in (("val", 1), ("test", 2)):
            ids = np.flatnonzero(split == code)[: None if finished else 0].astype(np.int32)
            predictions |= {f"{name}_ids": ids, f"{name}_logits": _logits(fine[ids], accuracies[model], rng)}
        np.savez(folder / "predictions.npz", **predictions)
        _write_history(folder / "history.csv", EPOCHS if finished else 1, accuracies[model])
        (folder / "run.json").write_text(json.dumps(_record(model, seed, finished, number), indent=2))
        (folder / "spec.json").write_text(json.dumps({"model": model, "seed": seed}))
    return study


def superclass_of(fine: np.ndarray) -> np.ndarray:
    """The fake data's superclass of each class: five of each, and not neighbours."""
    return fine % SUPERCLASSES


def _write_dataset(path: Path, title: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    per_class = TRAIN_IMAGES + VAL_IMAGES + TEST_IMAGES
    order = rng.permutation(CLASSES * per_class)
    fine = np.repeat(np.arange(CLASSES, dtype=np.uint8), per_class)[order]
    split = np.tile(np.repeat(np.arange(3, dtype=np.uint8), [TRAIN_IMAGES, VAL_IMAGES, TEST_IMAGES]), CLASSES)[order]
    meta = {"name": "synthetic", "title": f"Fake data of {title}", "synthetic": True, "fingerprint": FINGERPRINT}
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        path,
        images=rng.integers(0, 256, (len(fine), 8, 8, 3), dtype=np.uint8).repeat(4, axis=1).repeat(4, axis=2),
        fine=fine,
        coarse=superclass_of(fine),
        split=split,
        fine_names=np.array([f"class_{number:02d}" for number in range(CLASSES)]),
        coarse_names=np.array([f"superclass_{number:02d}" for number in range(SUPERCLASSES)]),
        meta=np.array(json.dumps(meta | {"validation": {"fraction": 0.4, "seed": 2021}})),
    )
    return fine, split


def _config(name: str, models: list[str], grid: list[dict]) -> dict:
    def entry(model: str) -> dict:
        regime = REGIMES.get(model, "scratch")
        return {
            "label": model.replace("_", " ").capitalize(),
            "regime": regime,
            "architecture": "scratch_cnn" if regime == "scratch" else "efficientnet_lite0",
            "input_size": 32 if regime == "scratch" else 96,
            "weights": None if regime == "scratch" else "imagenet",
            "recipe": "short",
        }

    return {
        "study": name,
        "dataset": {
            "name": "synthetic",
            "title": f"Fake data of {name}",
            "synthetic": True,
            "classes": CLASSES,
            "superclasses": SUPERCLASSES,
            "validation": {"fraction": 0.4, "seed": 2021},
        },
        "search": None,
        "claims": [],
        "baseline": models[0],
        "contrasts": [{"model": model, "baseline": models[0]} for model in models[1:]],
        "equivalence_margin": 0.05,
        "ladder": [],
        "suspect_labels": None,
        "allow_missing": False,
        "models": {model: entry(model) for model in models},
        "recipes": {"short": {"epochs": EPOCHS, "batch_size": 64, "optimizer": "adamw", "learning_rate": 0.001}},
        "grid": grid,
        "compute": {"device": "cpu", "threads": 2, "precision": "float32"},
    }


def _logits(fine: np.ndarray, accuracy: float, rng: np.random.Generator) -> np.ndarray:
    n = len(fine)
    sibling = (fine + SUPERCLASSES * rng.integers(1, 5, n)) % CLASSES
    anywhere = (fine + rng.integers(1, CLASSES, n)) % CLASSES
    wrong = np.where(rng.random(n) < 0.5, sibling, anywhere)
    top = np.where(rng.random(n) < accuracy, fine, wrong)
    logits = rng.normal(size=(n, CLASSES))
    logits[np.arange(n), fine] += 2  # the true class is near the top even where it is not the top
    logits[np.arange(n), top] = logits.max(axis=1, initial=0) + rng.exponential(2, n) + 0.01
    return logits.astype(np.float32)


def _write_history(path: Path, epochs: int, accuracy: float) -> None:
    columns = (
        "epoch,learning_rate,train_loss,train_accuracy,train_eval_loss,train_eval_accuracy,val_loss,val_accuracy,"
        "seconds,images_per_second"
    )
    lines = [columns]
    for epoch in range(1, epochs + 1):
        reached = accuracy * epoch / EPOCHS
        train = f"{4.6 - reached:.6f},{reached:.6f},{4.5 - reached:.6f},{reached + 0.05:.6f}"
        lines.append(f"{epoch},{1e-7 * epoch:.3g},{train},{4.6 - reached:.6f},{reached:.6f},1.5,200.0")
    path.write_text("\n".join(lines) + "\n")


def _record(model: str, seed: int, finished: bool, number: int) -> dict:
    frozen = REGIMES.get(model) == "frozen"
    return {
        "model": model,
        "seed": seed,
        "outcome": "finished" if finished else "diverged",
        "diverged_at": None if finished else {"epoch": 2, "step": 7},
        "epochs": EPOCHS if finished else 1,
        "chosen_epoch": CHOSEN_EPOCH if finished else None,
        "chosen_by": "val_loss",
        "stopped": f"All {EPOCHS} epochs were trained." if finished else "The loss was not finite in epoch 2, step 7.",
        "parameters": 128100 if frozen else 4000000,
        "macs": 390000000 if frozen else 55000000,
        "spec_sha256": "1" * 64,
        "code_sha256": "2" * 64,
        "cost": {
            "train_seconds": 60.0 + number,
            "images_per_second": 200.0,
            "peak_memory_mb": 512.0,
            "features_seconds": 12.5 if frozen else None,
        },
        "data": {"name": "synthetic", "fingerprint": FINGERPRINT, "synthetic": True},
        "validation": {"fraction": 0.4, "seed": 2021},
        "weights": None if REGIMES.get(model, "scratch") == "scratch" else {"source": "package", "sha256": "3" * 64},
        "environment": {
            "python": "3.11.7",
            "torch": "2.0.0",
            "timm": "1.0.0",
            "numpy": "2.0.0",
            "platform": "Linux",
            "device": "cpu",
            "device_name": "CPU",
            "threads": 2,
            "precision": "float32",
            "deterministic": True,
        },
        "started": f"2024-01-01T00:{number:02d}:00+00:00",
        "finished": f"2024-01-01T01:{number:02d}:00+00:00",
    }
