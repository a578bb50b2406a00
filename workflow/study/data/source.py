"""Read a dataset in the format of the Python versions of CIFAR: check every byte, then unpickle nothing but arrays.

The files are pickles, and a pickle can run any code. So they are read only when their md5 is that of the manifest, and
with an unpickler that builds numpy arrays and refuses everything else.
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

from study.data.manifest import Layout, Manifest
from study.errors import StudyError

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
    """Images uint8 [N, 32, 32, 3], class and superclass labels uint8 [N]; `coarse` is None without superclasses."""

    images: np.ndarray
    fine: np.ndarray
    coarse: np.ndarray | None


@dataclasses.dataclass(frozen=True)
class Source:
    """The two official parts and the names of classes and superclasses (there may be none), in label order."""

    train: Part
    test: Part
    fine_names: list[str]
    coarse_names: list[str]


def find_folder(folder: Path, manifest: Manifest) -> Path:
    """Return `folder` itself or the manifest's folder in it, whichever holds the files of the manifest.

    Raises StudyError if neither does or a file has the wrong size (md5 sums are checked when the files are read).
    """
    inner = manifest.layout.folder
    if folder.is_file():
        raise StudyError(f"{folder} is not a folder; unpack it and name the folder {inner} that it holds.")
    if not folder.is_dir():
        raise StudyError(
            f"The data folder {folder} does not exist; correct dataset: folder or {manifest.folder_variable}."
        )
    for candidate in (folder, folder / inner):
        if all((candidate / name).is_file() for name in manifest.files):
            for name in manifest.files:
                _check_size(candidate, name, (candidate / name).stat().st_size, manifest)
            return candidate
    wanted = ", ".join(manifest.files)
    raise StudyError(
        f"The data folder {folder} holds no {inner} with the files {wanted}; "
        f"correct dataset: folder or {manifest.folder_variable}."
    )


def read_folder(folder: Path, manifest: Manifest) -> Source:
    """Read the files from a folder. Raises StudyError for a file that is not what the manifest says."""
    folder = find_folder(folder, manifest)
    try:
        contents = {name: (folder / name).read_bytes() for name in manifest.files}
    except OSError as error:
        raise StudyError(f"{error.filename} cannot be read ({error.strerror}); make it readable.") from None
    return _parse(contents, folder, manifest)


def read_archive(path: Path, manifest: Manifest) -> Source:
    """Read the files from the official archive, in memory, after its md5 is checked; nothing is unpacked."""
    with path.open("rb") as handle:
        digest = hashlib.file_digest(handle, "md5").hexdigest()
    if digest != manifest.archive.md5:
        raise StudyError(f"{path} is not the archive of {manifest.title} (md5 {digest}); delete it and start again.")
    inner, contents = manifest.layout.folder, {}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for name in manifest.files:
                try:
                    contents[name] = archive.extractfile(f"{inner}/{name}").read()
                except (KeyError, AttributeError):  # no such member, or it is a folder
                    raise StudyError(f"{path} holds no file {inner}/{name}; delete it and start again.") from None
    except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError) as error:
        raise StudyError(f"{path} cannot be read as an archive ({error}); delete it and start again.") from None
    return _parse(contents, path, manifest)


def load_pickle(content: bytes, where: str) -> Any:
    """Unpickle lists, dicts, bytes, numbers and numpy arrays; raise StudyError for anything else, running nothing."""
    try:
        return _ArraysOnly(io.BytesIO(content), encoding="bytes").load()
    except Exception as error:  # a broken pickle can raise nearly anything
        reason = " ".join(str(error).split())
        raise StudyError(f"{where} is not a pickle of arrays ({reason}); get the official file instead.") from None


def _check_size(where: Path, name: str, size: int, manifest: Manifest) -> None:
    wanted = manifest.files[name].size
    if wanted is not None and size != wanted:
        raise StudyError(f"{where / name} has {size} bytes instead of {wanted}; get the official file again.")


def _parse(contents: dict[str, bytes], where: Path, manifest: Manifest) -> Source:
    for name, checksum in manifest.files.items():
        _check_size(where, name, len(contents[name]), manifest)
        if hashlib.md5(contents[name]).hexdigest() != checksum.md5:
            raise StudyError(f"{where / name} differs from the official file (md5 sum); get it again.")
    layout = manifest.layout
    raw = {name: load_pickle(content, str(where / name)) for name, content in contents.items()}
    return Source(
        train=_part([raw[name] for name in layout.train], layout),
        test=_part([raw[name] for name in layout.test], layout),
        fine_names=_names(raw[layout.names], layout.names_key),
        coarse_names=_names(raw[layout.names], layout.superclass_names_key),
    )


def _part(batches: list[dict[bytes, Any]], layout: Layout) -> Part:
    """Join the batches of one part; a row holds the red plane, then the green and the blue one, each row by row."""
    pixels = np.concatenate([np.asarray(batch[b"data"], dtype=np.uint8) for batch in batches])
    return Part(
        images=np.ascontiguousarray(pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)),
        fine=_labels(batches, layout.labels_key),
        coarse=_labels(batches, layout.superclass_labels_key),
    )


def _labels(batches: list[dict[bytes, Any]], key: str | None) -> np.ndarray | None:
    if key is None:
        return None
    return np.concatenate([np.asarray(batch[key.encode()], dtype=np.uint8) for batch in batches])


def _names(names: dict[bytes, list[bytes]], key: str | None) -> list[str]:
    return [] if key is None else [name.decode() for name in names[key.encode()]]
