"""The config of the repository, and changed copies of it, for tests."""

import copy
import functools
from pathlib import Path
from typing import Any

import pytest
import yaml

from study.config.specs import ComputeSpec
from study.config.study import load_config
from study.errors import StudyError

ROOT = Path(__file__).parents[2]
COMPUTE = ComputeSpec(device="cpu", threads=2, precision="float32")
MISSING = object()
Keys = tuple[str | int, ...]


@functools.cache
def _parsed() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))


def raw() -> dict[str, Any]:
    """config.yaml as a dictionary of one's own."""
    return copy.deepcopy(_parsed())


def changed(where: str | Keys, value: Any) -> dict[str, Any]:
    """config.yaml with another value, or none (MISSING), at a path of keys such as 'recipes.report.epochs'."""
    config = raw()
    *parents, last = where.split(".") if isinstance(where, str) else where
    section = config
    for key in parents:
        section = section[key]
    if value is MISSING:
        del section[last]
    else:
        section[last] = value
    return config


def refusal(config: Any) -> str:
    """The sentence with which a config is refused."""
    with pytest.raises(StudyError) as caught:
        load_config(config)
    return str(caught.value)
