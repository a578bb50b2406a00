"""Publish a study: all that its tables can be computed from again, in a few megabytes, for `python -m study verify`.

A published folder looks like results/<study>, but has labels.npz in place of the images and for each run evidence.npz
in place of logits and network (see `study.analysis.evidence`). So the same code computes tables from either, and a
published folder can itself be published: into another machine's, or into itself, to compute its tables again.
"""

import dataclasses
import shutil
from pathlib import Path

import numpy as np

from study.analysis.duplicates import read_near_duplicates
from study.analysis.evidence import ThinEvidence, without_usual
from study.analysis.runs import (
    Run,
    every_run,
    has_own_split,
    is_trained,
    load_record,
    load_run,
    planned_config,
    planned_file,
    read_predictions,
)
from study.analysis.scores import METRICS, run_metrics
from study.analysis.tables import write_tables
from study.config.record import StudyRecord
from study.data.dataset import Labels, read_labels
from study.errors import StudyError
from study.files import CHECKSUMS, atomic_write, changed_files, file_digest, read_json, write_json
from study.paths import (
    EVIDENCE,
    FROM_LOGITS,
    HISTORY,
    MODEL,
    NEAR_DUPLICATES_TABLE,
    PREDICTIONS,
    RUN_RECORD,
    SPEC,
    RunKey,
    StudyPaths,
)


def publish(study: Path, dest: Path) -> None:
    """Add what has finished of the folder `study` to the folder `dest`, and compute its tables from all that is there.

    What is published already and unchanged is left alone, also where the study has it no longer: several machines can
    publish parts of one study. Raises StudyError if `dest` has a run of the study that was trained from another spec,
    or runs that are not of this study.
    """
    config, dataset = planned_config(StudyPaths(study)), read_labels(StudyPaths(study).labels)
    damaged = changed_files(dest)
    _refuse(study, dest, config, dataset, damaged)
    if not _is_whole(StudyPaths(dest).published_labels, dest, damaged):
        _write_labels(StudyPaths(study).labels, StudyPaths(dest).published_labels)
    runs = every_run(config)
    added = [run for run in runs if is_trained(study, run) and _publish_run(study, dest, run, dataset, damaged)]
    there = [run for run in runs if is_trained(dest, run)]
    if not there:
        raise StudyError(f"{study}: no run has finished yet; publish it when one has.")
    given = read_json(planned_file(StudyPaths(study)))
    write_json(StudyPaths(dest).config, given | {"allow_missing": config.allow_missing or len(there) < len(runs)})
    _take_near_duplicates(study, dest, dataset)
    write_tables(dest, StudyPaths(dest).tables)
    files = published_files(dest)
    write_json(dest / CHECKSUMS, {name: file_digest(dest / name) for name in files})
    size = sum((dest / name).stat().st_size for name in files) / 1e6
    print(f"{dest}: {len(there)} of {len(runs)} runs are published, {len(added)} of them new; {size:.1f} MB")


def published_files(dest: Path) -> list[str]:
    """The names of the files in a published folder that its checksums are of, relative to it, sorted."""
    paths = StudyPaths(dest)
    found = [paths.config, paths.published_labels, *paths.tables.glob("*"), *dest.glob("runs/**/*")]
    return sorted(path.relative_to(dest).as_posix() for path in found if path.is_file() and path.name[0] != ".")


def _refuse(study: Path, dest: Path, config: StudyRecord, dataset: Labels, damaged: dict[str, str]) -> None:
    """Raise StudyError if the study cannot be added to what is in `dest`."""
    if config.search:
        raise StudyError(f"{study} is a search; only comparisons can be published.")
    paths, runs = StudyPaths(dest), {StudyPaths(dest).run(*run): run for run in every_run(config)}
    if _is_whole(paths.published_labels, dest, damaged) and read_labels(paths.published_labels).meta != dataset.meta:
        raise StudyError(f"{dest} is of other data, or another split, than {study}; publish into another folder.")
    for folder in paths.run_folders():
        if folder not in runs:
            raise StudyError(f"{folder} is not in the grid of {study}; extend the grid, or delete {folder}.")
    is_own = study.resolve() == dest.resolve()
    sources = (paths.config, paths.published_labels, paths.table(NEAR_DUPLICATES_TABLE))
    for path, wrong in ((dest / name, wrong) for name, wrong in damaged.items()):
        run = runs.get(path.parent)
        # a run whose whole folder has gone was deleted on purpose
        is_lost = run and path.parent.exists() and (is_own or not is_trained(study, run))
        if is_lost or (is_own and path in sources):
            raise StudyError(
                f"{path} {wrong}, and {study} cannot replace it; restore it, for example with git checkout."
            )


def _is_whole(path: Path, dest: Path, damaged: dict[str, str]) -> bool:
    """Return whether a file of the published folder is there as it was published."""
    return path.exists() and path.relative_to(dest).as_posix() not in damaged


def _publish_run(study: Path, dest: Path, run: RunKey, dataset: Labels, damaged: dict[str, str]) -> bool:
    """Write one run that has ended, run.json last; return False if it is there already.

    Raises StudyError if `dest` has it from another spec, or if it does not fit the dataset.
    """
    source, target = StudyPaths(study).run(*run), StudyPaths(dest).run(*run)
    record = load_record(study, run)
    if is_trained(dest, run):
        if load_record(dest, run)["spec_sha256"] != record["spec_sha256"]:
            raise StudyError(
                f"{target} was trained from another spec.json than {source}; publish into another folder, or delete "
                f"{target}."
            )
        is_same = (target / RUN_RECORD).read_bytes() == (source / RUN_RECORD).read_bytes()
        if is_same and all((dest / name).parent != target for name in damaged):
            return False
    for name, wrong in changed_files(source).items():
        if name != MODEL:  # which is not published
            raise StudyError(f"{source / name} {wrong}; train the run again.")
    loaded = load_run(study, run, dataset)
    shutil.rmtree(target, ignore_errors=True)
    for name in (SPEC, HISTORY, EVIDENCE, FROM_LOGITS):
        if (source / name).exists():
            _copy(source / name, target / name)
    if (source / PREDICTIONS).exists() and loaded.numbers:
        _write_evidence(source, target, loaded, dataset)
    _copy(source / RUN_RECORD, target / RUN_RECORD)
    return True


def _write_evidence(source: Path, target: Path, run: Run, dataset: Labels) -> None:
    """Write evidence.npz, and the numbers that it does not determine; of a run on few images, thin and all numbers."""
    predictions = read_predictions(source, run.record, run.numbers["train_accuracy"], dataset)
    needed, bins = set(run.numbers), []
    if run.images_per_class is None:
        arrays, bins = predictions.test.to_arrays(predictions.fine, dataset.fine_to_coarse), run.bins.tolist()
        arrays["val_best"] = without_usual(predictions.val.predicted, predictions.val_fine)
        if has_own_split(run.record, dataset):
            arrays["val_ids"] = predictions.val_ids
        without_logits = run_metrics(dataclasses.replace(predictions, logits=None), [*run.numbers])
        needed = {name for name, value in without_logits.items() if np.isnan(value) or METRICS[name].of_probabilities}
    else:
        arrays = ThinEvidence(predictions.test.predicted, predictions.test.log_true).to_arrays(predictions.fine)
    with atomic_write(target / EVIDENCE) as temporary:
        np.savez_compressed(temporary, **arrays)
    numbers = {name: value for name, value in run.numbers.items() if np.isfinite(value) and name in needed}
    write_json(target / FROM_LOGITS, {"numbers": numbers, "bins": bins})


def _write_labels(source: Path, target: Path) -> None:
    """Write all of dataset.npz but its images and where they were."""
    with np.load(source, allow_pickle=False) as stored, atomic_write(target) as temporary:
        kept = [name for name in stored.files if name not in ("images", "sources")]
        np.savez_compressed(temporary, **{name: stored[name] for name in kept})


def _take_near_duplicates(study: Path, dest: Path, dataset: Labels) -> None:
    """Publish the one table that is computed from the images; compute it where the study has not."""
    source, target = (StudyPaths(folder).table(NEAR_DUPLICATES_TABLE) for folder in (study, dest))
    if source.exists():
        _copy(source, target)
    read_near_duplicates(target, StudyPaths(study).dataset, dataset.split)


def _copy(source: Path, target: Path) -> None:
    with atomic_write(target) as temporary:
        shutil.copyfile(source, temporary)
