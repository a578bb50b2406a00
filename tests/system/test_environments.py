"""Every step runs in the environment that its rule names, and needs nothing that only Snakemake's own has."""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import packages_distributions

import pytest
import yaml
from grids import lasting_results, quick
from packaging.utils import canonicalize_name
from project import ROOT, copy_project

# Python imports it at every start, and PYTHONPATH of all jobs names the folder in which it stands.
REFUSE = """
import importlib.abc
import json
import sys
from pathlib import Path

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in refused:
            raise ModuleNotFoundError(f"{name} is not in the environment of {sys.orig_argv[3]}")

if sys.orig_argv[1:3] == ["-m", "study"]:
    refused = json.loads((Path(__file__).parent / "refused.json").read_text())[sys.orig_argv[3]]
    sys.meta_path.insert(0, Refuse())
"""


def pins(kind: str) -> list[str]:
    """What pip installs in this environment."""
    dependencies = yaml.safe_load((ROOT / "envs" / f"{kind}.yaml").read_text())["dependencies"]
    return next(one for one in dependencies if isinstance(one, dict))["pip"]


def steps() -> dict[str, str]:
    """{step: its rule's environment}, as the rules say."""
    found = {}
    for path in (ROOT / "workflow" / "rules").glob("*.smk"):
        for rule in re.split(r"\n(?=rule \w+:)", path.read_text())[1:]:
            kind = re.search(r"envs/(\w+)\.yaml", rule)[1]
            found |= dict.fromkeys(re.findall(r"python -m study (\w+)", rule), kind)
    return found


def test_no_step_imports_what_its_environment_lacks(tmp_path):
    project = copy_project(tmp_path / "project")
    modules = packages_distributions()
    refused = {}
    for step, kind in steps().items():
        named = {pin.partition("==")[0] for pin in pins(kind)}
        refused[step] = [module for module, owners in modules.items() if not named & {*map(canonicalize_name, owners)}]
    assert "torch" in refused["analyse"] and "matplotlib" in refused["train"] and "snakemake" in refused["train"]
    (project.folder / "workflow" / "refused.json").write_text(json.dumps(refused))
    (project.folder / "workflow" / "sitecustomize.py").write_text(REFUSE)
    done = project.snakemake(config=quick(project))
    assert done.returncode == 0, done.stdout


def test_the_analysis_in_an_environment_of_its_own_gives_the_same_bytes(demo, tmp_path):
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    install = [python, "-m", "pip", "install", "--quiet", "--no-deps", *pins("analyse")]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if "No matching distribution" in done.stderr or "connection" in done.stderr.lower():
        pytest.skip(f"the package registry does not give the packages ({done.stderr.strip()[-200:]})")
    assert done.returncode == 0, done.stderr
    study = tmp_path / "demo"
    shutil.copytree(demo.results, study, ignore=shutil.ignore_patterns("tables", "figures", "pages", "summary.json"))
    config, dataset = (study / "config.json").read_text(), study / "dataset.npz"
    tables = study / "tables"
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    for step in (
        ("record", "--config", config, "--output", study / "config.json"),
        ("duplicates", "--dataset", dataset, "--output", tables / "near_duplicates.csv"),
        ("analyse", "--study", study, "--output", tables, "--summary", study / "summary.json"),
        ("figures", "--study", study, "--output", study / "figures"),
        ("pages", "--study", study, "--output", study / "pages"),
    ):
        assert steps()[step[0]] == "analyse"
        command = [python, "-m", "study", *map(str, step)]
        subprocess.run(command, check=True, env=environment | {"PYTHONPATH": str(ROOT / "workflow")})
    assert lasting_results(study) == lasting_results(demo.results)
    made, expected = (
        {path.name for path in folder.rglob("*.*")} for folder in (study / "pages", demo.results / "pages")
    )
    assert made == expected != set()
