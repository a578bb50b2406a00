"""Every step runs in the environment that its rule names, and needs nothing that only Snakemake's own has."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import conda
import pytest
import yaml
from grids import lasting_results, quick
from project import ROOT, Project, copy_project


def pins(kind: str) -> list[str]:
    """What pip installs in this environment."""
    dependencies = yaml.safe_load((ROOT / "envs" / f"{kind}.yaml").read_text())["dependencies"]
    return next(one for one in dependencies if isinstance(one, dict))["pip"]


def steps() -> dict[str, str]:
    """{step: its rule's environment}, as the rules say."""
    found = {}
    for path in (ROOT / "workflow" / "rules").glob("*.smk"):
        for rule in re.split(r"\n(?= *rule \w+:)", path.read_text())[1:]:
            kind = re.search(r"ENVIRONMENTS\[.(\w+).\]", rule)[1]
            found |= dict.fromkeys(re.findall(r"python -m study ([\w-]+)", rule), kind)
    return found


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Project:
    """A finished small study."""
    project = copy_project(tmp_path_factory.mktemp("small") / "project")
    done = project.snakemake(config=quick(project))
    assert done.returncode == 0, done.stdout
    return project


@pytest.fixture
def with_conda(tmp_path, monkeypatch):
    """A conda is on the PATH; the file that notes the environments it activates."""
    conda.install(tmp_path / "conda")
    monkeypatch.setenv("PATH", f"{tmp_path / 'conda' / 'bin'}:{os.environ['PATH']}")
    return tmp_path / "conda" / "used"


def test_with_conda_every_step_finds_what_it_needs_in_its_environment(study, fresh, with_conda):
    done = fresh.snakemake("--use-conda", config=quick(fresh))
    assert done.returncode == 0, done.stdout
    assert lasting_results(fresh.results) == lasting_results(study.results)
    environments = with_conda.read_text().split()
    assert len(environments) >= 12 and len(set(environments)) == 2
    for environment in map(Path, set(environments)):
        present = {path.name for path in environment.glob("lib/python*/site-packages/*")}
        assert "snakemake" not in present and ("torch" in present) != ("matplotlib" in present)


def test_conda_switched_on_later_repeats_nothing(study, with_conda):
    done = study.snakemake("--use-conda", "--dry-run", config=quick(study))
    assert done.returncode == 0 and "Nothing to be done" in done.stdout, done.stdout


def test_the_analysis_in_an_environment_of_its_own_gives_the_same_bytes(study, tmp_path):
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    install = [python, "-m", "pip", "install", "--quiet", "--no-deps", *pins("analyse")]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if "No matching distribution" in done.stderr or "connection" in done.stderr.lower():
        pytest.skip(f"the package registry does not give the packages ({done.stderr.strip()[-200:]})")
    assert done.returncode == 0, done.stderr
    again = tmp_path / "demo"
    shutil.copytree(study.results, again, ignore=shutil.ignore_patterns("tables", "figures", "pages"))
    dataset, tables = again / "dataset.npz", again / "tables"
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    for step in (
        ("duplicates", "--dataset", dataset, "--output", tables / "near_duplicates.csv"),
        ("analyse", "--study", again, "--output", tables),
        ("figures", "--study", again, "--output", again / "figures"),
        ("pages", "--study", again, "--output", again / "pages"),
    ):
        assert steps()[step[0]] == "analyse"
        command = [python, "-m", "study", *map(str, step)]
        subprocess.run(command, check=True, env=environment | {"PYTHONPATH": str(ROOT / "workflow")})
    assert lasting_results(again) == lasting_results(study.results)
    made, expected = (
        {path.name for path in folder.rglob("*.*")} for folder in (again / "pages", study.results / "pages")
    )
    assert made == expected != set()
