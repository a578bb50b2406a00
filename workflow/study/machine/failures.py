"""What the machine may refuse - a package, room on a disk, permission, memory, a GPU - as one sentence for the user."""

import errno
import sys
from collections.abc import Callable

RESUME = "and rerun; training resumes from the last epoch"
ACTIVATE = ". .venv/bin/activate, which make env makes"
_FULL = ("No space left on device", "Disk quota exceeded", "inline_container.cc", "PytorchStreamWriter failed",
         "iostream error")  # fmt: skip
_MEMORY = ("can't allocate memory", "not enough memory", "bad_alloc", "Cannot allocate memory",
           "failed to map segment", "can't start new thread", "could not create a primitive")  # fmt: skip
_GPU = ("CUDA error", "CUDA driver error", "CUDNN_STATUS", "CUBLAS_STATUS", "No CUDA GPUs are available")


def _is_full_disk(error: BaseException, text: str) -> bool:
    cut_short = " requested and " in text and " written" in text  # numpy's words for it
    return _number(error) in (errno.ENOSPC, errno.EDQUOT) or _says(text, _FULL) or cut_short


def _is_out_of_memory(error: BaseException, text: str) -> bool:
    return isinstance(error, MemoryError) or _number(error) == errno.ENOMEM or _says(text, _MEMORY)


# the first that fits is said
_SENTENCES: list[tuple[Callable[[BaseException, str], bool], str]] = [
    (lambda error, text: isinstance(error, ModuleNotFoundError) and error.name in ("fcntl", "resource"),
     "The study runs on Linux and macOS: on Windows, use the Windows Subsystem for Linux (WSL)."),
    (lambda error, text: isinstance(error, ModuleNotFoundError) and bool(error.name),
     f"{{name}} is not installed for {sys.executable}: activate the study's environment ({ACTIVATE})."),
    (_is_full_disk, f"The disk is full{{where}}: free some space {RESUME}."),
    (lambda error, text: _number(error) in (errno.EACCES, errno.EPERM, errno.EROFS),
     f"{{file}} cannot be opened or written ({{reason}}): fix its permissions {RESUME}."),
    (lambda error, text: "CUDA out of memory" in text,
     f"The GPU's memory is used up: lower compute: runs_per_gpu or the recipe's batch_size {RESUME}."),
    (_is_out_of_memory, f"The memory is used up: give the job more, or start fewer at once (--cores), {RESUME}."),
    (lambda error, text: _says(text, _GPU),
     f"The GPU failed ({{text}}): see what nvidia-smi says of it {RESUME}."),
]  # fmt: skip


def explain(error: BaseException | None) -> str | None:
    """Return what was refused and what to do; None if neither `error` nor what led to it is of that kind."""
    while error is not None:
        text = " ".join(str(error).split())
        for fits, sentence in _SENTENCES:
            if fits(error, text):
                file = getattr(error, "filename", None)
                return sentence.format(
                    name=getattr(error, "name", None),
                    where=f" for {file}" if file else "",
                    file=file or "A file",
                    reason=getattr(error, "strerror", None),
                    text=text[:100].rstrip("."),
                )
        error = error.__context__
    return None


def _number(error: BaseException) -> int | None:
    return error.errno if isinstance(error, OSError) else None


def _says(text: str, words: tuple[str, ...]) -> bool:
    return any(one in text for one in words)
