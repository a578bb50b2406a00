"""One checkpoint per run, after every epoch, so that a killed run goes on where it was; and its history so far."""

from pathlib import Path
from typing import Any

import torch

from study.files import atomic_write
from study.machine import failures
from study.paths import HISTORY_SO_FAR
from study.training.outputs import write_history

NAME = "checkpoint.pt"
NAMES = {"spec_sha256": "spec", "code_sha256": "version of the training code"}


def save(folder: Path, key: dict[str, str], state: dict[str, Any]) -> None:
    """Write the checkpoint of the run in `folder`, atomically; `key` holds the sha256 of its spec and of the code.

    `state["progress"]["history"]` becomes history.so-far.csv, which tells people and `study status`: Snakemake deletes
    history.csv, an output, before a run goes on.
    """
    with atomic_write(folder / NAME) as temporary:
        torch.save({**key, **state}, temporary)
    write_history(folder / HISTORY_SO_FAR, state["progress"]["history"])


def load(folder: Path, key: dict[str, str]) -> tuple[dict[str, Any] | None, str | None]:
    """(state, None) of the checkpoint with this key, or (None, why) if it had to be set aside, or (None, None).

    An error that the machine is to blame for, such as too little memory, is raised: the checkpoint may be whole.
    """
    path = folder / NAME
    for name in (NAME, HISTORY_SO_FAR):
        for leftover in folder.glob(f".{Path(name).stem}-*"):
            leftover.unlink()  # a write that was killed
    if not path.exists():
        return None, None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        other = [name for name in key if state[name] != key[name]]
        problem = f"belongs to another {NAMES[other[0]]}" if other else None
    except Exception as error:  # a damaged file can fail in many ways
        if failures.explain(error) is not None:
            raise
        problem = f"cannot be read ({type(error).__name__})"
    if problem is None:
        return state, None
    aside = path.with_suffix(".set-aside.pt")
    path.replace(aside)
    return None, f"The checkpoint {path} {problem}; it is now {aside.name}, and the run starts afresh."


def remove(folder: Path) -> None:
    """Remove the checkpoint of a run that has ended, and its history so far."""
    for name in (NAME, HISTORY_SO_FAR):
        (folder / name).unlink(missing_ok=True)
