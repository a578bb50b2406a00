"""Atomic writing and the JSON that is hashed and compared."""

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.errors import StudyError
from study.files import atomic_write, canonical_json, file_digest, read_json, sha256_text, write_json, write_text

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12)


def test_an_interrupted_write_keeps_the_old_file_and_leaves_nothing_beside_it(tmp_path):
    target = tmp_path / "table.csv"
    target.write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_write(target) as temporary:
        temporary.write_text("half of the n")
        raise KeyboardInterrupt
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_the_target_changes_only_when_the_block_ends(tmp_path):
    target = tmp_path / "deep" / "er" / "figure.svg"
    with atomic_write(target) as temporary:
        temporary.write_text("new")
        assert not target.exists()
        assert (temporary.parent, temporary.suffix) == (target.parent, ".svg")
    assert target.read_text() == "new"
    assert list(target.parent.iterdir()) == [target]


def test_a_file_that_cannot_be_serialised_is_not_begun(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "run.json", {"loss": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_a_result_has_the_rights_that_the_umask_leaves(tmp_path):
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "text", "for the group")
    finally:
        os.umask(before)
    assert (tmp_path / "text").stat().st_mode & 0o777 == 0o640


def test_text_is_utf_8_with_lf(tmp_path):
    write_text(tmp_path / "text", "93 × 2\n")
    assert (tmp_path / "text").read_bytes() == b"93 \xc3\x97 2\n"


def test_canonical_json_is_sorted_compact_and_keeps_letters():
    assert canonical_json({"b": [1, 2.5, None], "a": {"é": True}}) == '{"a":{"é":true},"b":[1,2.5,null]}'


@given(st.dictionaries(st.text(), JSON))
def test_canonical_json_ignores_the_order_of_keys_and_loses_nothing(value):
    backwards = dict(reversed(value.items()))
    assert canonical_json(value) == canonical_json(backwards)
    assert json.loads(canonical_json(value)) == value


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_canonical_json_refuses_what_is_not_json(value):
    with pytest.raises(ValueError, match="JSON"):
        canonical_json([value])


@given(JSON)
def test_json_round_trip(tmp_path_factory, value):
    path = tmp_path_factory.getbasetemp() / "value.json"
    write_json(path, value)
    assert read_json(path) == value


def test_a_missing_json_file_is_a_sentence(tmp_path):
    path = tmp_path / "run.json"
    with pytest.raises(StudyError) as caught:
        read_json(path)
    assert str(caught.value) == f"{path} is missing; run the step that writes it first."


@pytest.mark.parametrize("content", [b'{"seed": 1', b"", b"\xff\xfe"])
def test_broken_json_is_a_sentence_that_names_the_file(tmp_path, content):
    path = tmp_path / "run.json"
    path.write_bytes(content)
    with pytest.raises(StudyError, match=r"run\.json is not valid JSON \(.*\); delete it and run its step again\.$"):
        read_json(path)


def test_digests_are_the_known_ones(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, example B.1
    assert file_digest(tmp_path / "abc") == sha256_text("abc") == expected
    assert file_digest(tmp_path / "abc", "md5") == "900150983cd24fb0d6963f7d28e17f72"  # RFC 1321
