"""What the workflow does before its first job: check the config and the data, say what is about to run."""

import atexit
import contextlib
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from study.config.study import Config, data_fingerprint, data_folder, load_config, run_spec
from study.data.download import reachable, without_data
from study.data.manifest import load_manifest
from study.data.source import find_folder
from study.errors import StudyError
from study.files import canonical_json, read_json
from study.fingerprints import settings_sha256, trained_settings, training_code_sha256
from study.machine.hardware import resolve_compute
from study.machine.locks import holder, try_lock
from study.orchestration.overview import disk_gb, hours
from study.orchestration.restore import restore_dataset, restore_weights

RESOURCES = Path("resources")
LOCK = "snakemake.lock"


def start(raw: dict[str, Any]) -> tuple[Config, dict[str, Any], Path]:
    """(checked config, resolved compute, where the official files are or will be), or StudyError.

    The data come from the user's folder, the archive that is downloaded, or the folder that is rendered. Once
    dataset.npz is written nothing is read from there any more, so a folder that has gone is no mistake then.
    """
    study = load_config(raw)
    manifest = load_manifest(study.dataset.name)
    folder = data_folder(study)
    if folder is not None:
        folder = None if is_prepared(study) and not folder.is_dir() else find_folder(folder, manifest)
    own = RESOURCES / (manifest.archive["name"] if manifest.archive else manifest.name)
    return study, resolve_compute(**study.compute.model_dump(exclude={"runs_per_gpu"})), (folder or own).absolute()


def is_prepared(study: Config) -> bool:
    """Was dataset.npz made, with the data and the split that the config asks for?"""
    try:
        recorded = read_json(Path("results") / study.study / "dataset.json")["fingerprint"]
    except (StudyError, KeyError, TypeError):
        return False
    return recorded == data_fingerprint(study)


def is_of_other_config(path: Path, record: dict[str, Any]) -> bool:
    """Is there a config.json at `path` that is not `record`?"""
    try:
        return path.exists() and canonical_json(read_json(path)) != canonical_json(record)
    except StudyError:
        return True


def compared_runs(study: Config, results: Path) -> list[Path]:
    """The folders of the runs to compare: all of the grid, or with `allow_missing` those that are there now.

    Raises StudyError if none of them is there then.
    """
    folders = [results / "runs" / model / f"seed-{seed}" for model, seed in study.runs()]
    if not study.allow_missing:
        return folders
    there = [folder for folder in folders if (folder / "run.json").exists()]
    if not there:
        raise StudyError(
            f"config: allow_missing is true, but no run of study {study.study} is in {results}/runs yet; "
            "run it with allow_missing: false first."
        )
    return there


def preflight(study: Config, compute: dict[str, Any], source: Path, results: Path) -> None:
    """Print the grid, its cost, and runs of older code; exit with a sentence if the data cannot be had, the results
    cannot be written, or another Snakemake works on this study."""
    downloads = load_manifest(study.dataset.name).archive is not None and data_folder(study) is None
    if downloads and not is_prepared(study) and not source.exists() and not reachable(study.dataset.mirrors):
        raise SystemExit(f"Error: {without_data('no mirror answers')}")
    _hold(results)
    try:
        if is_prepared(study):
            restore_dataset(study, source, results)
        restore_weights(study, results)
    except StudyError as error:
        raise SystemExit(f"Error: {error}") from None
    handle_beside_main_thread(signal.SIGTERM)
    print(describe(study, compute, results), file=sys.stderr)


def _hold(results: Path) -> None:
    """Lock the study while this Snakemake lives. Its own lock outlives a kill, and is off in profiles/default."""
    for folder in (results, *results.glob("runs/*/*")):
        if folder.exists() and not os.access(folder, os.W_OK):  # Snakemake itself would break off with a traceback
            raise SystemExit(f"Error: {folder} cannot be written; make it writable.")
    path = results / LOCK
    try:
        handle = try_lock(path, str(results))
    except OSError as error:
        raise SystemExit(f"Error: {results} cannot be written ({error.strerror}); make it writable.") from None
    if handle is None:
        raise SystemExit(f"Error: Another Snakemake works on {results} ({holder(path)}); wait for it, or stop it.")
    atexit.register(lambda: (path.unlink(missing_ok=True), handle.close()))


def remove_stale_lock(results: Path) -> None:
    """Remove the lock of a Snakemake that was killed; one that finds nothing to be done locks nothing itself."""
    path = results / LOCK
    with contextlib.suppress(OSError):
        if path.exists() and (handle := try_lock(path, str(results))) is not None:
            with handle:
                path.unlink()


def handle_beside_main_thread(number: signal.Signals) -> None:
    """Let the present handler of a signal run in a thread of its own.

    Snakemake's handler of SIGTERM takes a lock that the main thread often holds; run in that thread, it would wait for
    ever, and Snakemake would neither stop nor go on.
    """
    handler = signal.getsignal(number)
    if callable(handler):
        signal.signal(number, lambda *given: threading.Thread(target=handler, args=given, daemon=True).start())


def describe(study: Config, compute: dict[str, Any], results: Path) -> str:
    """The grid in a few lines: models, seeds, device, rough hours and disk, and what an earlier start left behind."""
    runs = f"{len(study.runs())} runs on {compute['device']}, threads per run: {compute['threads']}"
    lines = [f"Study {study.study}: {runs}"]
    for name in study.grid.models:
        model = study.models[name]
        seeds = ", ".join(str(seed) for seed in study.seeds_of(name))
        lines.append(f"  {name}: {model.regime} at {model.input_size} px, recipe {model.recipe}, seeds {seeds}")
    done, older, other = _earlier(study, compute, results)

    def named(runs: list[str]) -> str:
        return "all of these" if len(runs) == done else ", ".join(runs)

    rough = hours(study, compute)
    time = f"{rough:.1f} hours" if rough >= 1 else f"{60 * rough:.0f} minutes"
    lines.append(
        f"  in all roughly {time} if run one after the other, {disk_gb(study):.1f} GB on disk; "
        f"runs there already: {done}"
    )
    if older:
        lines.append(f"  trained by older code: {named(older)}; renew them with --forcerun train, if you want to")
    if other:
        fate = "they are compared as they are" if study.allow_missing else (
            "those that are no job of this start, as in a copied folder, are renewed by --forcerun train")  # fmt: skip
        lines.append(f"  trained with other settings than the config's: {named(other)}; {fate}")
    return "\n".join(lines)


def _earlier(study: Config, compute: dict[str, Any], results: Path) -> tuple[int, list[str], list[str]]:
    """(number of runs already there, those among them of other training code, those of other settings)."""
    done, older, other = 0, [], []
    for model, seed in study.runs():
        folder, name = results / "runs" / model / f"seed-{seed}", f"{model}/seed-{seed}"
        if not (folder / "run.json").exists():
            continue
        done += 1
        try:
            record = read_json(folder / "run.json")
            if record["code_sha256"] != training_code_sha256():
                older.append(name)
            settings = trained_settings(folder, record)
            if settings and settings != settings_sha256(run_spec(study, model, seed, compute)):
                other.append(name)
        except (StudyError, KeyError, TypeError):
            older.append(name)
    return done, older, other
