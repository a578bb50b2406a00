"""Training and features as jobs of a machine that others use too: never twice at once, each with a GPU of its own.

torch is imported only when a job has its GPU, because it looks for the visible ones just once.

A killed Snakemake leaves jobs that go on, and when it is started again, it deletes their outputs, finished or not, and
starts the jobs anew. So what a job of a workflow has finished keeps a second name (a hard link, which takes no room)
until the workflow has come to an end and so knows of it; a new job finds it there.
"""

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from study.errors import StudyError
from study.files import DAMAGED, canonical_json, read_json, sha256_text
from study.machine.gpus import own_gpu
from study.machine.locks import locked

OUTPUTS = ("history.csv", "predictions.npz", "model.safetensors", "run.json")
FINISHED = ".finished"
WORKFLOW = "STUDY_WORKFLOW"  # set where Snakemake started the job


def train(spec_path: Path) -> None:
    """Train the run of `spec_path`, alone in its folder: a process that trains it already is waited for."""
    from_workflow, folder = bool(os.environ.get(WORKFLOW)), spec_path.parent
    read_json(spec_path)  # a missing spec is told before anything is written
    with locked(folder / "training.lock", str(folder)) as waited:
        sha256 = sha256_text(canonical_json(read_json(spec_path)))
        kept = folder / FINISHED
        if from_workflow and _is_finished(kept, sha256):
            _link(kept, folder)
        elif not (waited and _is_finished(folder, sha256)):
            _train(spec_path, _keep if from_workflow else _forget)
            return
        (folder / "checkpoint.pt").unlink(missing_ok=True)
        print(f"{folder} was finished by another process", file=sys.stderr)


def _train(spec_path: Path, finish: Callable[[Path], None]) -> None:
    with own_gpu(read_json(spec_path)["compute"]["device"]):
        from study.training.run import train_run

        train_run(spec_path, finish)


def _is_finished(folder: Path, spec_sha256: str) -> bool:
    """Are all outputs of a run there, and of this spec?"""
    if not all((folder / name).exists() for name in OUTPUTS):
        return False
    try:
        return read_json(folder / "run.json")["spec_sha256"] == spec_sha256
    except (StudyError, KeyError, TypeError):
        return False


def _keep(folder: Path) -> None:
    _forget(folder)
    (folder / FINISHED).mkdir()
    _link(folder, folder / FINISHED)


def _forget(folder: Path) -> None:
    shutil.rmtree(folder / FINISHED, ignore_errors=True)


def _link(source: Path, target: Path) -> None:
    """Give a run's outputs in `source` the same names in `target`, run.json last."""
    for name in OUTPUTS:
        _also(source / name, target / name)


def _also(source: Path, target: Path) -> None:
    """Give the file `source` the name `target` too; a copy where the file system has no links."""
    target.unlink(missing_ok=True)
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)
    os.utime(target)  # newer than what it was made from, also where that was written again


def features(spec: dict[str, Any], dataset: Path, weights: Path, target: Path) -> None:
    """Compute the features that `spec` decides, alone: a process that computes them already is waited for."""
    kept = target.with_suffix(FINISHED)
    with locked(target.with_suffix(".lock"), str(target)) as waited:
        if os.environ.get(WORKFLOW) and _is_of(kept, spec):
            _also(kept, target)
        elif not (waited and _is_of(target, spec)):
            with own_gpu(spec["compute"]["device"]):
                from study.training.features import compute_features

                compute_features(spec, dataset, weights, target)
            if os.environ.get(WORKFLOW):
                _also(target, kept)
            return
        print(f"{target} was finished by another process", file=sys.stderr)


def _is_of(path: Path, spec: dict[str, Any]) -> bool:
    """Is this a file with the features of `spec`?"""
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as stored:
            return json.loads(str(stored["record"]))["spec_sha256"] == sha256_text(canonical_json(spec))
    except DAMAGED:  # half a copy is none
        return False


def accept(results: Path) -> None:
    """Forget the second names of all that is there under its first: the workflow knows of it now."""
    for kept in results.glob(f"runs/*/*/{FINISHED}"):
        if all((kept.parent / name).exists() for name in OUTPUTS):
            _forget(kept.parent)
    for kept in results.glob(f"features/*{FINISHED}"):
        if kept.with_suffix(".npz").exists():
            kept.unlink()
