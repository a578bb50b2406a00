"""A folder of pictures as a data set: its classes, its split, what tells it from others. Nothing is written there."""

import contextlib
import dataclasses
import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from tqdm import tqdm

from study.data.dataset import TEST, TRAIN, VALIDATION, Labels, label_type, read_labels
from study.data.held_out import hold_out
from study.data.layouts import Picture, find_pictures, quoted, shown
from study.errors import StudyError
from study.files import canonical_json, file_digest, read_json, sha256_text, write_json
from study.paths import RESOURCES

NAME = "folder"
MOST = 1000  # classes
PART_NAMES = {TRAIN: "training", VALIDATION: "validation", TEST: "test"}
SLOW = 2000  # files, of which reading the content is worth a bar


@dataclasses.dataclass(frozen=True, kw_only=True)
class FolderSettings:
    """What the config says of a folder: `labels` is a CSV file or None, `image_size` the side of the squares in pixels.

    `test_fraction` of each class is for testing where the folder has no test pictures of its own; `validation` says
    what share of the others is held out, and by which seed both are drawn.
    """

    folder: Path
    validation: dict[str, Any]
    labels: str | None = None
    image_size: int = 160
    fit: str = "crop"
    unreadable: str = "refuse"
    test_fraction: float = 0.2

    def recorded(self) -> dict[str, Any]:
        """Return what dataset.npz says of itself by the settings alone."""
        return {"name": NAME, "kind": NAME, "synthetic": False} | {
            key: getattr(self, key) for key in ("validation", "image_size", "fit")
        }


@dataclasses.dataclass(frozen=True, kw_only=True)
class Folder:
    """What must be known of a folder before it is prepared, in place of a manifest; `notes` say what to know of it.

    The numbers are of all pictures, of those not for testing, and of those for testing; `image_size` is the side of a
    stored image in pixels. `files_fingerprint`, a SHA-256, is equal only for equal images in the same order.
    """

    labels: Labels
    notes: tuple[str, ...]
    title: str
    classes: int
    superclasses: int
    images: int
    train_images: int
    test_images: int
    image_size: int
    files_fingerprint: str

    name, kind, synthetic, archive, layout = NAME, NAME, False, None, None

    @classmethod
    def of(cls, labels: Labels, notes: Sequence[str] = ()) -> Self:
        """Return the folder with these labels."""
        images, test_images = len(labels.fine), len(labels.ids(TEST))
        return cls(
            labels=labels,
            notes=tuple(notes),
            classes=labels.classes,
            superclasses=len(labels.coarse_names),
            images=images,
            train_images=images - test_images,
            test_images=test_images,
            **{key: labels.meta[key] for key in ("title", "image_size", "files_fingerprint")},
        )

    def fingerprint(self, validation: dict[str, Any]) -> str:
        """Return a SHA-256: equal only for equal data, equally split. The split is already that of the settings."""
        return self.labels.meta["fingerprint"]

    def training_images(self, fraction: float) -> int:
        """Return the number of pictures that are trained on; the split is already that of the settings."""
        return len(self.labels.ids(TRAIN))

    def check_validation(self, validation: dict[str, Any]) -> None:
        """Raise ValueError unless this is the split of the settings: groups stay together in no other."""
        if validation != self.labels.meta["validation"]:
            raise ValueError("a folder of pictures has one split, that of dataset: validation; name another recipe")

    def fewest_training_images(self, fraction: float) -> int:
        """Return how many pictures of its smallest class are trained on."""
        return int(np.bincount(self.labels.fine[self.labels.ids(TRAIN)], minlength=self.classes).min())


def list_folder(settings: FolderSettings, prepared: Path | None = None) -> Folder:
    """Return what is in a folder, with its split.

    Of a folder that has gone, what dataset.npz at `prepared` says, if it was made with these settings. Raises
    StudyError for what makes no data set.
    """
    if prepared is not None and prepared.exists() and not settings.folder.exists():
        labels = read_labels(prepared)
        drawn = {"test_fraction": settings.test_fraction} if "test_fraction" in labels.meta else {}
        if labels.meta == labels.meta | settings.recorded() | drawn:
            return Folder.of(labels)
    pictures, notes = find_pictures(settings.folder, settings.labels and Path(settings.labels).expanduser())
    names = _class_names(pictures, settings.folder)
    fine = _numbers([one.label for one in pictures], names).astype(label_type(len(names)))
    coarse_names = sorted({one.superclass for one in pictures} - {""})
    coarse = None
    if coarse_names:
        _check_superclasses(pictures)
        coarse = _numbers([one.superclass for one in pictures], coarse_names).astype(label_type(len(coarse_names)))
    _check_groups(pictures)
    group_names = sorted({one.group for one in pictures} - {""})
    group = _numbers([one.group for one in pictures], group_names).astype(np.int32) if group_names else None
    parts = {one.part for one in pictures}
    split, val_as_test = _split(pictures, fine, group, settings)
    _check_parts(fine, split, names)
    contents = digests(settings.folder, [one.path for one in pictures])
    files = sha256_text(canonical_json([settings.image_size, settings.fit, contents]))
    rows = [[*one, part] for one, part in zip(pictures, split.tolist(), strict=True)]
    meta = settings.recorded() | {
        "title": shown(settings.folder.absolute().name),
        "val_as_test": val_as_test,
        "drawn": ["test"] * (parts == {None}) + ["validation"] * (len(parts) < 3),
        **({"test_fraction": settings.test_fraction} if None in parts else {}),
        "fingerprint": sha256_text(canonical_json([files, [[shown(str(cell)) for cell in row] for row in rows]])),
        "files_fingerprint": files,
        "split_sha256": hashlib.sha256(split.tobytes()).hexdigest(),
    }
    labels = Labels(fine=fine, coarse=coarse, split=split, fine_names=names, coarse_names=coarse_names, meta=meta,
                    sources=np.array([one.path for one in pictures]), group=group)  # fmt: skip
    return Folder.of(labels, [*_summary(labels), *notes])


def digests(folder: Path, paths: list[str]) -> list[str]:
    """Return the SHA-256 of the content of each file, empty for one that cannot be read.

    A file in resources/ keeps them with what tells a changed file without reading it (size and times); where it cannot
    be written, they are computed anew every time.
    """
    cache = RESOURCES / f"pictures-{sha256_text(str(folder.absolute()))[:16]}.json"
    try:
        known = read_json(cache)
    except (StudyError, OSError):
        known = {}
    found = {shown(path): _stamp(folder / path) for path in paths}
    known = {path: digest for path, (stamp, digest) in known.items() if found.get(path) == stamp}
    changed = [path for path in paths if shown(path) not in known]
    for path in tqdm(changed, "reading pictures", disable=len(changed) < SLOW):
        known[shown(path)] = ""
        with contextlib.suppress(OSError):
            known[shown(path)] = file_digest(folder / path)
    if changed:
        with contextlib.suppress(OSError):
            write_json(cache, {path: [stamp, known[path]] for path, stamp in found.items()})
    return [known[shown(path)] for path in paths]


def _stamp(path: Path) -> list[int]:
    """What changes with the content of a file; empty where there is none."""
    try:
        about = path.stat()
    except OSError:
        return []
    return [about.st_size, about.st_mtime_ns, about.st_ctime_ns]


def _numbers(values: list[str], names: list[str]) -> np.ndarray:
    """The place of each value among the names; -1 where it is not one."""
    places = {name: place for place, name in enumerate(names)}
    return np.array([places.get(value, -1) for value in values], dtype=np.int64)


def _class_names(pictures: list[Picture], folder: Path) -> list[str]:
    names = sorted({one.label for one in pictures})
    if not 2 <= len(names) <= MOST:
        what = f"{len(names)} classes" if names else "no pictures in folders of a class, nor a labels.csv"
        raise StudyError(
            f"dataset: folder: {folder} has {what}, but a study needs 2 to {MOST} classes, each a folder of its own or "
            "a label in labels.csv."
        )
    folded = Counter(name.casefold() for name in names)
    if alike := [name for name in names if folded[name.casefold()] > 1]:
        raise StudyError(
            f"dataset: folder: {folder}: the classes {quoted(alike)} differ by upper and lower case alone; give them "
            "one name, or names that differ."
        )
    return names


def _check_superclasses(pictures: list[Picture]) -> None:
    of = {one.label: one.superclass for one in pictures}
    for one in pictures:
        if not one.superclass or of[one.label] != one.superclass:
            raise StudyError(
                f"labels.csv: {one.path} of class {one.label!r} has superclass {one.superclass!r}, but others of the "
                f"class have {of[one.label]!r}; give each class one superclass, or leave the column out."
            )


def _check_groups(pictures: list[Picture]) -> None:
    """Raise StudyError for a group that labels.csv has in several parts."""
    of = {one.group: one.part for one in pictures}
    for one in pictures:
        if one.group and of[one.group] != one.part:
            raise StudyError(
                f"labels.csv: group {one.group!r} is in several parts of the split, so what was learned of it would be "
                "tested on it; give all its pictures the same split."
            )


def _split(
    pictures: list[Picture], fine: np.ndarray, group: np.ndarray | None, settings: FolderSettings
) -> tuple[np.ndarray, bool]:
    """Return the parts uint8 [N], what the folder does not say drawn, and whether its val part became the test part."""
    given = {one.part for one in pictures}
    if given not in ({None}, {TRAIN, TEST}, {TRAIN, VALIDATION}, {TRAIN, VALIDATION, TEST}):
        raise StudyError(
            f"dataset: folder: {settings.folder} must have pictures for training and others for testing: train with "
            "test or val beside it, or neither of the three, and the study draws them."
        )
    split = np.array([TRAIN if one.part is None else one.part for one in pictures], dtype=np.uint8)
    val_as_test = given == {TRAIN, VALIDATION}
    if val_as_test:
        split[split == VALIDATION] = TEST

    def draw(part: int, fraction: float, what: str) -> None:
        rows = np.flatnonzero(split == TRAIN)
        held = hold_out(fine[rows], None if group is None else group[rows], fraction, seed, what)
        split[rows[held]] = part

    fraction, seed = settings.validation["fraction"], settings.validation["seed"]
    if None in given:
        draw(TEST, settings.test_fraction, "testing")
    if given != {TRAIN, VALIDATION, TEST}:
        draw(VALIDATION, fraction, "validation")
    return split, val_as_test


def _check_parts(fine: np.ndarray, split: np.ndarray, names: list[str]) -> None:
    untrained = np.bincount(fine[split == TRAIN], minlength=len(names)) == 0
    if untrained.any():
        raise StudyError(
            f"dataset: no training pictures of class {quoted([names[one] for one in np.flatnonzero(untrained)])}; add "
            "some, or take the class out of the other parts."
        )


def _summary(labels: Labels) -> list[str]:
    """Say how many pictures there are, and which classes are in no part to judge them by."""
    counts = np.bincount(labels.fine, minlength=labels.classes)
    parts = [f"{(labels.split == part).sum():,} {what}" for part, what in PART_NAMES.items()]
    found = [
        f"{len(labels.fine):,} pictures of {labels.classes} classes, {counts.min():,} to {counts.max():,} of each: "
        f"{', '.join(parts)}"
    ]
    if labels.meta["val_as_test"]:
        found.append("the pictures in val are the test pictures, and those for validation are drawn from train")
    for part in (VALIDATION, TEST):
        lacking = np.setdiff1d(np.arange(labels.classes), labels.fine[labels.split == part])
        if len(lacking):
            found.append(f"no {PART_NAMES[part]} pictures of {quoted([labels.fine_names[one] for one in lacking])}")
    return found
