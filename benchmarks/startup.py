"""How long a training job takes to its first step, and the memory it peaks at: a process of its own each time."""

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.cases import case_spec
from study.config.specs import ComputeSpec
from study.files import write_json
from study.paths import SPEC, StudyPaths
from study.training.trial import random_dataset

STEPS = 30  # after which memory has peaked


def time_startup(name: str, compute: ComputeSpec, folder: Path, repeats: int) -> dict[str, Any]:
    """{case, startup_seconds, lowest, highest, peak_memory_mb} of a training job on the full number of images."""
    study = StudyPaths(folder)
    path = study.dataset
    if not path.exists():
        random_dataset(60_000).write(path)
    spec = study.run("bench", 0) / SPEC
    write_json(spec, case_spec(name, compute).to_json())
    seconds, memory = [], []
    for _ in range(repeats):
        start = time.time()
        done = subprocess.run([sys.executable, "-m", __name__, str(spec)], capture_output=True, text=True, check=True)
        first_step, peak = json.loads(done.stdout)
        seconds.append(first_step - start)
        memory.append(peak)
    return {
        "case": name,
        "startup_seconds": statistics.median(seconds),
        "lowest": min(seconds),
        "highest": max(seconds),
        "peak_memory_mb": statistics.median(memory),
    }


class _EnoughError(Exception):
    """The steps that were wanted are done."""


def _child(spec_path: Path) -> None:
    """Do what a training job does up to some steps; print when the first began to count, and the peak memory."""
    from study.config.specs import read_run_spec
    from study.training import device as devices
    from study.training import loop
    from study.training.optimizers import make_optimizer
    from study.training.setup import compile_network, make_setup, read_data
    from study.training.steps import Steps

    spec, study = read_run_spec(spec_path), StudyPaths.of_run(spec_path.parent)
    device = devices.prepare(spec.compute)
    setup, _, _ = make_setup(spec, study, read_data(spec, study), device)
    compile_network(setup)
    steps = Steps(setup, make_optimizer(setup.network, None, spec.recipe))
    first: list[float] = []

    def report(step: int, steps: int, loss: Any) -> None:
        first.append(time.time())
        if step == STEPS:
            raise _EnoughError

    try:
        loop.train_epoch(setup, steps, None, 1, report)
    except _EnoughError:
        print(json.dumps([first[0], devices.peak_memory_mb(device)]))


if __name__ == "__main__":
    _child(Path(sys.argv[1]))
