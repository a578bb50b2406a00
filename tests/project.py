"""The demo study, run once as a user would run it in a copy of the project; tests look at it or at changed copies."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
DEMO = "workflow/presets/demo.yaml"
PARTS = ("Snakefile", "config.yaml", "envs", "profiles", "report", "workflow")
SNAKEMAKE = [sys.executable, "-m", "snakemake", "--cores", "2"]


class Project:
    """A copy of the project in which Snakemake can be run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.results = folder / "results" / "demo"

    def snakemake(self, *arguments: str, config: tuple[str, ...] = (DEMO,), **environment):
        """Run Snakemake with these overlays on config.yaml; the finished process, its output as text."""
        clean = {key: value for key, value in os.environ.items() if key != "CIFAR100_FOLDER"}
        overlays = ["--configfile", *config] if config else []
        return subprocess.run(
            [*SNAKEMAKE, *overlays, *arguments],
            cwd=self.folder,
            env={**clean, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def planned(self, *config: str) -> list[str]:
        """What a run would do now: rule names, training jobs with model and seed, sorted."""
        done = self.snakemake("--dry-run", config=config or (DEMO,))
        assert done.returncode == 0, done.stdout
        return jobs_in(done.stdout)

    def overlay(self, name: str, changes: dict) -> str:
        """Write `changes` to the demo preset as an overlay of its own and give its name."""
        path = self.folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump(changes))
        return path.name


def jobs_in(said: str) -> list[str]:
    """The jobs that Snakemake lists: rule names, training jobs with model and seed, sorted."""
    jobs = []
    for block in re.split(r"\n(?=(?:local)?rule \w+:)", said)[1:]:
        rule = re.match(r"(?:local)?rule (\w+):", block)[1]
        run = re.search(r"wildcards: model=(\w+), subset=(\S*), seed=(\d+)", block)
        jobs.append(f"{rule} {run[1]} {run[2]}{run[3]}" if run else rule)
    return sorted(jobs)


def copy_project(target: Path) -> Project:
    """The parts of the project that a run needs, in `target`."""
    target.mkdir(parents=True)
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, target / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, target / part)
    return Project(target)


@pytest.fixture(scope="session")
def demo(tmp_path_factory) -> Project:
    """The finished demo study with its report. Tests that change it work on `changed`."""
    project = copy_project(tmp_path_factory.mktemp("demo") / "project")
    done = project.snakemake()
    assert done.returncode == 0, done.stdout
    done = project.snakemake("--report", "report.html")
    assert done.returncode == 0, done.stdout
    return project


@pytest.fixture
def changed(demo, tmp_path) -> Project:
    """A copy of the finished demo study, file times and Snakemake's records included."""
    shutil.copytree(demo.folder, tmp_path / "project", symlinks=True)
    return Project(tmp_path / "project")


@pytest.fixture
def fresh(tmp_path) -> Project:
    """A copy of the project in which nothing has run."""
    return copy_project(tmp_path / "project")
