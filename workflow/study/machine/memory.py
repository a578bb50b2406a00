"""The memory of this process: how much it has needed, and what happens to what it frees."""

import contextlib
import ctypes
import resource
import sys
from pathlib import Path

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of mallopt, from glibc's malloc.h


def keep_freed_memory() -> None:
    """Let the C library keep the memory that is freed, where it is glibc.

    By default, each large tensor is handed back to the kernel and its pages are cleared again in the next step, which
    made a third to a half of the time of fine-tuning in bfloat16 (docs/notes/speed.md).
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, -1)


def forget_process_peak() -> None:
    """Let `process_peak_mb` count from here on, where Linux allows it, without what was freed before."""
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)  # `keep_freed_memory` may have kept it
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def process_peak_mb() -> float:
    """Most memory resident so far, in 10^6 bytes.

    Linux says it of this program in /proc; getrusage there counts what the parent held before it started this one too.
    """
    with contextlib.suppress(OSError), Path("/proc/self/status").open(encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
