"""Training and features as jobs of a machine that others use too: never twice at once, each with a GPU of its own.

torch is imported only when a job has its GPU, because it looks for the visible ones just once.

A killed Snakemake leaves jobs running, and when it is started again, it deletes their outputs, finished or not, and
starts the jobs anew. So the outputs of a workflow's job keep a backup (a hard link, which takes no room) until the
workflow has ended and so knows of them; a new job finds it there. Snakemake's own flag, update(), would not do: where
the second job fails or is stopped, Snakemake removes what the first has written meanwhile.
"""

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from study.config.specs import FeaturesSpec, RunSpec, WeightsSpec, read_run_spec
from study.errors import StudyError
from study.files import CHECKSUMS, DAMAGED, read_json, write_checksums, write_json
from study.machine.failures import explain
from study.machine.gpus import own_gpu
from study.machine.locks import locked
from study.paths import HISTORY_SO_FAR, LOCK, RUN_FILES, RUN_RECORD, SPEC, StudyPaths

FINISHED = ".finished"
WORKFLOW = "STUDY_WORKFLOW"  # set where Snakemake started the job


def write_spec(planned: Path, weights_record: Path | None, path: Path) -> None:
    """Write the spec of a run to `path`: the one that the workflow planned, with the weights as they were fetched."""
    spec = read_json(planned)
    if weights_record is not None:
        record = read_json(weights_record)
        origin = {key: value for key, value in record.items() if key not in ("architecture", "source", "sha256")}
        spec["weights"] = WeightsSpec(**spec["weights"], sha256=record["sha256"], origin=origin).to_json()
    write_json(path, spec)


def train(spec_path: Path) -> None:
    """Train the run of `spec_path`, alone in its folder: a process that trains it already is waited for."""
    folder, spec = spec_path.parent, read_run_spec(spec_path)
    with locked(folder / LOCK, str(folder)) as waited:
        from_workflow, backup = bool(os.environ.get(WORKFLOW)), folder / FINISHED
        if from_workflow and _is_finished(backup, spec):
            _link_outputs(backup, folder)
        elif waited and _is_finished(folder, spec):
            pass
        else:
            _train(spec, folder, _back_up if from_workflow else _delete_backup)
            return
        for name in ("checkpoint.pt", HISTORY_SO_FAR):
            (folder / name).unlink(missing_ok=True)
        print(f"{folder} was finished by another process", file=sys.stderr)


def _train(spec: RunSpec, folder: Path, finish: Callable[[Path], None]) -> None:
    (folder / CHECKSUMS).unlink(missing_ok=True)  # of the files of an earlier run

    def record_and_finish(folder: Path) -> None:
        from study.orchestration.card import write_card

        write_checksums(folder, (SPEC, *RUN_FILES))
        write_card(folder, spec)
        finish(folder)

    with own_gpu(spec.compute.device):
        from study.models.own import failure_in
        from study.training.run import train_run

        try:
            train_run(spec, folder, record_and_finish)
        except (Exception, SystemExit) as error:  # whatever a user's own network raises
            if explain(error) is None and (sentence := failure_in(spec.network, error)):
                raise StudyError(sentence) from None
            raise


def _is_finished(folder: Path, spec: RunSpec) -> bool:
    """Return whether all outputs of a run are there, and are of this spec."""
    if not all((folder / name).exists() for name in RUN_FILES):
        return False
    try:
        return read_json(folder / RUN_RECORD)["spec_sha256"] == spec.sha256()
    except (StudyError, KeyError, TypeError):
        return False


def _back_up(folder: Path) -> None:
    _delete_backup(folder)
    (folder / FINISHED).mkdir()
    _link_outputs(folder, folder / FINISHED)


def _delete_backup(folder: Path) -> None:
    shutil.rmtree(folder / FINISHED, ignore_errors=True)


def _link_outputs(source: Path, target: Path) -> None:
    """Link a run's outputs in `source` into `target`, run.json last."""
    for name in RUN_FILES:
        _link_or_copy(source / name, target / name)


def _link_or_copy(source: Path, target: Path) -> None:
    """Make `target` a hard link to the file `source`, or a copy where the file system has no links."""
    target.unlink(missing_ok=True)
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)
    os.utime(target)  # newer than what it was made from, also where that was written again


def features(planned: Path, dataset: Path, weights: Path, target: Path) -> None:
    """Compute the features of the spec in `planned`, alone: a process that computes them already is waited for."""
    spec = FeaturesSpec.from_json(read_json(planned), str(planned))
    backup = target.with_suffix(FINISHED)
    with locked(target.with_suffix(".lock"), str(target)) as waited:
        from_workflow = bool(os.environ.get(WORKFLOW))
        if from_workflow and _is_of(backup, spec):
            _link_or_copy(backup, target)
        elif waited and _is_of(target, spec):
            pass
        else:
            with own_gpu(spec.compute.device):
                from study.training.features import compute_features

                compute_features(spec, dataset, weights, target)
            if from_workflow:
                _link_or_copy(target, backup)
            return
        print(f"{target} was finished by another process", file=sys.stderr)


def _is_of(path: Path, spec: FeaturesSpec) -> bool:
    """Return whether this is a file with the features of `spec`."""
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as stored:
            return json.loads(str(stored["record"]))["spec_sha256"] == spec.sha256()
    except DAMAGED:  # half a copy does not count
        return False


def delete_output_backups(study: StudyPaths) -> None:
    """Delete the backups of outputs that are there: the workflow knows of these now."""
    for folder in study.run_folders():
        if all((folder / name).exists() for name in RUN_FILES):
            _delete_backup(folder)
    for backup in study.folder.glob(f"features/*{FINISHED}"):
        if backup.with_suffix(".npz").exists():
            backup.unlink()
