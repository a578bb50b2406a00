"""What becomes of each job, in one line on standard error, whatever Snakemake is told to be quiet about."""

import atexit
import csv
import logging
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from study.errors import StudyError
from study.files import read_json
from study.paths import HISTORY, RUN_RECORD, run_name

INTERRUPTED = "Terminating processes on user request"  # as Snakemake's scheduler says it


class Announcer(logging.Handler):
    """Hears what Snakemake logs of its jobs, and drops what says less than the lines here."""

    def __init__(self) -> None:
        super().__init__()
        self.runs: dict[int, tuple[Path, list[str]]] = {}  # {number of a running job: (folder of its run, its logs)}
        self.interrupted = False

    def emit(self, record: logging.LogRecord) -> None:
        """Say that a run has ended and how, or in which sentence a job failed."""
        event = getattr(record, "event", None)
        if event == "job_info":
            if folder := _run_folder(record.output):
                self.runs[record.jobid] = folder, record.log
        elif event == "job_finished":
            if run := self.runs.pop(record.job_id, None):
                _say(describe_run(run[0]))
        elif event == "job_error" and not self.interrupted:
            self.runs.pop(record.jobid, None)
            folder = _run_folder(record.output)
            _say(f"Error: {run_name(folder) if folder else record.rule_name}: {describe_failure(record.log)}")

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether Snakemake is to print this: not the command of a job that failed, nor what follows Ctrl-C."""
        text = record.getMessage()
        self.interrupted |= text.startswith(INTERRUPTED)
        is_command = getattr(record, "event", None) == "error" and "CalledProcessError in file" in text
        return not (is_command or (self.interrupted and record.levelno >= logging.ERROR))

    def say_interrupted(self) -> None:
        """Say after Ctrl-C what the same command will go on with."""
        if self.interrupted:
            rests = ", ".join(f"{run_name(folder)} {_reached(logs)}" for folder, logs in self.runs.values())
            _say(f"Interrupted. The same command goes on{f': {rests}' if rests else ''}.")


def announce() -> None:
    """Say from now on what becomes of Snakemake's jobs, and at the end of an interrupted start how it goes on."""
    announcer, log = Announcer(), logging.getLogger("snakemake.logging")
    log.addHandler(announcer)
    log.addFilter(announcer)
    atexit.register(announcer.say_interrupted)


def describe_run(folder: Path) -> str:
    """Return how a run ended: its accuracy on the validation images, never on the test images, and its time."""
    try:
        record, name = read_json(folder / RUN_RECORD), run_name(folder)
        minutes = record["cost"]["train_seconds"] / 60
        if record["outcome"] == "diverged":
            where = f"epoch {record['diverged_at']['epoch']}, step {record['diverged_at']['step']}"
            return f"{name} diverged in {where}; the study goes on without it"
        chosen = record["chosen_epoch"]
        with (folder / HISTORY).open(encoding="utf-8") as handle:
            accuracy = next(float(row["val_accuracy"]) for row in csv.DictReader(handle) if int(row["epoch"]) == chosen)
    except (StudyError, OSError, KeyError, TypeError, ValueError, StopIteration) as error:
        return f"{folder} has ended, but cannot be read ({error})"
    which = f"epoch {chosen} of {record['epochs']}"
    return f"{name}: {100 * accuracy:.1f} % of the validation images right ({which}), trained in {minutes:.1f} minutes"


def describe_failure(logs: Sequence[str]) -> str:
    """Return the sentence in which a job ended, and where its log is; without one, the last line of the log."""
    texts = {log: Path(log).read_text(encoding="utf-8", errors="replace") for log in logs if Path(log).is_file()}
    for log, text in texts.items():
        if found := re.findall(r"^Error: (.*)$", text, re.MULTILINE):
            return f"{found[-1]} (log: {log})"
    for log, text in texts.items():
        if text.strip():
            return f"failed; the last line of its log {log} is: {text.strip().splitlines()[-1]}"
    return f"was stopped before it said why (log: {', '.join(logs) or 'none'})"


def _reached(logs: Sequence[str]) -> str:
    """Return the epoch that a run goes on from, as its log tells."""
    text = "".join(Path(log).read_text(encoding="utf-8", errors="replace") for log in logs if Path(log).is_file())
    epochs = re.findall(r": epoch (\d+)/(\d+)", text)
    return f"from epoch {epochs[-1][0]} of {epochs[-1][1]}" if epochs else "from its beginning"


def _run_folder(outputs: Sequence[str]) -> Path | None:
    """Return the folder of the run that a job with these outputs trains; None if it does not train."""
    return next((Path(path).parent for path in outputs if Path(path).name == RUN_RECORD), None)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
