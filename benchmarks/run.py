"""`python -m benchmarks.run --output FOLDER`: everything that is timed, one after the other, as tables."""

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import yaml

from benchmarks import gpu, time_to_accuracy
from benchmarks.analysis import bench_analysis
from benchmarks.cases import CASES
from benchmarks.frozen import time_frozen
from benchmarks.recipes import time_recipes
from benchmarks.startup import time_startup
from benchmarks.throughput import COMPILED, EAGER, FIXED, USUAL, time_case
from study.config.specs import ComputeSpec
from study.config.study import load_config
from study.files import atomic_write
from study.machine.hardware import resolve_compute
from study.training import device as devices

ROOT = Path(__file__).parents[1]
# Of runs on the real CIFAR-100, kept because they take hours: ours, and the usual way's (docs/notes/speed.md).
HISTORIES = (ROOT / "reference" / "cpu" / "runs", ROOT / "benchmarks" / "usual_histories")


def bench(out: Path, threads: int, rounds: int, seconds: float) -> None:
    """Write machine, throughput, speedups and the tables below, each .csv, into folder `out`, and print them.

    Every speed is a median over `rounds` turns of at least `seconds` each.
    """
    device, precision = resolve_compute("auto", "auto")
    compute = ComputeSpec(device=device, threads=threads, precision=precision)
    config = load_config(yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8")))
    tables: dict[str, Callable[[], pd.DataFrame]] = {
        "throughput": lambda: pd.DataFrame(
            [row for name in CASES for row in time_case(name, compute, rounds, seconds)]
        ),
        "recipes": lambda: pd.DataFrame(time_recipes(config, threads, rounds, seconds)),
        "time_to_accuracy": lambda: time_to_accuracy.table(*HISTORIES),
        "startup": lambda: _startup(compute, rounds),
        "analysis": _analysis,
        "frozen": lambda: pd.DataFrame([time_frozen(config.recipes["linear_head"], compute, seconds)]),
    }
    if device == "cuda":
        tables["gpu"] = lambda: gpu.table(threads, seconds)
    _write(out / "machine.csv", pd.DataFrame([_machine(compute)]))
    for name, measure in tables.items():
        table = measure()
        _write(out / f"{name}.csv", table)
        if name == "throughput":
            _write(out / "speedups.csv", speedups(table))


def speedups(throughput: pd.DataFrame) -> pd.DataFrame:
    """Per case: our images/s over the usual way's, eager, compiled and as used, and over those with a fixed input."""
    rates = throughput.pivot(index="case", columns="path", values="images_per_second")
    used = throughput[throughput["used"] == 1].set_index("case")["images_per_second"]
    ratios = {
        "eager_over_usual": rates[EAGER] / rates[USUAL],
        "compiled_over_usual": rates[COMPILED] / rates[USUAL],
        "used_over_usual": used / rates[USUAL],
        "real_over_fixed_input": used / rates[FIXED],
    }
    return pd.DataFrame(ratios).reindex([case for case in CASES if case in rates.index]).reset_index()


def _startup(compute: ComputeSpec, repeats: int) -> pd.DataFrame:
    with tempfile.TemporaryDirectory() as folder:
        names = ("scratch_cnn 32 px", "lite0 96 px")
        return pd.DataFrame([time_startup(name, compute, Path(folder), repeats) for name in names])


def _analysis() -> pd.DataFrame:
    with tempfile.TemporaryDirectory() as folder:
        return pd.DataFrame(bench_analysis(Path(folder)))


def _machine(compute: ComputeSpec) -> dict[str, Any]:
    device = torch.device(compute.device)
    found = devices.environment(compute, device)
    keys = ("device", "device_name", "threads", "precision", "torch", "timm", "python")
    return {key: found[key] for key in keys} | {"machine": platform.machine()}


def _write(path: Path, table: pd.DataFrame) -> None:
    with atomic_write(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.4g")
    print(f"\n{path.stem}\n{table.to_string(index=False, float_format='%.4g')}", file=sys.stdout, flush=True)


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--output", type=Path, required=True, help="folder for the tables")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="CPU threads, and workers of the usual way")
    parser.add_argument("--rounds", type=int, default=3, help="turns of which each figure is the median")
    parser.add_argument("--seconds", type=float, default=5.0, help="shortest length of a turn")
    args = parser.parse_args()
    bench(args.output, args.threads, args.rounds, args.seconds)


if __name__ == "__main__":
    main()
