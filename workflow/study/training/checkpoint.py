"""One checkpoint per run, after every epoch, so that a killed run goes on where it was."""

from pathlib import Path
from typing import Any

import torch

from study.files import atomic_write

NAME = "checkpoint.pt"


def save(folder: Path, spec_sha256: str, state: dict[str, Any]) -> None:
    """Write the checkpoint of the run in `folder`, atomically, keyed by its spec."""
    with atomic_write(folder / NAME) as temporary:
        torch.save({"spec_sha256": spec_sha256, **state}, temporary)


def load(folder: Path, spec_sha256: str) -> tuple[dict[str, Any] | None, str | None]:
    """(state, None) of this spec's checkpoint, or (None, why) if it had to be set aside, or (None, None)."""
    path = folder / NAME
    for leftover in folder.glob(f".{path.stem}-*"):
        leftover.unlink()  # a write that was killed
    if not path.exists():
        return None, None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        problem = None if state["spec_sha256"] == spec_sha256 else "belongs to another spec"
    except Exception as error:  # a damaged file can fail in many ways
        problem = f"cannot be read ({type(error).__name__})"
    if problem is None:
        return state, None
    aside = path.with_suffix(".set-aside.pt")
    path.replace(aside)
    return None, f"The checkpoint {path} {problem}; it is now {aside.name}, and the run starts afresh."


def remove(folder: Path) -> None:
    """Remove the checkpoint of a run that has ended."""
    (folder / NAME).unlink(missing_ok=True)
