"""What a dataset must be before it is believed: sizes and checksums of its files, counts of its classes."""

import dataclasses
import functools
from pathlib import Path
from typing import Any

import yaml

from study.errors import StudyError
from study.files import canonical_json, sha256_text

FOLDER = Path(__file__).parent / "manifests"
MANIFESTS = sorted(path.stem for path in FOLDER.glob("*.yaml"))


@dataclasses.dataclass(frozen=True)
class Checksum:
    """Size in bytes and hexadecimal md5 of one file."""

    size: int
    md5: str


@dataclasses.dataclass(frozen=True)
class Manifest:
    """One dataset in the format of CIFAR-100's Python version."""

    name: str
    title: str
    synthetic: bool
    archive: dict[str, Any] | None
    files: dict[str, Checksum]
    classes: int
    superclasses: int
    train_per_class: int
    test_per_class: int

    @property
    def train_images(self) -> int:
        """Number of official training images, validation images included."""
        return self.classes * self.train_per_class

    @property
    def images(self) -> int:
        """Number of images, training and test."""
        return self.classes * (self.train_per_class + self.test_per_class)


@functools.cache
def load_manifest(name: str) -> Manifest:
    """The manifest called `name`. Raises StudyError if there is none."""
    path = FOLDER / f"{name}.yaml"
    if not path.is_file():
        raise StudyError(f"config: dataset: name: there is no dataset {name!r}; known: {', '.join(MANIFESTS)}.")
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    raw["files"] = {file: Checksum(**checksum) for file, checksum in raw["files"].items()}
    return Manifest(**raw)


def files_fingerprint(manifest: Manifest) -> str:
    """SHA-256 over the checksums of the files: equal only for equal images and labels."""
    files = {name: dataclasses.asdict(checksum) for name, checksum in manifest.files.items()}
    return sha256_text(canonical_json(files))


def fingerprint(manifest: Manifest, validation: dict[str, Any]) -> str:
    """SHA-256 over the files' fingerprint and the validation split: equal only for equal data, equally split."""
    split = {"validation": validation, "split": "stratified, version 1"}
    return sha256_text(canonical_json({"files": files_fingerprint(manifest), **split}))
