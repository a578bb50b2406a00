"""The files that a run leaves: its history, its predictions, its network."""

import csv
import math
from pathlib import Path

import numpy as np
import safetensors.torch
from torch import nn

from study.config.recipes import MACRO
from study.config.specs import RunSpec
from study.data.dataset import Dataset
from study.files import atomic_write, canonical_json
from study.training import loop

WHOLE_NUMBERS = ("epoch",)


def write_history(path: Path, history: list[dict[str, float]]) -> None:
    """One row per epoch; learning_rate is that of the epoch's last step, of the backbone where the head has its own.

    What was not judged is left empty, and the mean of the classes' accuracies is there if it was watched.
    """
    macro = [MACRO] if history and MACRO in history[0] else []
    columns = ("epoch", "learning_rate", "train_loss", "train_accuracy", "train_eval_loss", "train_eval_accuracy",
               "val_loss", "val_accuracy", *macro, "seconds", "images_per_second")  # fmt: skip
    with atomic_write(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(columns)
        for row in history:
            writer.writerow([_cell(key, row[key]) for key in columns])


def _cell(key: str, value: float) -> int | str:
    if key in WHOLE_NUMBERS:
        return int(value)
    return "" if math.isnan(value) else f"{value:.9g}"


def write_predictions(path: Path, setup: loop.Setup, diverged: bool) -> None:
    """Logits of validation and test images; the test images are looked at here, once, and nowhere else."""
    arrays: dict[str, np.ndarray] = {}
    for name, ids in (("val", setup.val), ("test", setup.test)):
        ids = ids[:0] if diverged else ids
        arrays[f"{name}_ids"] = ids.numpy().astype(np.int32)
        arrays[f"{name}_logits"] = (
            loop.predict(setup, ids).numpy() if len(ids) else np.zeros((0, setup.classes), np.float32)
        )
    with atomic_write(path) as temporary:
        np.savez(temporary, **arrays)


def write_model(path: Path, network: nn.Module | None, spec: RunSpec, data: Dataset) -> None:
    """The trained network under timm's own key names; class names and input travel in the file's metadata."""
    tensors = {} if network is None else loop.weights_of(network)
    metadata = {
        "network": spec.network.to_json(),
        "weights": spec.weights and spec.weights.to_json(),
        "classes": data.fine_names,
        "data": data.meta["title"],
    }
    if "fit" in data.meta:  # a folder's pictures, prepared by these settings
        metadata["preparation"] = {key: data.meta[key] for key in ("image_size", "fit")}
    with atomic_write(path) as temporary:
        contiguous = {key: value.contiguous() for key, value in tensors.items()}
        # One entry: safetensors writes several in an order that changes from process to process.
        safetensors.torch.save_file(contiguous, temporary, {"study": canonical_json(metadata)})
