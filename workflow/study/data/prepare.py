"""From the official files to `dataset.npz`: the validation split, on which every choice is made, is drawn here."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from study.data.dataset import TEST
from study.data.manifest import Manifest, fingerprint, load_manifest
from study.data.obtain import obtain
from study.data.source import Source
from study.data.split import split_train
from study.files import atomic_write, write_json


def prepare_dataset(name: str, source: Path, mirrors: list[str], validation: dict[str, Any], path: Path) -> None:
    """Write `path` (dataset.npz) of dataset `name` from `source`: a folder with the official files, or the archive.

    A missing archive is downloaded from `mirrors`, and a missing stand-in is rendered. Raises StudyError if the data
    cannot be had or are not what the manifest says.
    """
    manifest = load_manifest(name)
    write_dataset(obtain(manifest, source, mirrors), manifest, validation, path)


def write_dataset(source: Source, manifest: Manifest, validation: dict[str, Any], path: Path) -> None:
    """Write `path` (dataset.npz): official training images first, in their order, then the official test images.

    Beside it, dataset.json says which data and which split it holds.
    """
    split = split_train(source.train.fine, validation["fraction"], validation["seed"])
    meta = {
        "name": manifest.name,
        "title": manifest.title,
        "synthetic": manifest.synthetic,
        "validation": validation,
        "fingerprint": fingerprint(manifest, validation),
        "split_sha256": hashlib.sha256(split.tobytes()).hexdigest(),
    }
    with atomic_write(path) as temporary:
        np.savez(
            temporary,
            images=np.concatenate([source.train.images, source.test.images]),
            fine=np.concatenate([source.train.fine, source.test.fine]),
            coarse=np.concatenate([source.train.coarse, source.test.coarse]),
            split=np.concatenate([split, np.full(len(source.test.fine), TEST, dtype=np.uint8)]),
            fine_names=np.array(source.fine_names),
            coarse_names=np.array(source.coarse_names),
            meta=np.array(json.dumps(meta)),
        )
    write_json(path.with_suffix(".json"), meta)
