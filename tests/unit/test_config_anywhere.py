"""Whatever stands wherever in a config is valid, or refused in one sentence."""

import copy
import math
from typing import Any

from configs import COMPUTE, Keys, raw
from hypothesis import example, given, settings
from hypothesis import strategies as st

from study.config.planning import run_spec, study_record
from study.config.study import load_config
from study.errors import StudyError
from study.files import canonical_json


def paths(value: Any, at: Keys = ()) -> list[Keys]:
    """The path of every value in a nest of dictionaries and lists."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [*([at] if at else []), *(path for key, child in children for path in paths(child, (*at, key)))]


KEYS = st.sampled_from(["epochs", "mean", "std", "channels", "Recipe", "[key]", "a\nb", "literal[x]"]) | st.text()
TRICKY = ["1e-4", "nan", "1e999", "hub", "file:", "package:x\ny", "timm/", "timm/resnet50.\n", 10**400, {}]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(TRICKY)
JUNK = st.sampled_from([0, -1, 1.5, 10**21, math.inf, "", "x", "X y", "é" * 300, [], [1], [[]], [None], {}, {"a": 1},
                        {1: 2}, {"Bad Key": {}}])  # fmt: skip
PYDANTIC = ("string should", "input should", "after validation", "validation error", "is refused:", "valid dictionary")
GARBAGE = JUNK | st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=6)
WHOLE = raw() | {
    "search": {"model": "scratch_cnn", "arguments": {"dropout": [0.1]}, "recipe": {"epochs": [1, 2]}},
    "contrasts": [{"model": "efficientnet_b0", "baseline": "scratch_cnn"}],
}
PATHS = paths(WHOLE)


@settings(max_examples=200)
@given(where=st.sampled_from(PATHS), extra=st.none() | KEYS | st.integers() | st.booleans(), value=GARBAGE)
@example(where=("models", "efficientnet_b0", "arguments"), extra="drop_rate", value=float("nan"))
@example(where=("models", "scratch_cnn"), extra="Statistics", value=1)
@example(where=("study",), extra="Study", value=1)
@example(where=("study",), extra="[key]", value=1)
def test_whatever_stands_wherever_is_valid_or_one_sentence(where, extra, value):
    if extra is not None:  # a new key beside the one at `where`
        where = (*where[:-1], extra)
    config = copy.deepcopy(WHOLE)
    section = config
    for key in where[:-1]:
        section = section[key]
    if isinstance(section, list):
        section.append(value)
    else:
        section[where[-1]] = value
    try:
        study = load_config(config)
    except StudyError as error:
        assert "\n" not in str(error) and str(error).startswith("config: ") and str(error)[-1] in ".?"
        assert not [words for words in PYDANTIC if words in str(error).lower()], str(error)
        return
    for name in study.models:  # what is valid can be planned
        canonical_json(run_spec(study, name, 0, COMPUTE).to_json())
    canonical_json(study_record(study, COMPUTE))
