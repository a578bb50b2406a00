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


@functools.cache
def cpu_has_bfloat16() -> bool:
    """Does the CPU compute in bfloat16 (AVX-512 BF16 or AMX)? No where it does not say."""
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    return re.search(r"^flags\s*:.*\b(avx512_bf16|amx_bf16)\b", told, re.MULTILINE) is not None


def driver_version() -> str:
    """Return the version of the NVIDIA driver, or "unknown"."""
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        told = subprocess.run(query, capture_output=True, text=True, timeout=20, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return told.splitlines()[0].strip() if told.strip() else "unknown"


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
