"""A GPU for each job: Snakemake counts GPUs but hands out none, so a job takes a free one of those it may see.

What is taken is a byte range of a file per GPU. The kernel frees it when the process ends, however it ends.
"""

import contextlib
import errno
import fcntl
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from study.errors import StudyError
from study.machine.hardware import NO_DEVICE, VISIBLE, nvidia_smi
from study.machine.locks import open_lock

ORDER = "CUDA_DEVICE_ORDER"
SHARE = "STUDY_RUNS_PER_GPU"
LOCKS = "STUDY_GPU_LOCKS"  # the folder of the files, where another one is wanted
WHOLE = 840  # bytes; divisible by 1 to 8, so that jobs with different shares exclude each other rightly
_POLL = 0.5  # seconds


@contextlib.contextmanager
def own_gpu(device: str) -> Iterator[None]:
    """Let this process see one GPU, free or with room for one more, and hold it; waits until there is one.

    To be entered before torch is imported. Nothing happens for device cpu, or where no GPU can be listed: torch then
    says what is wrong.
    """
    gpus = visible_gpus() if device == "cuda" else {}
    if not gpus:
        yield
        return
    share = _share()
    told = False
    while (taken := _take(gpus, share)) is None:
        if not told:
            print(f"every GPU is taken ({', '.join(gpus)}): waiting for one", file=sys.stderr, flush=True)
        told = True
        time.sleep(_POLL)
    with taken[1]:
        os.environ[ORDER] = "PCI_BUS_ID"  # else CUDA numbers the fastest first, and nvidia-smi does not
        os.environ[VISIBLE] = taken[0]
        yield


def _share() -> int:
    """How many jobs may share a GPU. Raises StudyError for anything but 1 to 8."""
    text = os.environ.get(SHARE) or "1"
    if text not in map(str, range(1, 9)):
        raise StudyError(f"The variable {SHARE} is {text!r}; set it to a whole number from 1 to 8.")
    return int(text)


def visible_gpus() -> dict[str, str]:
    """The GPUs this process may see: {the name CUDA takes, the name that every process on this machine knows it by}."""
    listed = _listed()
    if VISIBLE not in os.environ:
        return {unit: unit for units in listed.values() for unit in units}
    found = {}
    for name in os.environ[VISIBLE].split(","):
        name = name.strip()
        if name in NO_DEVICE:
            break
        found[name] = _known_as(name, listed)
    return found


def _known_as(name: str, listed: dict[str, list[str]]) -> str:
    if name.isdigit() and int(name) < len(listed):
        gpus = [list(listed)[int(name)]]
    else:
        gpus = [gpu for gpu in listed if gpu.startswith(name)]  # a UUID may be shortened
    return listed[gpus[0]][0] if len(gpus) == 1 else name  # of a divided GPU, CUDA takes the first part


def _listed() -> dict[str, list[str]]:
    """{UUID of a GPU: [itself], or the UUIDs of its MIG parts}, in the driver's order."""
    gpus: dict[str, list[str]] = {}
    for kind, uuid in re.findall(r"UUID: ((?:GPU|MIG)-)([^)\s]+)\)", nvidia_smi("-L")):
        if kind == "GPU-":
            gpus[kind + uuid] = []
        elif gpus:
            gpus[list(gpus)[-1]].append(kind + uuid)
    return {gpu: parts or [gpu] for gpu, parts in gpus.items()}


def _take(gpus: dict[str, str], share: int) -> tuple[str, TextIO] | None:
    """(name for CUDA, the open file that holds the place), of the GPU with the most room; None if all are full."""
    for place in range(share):
        for name, known_as in gpus.items():
            handle = open_lock(_folder() / re.sub(r"[^\w.-]", "_", known_as))
            try:
                fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB, WHOLE // share, place * WHOLE // share)
            except OSError as error:
                handle.close()
                if error.errno not in (errno.EACCES, errno.EAGAIN):
                    raise
            else:
                return name, handle
    return None


def _folder() -> Path:
    """Where this user's jobs on this machine meet: not TMPDIR, which a cluster may change from job to job."""
    folder = Path(os.environ.get(LOCKS) or f"/tmp/study-gpus-{os.getuid()}")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise StudyError(f"{folder} belongs to another user; name a folder of your own in the variable {LOCKS}.")
    return folder
