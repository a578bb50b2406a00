"""The device a run computes on: made ready, made deterministic, measured and recorded."""

import contextlib
import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

import numpy
import torch

from study.config.specs import ComputeSpec
from study.errors import StudyError
from study.machine.hardware import driver_version
from study.machine.memory import forget_process_peak, keep_freed_memory, process_peak_mb


def prepare(compute: ComputeSpec) -> torch.device:
    """Set threads and determinism, and return the device of `compute`.

    Raises StudyError if a GPU is asked for and this torch cannot use it, torch.OutOfMemoryError if it is full.
    """
    torch.set_num_threads(compute.threads)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS repeats itself only with a fixed workspace
    torch.use_deterministic_algorithms(compute.deterministic)
    torch.utils.deterministic.fill_uninitialized_memory = False  # only helps to find operators that read what they made
    torch.backends.cudnn.benchmark = not compute.deterministic
    torch.backends.cudnn.allow_tf32 = False  # else convolutions in float32 keep 10 bits of the mantissa
    if compute.device == "cpu":
        keep_freed_memory()
        return torch.device("cpu")
    try:
        torch.zeros(1, device="cuda")
    except torch.OutOfMemoryError:  # others fill the GPU, but it works
        raise
    except (RuntimeError, AssertionError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise StudyError(
            f"torch {torch.__version__} (CUDA {torch.version.cuda}) cannot use this machine's GPU ({reason}); update "
            "the NVIDIA driver, or set compute: device: cpu in config.yaml."
        ) from None
    return torch.device("cuda")


def autocast(compute: ComputeSpec) -> contextlib.AbstractContextManager:
    """Autocast to bfloat16 where the run asks for it."""
    if compute.precision == "float32":
        return contextlib.nullcontext()
    return torch.autocast(compute.device, torch.bfloat16)


def own_stream(device: torch.device) -> contextlib.AbstractContextManager:
    """Return a context that can be entered again and again: on a GPU a stream, because the default captures nothing."""
    return torch.cuda.stream(torch.cuda.Stream()) if device.type == "cuda" else contextlib.nullcontext()


def synchronise(device: torch.device) -> None:
    """Wait for the device, before the clock is read."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def peak_memory_mb(device: torch.device) -> float:
    """Most memory used so far: on the GPU what torch allocated there, else of the process; in 10^6 bytes."""
    return torch.cuda.max_memory_allocated(device) / 1e6 if device.type == "cuda" else process_peak_mb()


def forget_peak_memory(device: torch.device) -> None:
    """Let `peak_memory_mb` count from here on."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    else:
        forget_process_peak()


def describe_gpu(device: torch.device) -> list[str]:
    """Return the GPU's driver and CUDA version, its free memory, and whether it computes in bfloat16, in words."""
    free, total = torch.cuda.mem_get_info(device)
    has = "has" if torch.cuda.is_bf16_supported(including_emulation=False) else "lacks"
    return [f"driver {driver_version()}, CUDA {torch.version.cuda}", f"{free / 1e9:.1f} of {total / 1e9:.1f} GB free",
            f"{has} bfloat16"]  # fmt: skip


def environment(compute: ComputeSpec, device: torch.device) -> dict[str, Any]:
    """Versions, device and modes, for run.json."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "timm": importlib.metadata.version("timm"),
        "numpy": numpy.__version__,
        "platform": platform.platform(),
        "device": device.type,
        "device_name": name,
        "visible_gpu": os.environ.get("CUDA_VISIBLE_DEVICES") if device.type == "cuda" else None,
        "threads": compute.threads,
        "precision": compute.precision,
        "deterministic": torch.are_deterministic_algorithms_enabled(),
    }


def _processor() -> str:
    """The processor's own name where Linux tells it."""
    with contextlib.suppress(OSError), Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
