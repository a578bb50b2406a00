"""Try what the user brings before anything is trained: networks of their own, weights files, unusual arguments.

It needs torch, which takes seconds to import, and runs the user's code, so it is done in a process of its own, and only
for models of that kind whose runs are still to be trained.
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from study.config.models import DROP_RATES
from study.config.planning import run_spec, spec_of
from study.config.specs import ComputeSpec, NetworkSpec, trained_settings
from study.config.study import Config
from study.config.timm_names import timm_network
from study.errors import StudyError
from study.files import read_json
from study.paths import RUN_RECORD, StudyPaths

NEEDS = ("torch", "timm", "safetensors")


def try_models(study: Config, compute: ComputeSpec, paths: StudyPaths) -> None:
    """Raise StudyError with the first model of the grid whose network or weights file is not as it must be.

    Says nothing where this Python has no torch, as with --use-conda: the jobs say the same then.
    """
    wanted = models_to_try(study, compute, paths)
    if not wanted or not all(map(importlib.util.find_spec, NEEDS)):
        return
    done = subprocess.run(
        [sys.executable, "-m", "study", "check-models"],
        input=json.dumps(wanted),
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
    )
    refused = [line.removeprefix("Error: ") for line in done.stderr.splitlines() if line.startswith("Error: models: ")]
    if done.returncode and refused:  # whatever else happens to it, the jobs will say
        raise StudyError(refused[-1])


def models_to_try(study: Config, compute: ComputeSpec, paths: StudyPaths) -> dict[str, dict[str, Any]]:
    """Return {model: {network, classes, is_pretrained, weights}} of what is unusual and still to be trained."""
    unusual = [name for name in study.grid.models if _is_unusual(study, name)]
    return {
        name: _given(study, name, compute, paths) for name in unusual if not is_trained(study, name, compute, paths)
    }


def check_models(models: dict[str, dict[str, Any]]) -> None:
    """Build the networks of `models_to_try` and pass images through them. Raises StudyError: `models: <name>: ...`."""
    for name, given in models.items():
        try:
            spec = NetworkSpec.from_json(given["network"])
            _try(spec, given["classes"], given["is_pretrained"], given["weights"])
        except StudyError as error:
            raise StudyError(f"models: {name}: {str(error).removeprefix('config: ')}") from None


def _try(spec: NetworkSpec, classes: int, is_pretrained: bool, weights: str | None) -> None:
    import torch

    from study.models import network as networks
    from study.models.weights import read

    network = networks.build(spec, classes)
    if weights is not None:
        path = Path(weights).expanduser()
        networks.load_backbone(network, spec, read(path), path, networks.redrawn_names(network, spec))
    elif is_pretrained:
        networks.check_size(network, spec)
    if spec.source is None:
        try:
            with torch.inference_mode():
                network.eval()(torch.zeros(2, 3, spec.input.size, spec.input.size))
        except Exception as error:  # what arguments that do not fit make a network raise
            reason = " ".join(str(error).split())
            raise StudyError(f"{spec.architecture} fails with these arguments ({reason}); correct them.") from None


def _is_unusual(study: Config, name: str) -> bool:
    model = study.models[name]
    has_file = model.architecture.startswith("file:") or (model.weights or "").startswith("file:")
    timm = timm_network(model.architecture.removeprefix("timm/"))
    if has_file or timm is None:
        return has_file
    has_own_size = timm.is_fixed and model.input_size != timm.size
    return has_own_size or model.redraw is not None or bool(model.arguments.keys() - DROP_RATES)


def _given(study: Config, name: str, compute: ComputeSpec, paths: StudyPaths) -> dict[str, Any]:
    spec = run_spec(study, name, study.seeds_of(name)[0], compute)
    kind, _, path = (study.models[name].weights or "").partition(":")
    has_file = kind == "file"
    if has_file and not Path(path).expanduser().exists() and paths.weights(spec.weights.id).exists():
        has_file = False  # it has gone, but it was read once, which is enough
    return {
        "network": spec.network.to_json(),
        "classes": study.data.classes,
        "is_pretrained": study.models[name].weights is not None,
        "weights": path if has_file else None,
    }


def is_trained(study: Config, name: str, compute: ComputeSpec, paths: StudyPaths) -> bool:
    """Return whether the model's runs are all there, trained with the config's settings."""
    for run in (one for one in study.runs() if one.model == name):
        folder = paths.run(*run)
        try:
            trained = trained_settings(folder, read_json(folder / RUN_RECORD))
        except (StudyError, AttributeError):
            return False
        if trained != spec_of(study, run, compute).settings_sha256():
            return False
    return True
