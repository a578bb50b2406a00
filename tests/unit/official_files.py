"""Small files in CIFAR-100's own layout, and the sentence with which a reader refuses others."""

import hashlib
import io
import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from study.data.manifest import Archive, Checksum, Manifest, load_manifest
from study.errors import StudyError

COARSE_OF = [0, 1, 1, 0]  # superclass of each of the four classes
FINE_NAMES, COARSE_NAMES = ["ant", "bus", "car", "dog"], ["animals", "vehicles"]
FILES = ("train", "test", "meta")
INNER = "cifar-100-python"


def part(per_class: int, seed: int) -> dict[bytes, Any]:
    """One file's content in the official layout: labels as lists, data uint8 [N, 3072] with whole colour planes."""
    generator = np.random.default_rng(seed)
    fine = generator.permutation(np.repeat(np.arange(4), per_class)).tolist()
    return {
        b"filenames": [b"%d.png" % number for number in range(len(fine))],
        b"batch_label": b"batch 1 of 1",
        b"fine_labels": fine,
        b"coarse_labels": [COARSE_OF[label] for label in fine],
        b"data": generator.integers(0, 256, (len(fine), 3072), dtype=np.uint8),
    }


def official(content: Any) -> bytes:
    """A protocol 2 pickle under the module name of the numpy that wrote the official files."""
    return pickle.dumps(content, protocol=2).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


def contents() -> dict[str, bytes]:
    """The three files of a valid dataset: 4 classes in 2 superclasses, 2 training and 1 test images each."""
    names = {
        b"fine_label_names": [name.encode() for name in FINE_NAMES],
        b"coarse_label_names": [name.encode() for name in COARSE_NAMES],
    }
    return {"train": official(part(2, 1)), "test": official(part(1, 2)), "meta": official(names)}


def manifest_of(files: dict[str, bytes], archive: bytes = b"") -> Manifest:
    """A manifest that believes exactly these bytes."""
    sums = {name: Checksum(hashlib.md5(content).hexdigest(), len(content)) for name, content in files.items()}
    tar = Archive("small.tar.gz", len(archive), hashlib.md5(archive).hexdigest(), [])
    layout = load_manifest("cifar100").layout
    counts = {"classes": 4, "superclasses": 2, "train_per_class": 2, "test_per_class": 1}
    return Manifest("small", "Small", archive=tar, layout=layout, files=sums, **counts)


def archive_of(files: dict[str, bytes]) -> bytes:
    """A .tar.gz that holds the files in cifar-100-python/, as the official one does."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"{INNER}/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def write(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def refusal(function: Callable, *arguments: Any) -> str:
    """The one-line sentence with which `function` refuses its arguments."""
    with pytest.raises(StudyError) as caught:
        function(*arguments)
    message = str(caught.value)
    assert "\n" not in message and message.endswith("."), message
    return message
