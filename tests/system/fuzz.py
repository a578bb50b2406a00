"""Inputs that nobody should write: generated configs and damaged or hostile files."""

import pickle
import random
from typing import Any

from configs import COMPUTE, raw
from hypothesis import strategies as st
from test_config_anywhere import paths

from study.config.planning import run_spec, study_record
from study.config.study import load_config
from study.errors import StudyError
from study.files import canonical_json

MARKUP = ["<script>alert(1)</script>", "\x1b[31mred", "a\x00b", "\u202e\u2028", "../../outside", "$(touch x)",
          "{{7*7}}", "'; touch x; '", "%s%n", "\ud800", "é" * 5000]  # fmt: skip
HUGE = [10**400, -(10**400), 2**63, 1e308, float("inf"), float("nan"), "1e999", "9" * 5000]
TEXT = st.text(max_size=30) | st.sampled_from(MARKUP)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.sampled_from(HUGE)
KEYS = TEXT | st.integers() | st.booleans() | st.none()
NESTS = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4))
PATHS = paths(raw())
WHOLE = pickle.dumps(raw())


def deep(levels: int) -> Any:
    """A list in a list in a list."""
    value: Any = 1
    for level in range(levels):
        value = [value] if level % 2 else {"deep": value}
    return value


VALUES = NESTS | st.integers(1, 3000).map(deep)
CHANGES = st.lists(
    st.tuples(st.sampled_from(PATHS), st.sampled_from(["set", "delete", "add", "copy"]), KEYS, VALUES),
    min_size=1,
    max_size=4,
)


def changed(changes: list[tuple]) -> dict[Any, Any]:
    """config.yaml after these changes; one whose place has gone is left out."""
    config = pickle.loads(WHOLE)  # a fresh copy, much faster than parsing
    for path, what, key, value in changes:
        section, last = config, path[-1]
        try:
            for part in path[:-1]:
                section = section[part]
            if what == "delete":
                del section[last]
            elif what == "add" and isinstance(section, dict):
                section[key] = value
            else:
                section[last] = pickle.loads(WHOLE) if what == "copy" else value
        except (KeyError, IndexError, TypeError):
            continue
    return config


def judge_config(config: Any) -> None:
    """A config is valid, and then can be planned, or refused in one printable sentence. Raises AssertionError."""
    try:
        study = load_config(config)
    except StudyError as error:
        judge_sentence(str(error))
        return
    for name in study.models:
        canonical_json(run_spec(study, name, 0, COMPUTE).to_json())
    canonical_json(study_record(study, COMPUTE))


def judge_sentence(text: str) -> None:
    """One line that any terminal can show. Raises AssertionError."""
    assert text and text[-1] in ".?", text
    assert len(text.splitlines()) == 1, text
    assert all(letter.isprintable() for letter in text), ascii(text)
    assert len(text) < 2000, len(text)


def damaged(content: bytes, chance: random.Random) -> bytes:
    """`content` with some bytes flipped, cut off or put in."""
    altered = bytearray(content)
    for _ in range(chance.randint(1, 8)):
        place = chance.randrange(len(altered)) if altered else 0
        what = chance.choice(("flip", "flip", "cut", "insert"))
        if what == "flip" and altered:
            altered[place] ^= chance.randint(1, 255)
        elif what == "cut":
            del altered[place : place + chance.choice((1, 100, len(altered)))]
        else:
            altered[place:place] = chance.randbytes(chance.randint(1, 40))
    return bytes(altered)
