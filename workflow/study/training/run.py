"""Train one run from its spec.json alone, and write what the rest of the study is computed from."""

import csv
import datetime
import json
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import nn

from study.code import training_code_sha256
from study.data.dataset import TEST, TRAIN, VALIDATION, Dataset, read_dataset
from study.errors import StudyError
from study.files import atomic_write, canonical_json, file_digest, read_json, sha256_text, write_json
from study.models import network as networks
from study.training import checkpoint, loop, streams
from study.training import device as devices
from study.training.inputs import FeatureInputs, ImageInputs
from study.training.report import Reporter

WHOLE_NUMBERS = ("epoch",)


def train_run(spec_path: Path) -> None:
    """Train the run of `spec_path` and write history.csv, predictions.npz, model.safetensors and run.json beside it.

    Goes on from the checkpoint of an earlier attempt at the same spec. A loss that is not finite is an outcome
    ("diverged"), not an error. Raises StudyError for missing or wrong inputs.
    """
    started = _now()
    spec, folder = read_json(spec_path), spec_path.parent
    spec_sha256 = sha256_text(canonical_json(spec))
    device = devices.prepare(spec["compute"])
    data = _read_data(spec, folder)
    setup, assemble, features_seconds = _setup(spec, folder, data, device)
    progress, stopped, diverged = _train(setup, folder, spec_sha256)
    setup.network.load_state_dict(progress.best_weights or setup.network.state_dict())
    history = progress.history
    _write_history(folder / "history.csv", history)
    _write_predictions(folder / "predictions.npz", setup, diverged is not None)
    _write_model(folder / "model.safetensors", None if diverged else assemble(), spec, data)
    record = {
        "model": spec["model"],
        "seed": spec["seed"],
        "outcome": "diverged" if diverged else "finished",
        "diverged_at": {"epoch": diverged.epoch, "step": diverged.step} if diverged else None,
        "epochs": len(history),
        "chosen_epoch": None if diverged else progress.best_epoch,
        "chosen_by": spec["recipe"]["best_epoch"],
        "stopped": stopped,
        "parameters": networks.count_parameters(assemble()),
        "spec_sha256": spec_sha256,
        "code_sha256": training_code_sha256(),
        "cost": {
            "train_seconds": sum(row["seconds"] for row in history),
            "images_per_second": statistics.median([row["images_per_second"] for row in history] or [0.0]),
            "peak_memory_mb": devices.peak_memory_mb(device),
            "features_seconds": features_seconds,
        },
        "data": {**data.meta, **{name: len(data.ids(part)) for part, name in enumerate(("train", "val", "test"))}},
        "weights": spec["weights"],
        "environment": devices.environment(spec["compute"], device),
        "started": started,
        "finished": _now(),
    }
    write_json(folder / "run.json", record)
    checkpoint.remove(folder)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _read_data(spec: dict[str, Any], folder: Path) -> Dataset:
    path = folder / spec["files"]["dataset"]
    data = read_dataset(path)
    if data.meta["fingerprint"] != spec["data"]["fingerprint"]:
        raise StudyError(f"{path.resolve()} holds other data or another split than the spec; run the workflow.")
    return data


def _weights_path(spec: dict[str, Any], folder: Path) -> Path | None:
    if spec["weights"] is None:
        return None
    path = folder / spec["files"]["weights"]
    if not path.is_file():
        raise StudyError(f"{path.resolve()} is missing; run the workflow, or `python -m study weights`.")
    if file_digest(path) != spec["weights"]["sha256"]:
        raise StudyError(f"{path.resolve()} is not the file that the spec was planned with (sha256); run the workflow.")
    return path


def _setup(spec: dict[str, Any], folder: Path, data: Dataset, device: torch.device) -> tuple[loop.Setup, Any, Any]:
    """(setup, a function that gives the whole trained network, seconds spent on features or None)."""
    torch.manual_seed(streams.stream_seed(spec["seed"], 0, "initialise"))
    network = networks.build(spec, _weights_path(spec, folder))
    train, val, test = (torch.from_numpy(data.ids(part)) for part in (TRAIN, VALIDATION, TEST))
    common = {
        "labels": torch.from_numpy(data.fine.astype(np.int64)).to(device),
        "train": train,
        "train_sample": train[:: max(1, len(train) // len(val))][: len(val)],
        "val": val,
        "test": test,
        "device": device,
        "spec": spec,
    }
    if spec["regime"] != "frozen":
        network = network.to(device, memory_format=torch.channels_last)
        images = torch.from_numpy(data.images).permute(0, 3, 1, 2).contiguous().to(device)
        return loop.Setup(network=network, inputs=ImageInputs(images, spec), **common), lambda: network, None
    features, seconds = _read_features(folder / spec["files"]["features"], len(data.images), spec["weights"]["sha256"])
    mean, std = _statistics(features[train])
    inputs = FeatureInputs(((features - mean) / std).to(device))
    head = nn.Sequential(nn.Dropout(spec["arguments"].get("drop_rate", 0.0)), nn.Linear(features.shape[1], 100))
    setup = loop.Setup(network=head.to(device), inputs=inputs, **common)
    return setup, lambda: _with_head(network, head[1], mean, std), seconds


def _read_features(path: Path, rows: int, weights_sha256: str) -> tuple[torch.Tensor, float]:
    """(features float32 [N, F], seconds they took)."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            features, record = stored["features"], json.loads(str(stored["record"]))
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise StudyError(f"{path.resolve()} cannot be read ({type(error).__name__}); run the workflow.") from None
    if len(features) != rows or record["weights_sha256"] != weights_sha256:
        raise StudyError(f"{path.resolve()} is of other images or weights than the spec; delete it, run the workflow.")
    return torch.from_numpy(features), record["seconds"]


def _statistics(features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation [F] over training rows; a feature that never changes is left unscaled."""
    std, mean = torch.std_mean(features.double(), dim=0)
    return mean.float(), torch.where(std > 1e-6, std, torch.ones_like(std)).float()


def _with_head(network: nn.Module, linear: nn.Linear, mean: torch.Tensor, std: torch.Tensor) -> nn.Module:
    """`network` with the head that was trained on standardised features, folded so that it takes them as they are.

    W ((x - m) / s) + b = (W / s) x + (b - (W / s) m).
    """
    weight = linear.weight.detach().cpu() / std
    classifier = network.get_classifier()
    with torch.no_grad():
        classifier.weight.copy_(weight)
        classifier.bias.copy_(linear.bias.detach().cpu() - weight @ mean)
    return network


def _train(setup: loop.Setup, folder: Path, key: str) -> tuple[loop.Progress, str, loop.DivergedError | None]:
    """Train until the recipe stops; (progress, why it ended, the divergence or None)."""
    spec = setup.spec
    optimizer = loop.make_optimizer(setup.network, spec["recipe"])
    plateau = loop.make_plateau(optimizer, spec["recipe"]["plateau"])
    progress = loop.Progress()
    state, set_aside = checkpoint.load(folder, key)
    if state is not None:
        setup.network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        if plateau is not None:
            plateau.load_state_dict(state["plateau"])
        progress = loop.Progress(**state["progress"])
    reporter = Reporter(f"{spec['model']} seed {spec['seed']}", spec["recipe"]["epochs"], len(progress.history))
    if set_aside:
        reporter.say(set_aside)
    if progress.history:
        reporter.say(f"going on after epoch {len(progress.history)}")
    try:
        while (reason := loop.why_stop(progress, spec["recipe"])) is None:
            reporter.epoch(loop.one_epoch(setup, optimizer, plateau, progress, reporter.step))
            checkpoint.save(
                folder,
                key,
                {
                    "network": setup.network.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "plateau": plateau.state_dict() if plateau is not None else None,
                    "progress": vars(progress),
                },
            )
    except loop.DivergedError as error:
        reporter.say(f"diverged: {error}")
        return progress, f"diverged: {error}", error
    finally:
        reporter.close()
    return progress, reason, None


def _write_history(path: Path, history: list[dict[str, float]]) -> None:
    columns = ("epoch", "learning_rate", "train_loss", "train_accuracy", "train_eval_loss", "train_eval_accuracy",
               "val_loss", "val_accuracy", "seconds", "images_per_second")  # fmt: skip
    with atomic_write(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(columns)
        for row in history:
            writer.writerow([int(row[key]) if key in WHOLE_NUMBERS else f"{row[key]:.9g}" for key in columns])


def _write_predictions(path: Path, setup: loop.Setup, diverged: bool) -> None:
    """Logits of validation and test images; the test images are looked at here, once, and nowhere else."""
    arrays: dict[str, np.ndarray] = {}
    for name, ids in (("val", setup.val), ("test", setup.test)):
        ids = ids[:0] if diverged else ids
        arrays[f"{name}_ids"] = ids.numpy().astype(np.int32)
        arrays[f"{name}_logits"] = loop.predict(setup, ids).numpy() if len(ids) else np.zeros((0, 100), np.float32)
    with atomic_write(path) as temporary:
        np.savez(temporary, **arrays)


def _write_model(path: Path, network: nn.Module | None, spec: dict[str, Any], data: Dataset) -> None:
    """The trained network under timm's own key names; class names and input travel in the file's metadata."""
    tensors = {} if network is None else loop.weights_of(network)
    metadata = {
        "architecture": spec["architecture"],
        "arguments": spec["arguments"],
        "input": spec["input"],
        "classes": data.fine_names,
        "data": data.meta["title"],
    }
    with atomic_write(path) as temporary:
        contiguous = {key: value.contiguous() for key, value in tensors.items()}
        # One entry: safetensors writes several in an order that changes from process to process.
        safetensors.torch.save_file(contiguous, temporary, {"study": canonical_json(metadata)})
