"""`python -m study check-machine`: does this machine train as it should, and how long will a study take on it?

What was measured is kept in results/machine.json, from which the workflow tells the time at its next start.
"""

import contextlib
import datetime
import io
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import yaml

from study.config.models import NORMALISATIONS
from study.config.planning import resolved_compute, run_spec
from study.config.recipes import Augmentation, Recipe, Validation
from study.config.specs import ComputeSpec, DataSpec, InputSpec, NetworkSpec, RunSpec
from study.config.study import Config, load_config
from study.errors import StudyError
from study.files import file_digest, read_json, write_json
from study.machine import failures
from study.machine.gpus import lend, own_gpu
from study.paths import SPEC, StudyPaths

MODELS_SECONDS = 90  # for all models together
STEPS = 10
# Of the loss after ten steps, against float32 on the CPU. At this learning rate, weights that differ in their last bits
# change that loss by 4e-5 at most, and rounding to bfloat16 by 5e-4. Training amplifies differences: at a rate of 0.01,
# even the last bits make 1e-3.
TOLERANCE = {"float32": 3e-4, "bfloat16": 3e-3}
COMPARED_RATE = 3e-4
SMALL = {"channels": [32, 64, 128], "convolutions": 2, "kernel_size": 3, "hidden": 512, "dropout": 0.0}


def check_machine(configs: Sequence[Path], target: Path) -> bool:
    """Print a line for each thing checked, and write what was measured to `target`; return whether all went well."""
    study = read_configs(configs)
    compute = resolved_compute(study)
    with own_gpu(compute.device):
        good = True
        for name, check in (
            ("device", lambda: _device(compute)),
            ("repeats itself", lambda: _repeats(compute)),
            ("kill and resume", lambda: _resumes(compute)),
            ("same as the CPU", lambda: _agrees(compute)),
        ):
            good &= _line(name, check)
        measured: dict[str, Any] = {}
        for name in study.grid.models:
            good &= _line(name, lambda name=name: _model(study, name, compute, measured))
    write_json(target, _record(compute, measured))
    _line("the whole study", lambda: _total(study, measured))
    return good


def read_configs(paths: Sequence[Path]) -> Config:
    """Read a config and its overlays, later ones over earlier ones. Raises StudyError for a mistake in it."""
    raw: dict[str, Any] = {}
    for path in paths:
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError) as error:
            reason = " ".join(str(error).split())
            raise StudyError(f"{path} cannot be read as a config ({reason}); correct it.") from None
        if not isinstance(content, dict):
            raise StudyError(f"{path} does not hold a section of keys; name a config.")
        raw = _merged(raw, content)
    return load_config(raw)


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    both = {key: _merged(below[key], above[key]) for key in below.keys() & above.keys()
            if isinstance(below[key], dict) and isinstance(above[key], dict)}  # fmt: skip
    return below | above | both


def _line(name: str, check: Callable[[], str]) -> bool:
    """Print what `check` found, or in a sentence why it failed; return whether it went well."""
    try:
        found, good = check(), True
    except StudyError as error:
        found, good = f"FAILED: {error}", False
    except Exception as error:
        if (refused := failures.explain(error)) is None:
            raise
        found, good = f"FAILED: {refused}", False
    print(f"{name:<28} {found}", flush=True)
    return good


def _device(compute: ComputeSpec) -> str:
    from study.training import device as devices

    device = devices.prepare(compute)
    found = devices.environment(compute, device)
    said = [found["device_name"], f"torch {found['torch']}"]
    if compute.device == "cuda":
        said += devices.describe_gpu(device)
    said.append(f"{compute.precision}, threads: {compute.threads}")
    return "; ".join(said)


def _small_spec(compute: ComputeSpec) -> RunSpec:
    """Spec of a small CNN on random images, three epochs of a few steps."""
    mean, std = NORMALISATIONS["cifar100"]
    return RunSpec(
        model="check",
        seed=0,
        regime="scratch",
        network=NetworkSpec(architecture="scratch_cnn", arguments=SMALL, input=InputSpec(size=32, mean=mean, std=std)),
        recipe=Recipe(
            optimizer="sgd",
            learning_rate=0.01,
            weight_decay=5e-4,
            batch_size=64,
            epochs=3,
            augmentation=Augmentation(horizontal_flip=0.5, shift=4, cutout=8, mixup=0.2),
            plateau=None,
            early_stopping=None,
            ema=0.9,
            best_epoch="val_loss",
        ),
        data=DataSpec(name="random", fingerprint="random", validation=Validation(fraction=0.1, seed=0)),
        compute=replace(compute, compile=False),
    )


def comparable_spec(compute: ComputeSpec) -> RunSpec:
    """The small spec without random draws, which differ by device, and at a rate that hardly amplifies rounding."""
    spec = _small_spec(compute)
    return replace(spec, recipe=replace(spec.recipe, augmentation=None, learning_rate=COMPARED_RATE))


def _trained(folder: Path, compute: ComputeSpec) -> Path:
    """Write the data and the spec of a small run into a study in `folder`; return the run's folder."""
    from study.training.trial import random_dataset

    paths, spec = StudyPaths(folder), _small_spec(compute)
    run = paths.run(spec.model, spec.seed)
    random_dataset(1200).write(paths.dataset)
    write_json(run / SPEC, spec.to_json())
    return run


def _digests(run: Path) -> list[str]:
    return [file_digest(run / name) for name in ("predictions.npz", "model.safetensors")]


def _straight(compute: ComputeSpec) -> list[str]:
    """Digests of what a small run writes."""
    from study.training.run import train_run

    with tempfile.TemporaryDirectory() as folder, _quiet():
        run = _trained(Path(folder), compute)
        train_run(_small_spec(compute), run)
        return _digests(run)


def _quiet() -> contextlib.AbstractContextManager:
    return contextlib.redirect_stderr(io.StringIO())


def _repeats(compute: ComputeSpec) -> str:
    if not compute.deterministic:
        return "not checked: compute: deterministic is false"
    if _straight(compute) != _straight(compute):
        raise StudyError("The same run gave other bytes the second time; report it with the line of the device.")
    return "two runs of 42 steps are equal to the byte"


def _resumes(compute: ComputeSpec) -> str:
    from study.training.run import train_run

    with tempfile.TemporaryDirectory() as folder:
        run = _trained(Path(folder), compute)
        command = [sys.executable, "-m", "study", "train", str(run / SPEC)]
        search = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
        environment = lend(Path(folder) / "locks") | {"PYTHONPATH": search}
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment)
        try:
            patience = time.monotonic() + 120
            while process.poll() is None and not (run / "checkpoint.pt").exists() and time.monotonic() < patience:
                time.sleep(0.005)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        if not (run / "checkpoint.pt").exists():
            raise StudyError("A run in a process of its own left no checkpoint; try `python -m study train` on a spec.")
        with _quiet():
            train_run(_small_spec(compute), run)
        resumed = _digests(run)
    if compute.deterministic and resumed != _straight(compute):
        raise StudyError("A run that was killed and resumed ended with other bytes; report it with the device's line.")
    return "a run killed after an epoch and resumed ends with the same bytes"


def _agrees(compute: ComputeSpec) -> str:
    """Compare the loss of step ten with that of the CPU in float32."""
    from study.training.trial import losses

    spec = comparable_spec(compute)
    reference = replace(spec, compute=ComputeSpec(device="cpu", threads=compute.threads, precision="float32"))
    here, there = losses(spec, STEPS)[-1], losses(reference, STEPS)[-1]
    off, allowed = abs(here / there - 1), TOLERANCE[compute.precision]
    said = f"loss of step {STEPS}: {here:.4f} in {compute.precision}, {there:.4f} on the CPU in float32"
    if not off <= allowed:
        raise StudyError(f"{said}: {off:.1%} apart, more than {allowed:.1%}; report it with the line of the device.")
    return f"{said} ({off:.2%} apart, at most {allowed:.1%} allowed)"


def _model(study: Config, name: str, compute: ComputeSpec, measured: dict[str, Any]) -> str:
    """Measure a model; add to `measured`, under what decides its runs apart from the seed, what a run takes."""
    from study.training.trial import speed

    spec = run_spec(study, name, 0, compute)
    found = speed(spec, MODELS_SECONDS / len(study.grid.models))
    manifest, recipe = study.manifest, spec.recipe
    judged = manifest.train_images * spec.validation.fraction
    if spec.regime == "frozen":
        seconds = manifest.images / found.evaluation / len(study.seeds_of(name))  # features, which all seeds share
    else:
        epoch = (manifest.train_images - judged) / found.training + 2 * judged / found.evaluation
        seconds = recipe.epochs * epoch + (judged + study.test_images()) / found.evaluation
    measured[spec.settings_sha256()] = {"model": name, "seconds_per_run": seconds, **asdict(found)}
    rate = f"trains {found.training:.0f} images/s, " if found.training else ""
    return f"{rate}judges {found.evaluation:.0f} images/s, {found.peak_memory_mb / 1e3:.1f} GB; a run {_time(seconds)}"


def _total(study: Config, measured: dict[str, Any]) -> str:
    seconds = [one["seconds_per_run"] * len(study.seeds_of(one["model"])) for one in measured.values()]
    if len(seconds) < len(study.grid.models):
        return "its time is not known, because a model could not be measured"
    return f"{len(study.runs())} runs one after the other: at most about {_time(sum(seconds))}, less where compiled"


def _time(seconds: float) -> str:
    if seconds >= 3600:
        return f"{seconds / 3600:.1f} hours"
    return f"{seconds / 60:.0f} minutes" if seconds >= 60 else f"{seconds:.0f} seconds"


def _record(compute: ComputeSpec, measured: dict[str, Any]) -> dict[str, Any]:
    return {
        "machine": platform.node(),
        "when": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "compute": {"device": compute.device, "threads": compute.threads, "precision": compute.precision},
        "models": measured,
    }


def checked_seconds(path: Path, compute: ComputeSpec) -> dict[str, float]:
    """Return the seconds of a run by `settings_sha256` of its seed 0, as a check on `compute` kept them in `path`.

    Empty where there was no check, or on another device, or its record cannot be read.
    """
    try:
        record = read_json(path)
        if any(record["compute"][key] != getattr(compute, key) for key in ("device", "threads", "precision")):
            return {}
        return {key: float(one["seconds_per_run"]) for key, one in record["models"].items()}
    except (StudyError, KeyError, TypeError, ValueError, AttributeError):
        return {}
