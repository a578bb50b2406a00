"""What the machine may refuse - a package, room on a disk, permission, memory, a GPU - as one sentence for the user."""

import errno
import mmap
import sys

AGAIN = "then start again: it goes on from its last epoch"
ACTIVATE = ". .venv/bin/activate, which make env makes"
_FULL = ("No space left on device", "Disk quota exceeded", "inline_container.cc", "PytorchStreamWriter failed",
         "iostream error")  # fmt: skip
_WRITES = (" requested and ", " written")  # numpy's words for a write that was cut short
_MEMORY = ("can't allocate memory", "not enough memory", "bad_alloc", "Cannot allocate memory",
           "failed to map segment", "can't start new thread")  # fmt: skip
_VAGUE = (ImportError, RuntimeError, SystemError)  # what Python, torch and oneDNN raise when an allocation failed, too
_ROOM = 2**28  # bytes; with less, torch cannot do a thing
_GPU = ("CUDA error", "CUDA driver error", "CUDNN_STATUS", "CUBLAS_STATUS", "No CUDA GPUs are available")


def explain(error: BaseException | None) -> str | None:
    """What was refused, and what to do; None if neither `error` nor what led to it is of that kind."""
    if error is None:
        return None
    text = " ".join(str(error).split())
    where = f" for {error.filename}" if isinstance(error, OSError) and error.filename else ""
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"{error.name} is not installed for {sys.executable}: activate the study's environment ({ACTIVATE})."
    number = error.errno if isinstance(error, OSError) else None
    if number in (errno.ENOSPC, errno.EDQUOT) or _says(text, _FULL) or all(words in text for words in _WRITES):
        return f"The disk is full{where}: free some of it, {AGAIN}."
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{error.filename or 'A file'} cannot be opened or written ({error.strerror}): allow it, {AGAIN}."
    if "CUDA out of memory" in text:
        return f"The GPU's memory is used up: lower compute: runs_per_gpu or the recipe's batch_size, {AGAIN}."
    if isinstance(error, MemoryError) or number == errno.ENOMEM or _says(text, _MEMORY):
        return f"The memory is used up: give the job more, or start fewer at once (--cores), {AGAIN}."
    if _says(text, _GPU):
        return f"The GPU failed ({text[:100].rstrip('.')}): see what nvidia-smi says of it, {AGAIN}."
    if isinstance(error, _VAGUE) and not _has_room():
        return explain(MemoryError())
    return explain(error.__context__)


def _has_room() -> bool:
    """Does this process still get memory? Asked while the error is alive, and with it what it had allocated."""
    try:
        mmap.mmap(-1, _ROOM).close()
    except OSError:
        return False
    return True


def _says(text: str, words: tuple[str, ...]) -> bool:
    return any(one in text for one in words)
