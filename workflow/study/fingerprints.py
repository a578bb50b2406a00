"""Which code trained a run, as a hash of what that code does: comments, docstrings and layout do not count."""

import ast
import functools
from pathlib import Path
from typing import Any

from study.files import file_digest, sha256_text

ROOT = Path(__file__).parent
TRAINS = ("data/dataset.py", "data/split.py", "models/*.py", "training/*.py")
DECIDES_NOTHING = ("models/weights.py", "training/progress.py")  # fetches what has a hash of its own; prints


@functools.cache
def training_code_sha256() -> str:
    """Return the SHA-256 of the modules that decide the result of a training job."""
    paths = {path.relative_to(ROOT).as_posix() for pattern in TRAINS for path in ROOT.glob(pattern)}
    modules = {path: (ROOT / path).read_text(encoding="utf-8") for path in paths.difference(DECIDES_NOTHING)}
    return sha256_text(repr([(path, code_structure(source)) for path, source in sorted(modules.items())]))


def sources_sha256(*patterns: str) -> str:
    """Return the SHA-256 of the files that match, relative to this package: of their names and bytes, not their times.

    In the workflow it stands for these files as a rule's input, which their paths cannot be: Snakemake takes braces in
    a folder's name for wildcards.
    """
    files = [(path.name, file_digest(path)) for pattern in patterns for path in sorted(ROOT.glob(pattern))]
    return sha256_text(repr(files))


def code_structure(source: str) -> Any:
    """Return the syntax tree of `source` as nested lists, without comments, docstrings and places in the file.

    Empty fields are left out, because new versions of Python add some.
    """
    return _structure(ast.parse(source))


def _structure(node: Any) -> Any:
    if isinstance(node, list):
        return [_structure(one) for one in node]
    if not isinstance(node, ast.AST):
        return node
    fields = dict(ast.iter_fields(node))
    if _has_docstring(node):
        fields["body"] = fields["body"][1:]
    kept = {name: _structure(value) for name, value in fields.items() if value not in (None, [])}
    return [type(node).__name__, *sorted(kept.items())]


def _has_docstring(node: ast.AST) -> bool:
    """Return whether the first statement of a module, class or function is its docstring."""
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    return isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None
