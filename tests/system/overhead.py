"""What the workflow itself costs: its dry run, and a grid whose training is replaced by copies of one run's files.

`python tests/system/overhead.py 100` prints the figures of docs/notes/speed.md for a grid of 100 runs.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from project import DEMO, Project, copy_project  # noqa: E402

STAND_IN = '''"""Stands in for training: every run is a copy of one that was trained before."""

import shutil
from pathlib import Path

from study.files import read_json, write_json

SAVED = Path({saved!r})


def train_run(spec, folder: Path, finish) -> None:
    for name in ("history.csv", "predictions.npz", "model.safetensors"):
        shutil.copyfile(SAVED / name, folder / name)
    write_json(folder / "run.json", read_json(SAVED / "run.json") | {{"model": spec.model, "seed": spec.seed}})
    finish(folder)
'''


@dataclass
class Cost:
    """Of a process and all that it started: CPU and wall seconds; its own peak memory in MB."""

    cpu: float
    wall: float
    memory_mb: float


def grid(project: Project, runs: int) -> tuple[str, str]:
    """The demo with so many runs of its scratch CNN: its config files."""
    models = {"models": ["scratch_cnn"], "seeds": list(range(runs))}
    path = project.folder / "grid.yaml"
    path.write_text(yaml.safe_dump({"grid": models, "ladder": []}))
    return DEMO, path.name


def measured(project: Project, *arguments: str, config: tuple[str, str]) -> Cost:
    """What one call of Snakemake costs. Raises AssertionError, with what it said, if it fails."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", *config, *arguments]
    with tempfile.TemporaryFile("w+") as told:
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=project.folder, stdout=told, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        told.seek(0)
        assert status == 0, told.read()[-3000:]
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024)


def dry_run(folder: Path, runs: int) -> Cost:
    """Planning a grid of so many runs of which none has been made."""
    project = copy_project(folder / "planned")
    return measured(project, "--dry-run", "--quiet", "all", config=grid(project, runs))


def stand_in_runs(folder: Path, runs: int) -> dict[str, Cost]:
    """All but training, for so many runs: {"runs": their jobs, "rest": analysis and report, "again": no change}."""
    project = copy_project(folder / "run")
    trained = measured(
        project, "--quiet", "all", "--", *targets(1), "results/demo/config.json", config=grid(project, 1)
    )
    assert trained.cpu > 0
    saved = folder / "saved"
    shutil.copytree(project.results / "runs" / "scratch_cnn" / "seed-0", saved)
    shutil.rmtree(project.results / "runs")
    (project.folder / "workflow" / "study" / "training" / "run.py").write_text(STAND_IN.format(saved=str(saved)))
    config = grid(project, runs)
    return {
        "runs": measured(project, "--quiet", "all", "--", *targets(runs), config=config),
        "rest": measured(project, "--quiet", "all", config=config),
        "again": measured(project, "--quiet", "all", config=config),
    }


def targets(runs: int) -> list[str]:
    """The runs of the grid, as Snakemake's targets."""
    return [f"results/demo/runs/scratch_cnn/seed-{seed}/run.json" for seed in range(runs)]


if __name__ == "__main__":
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with tempfile.TemporaryDirectory() as name:
        planned = dry_run(Path(name), 10 * runs)
        print(f"dry run of {10 * runs} runs: {planned.cpu:.1f} CPU s, {planned.memory_mb:.0f} MB")
        for what, cost in stand_in_runs(Path(name), runs).items():
            shown = f"{cost.cpu:.1f} CPU s ({cost.cpu / runs:.2f} each), {cost.wall:.1f} s, {cost.memory_mb:.0f} MB"
            print(f"{what}, {runs} runs: {shown}", flush=True)
