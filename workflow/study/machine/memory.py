"""How much memory this process has needed."""

import contextlib
import resource
import sys
from pathlib import Path


def forget_process_peak() -> None:
    """Let `process_peak_mb` count from here on, where Linux allows it."""
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
