"""From the official files to `dataset.npz`: the validation split, on which every choice is made, is drawn here."""

import hashlib
import sys
from pathlib import Path
from typing import Any

import numpy as np

from study.data.dataset import TEST, Dataset
from study.data.download import download
from study.data.folder import FolderSettings
from study.data.manifest import Manifest, load_manifest
from study.data.prepare_folder import prepare_folder
from study.data.source import Source, read_archive, read_folder
from study.data.split import split_train
from study.data.synthetic import render
from study.files import file_digest, write_json
from study.machine.locks import locked


def prepare_dataset(
    name: str,
    source: Path,
    mirrors: list[str],
    validation: dict[str, Any],
    path: Path,
    settings: FolderSettings | None = None,
    workers: int = 2,
) -> None:
    """Write `path` (dataset.npz) of dataset `name` from `source`: a folder with the official files, or the archive.

    A missing archive is downloaded from `mirrors`; a synthetic dataset is rendered and needs no `source`. With
    `settings`, the pictures of a folder are read, by so many `workers`. Raises StudyError if the data cannot be had or
    are not what the manifest says.
    """
    if settings is not None:
        prepare_folder(settings, path, workers)
        return
    manifest = load_manifest(name)
    write_dataset(obtain(manifest, source, mirrors), manifest, validation, path)


def obtain(manifest: Manifest, source: Path, mirrors: list[str]) -> Source:
    """Return the checked content of `source`, a folder or the archive, or the rendered images.

    The archive is downloaded to `source` from `mirrors` unless it is there and whole. Raises StudyError if the data
    cannot be had.
    """
    if manifest.synthetic:
        return render(manifest)
    if source.is_dir():
        return read_folder(source, manifest)
    with locked(source.with_suffix(".lock"), str(source)):  # studies share the archive
        if not (source.is_file() and file_digest(source, "md5") == manifest.archive.md5):
            if source.exists():
                print(f"{source} is not the official archive (md5 sum): downloading that.", file=sys.stderr)
            download(manifest, mirrors, source)
        return read_archive(source, manifest)


def write_dataset(source: Source, manifest: Manifest, validation: dict[str, Any], path: Path) -> None:
    """Write `path` (dataset.npz): official training images first, in their order, then the official test images.

    Beside it, dataset.json says which data and which split it holds.
    """
    train, test = source.train, source.test
    split = split_train(train.fine, validation["fraction"], validation["seed"])
    meta = {
        "name": manifest.name,
        "title": manifest.title,
        "synthetic": manifest.synthetic,
        "validation": validation,
        "fingerprint": manifest.fingerprint(validation),
        "split_sha256": hashlib.sha256(split.tobytes()).hexdigest(),
    }
    Dataset(
        images=np.concatenate([train.images, test.images]),
        fine=np.concatenate([train.fine, test.fine]),
        coarse=np.concatenate([train.coarse, test.coarse]) if manifest.superclasses else None,
        split=np.concatenate([split, np.full(len(test.fine), TEST, dtype=np.uint8)]),
        fine_names=source.fine_names,
        coarse_names=source.coarse_names,
        meta=meta,
    ).write(path)
    write_json(path.with_suffix(".json"), meta)
