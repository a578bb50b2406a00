"""What the workflow does before its first job: check the config and the data, say what is about to run."""

import atexit
import importlib.util
import json
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from study.config.planning import data_fingerprint, data_folder, features_spec, resolved_compute, spec_of, study_record
from study.config.specs import ComputeSpec
from study.config.study import Config, load_config
from study.config.yaml_files import file_of, merge_files
from study.data.download import reachable, without_data
from study.data.source import find_folder
from study.errors import StudyError, exit_with_sentence
from study.files import canonical_json, read_json, write_json
from study.machine.hardware import VISIBLE, has_nvidia_gpu, hides_gpus
from study.machine.locks import read_owner, try_lock
from study.machine.packages import weights_file
from study.orchestration.announce import announce
from study.orchestration.check_models import is_trained, try_models
from study.orchestration.overview import describe
from study.orchestration.published import published_runs, take_published
from study.orchestration.restore import restore_dataset, restore_weights
from study.paths import DEFAULT_CONFIG, RESOURCES, RESULTS, RUN_RECORD, RunKey, StudyPaths


@dataclass(frozen=True)
class Start:
    """What the rules work with: the checked config, the device, where the official files are or will be, the paths.

    `raw` is the config as it was merged from `files`, to say in which of them a mistake is; `published` are the folders
    of runs that are not trained.
    """

    study: Config
    compute: ComputeSpec
    source: Path
    paths: StudyPaths
    published: Mapping[RunKey, Path]
    raw: dict[str, Any]
    files: Sequence[Path | str]


def start(raw: dict[str, Any], files: Sequence[Path | str] = (), is_cluster: bool = False) -> Start:
    """Check the config, merged from `files`, and find the data; writes nothing. Raises StudyError for a mistake in it.

    `is_cluster` says that jobs run on other machines than this one.

    The data come from the user's folder or the archive that is downloaded; synthetic data are rendered and read from
    nowhere. Once dataset.npz is written nothing is read from there any more, so a folder that has gone is not a mistake
    then.
    """
    study = load_config(raw, files)
    paths = StudyPaths(RESULTS / study.study)
    folder = data_folder(study)
    if folder is not None and study.data.layout is not None:
        folder = None if is_prepared(study, paths) and not folder.is_dir() else find_folder(folder, study.data)
    own = RESOURCES / (study.data.archive.name if study.data.archive else study.data.name)
    compute = resolved_compute(study, is_cluster)
    published = published_runs(study, compute, paths)
    return Start(study, compute, (folder or own).absolute(), paths, published, raw, files)


def is_prepared(study: Config, paths: StudyPaths) -> bool:
    """Return whether dataset.npz was made, with the data and the split that the config asks for."""
    try:
        recorded = read_json(paths.dataset_record)["fingerprint"]
    except (StudyError, KeyError, TypeError):
        return False
    return recorded == data_fingerprint(study)


def is_of_other_config(path: Path, record: dict[str, Any]) -> bool:
    """Return whether there is a config.json at `path` that is not `record`."""
    try:
        return path.exists() and canonical_json(read_json(path)) != canonical_json(record)
    except StudyError:
        return True


def compared_runs(study: Config, paths: StudyPaths, published: Mapping[RunKey, Path]) -> list[Path]:
    """Return the folders of the runs to compare: all of the study, or with `allow_missing` those that are there now.

    Of a run that is taken from a published study, it is the folder there. Raises StudyError if none of them is there
    then.
    """
    folders = [published.get(run, paths.run(*run)) for run in study.runs()]
    if not study.allow_missing:
        return folders
    there = [folder for folder in folders if (folder / RUN_RECORD).exists()]
    if not there:
        raise StudyError(
            f"config: allow_missing is true, but no run of study {study.study} is in {paths.folder}/runs yet; "
            "run it with allow_missing: false first."
        )
    return there


def check_report(arguments: Sequence[str], begun: Start, parts: Sequence[Path]) -> None:
    """Check what `--report`, if it is among Snakemake's `arguments`, would be made of: `parts` of an earlier run.

    Raises StudyError if they are not there, or the folder for the report is not; Snakemake would say no more than that
    a file "does not exist". Says so if they are of another config.
    """
    asked = [number for number, one in enumerate(arguments) if one.partition("=")[0] == "--report"]
    if not asked or "--report-after-run" in arguments:
        return
    if missing := [path for path in parts if not Path(path).exists()]:
        raise StudyError(
            f"there is nothing to report yet ({missing[0]} is missing): run the study first, with the same command but "
            "without --report."
        )
    target = arguments[asked[-1]].partition("=")[2] or "".join(arguments[asked[-1] + 1 :][:1])
    if not target.startswith("-") and not Path(target).parent.is_dir():
        raise StudyError(f"--report {target}: there is no folder {Path(target).parent}; make it, or name another.")
    recorded, now = read_json(begun.paths.config), study_record(begun.study, begun.compute)
    if _without_machine(recorded) != _without_machine(now):
        print(
            f"The config has changed since {begun.paths.folder} was written: the report shows the results that are "
            "there; the same command without --report renews them.",
            file=sys.stderr,
        )


def _without_machine(record: dict[str, Any]) -> dict[str, Any]:
    """Return what a study's config.json says of the science, whatever computer it was started on."""
    grid = [{"model": run["model"], "seed": run["seed"]} for run in record["grid"]]
    return json.loads(canonical_json(record | {"grid": grid, "compute": None}))


def preflight(begun: Start) -> None:
    """Do what must be done before the first job: lock the study, restore what was deleted, write the plan, describe it.

    Exits with a sentence if the data cannot be had, the results cannot be written, another Snakemake works on this
    study, or a network or weights file of the user's own is not as it must be.
    """
    study, paths = begun.study, begun.paths
    downloads = study.data.archive is not None and data_folder(study) is None
    prepared = is_prepared(study, paths)
    if downloads and not prepared and not begun.source.exists() and not reachable(study.mirrors):
        raise SystemExit(f"Error: {without_data(study.data, 'no mirror answers')}")
    _hold(paths.folder)
    with exit_with_sentence():
        check_own_models(begun)
        if prepared:
            restore_dataset(study, begun.source, paths)
        restore_weights(study, paths)
    take_published(begun.published, paths)
    write_plan(study, begun.compute, paths)
    handle_beside_main_thread(signal.SIGTERM)
    announce()
    print(describe(study, begun.compute, paths, begun.published), file=sys.stderr)


def refuse_untrainable(begun: Start, is_cluster: bool) -> None:
    """Raise StudyError for what a job would say only after others had run: a GPU or a package that is not there.

    Says nothing of models that are trained, nor of packages where this Python has no torch, as with --use-conda.
    """
    study, compute = begun.study, begun.compute
    if study.allow_missing:
        return

    def is_to_train(name: str) -> bool:
        return not is_trained(study, name, compute, begun.paths)

    has_gpu = is_cluster or (has_nvidia_gpu() and not hides_gpus())
    if compute.device == "cuda" and not has_gpu and any(map(is_to_train, study.grid.models)):
        if hides_gpus():
            raise StudyError(f"compute: device is cuda, but the variable {VISIBLE} hides every GPU; unset it.")
        raise StudyError("compute: device is cuda, but there is no NVIDIA GPU here; set it to auto or cpu.")
    has_torch = importlib.util.find_spec("torch") is not None
    for name in study.grid.models if has_torch else ():
        kind, _, package = (study.models[name].weights or "").partition(":")
        try:
            if kind == "package":
                weights_file(package)
        except StudyError as error:
            if is_to_train(name):
                where = file_of(["models", name, "weights"], begun.raw, begun.files)
                raise StudyError(f"{where}: models: {name}: weights: {error}") from None


def check_own_models(begun: Start) -> None:
    """Try networks and weights files of the user's own. Raises StudyError, naming the config file, for a bad one."""
    if begun.study.allow_missing:  # nothing is trained
        return
    try:
        try_models(begun.study, begun.compute, begun.paths)
    except StudyError as error:
        name = str(error).split(": ")[1]
        raise StudyError(f"{file_of(['models', name], begun.raw, begun.files)}: {error}") from None


def check_config(files: Sequence[Path]) -> None:
    """Check config files, later ones over earlier ones and all over config.yaml, as a start of the workflow does.

    Prints which study they make. Raises StudyError for a mistake in them.
    """
    files = [DEFAULT_CONFIG, *files]
    begun = start(merge_files(files), files)
    check_own_models(begun)
    print(
        f"{', '.join(map(str, files[1:]))}: no mistake found; study {begun.study.study}, {len(begun.study.runs())} runs"
    )


def write_plan(study: Config, compute: ComputeSpec, paths: StudyPaths) -> None:
    """Write the specs and the config for the jobs to read; they may be too long for a command line."""
    planned = {paths.planned_config: study_record(study, compute)}
    for run in study.runs():
        planned[paths.planned_run(*run)] = spec_of(study, run, compute).to_json()
    for name in study.featured():
        spec = features_spec(study, name, compute)
        planned[paths.planned_features(spec.id)] = spec.to_json()
    for path, content in planned.items():
        write_json(path, content)


def _hold(results: Path) -> None:
    """Lock the study while this Snakemake lives. Its own lock outlives a kill, and is off in profiles/default."""
    for folder in (RESULTS, results, *StudyPaths(results).run_folders()):
        if folder.is_symlink() and not folder.exists():  # Snakemake itself would break off with a traceback
            raise SystemExit(f"Error: {folder} is a link to {folder.readlink()}, which is missing; make that folder.")
        if folder.exists() and not os.access(folder, os.W_OK):
            raise SystemExit(f"Error: {folder} cannot be written; make it writable.")
    path = Path(".snakemake") / f"{results.name}.lock"  # beside Snakemake's own; it stays, only its lock counts
    try:
        handle = try_lock(path, str(results))
    except OSError as error:
        raise SystemExit(f"Error: {results} cannot be written ({error.strerror}); make it writable.") from None
    if handle is None:
        raise SystemExit(f"Error: Another Snakemake works on {results} ({read_owner(path)}); wait for it, or stop it.")
    atexit.register(handle.close)


def handle_beside_main_thread(number: signal.Signals) -> None:
    """Let the present handler of a signal run in a thread of its own.

    Snakemake's handler of SIGTERM takes a lock that the main thread often holds; run in that thread, it would wait for
    ever, and Snakemake would neither stop nor go on.
    """
    handler = signal.getsignal(number)
    if callable(handler):
        signal.signal(number, lambda *given: threading.Thread(target=handler, args=given, daemon=True).start())
