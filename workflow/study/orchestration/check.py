"""Are results still what the study wrote? Files are compared with the hashes recorded when they were written."""

import shlex
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from study.config.record import read_record
from study.config.specs import read_run_spec
from study.errors import StudyError
from study.files import CHECKSUMS, changed_files, file_digest, read_json, write_checksums
from study.paths import MODEL, PREDICTIONS, RUN_FILES, RUN_RECORD, SPEC, StudyPaths

AGAIN = "then run the study again"


def check_study(folder: Path) -> None:
    """Print what is damaged, edited or foreign in results/<study>, and how to have it made again.

    Raises StudyError if anything is.
    """
    paths = StudyPaths(folder)
    if not paths.dataset_record.exists() and not (folder / "runs").is_dir():
        raise StudyError(f"{folder} is not the results of a study; name a folder such as results/demo.")
    runs = paths.run_folders()
    found = [*_data(paths), *(line for run in runs for line in _run(paths, run)), *_tables(paths)]
    for line in found:
        print(line)
    if found:
        raise StudyError(f"{folder}: {len(found)} faults were found, as said above.")
    unknown = [run for run in runs if not (run / CHECKSUMS).exists()]
    print(f"{folder}: data, tables and {len(runs) - len(unknown)} runs are as they were written")
    if unknown:
        print(f"of {len(unknown)} runs no checksums are recorded: they have not ended, or an older version wrote them")


def record_tables(folder: Path) -> None:
    """Record the hashes of the tables and of what else analysis wrote or read in results/<study>."""
    paths = StudyPaths(folder)
    write_checksums(paths.tables, sorted(path.name for path in paths.tables.glob("*.csv")))
    write_checksums(folder, (paths.config.name,))


def refuse_changed_runs(folder: Path) -> None:
    """Raise StudyError if a file of a run that config.json names is not as the run wrote it."""
    paths = StudyPaths(folder)
    config = read_record(paths.config)
    for run in [*config.grid, *(config.labels or {})]:
        where = paths.run(*run)
        for name, wrong in changed_files(where).items() if (where / RUN_RECORD).exists() else ():
            if name != MODEL:  # which no table is computed from
                raise StudyError(f"{where / name} {wrong}; train the run again: {_remove(where)}, {AGAIN}.")


def refuse_changed_tables(folder: Path) -> None:
    """Raise StudyError if a table is not as it was computed."""
    tables = StudyPaths(folder).tables
    for name, wrong in changed_files(tables).items():
        raise StudyError(f"{tables / name} {wrong}; compute it again: {_remove(tables / name)}, {AGAIN}.")


def _data(paths: StudyPaths) -> Iterator[str]:
    for name, wrong in changed_files(paths.folder).items():
        yield f"{paths.folder / name} {wrong}: {_remove(paths.folder / name)}, then run with --forcerun analyse"
    for record in sorted(paths.folder.glob("weights/*.json")):
        weights = record.with_suffix(".safetensors")
        try:
            is_whole = not weights.exists() or file_digest(weights) == read_json(record)["sha256"]
        except (StudyError, KeyError, TypeError):
            yield f"{record} is damaged: {_remove(record, weights)}, {AGAIN}"
            continue
        if not is_whole:
            yield f"{weights} was changed after it was written: {_remove(weights)}, {AGAIN}"
    for features in sorted(paths.folder.glob("features/*.npz")):
        try:
            with zipfile.ZipFile(features) as stored:
                is_whole = stored.testzip() is None
        except (OSError, EOFError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error):
            is_whole = False
        if not is_whole:
            yield f"{features} is damaged: {_remove(features)}, {AGAIN}"


def _run(paths: StudyPaths, folder: Path) -> Iterator[str]:
    """Say what is wrong with one run: each file, or that it is of other settings or data than the study."""
    remedy = f"{_remove(folder)}, {AGAIN}"
    wrong = changed_files(folder)
    for name, what in wrong.items():
        yield f"{folder / name} {what}: {remedy}"
    if not (folder / RUN_RECORD).exists() or RUN_RECORD in wrong:
        return
    is_taken = not any((folder / name).exists() for name in (PREDICTIONS, MODEL))  # from a published study
    missing = [name for name in (() if is_taken else RUN_FILES) if not (folder / name).exists() and name not in wrong]
    if missing:
        yield f"{folder / missing[0]} is missing: {remedy}"
    try:
        record = read_json(folder / RUN_RECORD)
        is_own = record["spec_sha256"] == read_run_spec(folder / SPEC).sha256()
        fingerprint = record["data"]["fingerprint"]
    except (StudyError, KeyError, TypeError):
        yield f"{folder / RUN_RECORD} or its {SPEC} is damaged: {remedy}"
        return
    if not is_own:
        yield f"{folder} is foreign: its {RUN_RECORD} is of another run than its {SPEC}: {remedy}"
    try:
        is_of_data = fingerprint == read_json(paths.dataset_record)["fingerprint"]
    except (StudyError, KeyError, TypeError):
        return  # said of the data already
    if not is_of_data:
        yield f"{folder} is foreign: it was trained on other data or another split than the study's: {remedy}"


def _tables(paths: StudyPaths) -> Iterator[str]:
    for name, wrong in changed_files(paths.tables).items():
        yield f"{paths.tables / name} {wrong}: {_remove(paths.tables / name)}, {AGAIN}"


def _remove(*paths: Path) -> str:
    """Return the command that removes `paths`."""
    folders = "-r " if any(path.is_dir() for path in paths) else ""
    return f"rm {folders}{shlex.join(map(str, paths))}"
