"""Train one run from its spec.json alone, and write what the rest of the study is computed from."""

import datetime
import statistics
from collections.abc import Callable
from pathlib import Path

from study.files import canonical_json, read_json, sha256_text, write_json
from study.fingerprints import training_code_sha256
from study.models import network as networks
from study.training import checkpoint, loop
from study.training import device as devices
from study.training.averaging import WeightAverage
from study.training.optimizers import make_optimizer, make_plateau
from study.training.outputs import write_history, write_model, write_predictions
from study.training.progress import Reporter
from study.training.setup import compile_network, make_setup, read_data


def train_run(spec_path: Path, finish: Callable[[Path], None] = lambda folder: None) -> None:
    """Train the run of `spec_path` and write history.csv, predictions.npz, model.safetensors and run.json beside it.

    Goes on from the checkpoint of an earlier attempt at the same spec. A loss that is not finite is an outcome
    ("diverged"), not an error. `finish` is called with the folder when all is written, before the checkpoint goes.
    Raises StudyError for missing or wrong inputs.
    """
    started, code_sha256 = _now(), training_code_sha256()
    spec, folder = read_json(spec_path), spec_path.parent
    spec_sha256 = sha256_text(canonical_json(spec))
    device = devices.prepare(spec["compute"])
    data = read_data(spec, folder)
    setup, assemble, features_seconds = make_setup(spec, folder, data, device)
    is_compiled, compile_seconds = compile_network(setup)
    key = {"spec_sha256": spec_sha256, "code_sha256": code_sha256}
    progress, stopped, diverged = _train(setup, folder, key)
    setup.network.load_state_dict(progress.best_weights or setup.network.state_dict())
    history = progress.history
    write_history(folder / "history.csv", history)
    write_predictions(folder / "predictions.npz", setup, diverged is not None)
    write_model(folder / "model.safetensors", None if diverged else assemble(), spec, data)
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
        "macs": networks.multiply_accumulates(assemble(), spec["input"]["size"]),
        **key,
        "cost": {
            "train_seconds": sum(row["seconds"] for row in history),
            "images_per_second": statistics.median([row["images_per_second"] for row in history] or [0.0]),
            "peak_memory_mb": devices.peak_memory_mb(device),
            "features_seconds": features_seconds,
            "compile_seconds": compile_seconds,
        },
        "data": {**data.meta, **{name: len(getattr(setup, name)) for name in ("train", "val", "test")}},
        "validation": spec["recipe"]["validation"] or spec["data"]["validation"],
        "weights": spec["weights"],
        "environment": {**devices.environment(spec["compute"], device), "compiled": is_compiled},
        "started": started,
        "finished": _now(),
    }
    write_json(folder / "run.json", record)
    finish(folder)
    checkpoint.remove(folder)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _train(
    setup: loop.Setup, folder: Path, key: dict[str, str]
) -> tuple[loop.Progress, str, loop.DivergedError | None]:
    """Train until the recipe stops; (progress, why it ended, the divergence or None)."""
    spec = setup.spec
    head = networks.head_of(setup.network, spec) if spec["regime"] == "finetune" else None
    optimizer = make_optimizer(setup.network, head, spec["recipe"])
    plateau = make_plateau(optimizer, spec["recipe"]["plateau"])
    average = WeightAverage(setup.network, spec["recipe"]["ema"]) if spec["recipe"]["ema"] else None
    parts = {"network": setup.network, "optimizer": optimizer, "plateau": plateau, "average": average}
    progress = loop.Progress()
    state, set_aside = checkpoint.load(folder, key)
    if state is not None:
        for name, part in parts.items():
            if part is not None:
                part.load_state_dict(state[name])
        progress = loop.Progress(**state["progress"])
    reporter = Reporter(f"{spec['model']} seed {spec['seed']}", spec["recipe"]["epochs"], len(progress.history))
    if set_aside:
        reporter.say(set_aside)
    if progress.history:
        reporter.say(f"going on after epoch {len(progress.history)}")
    try:
        while (reason := loop.why_stop(progress, spec["recipe"])) is None:
            reporter.epoch(loop.one_epoch(setup, optimizer, plateau, average, progress, reporter.step))
            state = {name: part.state_dict() for name, part in parts.items() if part is not None}
            checkpoint.save(folder, key, {**state, "progress": vars(progress)})
    except loop.DivergedError as error:
        reporter.say(f"diverged: {error}")
        return progress, f"diverged: {error}", error
    finally:
        reporter.close()
    return progress, reason, None
