"""Every mistake a person can make in the config as one English sentence: which key, what is wrong, what was meant."""

import dataclasses
import json
import re
import typing
from collections.abc import Iterable
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from study.errors import nearest

# what pydantic adds to the path of keys: the alternative of a union that it tried, and that a key itself is wrong
_NOT_KEYS = re.compile(r"(literal|list|dict|function-\w+)\[.*\]|Statistics|\[key\]")
_UNKNOWN_KEY = ("extra_forbidden", "unexpected_keyword_argument")
# pydantic's kinds of error in words; {…} are its details
_ENGLISH = {
    "model_type": "must be a section with keys of its own",
    "dataclass_type": "must be a section with keys of its own",
    "dict_type": "must be a section with keys of its own",
    "invalid_key": "must be text, as all keys",
    "list_type": "must be a list",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "too_short": "must have at least {min_length} entries, not {actual_length}",
    "too_long": "must have at most {max_length} entries, not {actual_length}",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must consist of lower-case letters, digits and underscores, and not begin with an "
    "underscore",
}


def check_known(name: str, known: Iterable[str], where: str, kind: str) -> None:
    """Raise ValueError with the nearest known name if `name` is not one of `known`."""
    if name not in known:
        raise ValueError(f"{where}: there is no {kind} {name!r}{nearest(name, known)}")


def check_unique(values: list[Any], where: str) -> None:
    """Raise ValueError if a value stands twice."""
    twice = [value for value in values if values.count(value) > 1]
    if twice:
        raise ValueError(f"{where}: {twice[0]!r} is listed twice; remove one")


def first_problem(error: ValidationError, root: type, at: tuple[str, ...] = ()) -> tuple[list[Any], str]:
    """Return (path of keys, sentence) for the first problem in `error`: the key, what is wrong, what was meant.

    `root` is the class that was validated; `at` is the path of keys above it, for a section that is checked alone.
    """
    problems = error.errors(include_url=False)
    problem = _most_telling(problems)
    kind, loc = problem["type"], problem["loc"]
    own = loc[-1:] if kind in _UNKNOWN_KEY else ()  # whatever it looks like
    path = [*at, *(part for part in loc[: len(loc) - len(own)] if not _NOT_KEYS.fullmatch(str(part))), *own]
    where, above = (": ".join(map(str, keys)) for keys in (path, path[:-1]))
    if kind in _UNKNOWN_KEY:
        meant = nearest(str(path[-1]), _keys_at(root, path[len(at) : -1]))
        unknown = f"{above or 'the top level'} has an unknown key {str(path[-1])!r}{meant}"
        return path, unknown if meant.endswith("?") else f"{unknown}."
    if kind == "missing":
        beside = [one["loc"][-1] for one in problems if one["type"] == kind and one["loc"][:-1] == problem["loc"][:-1]]
        if len(beside) == 1 or len(path) == 1:
            return path, f"{where} is missing; config.yaml shows what it looks like."
        return path, f"{above} lacks {', '.join(beside)}; config.yaml shows what they look like."
    if kind == "value_error":
        text = problem["msg"].removeprefix("Value error, ")
        return path, f"{where + ': ' if where else ''}{text}{'' if text.endswith('?') else '.'}"
    return path, f"{where or 'the top level'} is {_shown(problem.get('input'))}, but {_wanted(problem)}."


def _wanted(problem: Any) -> str:
    """Return what a value must be, from pydantic's kind of error and its details."""
    kind = problem["type"]
    if kind not in _ENGLISH:
        return f"is refused: {problem['msg']}"
    limits = {key: f"{one:g}" if isinstance(one, float) else one for key, one in problem.get("ctx", {}).items()}
    wanted = _ENGLISH[kind].format(**limits)
    return re.sub(r"\b1 entries\b", "1 entry", re.sub(r"\b1 characters\b", "1 character", wanted))


def _most_telling(problems: list[Any]) -> Any:
    """Return the problem that says most about what the person did."""
    # of a name or a section, a section was meant: what is wrong in it says more than that it is not a name
    problems = [one for one in problems if not _is_other_kind(one)] or problems
    # a mistyped key is unknown and leaves the right one missing: the first says more
    return next((one for one in problems if one["type"] in _UNKNOWN_KEY), problems[0])


def _is_other_kind(problem: Any) -> bool:
    """Return whether a section or a list was refused for not being what it might have been too."""
    return isinstance(problem["input"], dict | list) and (
        problem["type"] == "literal_error" or problem["type"].endswith("_type")
    )


def _shown(value: Any) -> str:
    """Return `value` as YAML writes it; of a section or a list only that it is one."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, str | int | float):
        return repr(value)
    return {dict: "a section", list: "a list"}.get(type(value), f"a {type(value).__name__}")


def _keys_at(kind: Any, path: tuple[Any, ...]) -> list[str]:
    """Return the valid keys of the section at `path` below the class `kind`, empty where they are free."""
    for step in path:
        if (fields := _fields(kind)) is not None:
            if step not in fields:
                return []
            kind = fields[step]
        else:
            inner = [one for one in get_args(kind) if one is not type(None)]
            kind = inner[-1] if inner else None
        sections = [one for one in get_args(kind) if _fields(one) is not None]
        if sections and type(None) in get_args(kind):
            kind = sections[0]
    return list(_fields(kind) or ())


def _fields(kind: Any) -> dict[str, Any] | None:
    """Return {field: type} of a section's class, None for any other type."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return {name: one.annotation for name, one in kind.model_fields.items()}
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return typing.get_type_hints(kind)
    return None
