"""What this machine offers, found out without importing torch, which takes seconds."""

import functools
import subprocess
from pathlib import Path
from typing import Any


@functools.cache
def has_nvidia_gpu() -> bool:
    """Is there an NVIDIA device, whether or not the installed torch can use it?"""
    if any(Path("/proc/driver/nvidia/gpus").glob("*")):
        return True
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return listed.returncode == 0 and "GPU " in listed.stdout


def resolve_compute(device: str, precision: str, **rest: Any) -> dict[str, Any]:
    """`auto` made definite: the keys of `compute` with device cpu or cuda, and precision float32 or bfloat16.

    A machine with an NVIDIA device gets cuda even if torch cannot use it: the run then stops with a sentence instead
    of training for days on the CPU.
    """
    if device == "auto":
        device = "cuda" if has_nvidia_gpu() else "cpu"
    if precision == "auto":
        precision = "bfloat16" if device == "cuda" else "float32"
    return {"device": device, "precision": precision, **rest}
