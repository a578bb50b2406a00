"""From a folder of pictures to dataset.npz and images.npy: in parallel, with progress, and resumed where it stopped."""

import csv
import dataclasses
import errno
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

import numpy as np
from tqdm import tqdm

from study.data.dataset import LARGEST_INSIDE, TRAIN, Dataset, Labels
from study.data.folder import PART_NAMES, FolderSettings, list_folder
from study.data.layouts import quoted, shown
from study.data.pictures import read_picture
from study.data.sheet import write_sheet
from study.errors import StudyError
from study.files import atomic_write, write_json
from study.paths import IMAGES

BLOCK = 64  # pictures that a thread reads in one go
SAVED = 1024  # pictures, after which what was read is on disk
UNREADABLE, COUNTS, SHEET = "dataset_unreadable.csv", "dataset_counts.csv", "dataset_pictures.png"


class Squares:
    """The file of all images while it is filled, row by row, and beside it which rows are there.

    It is written and not mapped into memory, so that the process stays small, however many pictures there are.
    """

    def __init__(self, path: Path, rows: int, size: int) -> None:
        self.path, self.rows, self.size, self.bytes = path, rows, size, size * size * 3
        self.done_path = path.with_suffix(".done")

    def __enter__(self) -> Self:
        """Open the file, which an earlier preparation may have left."""
        is_new = not (self.path.exists() and self.done_path.exists())
        self.file = self.path.open("w+b" if is_new else "r+b")
        self.offset = self._write_header(self.rows)
        self.file.truncate(self.offset + self.rows * self.bytes)
        done = np.zeros(0, dtype=bool) if is_new else np.fromfile(self.done_path, dtype=bool)
        self.done = done if len(done) == self.rows else np.zeros(self.rows, dtype=bool)  # a kill may cut it short
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file; what is in it stays, for the next preparation."""
        self.save([])
        self.file.close()

    def write(self, row: int, image: np.ndarray) -> None:
        """Write an image uint8 [size, size, 3]; any number of threads may."""
        if os.pwrite(self.file.fileno(), image.tobytes(), self.offset + row * self.bytes) < self.bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))

    def save(self, rows: Sequence[int]) -> None:
        """Record that these rows are there, once they are on disk."""
        self.done[rows] = True
        os.fsync(self.file.fileno())
        self.done.tofile(self.done_path)

    def keep(self, rows: np.ndarray) -> None:
        """Leave these rows alone in the file, in their order."""
        self.done_path.unlink(missing_ok=True)
        file = self.file.fileno()
        for new, old in enumerate(rows.tolist()):
            if new != old:
                os.pwrite(
                    file, os.pread(file, self.bytes, self.offset + old * self.bytes), self.offset + new * self.bytes
                )
        self._write_header(len(rows))
        self.file.truncate(self.offset + len(rows) * self.bytes)
        self.rows, self.done = len(rows), np.ones(len(rows), dtype=bool)

    def _write_header(self, rows: int) -> int:
        """Write what makes the file an array of numpy, and return where its first row begins: the same for any rows."""
        self.file.seek(0)
        about = {"descr": "|u1", "fortran_order": False, "shape": (rows, self.size, self.size, 3)}
        np.lib.format.write_array_header_1_0(self.file, about)
        self.file.flush()
        return self.file.tell()


def prepare_folder(settings: FolderSettings, path: Path, workers: int) -> None:
    """Write dataset.npz at `path` from a folder, and beside it images.npy, dataset.json, a table of counts and a sheet.

    What cannot be read is listed there too, with the reasons. Raises StudyError if there is any, unless the settings
    say to skip it; also where a class then has nothing to train on.
    """
    labels = list_folder(settings).labels
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".images-{labels.meta['files_fingerprint'][:16]}.npy")
    for old in path.parent.glob(".images-*"):
        if old.stem != unfinished.stem:  # of pictures that have changed since
            old.unlink()
    with Squares(unfinished, len(labels.fine), settings.image_size) as squares:
        reasons = _read_all(settings, labels.sources, squares, workers)
        _list_unreadable(labels.sources, reasons, path.with_name(UNREADABLE))
        if reasons:
            labels = _without(labels, reasons, settings, path.with_name(UNREADABLE))
            squares.keep(np.flatnonzero(squares.done))
    for stale in (path, path.with_suffix(".json")):
        stale.unlink(missing_ok=True)
    images = unfinished
    if settings.image_size > LARGEST_INSIDE:
        images = unfinished.replace(path.with_name(IMAGES))
    dataset = Dataset(**vars(labels), images=np.load(images, mmap_mode="r"))
    dataset.write(path)
    for left in (unfinished, squares.done_path):
        left.unlink(missing_ok=True)
    write_counts(dataset, path.with_name(COUNTS))
    write_sheet(dataset, settings, path.with_name(SHEET))
    about = {key: value for key, value in labels.meta.items() if key != "title"}  # another name is no other data
    write_json(path.with_suffix(".json"), about)


def write_counts(labels: Labels, path: Path) -> None:
    """Write how many pictures of each class are in each part of the split."""
    counts = [np.bincount(labels.fine[labels.split == part], minlength=labels.classes) for part in PART_NAMES]
    with atomic_write(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(("class", *PART_NAMES.values()))
        writer.writerows(zip(labels.fine_names, *(part.tolist() for part in counts), strict=True))


def _read_all(settings: FolderSettings, sources: Sequence[str], squares: Squares, workers: int) -> dict[int, str]:
    """Fill `squares` with what is missing in it; return {row: why it cannot be read}."""
    missing = np.flatnonzero(~squares.done)
    blocks = [missing[start : start + BLOCK].tolist() for start in range(0, len(missing), BLOCK)]

    def read(rows: list[int]) -> dict[int, str]:
        reasons = {}
        for row in rows:
            try:
                square = read_picture(settings.folder / sources[row], settings.image_size, settings.fit)
            except StudyError as error:
                reasons[row] = str(error)
            else:
                squares.write(row, square)
        return reasons

    reasons: dict[int, str] = {}
    unsaved: list[int] = []
    pool = ThreadPoolExecutor(workers)  # Pillow's decoders and filters let other threads run
    read_before = len(sources) - len(missing)
    bar = tqdm(total=len(sources), initial=read_before, unit=" pictures", mininterval=1, file=sys.stderr)
    try:
        for rows, wrong in zip(blocks, pool.map(read, blocks), strict=True):
            reasons |= wrong
            unsaved += [row for row in rows if row not in wrong]
            bar.update(len(rows))
            if len(unsaved) >= SAVED:
                squares.save(unsaved)
                unsaved = []
    finally:
        pool.shutdown(cancel_futures=True)
        bar.close()
        squares.save(unsaved)
    return reasons


def _list_unreadable(sources: Sequence[str], reasons: dict[int, str], path: Path) -> None:
    path.unlink(missing_ok=True)
    if not reasons:
        return
    with atomic_write(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(("picture", "reason"))
        writer.writerows((shown(sources[row]), reason) for row, reason in sorted(reasons.items()))


def _without(labels: Labels, reasons: dict[int, str], settings: FolderSettings, table: Path) -> Labels:
    """Return the labels of the rows that could be read."""
    number = f"{len(reasons)} of {len(labels.fine)} pictures cannot be read"
    if settings.unreadable == "refuse":
        raise StudyError(
            f"{settings.folder}: {number}, for example: {reasons[min(reasons)].rstrip('.')}. {table} lists all; "
            "mend or remove them, or set dataset: unreadable: skip."
        )
    kept = np.setdiff1d(np.arange(len(labels.fine)), [*reasons])
    untrained = np.bincount(labels.fine[kept][labels.split[kept] == TRAIN], minlength=labels.classes) == 0
    if untrained.any():
        names = quoted([labels.fine_names[one] for one in np.flatnonzero(untrained)])
        raise StudyError(f"{settings.folder}: no training picture of class {names} can be read; see {table}.")
    print(f"{number} and are left out; {table} says which and why", file=sys.stderr)
    rows = {name: getattr(labels, name) for name in ("fine", "coarse", "split", "sources", "group")}
    return dataclasses.replace(labels, **{name: None if array is None else array[kept] for name, array in rows.items()})
