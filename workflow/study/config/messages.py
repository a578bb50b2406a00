"""Names a person types in the config: are they known, and if not, which one was probably meant?"""

import difflib
import functools
import hashlib
import importlib.util
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError


def nearest(name: str, known: Iterable[str]) -> str:
    """'; did you mean X?' for the known name closest to `name`, or the list of them where none is close."""
    known = [str(one) for one in known]
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(sorted(known))}" if known and len(known) <= 20 else ""


def check_known(name: str, known: Iterable[str], where: str, kind: str) -> None:
    """Raise ValueError with the nearest known name if `name` is none of them."""
    if name not in known:
        raise ValueError(f"{where}: there is no {kind} {name!r}{nearest(name, known)}")


def check_unique(values: list[Any], where: str) -> None:
    """Raise ValueError if a value stands twice."""
    twice = [value for value in values if values.count(value) > 1]
    if twice:
        raise ValueError(f"{where}: {twice[0]!r} is listed twice; remove one")


@functools.cache
def _timm_names() -> tuple[frozenset[str], frozenset[str]]:
    """(architectures, architectures with tag) of the installed timm, read from its source.

    Importing timm imports torch, which takes seconds; a config is checked at every start of the workflow.
    """
    found = importlib.util.find_spec("timm")
    if found is None or found.origin is None:
        raise ValueError("timm is not installed in this environment; run `make env`")
    architectures: set[str] = set()
    tagged: set[str] = set()
    for path in Path(found.origin).parent.glob("models/*.py"):
        text = path.read_text(encoding="utf-8")
        architectures.update(re.findall(r"@register_model\s+def (\w+)\(", text))
        tagged.update(re.findall(r"['\"](\w+\.[\w-]+)['\"]:\s*(?:_\w*cfg\w*\(|\{)", text))
    return frozenset(architectures), frozenset(tagged)


def check_timm(name: str) -> None:
    """Raise ValueError unless `name` is an architecture of timm with one of its tags, e.g. efficientnet_b0.ra_in1k.

    The tag is required: what a bare name stands for can change from one timm to the next.
    """
    architectures, tagged = _timm_names()
    if name in tagged:
        return
    bare = name.split(".")[0]
    if bare in architectures:
        tags = sorted(one for one in tagged if one.split(".")[0] == bare)
        if not tags and re.fullmatch(r"\w+(\.[\w-]+)?", name):  # of a few, timm computes the tags
            return
        if tags:
            raise ValueError(f"architecture timm/{name} needs one of timm's tags: {', '.join(tags[:6])}")
    raise ValueError(f"timm has no architecture {name!r}{nearest(name, architectures | tagged)}")


def check_weights(weights: str) -> None:
    """Raise ValueError unless `weights` is hub, package:<name> or file:<path>."""
    kind, _, rest = weights.partition(":")
    if weights != "hub" and not (kind in ("package", "file") and rest):
        raise ValueError(f"weights {weights!r} must be hub, package:<registry package>, file:<path> or null")


def slug(text: str) -> str:
    """`text` as part of a file name: letters, digits, dots and dashes."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.")


def weights_id(architecture: str, weights: str) -> str:
    """File name for the weights of `architecture` from `weights`: readable, and different for different sources."""
    return f"{slug(architecture)}-{hashlib.sha256(weights.encode()).hexdigest()[:8]}"


def _keys_at(model: Any, path: tuple[Any, ...]) -> list[str]:
    """The valid keys of the config section at `path`, empty where they are free."""
    for step in path:
        if isinstance(model, type) and issubclass(model, BaseModel):
            if step not in model.model_fields:
                return []
            model = model.model_fields[step].annotation
        else:
            inner = [one for one in get_args(model) if one is not type(None)]
            model = inner[-1] if inner else None
        options = [one for one in get_args(model) if isinstance(one, type) and issubclass(one, BaseModel)]
        if options and type(None) in get_args(model):
            model = options[0]
    return list(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []


# what pydantic adds to the path of keys: the alternative of a union that it tried, and that a key itself is wrong
_NOT_KEYS = re.compile(r"literal\[.*\]|Statistics|\[key\]")


def sentence(error: ValidationError, root: type[BaseModel], at: tuple[str, ...] = ()) -> str:
    """One sentence for the first problem in `error`: the key, what is wrong, what was probably meant.

    `at` is the path of the section that `root` describes, for a section that is checked on its own.
    """
    problems = error.errors(include_url=False)
    # of a name or a section, a section was meant: what is wrong in it says more than that it is no name
    problems = [
        one for one in problems if one["type"] != "literal_error" or not isinstance(one["input"], dict)
    ] or problems
    # a mistyped key is unknown and leaves the right one missing: the first says more
    problem = next((one for one in problems if one["type"] == "extra_forbidden"), problems[0])
    path = tuple(part for part in problem["loc"] if not _NOT_KEYS.fullmatch(str(part)))
    where = ": ".join(str(part) for part in (*at, *path))
    kind = problem["type"]
    if kind == "extra_forbidden":
        key = str(problem["loc"][-1])
        parent = ": ".join(str(part) for part in (*at, *path[:-1])) or "the top level"
        meant = nearest(key, _keys_at(root, path[:-1]))
        return f"config: {parent} has an unknown key {key!r}{meant}{'' if meant.endswith('?') else '.'}"
    if kind == "missing":
        return f"config: {where} is missing; config.yaml shows what it looks like."
    text = problem["msg"].removeprefix("Value error, ")
    if kind == "value_error":
        return f"config: {where + ': ' if where else ''}{text}{'' if text.endswith('?') else '.'}"
    value = problem.get("input")
    shown = repr(value) if isinstance(value, str | int | float | bool | None) else f"a {type(value).__name__}"
    if kind in ("model_type", "dict_type"):
        text = "it must be a section with keys of its own"
    return f"config: {where or 'the top level'} is {shown}: {text[0].lower()}{text[1:]}."
