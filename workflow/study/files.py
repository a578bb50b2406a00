"""Writing results so that a killed job never leaves half a file behind."""

import contextlib
import hashlib
import json
import os
import tempfile
import tokenize
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from study.errors import StudyError

CHECKSUMS = "checksums.json"  # of the files beside it, as they were written
# What numpy raises for an npz file with a wrong byte: it parses the header of an array as Python.
DAMAGED = (OSError, ValueError, KeyError, EOFError, SyntaxError, TypeError, NotImplementedError, RuntimeError,
           tokenize.TokenError, zipfile.BadZipFile, zlib.error)  # fmt: skip


@contextlib.contextmanager
def atomic_write(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside `path`; flush it to disk and rename it on success, remove it on any exception.

    The temporary name keeps the suffix of `path`, because numpy and matplotlib choose the format by it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as handle:
            os.fsync(handle.fileno())
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)  # mkstemp makes private files; results are for everyone the umask allows
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path | str, text: str) -> None:
    """Write `text` as UTF-8 with LF line ends, atomically."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def canonical_json(value: Any) -> str:
    """`value` as JSON with sorted keys and no spaces: equal values give equal text, fit to hash and compare."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def write_json(path: Path | str, value: Any) -> None:
    """Write `value` as indented JSON, atomically."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path | str) -> Any:
    """The JSON value in `path`. Raises StudyError if the file is missing or is not JSON."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StudyError(f"{path} is missing; run the step that writes it first.") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise StudyError(f"{path} is not valid JSON ({error}); delete it and run its step again.") from None


def write_checksums(folder: Path, names: Iterable[str]) -> None:
    """Add the sha256 of these files in `folder` to its checksums.json, of those that are there."""
    path = folder / CHECKSUMS
    known = read_json(path) if path.exists() else {}
    write_json(path, known | {name: file_digest(folder / name) for name in names if (folder / name).is_file()})


def changed_files(folder: Path) -> dict[str, str]:
    """Return what is wrong with the files that checksums.json in `folder` names: {name: "is missing" or "was changed"}.

    Empty too where nothing was recorded.
    """
    wrong = {}
    for name, sha256 in (read_json(folder / CHECKSUMS) if (folder / CHECKSUMS).exists() else {}).items():
        if not (folder / name).is_file():
            wrong[name] = "is missing"
        elif file_digest(folder / name) != sha256:
            wrong[name] = "was changed after it was written"
    return wrong


def sha256_text(text: str) -> str:
    """Hexadecimal SHA-256 of `text` in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


def file_digest(path: Path | str, algorithm: str = "sha256") -> str:
    """Hexadecimal digest of the bytes of `path`."""
    with Path(path).open("rb") as handle:
        return hashlib.file_digest(handle, algorithm).hexdigest()
