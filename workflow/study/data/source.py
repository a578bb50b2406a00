"""Read a dataset in the format of CIFAR-100's Python version: check every byte first, then unpickle nothing but arrays.

The three files `train`, `test` and `meta` are pickles, and a pickle can run any code. So they are read only when size
and md5 are those of the manifest, and with an unpickler that builds numpy arrays and refuses everything else.
"""

import dataclasses
import hashlib
import io
import pickle
import tarfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from study.data.manifest import Checksum, Manifest
from study.errors import StudyError

INNER = "cifar-100-python"
_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),  # how Python 3 writes bytes at protocol 2
}


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it wants to call {module}.{name}")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


@dataclasses.dataclass(frozen=True)
class Part:
    """Images uint8 [N, 32, 32, 3], fine and coarse labels uint8 [N]."""

    images: np.ndarray
    fine: np.ndarray
    coarse: np.ndarray


@dataclasses.dataclass(frozen=True)
class Source:
    """The two official parts and the names of classes (in label order) and superclasses."""

    train: Part
    test: Part
    fine_names: list[str]
    coarse_names: list[str]


def find_folder(folder: Path, manifest: Manifest) -> Path:
    """`folder` itself or `folder`/cifar-100-python, whichever holds the files of the manifest.

    Raises StudyError if neither does or a file has the wrong size (md5 sums are checked when the files are read).
    """
    if folder.is_file():
        raise StudyError(f"{folder} is not a folder; unpack it and name the folder {INNER} that it holds.")
    if not folder.is_dir():
        raise StudyError(f"The data folder {folder} does not exist; correct dataset: folder or CIFAR100_FOLDER.")
    for candidate in (folder, folder / INNER):
        if all((candidate / name).is_file() for name in manifest.files):
            for name, checksum in manifest.files.items():
                _check_size(candidate / name, (candidate / name).stat().st_size, checksum)
            return candidate
    wanted = ", ".join(manifest.files)
    raise StudyError(f"The data folder {folder} holds no {INNER} with the files {wanted}; correct dataset: folder.")


def read_folder(folder: Path, manifest: Manifest) -> Source:
    """Read the three files from a folder. Raises StudyError for a file that is not what the manifest says."""
    folder = find_folder(folder, manifest)
    try:
        contents = {name: (folder / name).read_bytes() for name in manifest.files}
    except OSError as error:
        raise StudyError(f"{error.filename} cannot be read ({error.strerror}); make it readable.") from None
    return _parse(contents, str(folder), manifest)


def read_archive(path: Path, manifest: Manifest) -> Source:
    """Read the three files from the official archive, in memory, after its md5 is checked; nothing is unpacked."""
    with path.open("rb") as handle:
        digest = hashlib.file_digest(handle, "md5").hexdigest()
    if manifest.archive is None or digest != manifest.archive["md5"]:
        raise StudyError(f"{path} is not the archive of {manifest.title} (md5 {digest}); delete it and start again.")
    contents = {}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for name in manifest.files:
                try:
                    contents[name] = archive.extractfile(f"{INNER}/{name}").read()
                except (KeyError, AttributeError):  # no such member, or it is a folder
                    raise StudyError(f"{path} holds no file {INNER}/{name}; delete it and start again.") from None
    except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError) as error:
        raise StudyError(f"{path} cannot be read as an archive ({error}); delete it and start again.") from None
    return _parse(contents, str(path), manifest)


def _check_size(path: str | Path, size: int, checksum: Checksum) -> None:
    if size != checksum.size:
        raise StudyError(f"{path} has {size} bytes instead of {checksum.size}; get the official file again.")


def _parse(contents: dict[str, bytes], where: str, manifest: Manifest) -> Source:
    for name, checksum in manifest.files.items():
        _check_size(f"{where}/{name}", len(contents[name]), checksum)
        if hashlib.md5(contents[name]).hexdigest() != checksum.md5:
            raise StudyError(f"{where}/{name} differs from the official file (md5 sum); get it again.")
    meta = load_pickle(contents["meta"], f"{where}/meta")
    try:
        source = Source(
            train=_part(contents["train"], f"{where}/train"),
            test=_part(contents["test"], f"{where}/test"),
            fine_names=[name.decode() for name in meta[b"fine_label_names"]],
            coarse_names=[name.decode() for name in meta[b"coarse_label_names"]],
        )
        check_structure(source, manifest, where)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise StudyError(f"{where} holds no data as CIFAR-100's are ({error}); get the official files.") from None
    return source


def load_pickle(content: bytes, where: str) -> Any:
    """Unpickle lists, dicts, bytes, numbers and numpy arrays; raise StudyError for anything else, running nothing."""
    try:
        return _ArraysOnly(io.BytesIO(content), encoding="bytes").load()
    except Exception as error:  # a broken pickle can raise nearly anything
        reason = " ".join(str(error).split())
        raise StudyError(f"{where} is not a pickle of arrays ({reason}); get the official file instead.") from None


def _part(content: bytes, where: str) -> Part:
    raw = load_pickle(content, where)
    pixels = np.asarray(raw[b"data"], dtype=np.uint8)
    return Part(
        images=np.ascontiguousarray(pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)),
        fine=np.asarray(raw[b"fine_labels"], dtype=np.uint8),
        coarse=np.asarray(raw[b"coarse_labels"], dtype=np.uint8),
    )


def check_structure(source: Source, manifest: Manifest, where: str) -> None:
    """Raise StudyError unless classes, superclasses and counts are those of the manifest."""
    if (len(source.fine_names), len(source.coarse_names)) != (manifest.classes, manifest.superclasses):
        found = f"{len(source.fine_names)} classes and {len(source.coarse_names)} superclasses"
        raise StudyError(f"{where}/meta names {found}; get the official file.")
    for name, part, count in (
        ("train", source.train, manifest.train_per_class),
        ("test", source.test, manifest.test_per_class),
    ):
        if not (len(part.images) == len(part.fine) == len(part.coarse)):
            raise StudyError(f"{where}/{name} has unequal numbers of images and labels; get the official file.")
        if not np.array_equal(np.bincount(part.fine, minlength=manifest.classes), [count] * manifest.classes):
            raise StudyError(f"{where}/{name} does not hold {count} images of each class; get the official file.")
    pairs = {*zip(source.train.fine.tolist(), source.train.coarse.tolist(), strict=True)}
    pairs |= {*zip(source.test.fine.tolist(), source.test.coarse.tolist(), strict=True)}
    sizes = np.bincount([coarse for _, coarse in pairs], minlength=manifest.superclasses).tolist()
    wanted = [manifest.classes // manifest.superclasses] * manifest.superclasses
    if len(pairs) != manifest.classes or sizes != wanted:
        raise StudyError(f"{where} does not put every class into one superclass of five; get the official files.")
