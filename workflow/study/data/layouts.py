"""Where the pictures of a folder are and what they are of: a folder per class, parts above these, or a CSV file."""

import csv
import io
import os
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from study.data.dataset import TEST, TRAIN, VALIDATION
from study.errors import StudyError

LABELS = "labels.csv"
PARTS = {"train": TRAIN, "training": TRAIN, "val": VALIDATION, "valid": VALIDATION, "validation": VALIDATION,
         "test": TEST, "testing": TEST}  # fmt: skip
HEIC = {".heic", ".heif"}  # pictures too, which Pillow may not be able to read
LEFT_BY_SYSTEMS = {"thumbs.db", "desktop.ini", "__macosx"}
MANY = 3  # names that a sentence quotes


class Picture(NamedTuple):
    """One picture: its path in the folder, and what its place or the CSV file says of it."""

    path: str
    label: str
    part: int | None = None
    group: str = ""
    superclass: str = ""


def find_pictures(folder: Path, labels: Path | None) -> tuple[list[Picture], list[str]]:
    """Return the pictures of a folder, in a fixed order, and sentences on what was left out.

    `labels` is the CSV file, or None for labels.csv in the folder or, without that, a folder per class. Raises
    StudyError for a folder that is laid out otherwise.
    """
    if not folder.is_dir():
        kind = "is not a folder" if folder.exists() else "does not exist"
        raise StudyError(f"dataset: folder: {folder} {kind}; correct it.")
    if labels is None and not (folder / LABELS).is_file():
        return _by_folders(folder)
    return _by_csv(folder, folder / LABELS if labels is None else labels), []


def quoted(names: list[str]) -> str:
    """Return some of the names, and how many there are besides."""
    more = f" and {len(names) - MANY} more" if len(names) > MANY else ""
    return ", ".join(map(shown, names[:MANY])) + more


def shown(name: str) -> str:
    """Return the name of a file as text: composed, and bytes that are not UTF-8 as \\x and two digits."""
    return unicodedata.normalize("NFC", os.fsencode(name).decode("utf-8", "backslashreplace"))


def _by_folders(folder: Path) -> tuple[list[Picture], list[str]]:
    tops = _folders(folder)
    parts = {top: PARTS[top.name.casefold()] for top in tops if top.name.casefold() in PARTS}
    if not parts:
        return _classes(folder, folder, None)
    others = [top.name for top in tops if top not in parts and next(_files(top), None)]
    if others:
        raise StudyError(
            f"dataset: folder: {folder} holds {quoted([top.name for top in parts])} beside {quoted(others)}, so that "
            f"it is not clear whether these are parts or classes; move the others away, or write a {LABELS}."
        )
    found, notes = [], []
    for top, part in parts.items():
        pictures, said = _classes(folder, top, part)
        found, notes = found + pictures, notes + said
    return found, notes


def find_below(folder: Path) -> list[Path]:
    """Return the pictures below a folder, by the endings of their names, sorted."""
    return [Path(path) for path in sorted(_files(folder)) if _is_picture(path)]


def _is_picture(name: str) -> bool:
    from PIL import Image  # what only reads a config has no need of it

    return Path(name).suffix.lower() in {*Image.registered_extensions(), *HEIC}


def _classes(root: Path, folder: Path, part: int | None) -> tuple[list[Picture], list[str]]:
    """Return the pictures of a folder per class below `folder`, with paths from `root`, sorted."""
    pictures, empty, others = [], [], []
    for top in _folders(folder):
        files = sorted(_files(top))
        named = [path for path in files if _is_picture(path)]
        others += [path for path in files if path not in set(named)] if len(named) < len(files) else []
        empty += [] if named else [top.name]
        label = shown(top.name)
        pictures += [Picture(os.path.relpath(path, root), label, part) for path in named]
    loose = [entry.name for entry in os.scandir(folder) if entry.is_file() and _counts(entry.name)]
    said = {
        f"no pictures in {quoted(empty)}, so no class": empty,
        f"not in the folder of a class: {quoted(sorted(loose))}": loose,
        f"no pictures by their names: {quoted([os.path.relpath(path, folder) for path in others])}": others,
    }
    return pictures, [f"{folder}: left out, {why}" for why, names in said.items() if names]


def _counts(name: str) -> bool:
    """Return whether a file or folder is anybody's, and not hidden or an operating system's."""
    return not name.startswith(".") and name.casefold() not in LEFT_BY_SYSTEMS


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and _counts(path.name))


def _files(folder: Path) -> Iterator[str]:
    """Yield the files below a folder, links followed, each folder once."""
    seen = set()
    for where, inner, files in os.walk(folder, followlinks=True):
        inner[:] = sorted(name for name in inner if _counts(name))
        if (real := os.path.realpath(where)) in seen:
            inner.clear()
            continue
        seen.add(real)
        yield from (str(Path(where, name)) for name in files if _counts(name))


def _by_csv(folder: Path, table: Path) -> list[Picture]:
    try:
        text = table.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise StudyError(f"dataset: labels: {table} cannot be read ({error.strerror}); correct it.") from None
    except UnicodeDecodeError:
        raise StudyError(f"{table} is not in UTF-8; save it as CSV in UTF-8.") from None
    header = text.partition("\n")[0]
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=";" if ";" in header and "," not in header else ",")
    columns = {(name or "").strip().lower(): name for name in rows.fieldnames or ()}
    if not {"path", "label"} <= columns.keys():
        raise StudyError(f"{table} has no columns path and label, but {quoted([*columns]) or 'none'}; name them so.")
    pictures = []
    for number, row in enumerate(rows, 2):
        values = {key: (row[name] or "").strip() for key, name in columns.items() if name is not None}
        pictures.append(_picture(values, f"{table}, line {number}"))
    twice = [path for path, count in Counter(picture.path for picture in pictures).items() if count > 1]
    if twice:
        raise StudyError(f"{table} lists {quoted(twice)} more than once; keep one line of each picture.")
    parts = {picture.part for picture in pictures}
    if None in parts and len(parts) > 1:
        number = next(number for number, picture in enumerate(pictures, 2) if picture.part is None)
        raise StudyError(f"{table}, line {number} has no split, but others have one; give it to all or to none.")
    return pictures


def _picture(values: dict[str, str], where: str) -> Picture:
    missing = [name for name in ("path", "label") if not values[name]]
    if missing:
        raise StudyError(f"{where} has no {missing[0]}; fill it in, or remove the line.")
    split = values.get("split", "")
    if split and split.casefold() not in PARTS:
        raise StudyError(f"{where}: split is {split!r}, but must be train, val or test.")
    part = PARTS[split.casefold()] if split else None
    label = unicodedata.normalize("NFC", values["label"])
    superclass = unicodedata.normalize("NFC", values.get("superclass", ""))
    return Picture(values["path"], label, part, values.get("group", ""), superclass)
