"""The code of a user's own network, as text: its file, and the files beside it that it imports."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from study.config import messages

# what Python finds elsewhere, whatever lies beside the file
NOT_BESIDE = sys.stdlib_module_names | {"numpy", "study", "timm", "torch", "torchvision"}


def own_network(architecture: str) -> tuple[str, dict[str, str]]:
    """Return the source text of `file:<path>.py:<class>`, and {path from its folder: text} of what it imports there.

    That is what import statements name, in these files too. Nothing is run. Raises ValueError if a file cannot be read,
    is not Python, or does not define the class.
    """
    path, _, name = architecture.removeprefix("file:").rpartition(":")
    if not path.endswith(".py") or not name.isidentifier():
        raise ValueError(f"architecture {architecture!r} is not of the form file:<path>.py:<class>")
    file = Path(path).expanduser()
    try:
        source, tree = _read(file, path)
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}); correct architecture: {architecture}") from None
    messages.check_known(name, [node.name for node in tree.body if isinstance(node, ast.ClassDef)], path, "class")
    return source, _beside(file.parent, tree)


def _read(file: Path, shown: str) -> tuple[str, ast.Module]:
    try:
        source = file.read_text(encoding="utf-8")
        return source, ast.parse(source)
    except (MemoryError, RecursionError):  # what Python's parser raises for code that is nested too deeply
        raise ValueError(f"{shown} is nested too deeply for Python to parse; simplify it") from None
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"{shown} is not valid Python ({error}); correct it") from None


def _beside(folder: Path, tree: ast.Module) -> dict[str, str]:
    found: dict[str, str] = {}
    waiting: list[tuple[ast.Module, list[str]]] = [(tree, [])]  # with the package that the code is in
    while waiting:
        for parts in _imports(*waiting.pop()):
            for depth in range(1, len(parts) + 1 if parts[0] not in NOT_BESIDE else 1):
                base = "/".join(parts[:depth])
                path = next((one for one in (f"{base}/__init__.py", f"{base}.py") if (folder / one).is_file()), None)
                if path is None or path in found:
                    continue
                found[path], inner = _read(folder / path, str(folder / path))
                waiting.append((inner, parts[:depth] if path.endswith("/__init__.py") else parts[: depth - 1]))
    return dict(sorted(found.items()))


def _imports(tree: ast.Module, package: list[str]) -> Iterator[list[str]]:
    """Yield the modules that code in `package` may import, each as the parts of its full name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = base + (node.module.split(".") if node.module else [])
            yield from ([*base, alias.name] for alias in node.names)
