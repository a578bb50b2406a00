"""Train one run from its spec alone, and write what the rest of the study is computed from."""

import datetime
import statistics
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import nn

from study.config.specs import RunSpec
from study.data.dataset import Dataset
from study.files import write_json
from study.fingerprints import group_hashes, training_code_sha256
from study.models import network as networks
from study.paths import HISTORY, MODEL, PREDICTIONS, RUN_RECORD, StudyPaths
from study.training import checkpoint, loop
from study.training import device as devices
from study.training.averaging import WeightAverage
from study.training.freezing import settle_norms, start_head
from study.training.optimizers import make_optimizer, make_plateau
from study.training.outputs import write_history, write_model, write_predictions
from study.training.progress import Reporter
from study.training.regression import fit_head
from study.training.setup import compile_network, make_setup, read_data
from study.training.steps import Steps


def train_run(spec: RunSpec, folder: Path, finish: Callable[[Path], None] = lambda folder: None) -> None:
    """Train the run of `spec` and write history.csv, predictions.npz, model.safetensors and run.json into `folder`.

    Resumes from the checkpoint of an earlier attempt at the same spec. A loss that is not finite is an outcome
    ("diverged"), not an error. `finish` is called with the folder when all is written, before the checkpoint goes.
    Raises StudyError for missing or wrong inputs.
    """
    started, study = _now(), StudyPaths.of_run(folder)
    key = {"spec_sha256": spec.sha256(), "code_sha256": training_code_sha256()}
    device = devices.prepare(spec.compute)
    data = read_data(spec, study)
    setup, assemble, features_seconds = make_setup(spec, study, data, device)
    is_compiled, compile_seconds = compile_network(setup)
    progress, stopped, diverged = _train(setup, folder, key)
    setup.network.load_state_dict(progress.best_weights or setup.network.state_dict())
    network = assemble()
    write_history(folder / HISTORY, progress.history)
    write_predictions(folder / PREDICTIONS, setup, diverged is not None)
    write_model(folder / MODEL, None if diverged else network, spec, data)
    cost = {"features_seconds": features_seconds, "compile_seconds": compile_seconds}
    record = {
        **_outcome(progress, stopped, diverged),
        "chosen_by": spec.recipe.best_epoch,
        **key,
        "code_groups": group_hashes(),
        "cost": cost | _cost(progress, setup),
        **_provenance(spec, data, setup, network),
        "environment": {
            **devices.environment(spec.compute, device),
            "compiled": is_compiled,
            "captured": setup.captured,
        },
        "started": started,
        "finished": _now(),
    }
    write_json(folder / RUN_RECORD, {"model": spec.model, "seed": spec.seed, **record})
    finish(folder)
    checkpoint.remove(folder)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _outcome(progress: loop.Progress, stopped: str, diverged: loop.DivergedError | None) -> dict[str, Any]:
    """Return how the run ended, for run.json."""
    return {
        "outcome": "diverged" if diverged else "finished",
        "diverged_at": {"epoch": diverged.epoch, "step": diverged.step} if diverged else None,
        "epochs": len(progress.history),
        "chosen_epoch": None if diverged else progress.best_epoch,
        "stopped": stopped,
    }


def _cost(progress: loop.Progress, setup: loop.Setup) -> dict[str, float]:
    """Return seconds and CPU seconds of training, images/s of the median epoch, peak memory in 10^6 bytes."""
    return {
        "train_seconds": progress.seconds,
        "cpu_seconds": progress.cpu_seconds,
        "images_per_second": statistics.median([row["images_per_second"] for row in progress.history] or [0.0]),
        "peak_memory_mb": devices.peak_memory_mb(setup.device),
    }


def _provenance(spec: RunSpec, data: Dataset, setup: loop.Setup, network: nn.Module) -> dict[str, Any]:
    """Return what was trained on what, for run.json."""
    return {
        "parameters": networks.count_parameters(network),
        "macs": networks.multiply_accumulates(network, spec.network.input.size),
        "data": {**data.meta, **{name: len(getattr(setup, name)) for name in ("train", "val", "test")}},
        "validation": asdict(spec.validation),
        "weights": spec.weights and spec.weights.to_json(),
    }


def make_parts(setup: loop.Setup) -> dict[str, Any]:
    """Return what training changes: network, optimizer, plateau and average; None where the recipe has none."""
    recipe = setup.spec.recipe
    head = networks.classifier(setup.network) if setup.spec.regime == "finetune" or recipe.muon else None
    optimizer = make_optimizer(setup.network, head, recipe)
    return {
        "network": setup.network,
        "optimizer": optimizer,
        "plateau": make_plateau(optimizer, recipe.plateau),
        "average": WeightAverage(setup.network, recipe.ema) if recipe.ema else None,
    }


def _train(
    setup: loop.Setup, folder: Path, key: dict[str, str]
) -> tuple[loop.Progress, str, loop.DivergedError | None]:
    """Train until the recipe stops; return (progress, why it ended, the divergence or None)."""
    spec, recipe = setup.spec, setup.spec.recipe
    if recipe.regression is not None:
        return *fit_head(setup), None
    state, set_aside = checkpoint.load(folder, key)
    progress = loop.Progress()
    if state is None:
        with progress.timed():
            settle_norms(setup)
            if recipe.probe is not None:
                start_head(setup)
    parts = make_parts(setup)
    changed = {name: part for name, part in parts.items() if part is not None}
    if state is not None:
        for name, part in changed.items():
            part.load_state_dict(state[name])
        progress = loop.Progress(**state["progress"])
    steps = Steps(setup, parts["optimizer"])
    reporter = Reporter(spec.key.name, recipe.epochs, len(progress.history))
    if set_aside:
        reporter.say(set_aside)
    if progress.history:
        reporter.say(f"resuming after epoch {len(progress.history)}")
    try:
        while (reason := loop.why_stop(progress, recipe)) is None:
            with progress.timed():
                row = loop.one_epoch(setup, steps, parts["plateau"], parts["average"], progress, reporter.step)
            reporter.epoch(row)
            state = {name: part.state_dict() for name, part in changed.items()}
            checkpoint.save(folder, key, {**state, "progress": vars(progress)})
    except loop.DivergedError as error:
        reporter.say(f"diverged: {error}")
        return progress, f"diverged: {error}", error
    finally:
        reporter.close()
    return progress, reason, None
