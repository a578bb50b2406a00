"""`python -m study check-machine`: which device is there, how fast is it, and how long will a study take on it?

What was measured is kept in results/machine.json, from which the workflow tells the time at its next start.
"""

import datetime
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from study.config.planning import resolved_compute, run_spec
from study.config.specs import ComputeSpec
from study.config.study import Config, load_config
from study.config.yaml_files import merge_files
from study.errors import StudyError
from study.files import read_json, write_json
from study.findings.text import duration
from study.machine import failures
from study.machine.gpus import own_gpu
from study.paths import MACHINE

MODELS_SECONDS = 90  # for all models together


def check_machine(configs: Sequence[Path]) -> bool:
    """Print a line for each thing checked, and keep what was measured; return whether all went well."""
    study = load_config(merge_files(configs), configs)
    compute = resolved_compute(study)
    with own_gpu(compute.device):
        good = _line("device", lambda: _device(compute))
        measured: dict[str, Any] = {}
        for name in study.grid.models:
            good &= _line(name, lambda name=name: _model(study, name, compute, measured))
    when = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    write_json(MACHINE, {"machine": platform.node(), "when": when, "compute": _told(compute), "models": measured})
    _line("the whole study", lambda: _total(study, measured))
    return good


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


def _model(study: Config, name: str, compute: ComputeSpec, measured: dict[str, Any]) -> str:
    """Measure a model; add to `measured`, under what decides its runs apart from the seed, what a run takes."""
    from study.training.trial import speed

    spec = run_spec(study, name, 0, compute)
    found = speed(spec, MODELS_SECONDS / len(study.grid.models), study.data.image_size)
    data, recipe = study.data, spec.recipe
    judged = data.train_images * spec.validation.fraction
    if spec.regime == "frozen":
        seconds = data.images / found.evaluation / len(study.seeds_of(name))  # features, which all seeds share
    else:
        trained = recipe.budget(round(data.train_images - judged))
        evaluated = 2 * judged * (1 if recipe.best_epoch == "last" else recipe.epochs) + judged + data.test_images
        seconds = trained / found.training + evaluated / found.evaluation
    measured[spec.settings_sha256()] = {"model": name, "seconds_per_run": seconds, **asdict(found)}
    rate = f"trains {found.training:.0f} images/s, " if found.training else ""
    return (
        f"{rate}judges {found.evaluation:.0f} images/s, {found.peak_memory_mb / 1e3:.1f} GB; a run {duration(seconds)}"
    )


def _total(study: Config, measured: dict[str, Any]) -> str:
    each = {one["model"]: one["seconds_per_run"] / study.images_seen(one["model"]) for one in measured.values()}
    if len(each) < len(study.grid.models):
        return "its time is not known, because a model could not be measured"
    seconds = sum(each[run.model] * study.images_seen(run.model, run.images_per_class) for run in study.runs())
    return f"{len(study.runs())} runs one after the other: at most about {duration(seconds)}, less where compiled"


def _told(compute: ComputeSpec) -> dict[str, Any]:
    """Return what of `compute` decides the speed of a model that is not compiled."""
    return {"device": compute.device, "threads": compute.threads, "precision": compute.precision}


def checked_seconds(compute: ComputeSpec) -> dict[str, float]:
    """Return the seconds of a run by `settings_sha256` of its seed 0, as a check on `compute` measured them.

    Empty where there was no check, or on another device, or its record cannot be read.
    """
    try:
        record = read_json(MACHINE)
        models = record["models"] if _told(compute).items() <= record["compute"].items() else {}
        return {key: float(one["seconds_per_run"]) for key, one in models.items()}
    except (StudyError, KeyError, TypeError, ValueError, AttributeError):
        return {}
