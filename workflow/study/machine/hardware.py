"""What this machine offers, found out without importing torch, which takes seconds."""

import functools
import re
import subprocess
from pathlib import Path


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


@functools.cache
def has_bfloat16() -> bool:
    """Does every GPU here compute in bfloat16 (Ampere and later)? Yes where none can be asked, as on a login node."""
    query = ["nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader"]
    try:
        told = subprocess.run(query, capture_output=True, text=True, timeout=20, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return True
    return all(int(major) >= 8 for major in re.findall(r"^(\d+)\.\d+$", told, re.MULTILINE))


def resolve_compute(device: str, precision: str) -> tuple[str, str]:
    """Return (device, precision) with `auto` made definite: cpu or cuda, float32 or bfloat16.

    A machine with an NVIDIA device gets cuda even if torch cannot use it: the run then stops with a sentence instead
    of training for days on the CPU.
    """
    if device == "auto":
        device = "cuda" if has_nvidia_gpu() else "cpu"
    if precision == "auto":
        precision = "bfloat16" if device == "cuda" and has_bfloat16() else "float32"
    return device, precision
