"""What a dataset must be before it is believed: checksums of its files and counts of its classes."""

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
    """Hexadecimal md5 of one file, and its size in bytes where that is known (which is checked sooner)."""

    md5: str
    size: int | None = None


@dataclasses.dataclass(frozen=True)
class Archive:
    """The .tar.gz that is downloaded: its name, size in bytes, hexadecimal md5, and addresses to try in order."""

    name: str
    size: int
    md5: str
    mirrors: list[str]


@dataclasses.dataclass(frozen=True)
class Layout:
    """Which of the files in `folder` hold what, and under which keys their pickles have it.

    `train` and `test` are files of images, `names` is the file with the names of the classes. The keys of superclasses
    are None where the data have none.
    """

    folder: str
    train: list[str]
    test: list[str]
    names: str
    labels_key: str
    names_key: str
    superclass_labels_key: str | None = None
    superclass_names_key: str | None = None


@dataclasses.dataclass(frozen=True)
class Rendering:
    """Which classes `study.data.synthetic` renders (every surface of every shape), and the SHA-256 of the result."""

    shapes: list[str]
    surfaces: list[str]
    sha256: str


@dataclasses.dataclass(frozen=True)
class Manifest:
    """One dataset: either official files (`archive`, `layout` and `files`) or a `rendering`.

    `superclasses` is 0 where the data have none.
    """

    name: str
    title: str
    classes: int
    superclasses: int
    train_per_class: int
    test_per_class: int
    archive: Archive | None = None
    layout: Layout | None = None
    files: dict[str, Checksum] = dataclasses.field(default_factory=dict)
    rendering: Rendering | None = None
    notes: tuple[str, ...] = ()  # of data of one's own alone

    @property
    def synthetic(self) -> bool:
        """Whether the images are rendered, and say nothing about photographs."""
        return self.rendering is not None

    @property
    def train_images(self) -> int:
        """Number of official training images, validation images included."""
        return self.classes * self.train_per_class

    @property
    def images(self) -> int:
        """Number of images, training and test."""
        return self.classes * (self.train_per_class + self.test_per_class)

    @property
    def kind(self) -> str:
        """Where the images come from."""
        return "synthetic" if self.synthetic else "official"

    @property
    def image_size(self) -> int:
        """The side of an image in pixels."""
        return 32

    @property
    def test_images(self) -> int:
        """Number of official test images."""
        return self.classes * self.test_per_class

    def training_images(self, fraction: float) -> int:
        """Return how many training images are left where this fraction of them is held out for validation."""
        return self.train_images - round(fraction * self.train_images)

    def check_validation(self, validation: dict[str, Any]) -> None:
        """Raise ValueError unless each class has images for a validation split."""
        if validation["fraction"] * self.train_per_class < 1:
            raise ValueError(
                f"fraction {validation['fraction']} of {self.train_per_class} images per class is less than one; "
                "raise it"
            )

    def fewest_training_images(self, fraction: float) -> float:
        """Return how many images of each class are left for training then."""
        return self.training_images(fraction) / self.classes

    @property
    def files_fingerprint(self) -> str:
        """A SHA-256 over the checksums of the images: equal only for equal images and labels."""
        if self.rendering is not None:
            return self.rendering.sha256
        files = {
            name: {key: value for key, value in vars(checksum).items() if value is not None}
            for name, checksum in self.files.items()
        }
        return sha256_text(canonical_json(files))

    def fingerprint(self, validation: dict[str, Any]) -> str:
        """Return a SHA-256 over `files_fingerprint` and the split: equal only for equal data, equally split."""
        split = {"validation": validation, "split": "stratified, version 1"}
        return sha256_text(canonical_json({"files": self.files_fingerprint, **split}))

    @property
    def folder_variable(self) -> str:
        """The environment variable that may name a folder with the official files: CIFAR100_FOLDER for cifar100."""
        return f"{self.name.upper()}_FOLDER"


@functools.cache
def load_manifest(name: str) -> Manifest:
    """Return the manifest called `name`. Raises StudyError if there is none."""
    path = FOLDER / f"{name}.yaml"
    if not path.is_file():
        raise StudyError(f"config: dataset: name: there is no dataset {name!r}; known: {', '.join(MANIFESTS)}.")
    return parse_manifest(yaml.safe_load(path.read_text(encoding="utf-8")))


def parse_manifest(raw: dict[str, Any]) -> Manifest:
    """Return the manifest with the content `raw` of its YAML file."""
    sections = {"archive": Archive, "layout": Layout, "rendering": Rendering}
    typed = {name: kind(**raw[name]) for name, kind in sections.items() if name in raw}
    files = {name: Checksum(**checksum) for name, checksum in raw.get("files", {}).items()}
    return Manifest(**raw | typed | {"files": files})
