"""The YAML files a config is merged from: what is wrong in one of them, and which of them a key stands in."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from study.errors import StudyError

MERGE = "tag:yaml.org,2002:merge"  # the key <<, which may be given twice


def check_files(paths: Iterable[Path | str]) -> None:
    """Raise StudyError, naming file and line, for the first file that Snakemake could not read or would misread."""
    for path in paths:
        read_yaml(Path(path))


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the sections of a YAML or JSON file.

    Raises StudyError if it is missing, is not valid YAML, has no keys at its top level, or gives a key twice, of which
    YAML would silently take the last.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise StudyError(f"{shown(path)} cannot be read ({error.strerror}); correct its path.") from None
    except UnicodeDecodeError as error:
        line = path.read_bytes().count(b"\n", 0, error.start) + 1
        raise StudyError(f"{shown(path)}, line {line}: this is not UTF-8 text; save the file as UTF-8.") from None
    if _is_json(text):
        text = text.expandtabs()  # which only JSON may be indented with
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        for (first, second), name in _given_twice(node):
            raise StudyError(
                f"{shown(path)}: the key {name!r} is given twice, in line {first} and line {second}; remove one."
            )
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise StudyError(f"{shown(path)}{_what_is_wrong(error, text)}.") from None
    except RecursionError:
        raise StudyError(f"{shown(path)} is nested too deeply; simplify it.") from None
    except ValueError as error:  # a date such as 2021-13-45, a number of 5,000 digits
        raise StudyError(f"{shown(path)} has a value that YAML cannot read ({error}); put it in quotes.") from None
    if content is None:
        raise StudyError(f"{shown(path)} is empty; fill it, or leave it out.")
    if not isinstance(content, dict):
        raise StudyError(f"{shown(path)} must consist of keys and their values, such as `study: my_study`.")
    return content


def merge_files(paths: Iterable[Path]) -> dict[str, Any]:
    """Return the config that these files make, later ones over earlier ones. Raises StudyError as `read_yaml` does."""
    config: dict[str, Any] = {}
    for path in paths:
        config = merge(config, read_yaml(path))
    return config


def merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return `below` with the keys of `above`, section by section, as Snakemake merges configs."""
    both = {key: merge(below[key], above[key]) for key in below.keys() & above.keys()
            if isinstance(below[key], dict) and isinstance(above[key], dict)}  # fmt: skip
    return below | above | both


def file_of(keys: Sequence[Any], merged: dict[str, Any], files: Sequence[Path | str]) -> str:
    """Return "FILE, line N" of the value for the path of `keys` that counts: the last of `files` that has it.

    Where no file has all the keys, it is the last that has most of them. A value that is in `merged` and in no file is
    from the command line, `--config`.
    """
    reached = [(path, *_follow(keys, read_yaml(Path(path)))) for path in files]
    depth = max((found for _, found, _ in reached), default=0)
    if _follow(keys, merged)[0] > depth:
        return "--config"
    name, value = next((path, value) for path, found, value in reversed(reached) if found == depth)
    is_plain = not isinstance(value, dict)  # of a section, the command line may have added another part
    is_other = repr(_follow(keys[:depth], merged)[1]) != repr(value)  # NaN is not equal to itself
    return "--config" if is_plain and is_other else f"{shown(Path(name))}{_line(keys[:depth], Path(name))}"


def _line(keys: Sequence[Any], path: Path) -> str:
    """Return ', line N' of the value for `keys` in a file that `read_yaml` could read; '' for the whole file."""
    text = path.read_text(encoding="utf-8")
    node, said = yaml.compose(text.expandtabs() if _is_json(text) else text, Loader=yaml.SafeLoader), ""
    for key in keys:
        line, node = _entry(node, key) or (None, None)
        if line is None:
            return said
        said = f", line {line}"
    return said


def _entry(node: yaml.Node, key: Any) -> tuple[int, yaml.Node] | None:
    """Return (line, value) of an entry of a section, its own before one that it inherits (<<), or of a list."""
    if isinstance(node, yaml.SequenceNode):
        return node.value[key].start_mark.line + 1, node.value[key]
    for name, value in node.value:
        if isinstance(name, yaml.ScalarNode) and name.tag != MERGE and name.value == str(key):
            return name.start_mark.line + 1, value
    inherited = [value for name, value in node.value if name.tag == MERGE]
    parents = [one for value in inherited for one in (value.value if isinstance(value, yaml.SequenceNode) else [value])]
    return next(filter(None, (_entry(parent, key) for parent in parents)), None)


def shown(path: Path) -> str:
    """Return `path` as a person would write it: relative to the working directory where it is below it."""
    path = Path(path)
    return str(path.relative_to(Path.cwd())) if path.is_absolute() and path.is_relative_to(Path.cwd()) else str(path)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _given_twice(root: yaml.Node | None) -> Iterator[tuple[tuple[int, int], str]]:
    """Yield ((first line, second line), key) of every key that its section has twice."""
    todo, seen = [root], set()
    while todo:
        node = todo.pop()
        if id(node) in seen:  # an alias, maybe of a section that it stands in
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            todo += node.value
        elif isinstance(node, yaml.MappingNode):
            lines: dict[tuple[str, str], int] = {}
            for key, value in node.value:
                todo.append(value)
                if not isinstance(key, yaml.ScalarNode) or key.tag == MERGE:
                    continue
                line = key.start_mark.line + 1
                if (key.tag, key.value) in lines:
                    yield (lines[key.tag, key.value], line), key.value
                lines[key.tag, key.value] = line


def _what_is_wrong(error: yaml.YAMLError, text: str) -> str:
    """Return ', line N: ...' of what YAML could not read."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return f" is not valid YAML ({getattr(error, 'reason', error)}); correct it"
    line = (text.splitlines() or [""])[min(mark.line, text.count("\n"))] if text else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return f", line {mark.line + 1}: the line is indented with a tab; use spaces"
    began = error.context_mark
    since = f"{error.context} that began in line {began.line + 1}, " if error.context and began else ""
    return f", line {mark.line + 1}: this is not valid YAML ({since}{error.problem}); correct it"


def _follow(keys: Sequence[Any], content: Any) -> tuple[int, Any]:
    """Return how many of `keys`, from the first, lead somewhere in `content`, and what is there."""
    for number, key in enumerate(keys):
        try:
            content = content[key]
        except (KeyError, IndexError, TypeError):
            return number, content
    return len(keys), content
