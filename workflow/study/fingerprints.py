"""Which code trained a run, as hashes of what that code does: comments, docstrings and layout do not count.

One hash is of all the training code, and one of each group of modules, so that a change ages only the runs that execute
it; `study.analysis.older_code` judges.
"""

import ast
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from study.files import file_digest, sha256_text

ROOT = Path(__file__).parent
TRAINS = ("data/dataset.py", "data/split.py", "models/*.py", "training/*.py")
# Fetches what has a hash of its own; prints; measures.
DECIDES_NOTHING = ("models/weights.py", "training/progress.py", "training/trial.py")
CORE = "core"  # the modules of no other group, which every run executes
GROUPS: dict[str, tuple[str, ...]] = {
    "device": ("training/device.py",),
    "compiling": ("training/compiling.py",),
    "scratch": ("models/scratch.py",),
    "fast": ("models/fast.py", "training/muon.py"),
    "own": ("models/own.py",),
    "freezing": ("models/folded.py", "training/freezing.py"),
    "averaging": ("training/averaging.py",),
    "features": ("training/features.py",),
}
# Of a run's spec: does it execute the group? Without an entry, every run does.
EXECUTES: dict[str, Callable[[Any], bool]] = {
    "compiling": lambda spec: spec.compute.compile,
    "scratch": lambda spec: spec.network.architecture in ("scratch_cnn", "scratch_resnet18"),
    "fast": lambda spec: spec.network.architecture == "scratch_fast" or spec.recipe.muon is not None,
    "own": lambda spec: spec.network.architecture.startswith("file:"),
    "freezing": lambda spec: (
        bool(spec.recipe.frozen_norms or spec.recipe.frozen_blocks or spec.recipe.frozen_depthwise)
        or spec.recipe.probe is not None
    ),
    "averaging": lambda spec: spec.recipe.ema is not None,
    "features": lambda spec: spec.features is not None,
}


def training_code_sha256() -> str:
    """Return the SHA-256 of the modules that decide the result of a training job."""
    return _sha256(tuple(_modules(ROOT)), ROOT)


@functools.cache
def group_hashes(root: Path = ROOT) -> dict[str, str]:
    """Return the first 16 digits of the SHA-256 of each group that has modules in the package at `root`."""
    modules = _modules(root)
    groups = {name: tuple(path for path in modules if path in paths) for name, paths in GROUPS.items()}
    named = {path for paths in groups.values() for path in paths}
    groups[CORE] = tuple(path for path in modules if path not in named)
    return {name: _sha256(paths, root)[:16] for name, paths in sorted(groups.items()) if paths}


def executed_groups(spec: Any) -> list[str]:
    """Return the groups that a run executes; all of them where its spec is not known (None)."""
    return [name for name in group_hashes() if spec is None or name not in EXECUTES or EXECUTES[name](spec)]


def _modules(root: Path) -> list[str]:
    paths = {path.relative_to(root).as_posix() for pattern in TRAINS for path in root.glob(pattern)}
    return sorted(paths.difference(DECIDES_NOTHING))


@functools.cache
def _sha256(paths: tuple[str, ...], root: Path) -> str:
    return sha256_text(repr([(path, code_structure((root / path).read_text(encoding="utf-8"))) for path in paths]))


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
