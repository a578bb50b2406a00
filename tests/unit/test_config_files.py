"""Mistakes in the files of a config: each is one sentence that names the file, and the line or the key."""

import pytest
import yaml
from configs import raw, refusal

from study.config.study import load_config
from study.config.yaml_files import file_of, read_yaml
from study.errors import StudyError


def said(path) -> str:
    with pytest.raises(StudyError) as caught:
        read_yaml(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a: 1\n\tb: 2\n", ", line 2: the line is indented with a tab; use spaces."),
        (b"a:\n  b: [1, 2\nc: 3\n", ", line 3: this is not valid YAML (while parsing a flow sequence that began in"),
        (b"a: 1\n b: 2\n", ", line 2: this is not valid YAML (mapping values are not allowed here); correct it."),
        (b"a: &x 1\nb: *y\n", ", line 2: this is not valid YAML (found undefined alias 'y'); correct it."),
        (b"a: !thing 1\n", ", line 1: this is not valid YAML (could not determine a constructor for the tag '!thing')"),
        (b"? [a, b]\n: 1\n", ", line 1: this is not valid YAML (while constructing a mapping that began in line 1"),
        (b"a: 1\n---\nb: 2\n", ", line 2: this is not valid YAML (expected a single document in the stream"),
        (b"study: a\nlabel: caf\xe9\n", ", line 2: this is not UTF-8 text; save the file as UTF-8."),
        (b"a: \x07\n", " is not valid YAML (special characters are not allowed); correct it."),
        (b"a: 2021-13-45\n", " has a value that YAML cannot read (month must be in 1..12); put it in quotes."),
        (b"", " is empty; fill it, or leave it out."),
        (b"# nothing\n", " is empty; fill it, or leave it out."),
        (b"- a\n- b\n", " must consist of keys and their values, such as `study: my_study`."),
        (b"[" * 20_000, " is nested too deeply; simplify it."),
        (b"a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n", ": the key 'c' is given twice, in line 3 and line 5; remove one."),
        (b"x: &x\n  - {a: 1, a: 2}\ny: *x\n", ": the key 'a' is given twice, in line 2 and line 2; remove one."),
        (b'{"a": 1,\n\t"a": 2}', ": the key 'a' is given twice, in line 1 and line 2; remove one."),
    ],
)  # fmt: skip
def test_a_broken_file_is_named_with_its_line(tmp_path, content, expected):
    path = tmp_path / "my.yaml"
    path.write_bytes(content)
    assert said(path).startswith(f"{path}{expected}")


def test_a_file_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert said(tmp_path / "my.yaml") == "my.yaml cannot be read (No such file or directory); correct its path."


def test_what_yaml_allows_passes(tmp_path):
    path = tmp_path / "my.yaml"
    path.write_text("a: &a {b: 1}\nc:\n  <<: *a\n  <<: {d: 2}\n  b: 3\n1: x\n'1': y\nl: &l [*l]\n")
    assert read_yaml(path)["c"] == {"b": 3, "d": 2}
    path.write_text('{\n\t"a": "b"\n}')
    assert read_yaml(path) == {"a": "b"}


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A default file, and two that a user lays over it."""
    monkeypatch.chdir(tmp_path)
    contents = {
        "config.yaml": {"a": {"b": 1, "c": 1}, "l": [1]},
        "one.yaml": {"a": {"b": 2}},
        "two.yaml": {"a": {"c": 3, "d": {}}},
    }
    for name, content in contents.items():
        (tmp_path / name).write_text(yaml.safe_dump(content))
    return [tmp_path / name for name in contents]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (["a", "b"], "one.yaml, line 2"),
        (["a", "c"], "two.yaml, line 2"),
        (["l", 0], "config.yaml, line 5"),
        (["l"], "config.yaml, line 4"),
        (["a", "d", "missing"], "two.yaml, line 3"),
        (["a", "missing"], "two.yaml, line 1"),  # of the sections it may belong to, the last
        (["x"], "--config"),
        (["a", "e"], "--config"),
        ([], "two.yaml"),
    ],
)
def test_the_file_whose_value_counts_is_named(files, keys, expected):
    merged = {"a": {"b": 2, "c": 3, "d": {}, "e": 5}, "l": [1], "x": 1}
    assert file_of(keys, merged, files) == expected


def test_a_value_from_the_command_line_is_not_blamed_on_a_file(files):
    assert file_of(["a", "b"], {"a": {"b": 9}}, files) == "--config"
    (files[0].parent / "nan.yaml").write_text("a: {b: .nan}\n")
    assert file_of(["a", "b"], {"a": {"b": float("nan")}}, [files[0].parent / "nan.yaml"]) == "nan.yaml, line 1"


def test_the_line_is_that_of_the_key_or_of_where_it_is_inherited_from(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.yaml").write_text("# mine\n\nm:\n  one: &one\n    a: 1\n    b: 2\n  two:\n    <<: *one\n    b: 3\n")
    content = read_yaml(tmp_path / "my.yaml")
    found = [file_of(["m", "two", key], content, ["my.yaml"]) for key in "ab"]
    assert found == ["my.yaml, line 5", "my.yaml, line 9"]
    (tmp_path / "my.json").write_text('{"m":\n\t{"a": [1,\n2]}}')
    assert file_of(["m", "a", 1], {"m": {"a": [1, 2]}}, ["my.json"]) == "my.json, line 3"


@pytest.mark.parametrize(
    ("mine", "expected"),
    [
        (
            {"recipes": {"report": {"epochs": 0}}},
            "my.yaml, line 3: recipes: report: epochs is 0, but must be",
        ),
        ({"baseline": "x"}, "my.yaml, line 1: baseline: there is no model of the grid 'x'; known: "),
        ({"models": {"scratch_cnn": {"recipe": "modrn"}}}, "my.yaml, line 3: models: scratch_cnn: recipe: there is no"),
        ({"grid": {"models": ["scratch_cnn"]}, "contrasts": []}, None),
        ({"grid": {"models": ["efficientnet_b0"]}}, "config.yaml, line 2: baseline: there is no model of"),
        ({"grid": {"seeds": [1, 1]}}, "my.yaml, line 2: grid: seeds: 1 is listed twice; remove one."),
        (
            {"search": {"model": "scratch_cnn", "recipe": {"epochs": [0, 1]}}},
            "my.yaml, line 1: recipes: t001: epochs is 0",
        ),
    ],
)
def test_a_mistake_is_said_of_the_file_it_stands_in(tmp_path, monkeypatch, mine, expected):
    monkeypatch.chdir(tmp_path)
    names = {"config.yaml": raw(), "my.yaml": mine}
    for name, content in names.items():
        (tmp_path / name).write_text(yaml.safe_dump(content))
    merged = over(raw(), mine)
    if expected is None:
        load_config(merged, list(names))
        return
    with pytest.raises(StudyError) as caught:
        load_config(merged, list(names))
    assert str(caught.value).startswith(expected)


def over(base, changes):
    """As Snakemake lays one config over another."""
    if not (isinstance(base, dict) and isinstance(changes, dict)):
        return changes
    return {**base, **{key: over(base.get(key), value) for key, value in changes.items()}}


# --- English ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"study": "My Study"}, "study is 'My Study', but must consist of lower-case letters, digits and underscores."),
        ({"study": "_x"}, "study is '_x', but must consist of lower-case letters, digits and underscores, and not "
                          "begin with an underscore."),
        ({"grid": {"models": [], "seeds": [0]}}, "grid: models is a list, but must have at least 1 entry, not 0."),
        ({"grid": {"models": ["scratch_cnn"], "seeds": []}}, "grid: seeds is a list, but must have at least 1 entry, "
                                                             "not 0."),
    ],
)  # fmt: skip
def test_limits_are_said_in_words(changes, expected):
    assert refusal(raw() | changes).startswith(f"config: {expected[:-1]}")


# --- --config, which passes text --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        (("grid", "seeds"), ["9"], [9]),
        (("recipes", "report", "epochs"), "3", 3),
        (("recipes", "report", "learning_rate"), "1e-4", 1e-4),
        (("models", "scratch_cnn", "seeds"), ["9"], [9]),
        (("models", "scratch_cnn", "input_size"), "32", 32),
        (("compute", "threads"), "3", 3),
        (("compute", "deterministic"), "False", False),
        (("allow_missing",), "true", True),
        (("equivalence_margin",), "0.02", 0.02),
        (("dataset", "validation", "seed"), "7", 7),
    ],
)
def test_text_that_spells_a_value_is_that_value(path, text, value):
    def loaded(value):
        config = raw()
        section = config
        for key in path[:-1]:
            section = section[key]
        section[path[-1]] = value
        return load_config(config)

    assert loaded(text) == loaded(value)
