"""Pickles that an ordinary unpickler would let do harm: each leaves a file `marker` if it runs."""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


class Calls:
    """Pickles to a call of `function` with `arguments`, which an ordinary unpickler would make."""

    def __init__(self, function: Callable, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple:
        return self.call


def system(marker: Path) -> tuple[Calls, str]:
    return Calls(os.system, f"touch {shlex.quote(str(marker))}"), f"{os.system.__module__}.system"


def evaluated(marker: Path) -> tuple[Calls, str]:
    return Calls(eval, f"open({str(marker)!r}, 'w').close()"), "eval"


def spawned(marker: Path) -> tuple[Calls, str]:
    return Calls(
        subprocess.check_call, [sys.executable, "-c", f"open({str(marker)!r}, 'w')"]
    ), ".check_call"  # of subprocess


HOSTILE = pytest.mark.parametrize("attack", [system, evaluated, spawned])
