"""What the machine refuses is one sentence; any other error stays one, with its traceback."""

import errno

import pytest

from study.errors import LONGEST, StudyError
from study.machine.failures import explain


@pytest.mark.parametrize(
    ("error", "start"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "a/b"), "The disk is full for a/b: "),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "The disk is full: "),
        (OSError("1000 requested and 12 written"), "The disk is full: "),
        (RuntimeError("[enforce fail at inline_container.cc:671] . unexpected pos 576 vs 534"), "The disk is full: "),
        (PermissionError(errno.EACCES, "Permission denied", "a"), "a cannot be opened or written (Permission denied)"),
        (MemoryError(), "The memory is used up: "),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "The memory is used up: "),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "The GPU's memory is used up: "),
        (RuntimeError("CUDA error: unspecified launch failure\nCompile with"), "The GPU failed (CUDA error: "),
    ],
)
def test_what_the_machine_refuses_is_one_explain(error, start):
    told = explain(error)
    assert told.startswith(start) and told.endswith(".") and "\n" not in told


@pytest.mark.parametrize("error", [ValueError("x"), RuntimeError("shape mismatch"), FileNotFoundError(2, "no", "a")])
def test_a_mistake_in_the_code_is_not_talked_away(error):
    assert explain(error) is None


def test_an_error_is_one_printable_line_whatever_it_quotes():
    assert str(StudyError("a\x1b[1mb\x1b[0m\n\x00  c\u202e.")) == r"ab \x00 c\u202e."
    assert len(str(StudyError("x" * 10**6))) <= LONGEST + 10
