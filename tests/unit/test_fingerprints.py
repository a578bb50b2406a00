"""The hash of the training code counts what the code does, and nothing that is only read by people."""

import pytest

from study import fingerprints
from study.fingerprints import code_structure

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
