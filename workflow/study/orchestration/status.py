"""How far a study is: every run's epochs, accuracy and speed, and when all will have ended."""

import csv
import datetime
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from study.analysis.runs import every_run, planned_config
from study.errors import StudyError
from study.files import read_json
from study.findings.text import duration
from study.machine.locks import is_locked
from study.paths import HISTORY, HISTORY_SO_FAR, LOCK, RUN_RECORD, SPEC, StudyPaths, run_name

ENDED = ("finished", "diverged")
COLUMNS = ("run", "state", "epoch", "validation", "images/s", "left")


@dataclass
class Status:
    """Where a run is.

    `state` is finished, diverged, training, stopped or waiting; `seconds` are those of the whole run, by what is known
    of it, and `left` of what is left of it; None where that is not known.
    """

    folder: Path
    state: str
    epochs: int
    of: int
    accuracy: float | None = None
    rate: float | None = None
    seconds: float | None = None
    left: float | None = None


def show_status(folder: Path, every: float | None) -> None:
    """Print the status of the study in `folder`, and with `every` again after so many seconds until all runs ended.

    Raises StudyError if there is no study.
    """
    while True:
        runs = read_status(folder)
        clear = "\033[H\033[2J" if every is not None and sys.stdout.isatty() else ""
        print(f"{clear}{describe(runs)}", flush=True)
        if every is None or all(run.state in ENDED for run in runs):
            return
        time.sleep(every)


def read_status(folder: Path) -> list[Status]:
    """Return the status of every run of the study in `folder`. Raises StudyError if there is no study."""
    paths = StudyPaths(folder)
    if not (paths.planned_config.exists() or paths.config.exists()):
        raise StudyError(f"{folder} is not the results of a study; name a folder such as results/demo.")
    runs = [_status(paths.run(*run), paths.planned_run(*run)) for run in every_run(planned_config(paths))]
    for run in runs:
        if run.state not in ENDED and run.left is None:
            alike = [one.seconds for one in runs if one.folder.parent == run.folder.parent and one.seconds is not None]
            since = _age(run.folder / LOCK) if run.state == "training" else 0
            run.left = max(0.0, statistics.mean(alike) - since) if alike else None
    return runs


def describe(runs: list[Status]) -> str:
    """Return the status as a table, and below it how many runs have ended and when the last one will."""
    rows = [COLUMNS, *map(_row, runs)]
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    lines = ["  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, "", _summary(runs)])


def _status(folder: Path, planned: Path) -> Status:
    """Return the status of a run by what its folder has; `left` and `seconds` only by its own epochs."""
    if (folder / RUN_RECORD).exists():
        record, rows = read_json(folder / RUN_RECORD), _history(folder / HISTORY)
        chosen = [row for row in rows if row["epoch"] == str(record["chosen_epoch"])]
        cost = record["cost"]
        return Status(folder, record["outcome"], record["epochs"], record["epochs"], _accuracy(chosen),
                      cost["images_per_second"], cost["train_seconds"], 0.0)  # fmt: skip
    spec = read_json(planned if planned.exists() else folder / SPEC)
    rows, of = _history(folder / HISTORY_SO_FAR), spec["recipe"]["epochs"]
    is_training = is_locked(folder / LOCK)
    state = "training" if is_training else "stopped" if rows else "waiting"
    if not rows:
        return Status(folder, state, 0, of)
    each = statistics.mean(float(row["seconds"]) for row in rows)
    left = each * (of - len(rows)) - (_age(folder / HISTORY_SO_FAR) if is_training else 0)
    rate = float(rows[-1]["images_per_second"])
    return Status(folder, state, len(rows), of, _accuracy(rows), rate, each * of, max(0.0, left))


def _history(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as handle:
            return list(csv.DictReader(handle))
    except FileNotFoundError:  # also where the run has ended since
        return []


def _accuracy(rows: list[dict[str, str]]) -> float | None:
    """Return the last validation accuracy that was measured."""
    known = [row["val_accuracy"] for row in rows if row["val_accuracy"]]
    return float(known[-1]) if known else None


def _age(path: Path) -> float:
    """Return the seconds since a file was written; 0 where it is not there."""
    return max(0.0, time.time() - path.stat().st_mtime) if path.exists() else 0.0


def _row(run: Status) -> tuple[str, ...]:
    return (
        run_name(run.folder),
        run.state,
        f"{run.epochs}/{run.of}",
        "" if run.accuracy is None else f"{100 * run.accuracy:.1f} %",
        "" if run.rate is None else f"{run.rate:.0f}",
        "" if run.state in ENDED else "?" if run.left is None else duration(run.left),
    )


def _summary(runs: list[Status]) -> str:
    ended, training = (sum(run.state in states for run in runs) for states in (ENDED, ("training",)))
    told = f"{ended} of {len(runs)} runs have ended"
    if ended == len(runs):
        return f"{told}."
    if not training:
        return f"{told}, and none is training: the command that began the study goes on with it."
    lefts = [run.left for run in runs]
    if None in lefts:
        unknown = sorted({run_name(run.folder.parent) for run in runs if run.left is None})
        return f"{told}, {training} training. The end is known after the first epoch of: {', '.join(unknown)}."
    left = max(*lefts, sum(lefts) / training)
    end = datetime.datetime.now() + datetime.timedelta(seconds=left)
    return f"{told}, {training} training. The rest takes at most about {duration(left)}: until {end:%d %B, %H:%M}."
