"""What this machine offers, found out without importing torch, which takes seconds."""

import functools
import os
import re
import subprocess
from pathlib import Path

VISIBLE = "CUDA_VISIBLE_DEVICES"
NO_DEVICE = ("", "-1", "NoDevFiles")  # CUDA sees nothing of what follows one of these, either


def nvidia_smi(*arguments: str) -> str:
    """Return what nvidia-smi prints; nothing where there is none, or it fails, or it gives no answer."""
    try:
        done = subprocess.run(["nvidia-smi", *arguments], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def _query(what: str) -> str:
    return nvidia_smi(f"--query-gpu={what}", "--format=csv,noheader")


@functools.cache
def has_nvidia_gpu() -> bool:
    """Is there an NVIDIA device, whether or not the installed torch can use it?"""
    return any(Path("/proc/driver/nvidia/gpus").glob("*")) or "GPU " in nvidia_smi("-L")


@functools.cache
def has_bfloat16() -> bool:
    """Does every GPU here compute in bfloat16 (Ampere and later)? Yes where none can be asked, as on a login node."""
    return all(int(major) >= 8 for major in re.findall(r"^(\d+)\.\d+$", _query("compute_cap"), re.MULTILINE))


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
    return _query("driver_version").partition("\n")[0].strip() or "unknown"


def hides_gpus() -> bool:
    """Does CUDA_VISIBLE_DEVICES say that no GPU is to be used?"""
    return os.environ.get(VISIBLE, "all").split(",")[0].strip() in NO_DEVICE


def resolve_compute(device: str, precision: str, is_cluster: bool = False) -> tuple[str, str]:
    """Return (device, precision) with `auto` made definite: cpu or cuda, float32 or bfloat16.

    A machine with an NVIDIA device gets cuda even if torch cannot use it: the run then stops with a sentence instead
    of training for days on the CPU. So do the jobs of a cluster, whatever the machine has from which they are sent.
    """
    if device == "auto":
        device = "cuda" if is_cluster or (has_nvidia_gpu() and not hides_gpus()) else "cpu"
    if precision == "auto":
        precision = "bfloat16" if device == "cuda" and has_bfloat16() else "float32"
    return device, precision
