"""The hash of the training code counts what the code does, and nothing that is only read by people."""

import dataclasses
import re
import shutil

import pytest
from runs import scratch_spec

from study import fingerprints
from study.config.recipes import Probe
from study.fingerprints import code_structure, executed_groups, group_hashes

CODE = '''"""Train."""
import math

RATE = 0.1  # of the head


class Loop:
    """Goes round."""

    def step(self, x: float) -> float:
        """One step."""
        return math.exp(x) * RATE
'''


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("# of the head", "# of every layer"),
        ('"""Train."""\n', ""),
        ('"""Goes round."""', '"""Goes round and round."""'),
        ('        """One step."""\n', ""),
        ("return math.exp(x) * RATE", "return (\n            math.exp(x) * RATE\n        )"),
    ],
)
def test_prose_and_layout_do_not_count(before, after):
    assert before in CODE
    assert code_structure(CODE.replace(before, after)) == code_structure(CODE)


@pytest.mark.parametrize(
    ("before", "after"),
    [("0.1", "0.2"), ("math.exp(x)", "math.exp(-x)"), ("step", "stride"), ("* RATE", "+ RATE"), ("import math\n", "")],
)
def test_what_the_code_does_counts(before, after):
    assert code_structure(CODE.replace(before, after)) != code_structure(CODE)


def test_text_that_is_not_a_docstring_counts():
    assert code_structure('KIND = "adam"') != code_structure('KIND = "sgd"')


def test_the_modules_that_decide_a_run_are_those_that_are_hashed():
    hashed = {path for pattern in fingerprints.TRAINS for path in fingerprints.ROOT.glob(pattern)}
    names = {path.relative_to(fingerprints.ROOT).as_posix() for path in hashed}
    assert {"training/loop.py", "models/scratch.py", "data/split.py"} <= names
    assert set(fingerprints.DECIDES_NOTHING) <= names


def test_the_groups_are_of_modules_that_are_there_and_each_module_is_in_one():
    grouped = [path for paths in fingerprints.GROUPS.values() for path in paths]
    assert len(grouped) == len(set(grouped)) and all((fingerprints.ROOT / path).is_file() for path in grouped)
    assert fingerprints.EXECUTES.keys() <= fingerprints.GROUPS.keys()


def test_a_change_reaches_the_hash_of_its_own_group_alone(tmp_path):
    before = group_hashes()
    for path, group in (("models/folded.py", "freezing"), ("training/loop.py", "core"), ("models/new.py", "core")):
        package = tmp_path / group / path
        shutil.copytree(fingerprints.ROOT, package.parents[1], ignore=shutil.ignore_patterns("__pycache__"))
        with package.open("a") as handle:
            handle.write("\nCHANGED = True\n")
        after = group_hashes(package.parents[1])
        assert {name for name in before if after[name] != before[name]} == {group}
        shutil.rmtree(package.parents[1])


@pytest.mark.parametrize(
    ("recipe", "architecture", "needed"),
    [
        ({}, "scratch_cnn", {"scratch"}),
        ({}, "timm/resnet18", set()),
        ({"ema": 0.9, "frozen_norms": True}, "timm/resnet18", {"averaging", "freezing"}),
        ({"probe": Probe(images=10, epochs=1)}, "timm/resnet18", {"freezing"}),
        ({}, "scratch_fast", {"fast"}),
        ({}, "file:mine.py", {"own"}),
    ],
)
def test_a_run_executes_the_groups_that_its_spec_needs(recipe, architecture, needed):
    spec = scratch_spec(**recipe)
    spec = dataclasses.replace(spec, network=dataclasses.replace(spec.network, architecture=architecture))
    assert set(executed_groups(spec)) == {"core", "device", *needed}
    compiling = dataclasses.replace(spec, compute=dataclasses.replace(spec.compute, compile=True), features="pooled")
    assert set(executed_groups(compiling)) == {"core", "device", "compiling", "features", *needed}
    assert executed_groups(None) == list(group_hashes())


def test_the_rules_watch_every_file_that_tables_and_report_are_made_of():
    project = fingerprints.ROOT.parents[1]
    rules = "".join(path.read_text() for path in sorted((project / "workflow" / "rules").glob("*.smk")))
    patterns = [one for call in re.findall(r"sources_sha256\(([^)]*)\)", rules) for one in re.findall(r'"(.*?)"', call)]
    matched = {pattern: {path.resolve() for path in fingerprints.ROOT.glob(pattern)} for pattern in patterns}
    assert all(matched.values()), matched
    makes = [path for room in ("analysis", "findings", "reporting") for path in (fingerprints.ROOT / room).glob("*.py")]
    report = [project / "report" / "items.yaml", *(project / "report" / "templates").iterdir()]
    captions = [*(project / "report" / "captions").glob("figure_*.rst")]
    assert captions and {*makes, *report, *captions} <= set().union(*matched.values())
