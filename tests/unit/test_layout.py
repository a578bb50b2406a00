"""The plan of the house holds: what is where, which way imports run, and what a module may need."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

STUDY = Path(__file__).parents[2] / "workflow" / "study"
LOOSE = {"__main__", "errors", "files", "paths", "fingerprints", "predict"}
SHARED = {"errors", "files", "paths", "fingerprints"}
# what each room may import, beside itself and what all share
KNOWS = {
    "machine": set(),
    "data": {"machine"},
    "config": {"data", "machine"},
    "models": {"config"},
    "training": {"models", "config", "data", "machine"},
    "analysis": {"config", "data", "machine"},
    "reporting": {"analysis", "config", "data"},
    "publishing": {"reporting", "analysis", "config", "data"},
    "orchestration": {"training", "models", "analysis", "config", "data", "machine"},
}
FOR_TRAINING = ("config/options.py", "config/recipes.py", "config/specs.py")  # training jobs have no pydantic


def imports(path: Path) -> Iterator[str]:
    """Full names of the modules that a file imports anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{one.name}" for one in node.names)


def test_only_these_modules_are_loose():
    assert {path.stem for path in STUDY.glob("*.py")} - {"__init__"} == LOOSE
    rooms = {path.name for path in STUDY.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert rooms == KNOWS.keys()


@pytest.mark.parametrize("room", KNOWS)
def test_imports_run_one_way(room):
    for path in (STUDY / room).glob("*.py"):
        known = {name.split(".")[1] for name in imports(path) if name.startswith("study.")}
        assert known <= KNOWS[room] | SHARED | {room}, f"{room}/{path.name} imports {known - KNOWS[room] - SHARED}"


def test_the_order_of_the_rooms_has_no_circle():
    order = list(KNOWS)
    for room, known in KNOWS.items():
        assert all(order.index(one) < order.index(room) for one in known), room


@pytest.mark.parametrize("path", sorted(STUDY.rglob("*.py")), ids=lambda path: str(path.relative_to(STUDY)))
def test_nothing_in_the_package_knows_snakemake_and_analysis_knows_no_torch(path):
    first = {name.split(".")[0] for name in imports(path)}
    assert "snakemake" not in first
    if path.parent.name in ("analysis", "reporting", "publishing"):
        assert not first & {"torch", "torchvision", "timm"}


@pytest.mark.parametrize("name", FOR_TRAINING)
def test_a_training_job_reads_its_spec_with_the_standard_library(name):
    source = STUDY / name
    top_level = [
        node
        for node in ast.parse(source.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    modules = {node.module for node in top_level if isinstance(node, ast.ImportFrom)}
    modules |= {one.name for node in top_level if isinstance(node, ast.Import) for one in node.names}
    assert all(module.split(".")[0] in {"study", *sys.stdlib_module_names} for module in modules)


@pytest.mark.parametrize("path", sorted(STUDY.rglob("*.py")), ids=lambda path: str(path.relative_to(STUDY)))
def test_a_file_fits_in_one_sitting(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 310
