"""Training and features as jobs of a machine that others use too: never twice at once, each with a GPU of its own.

torch is imported only when a job has its GPU, because it looks for the visible ones just once.
"""

import json
import sys
from pathlib import Path
from typing import Any

from study.errors import StudyError
from study.files import canonical_json, read_json, sha256_text
from study.gpus import own_gpu
from study.locks import locked, orphan_check

OUTPUTS = ("history.csv", "predictions.npz", "model.safetensors", "run.json")


def train(spec_path: Path) -> None:
    """Train the run of `spec_path`, alone in its folder: what another process does with the same run is waited for.

    A killed Snakemake leaves training processes, and when it is started again, it deletes what they wrote and starts
    their jobs anew. Such an orphan therefore leaves its last checkpoint, from which the new job writes the same
    outputs without training.
    """
    is_orphan = orphan_check()
    folder = spec_path.parent
    read_json(spec_path)  # a missing spec is told before anything is written
    with locked(folder / "training.lock", str(folder)) as waited:
        spec = read_json(spec_path)
        if waited and _is_finished(folder, spec):
            print(f"{folder} was finished by the other process", file=sys.stderr)
            return
        with own_gpu(spec["compute"]["device"]):
            from study.training.run import train_run

            train_run(spec_path, is_orphan)


def _is_finished(folder: Path, spec: dict[str, Any]) -> bool:
    """Are all outputs there, of this spec, and nothing to go on from?"""
    if (folder / "checkpoint.pt").exists() or not all((folder / name).exists() for name in OUTPUTS):
        return False
    try:
        return read_json(folder / "run.json")["spec_sha256"] == sha256_text(canonical_json(spec))
    except (StudyError, KeyError, TypeError):
        return False


def features(spec: dict[str, Any], dataset: Path, weights: Path, target: Path) -> None:
    """Compute the features that `spec` decides, alone: as in `train`, with a second name in place of a checkpoint."""
    is_orphan = orphan_check()
    spare = target.with_suffix(".spare.npz")
    with locked(target.with_suffix(".lock"), str(target)) as waited:
        done = next((path for path in (spare, target) if path.exists() and _is_of(path, spec)), None)
        if done == spare or (done == target and waited):
            done.replace(target)
            print(f"{target} was finished by another process", file=sys.stderr)
        else:
            with own_gpu(spec["compute"]["device"]):
                from study.training.features import compute_features

                compute_features(spec, dataset, weights, target)
        if is_orphan():
            target.replace(spare)


def _is_of(path: Path, spec: dict[str, Any]) -> bool:
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as stored:
            return json.loads(str(stored["record"]))["spec_sha256"] == sha256_text(canonical_json(spec))
    except (OSError, ValueError, KeyError, EOFError):
        return False
