"""What tests do to a published study."""

import shutil
from pathlib import Path

import numpy as np

from study.files import CHECKSUMS, file_digest, write_json
from study.publishing.publish import published_files

RUN = Path("runs/lite0_frozen/seed-2")


def content(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def seal(folder):
    """Record the checksums anew, as whoever wants to hide a change would."""
    write_json(folder / CHECKSUMS, {name: file_digest(folder / name) for name in published_files(folder)})


def edit_evidence(folder, edit, run=RUN):
    path = folder / run / "evidence.npz"
    with np.load(path) as stored:
        arrays = dict(stored)
    edit(arrays)
    np.savez_compressed(path, **arrays)
    seal(folder)


def without(study, folder, *models):
    """A copy of the study in which these models have not been trained."""
    shutil.copytree(study, folder, ignore=lambda _, names: [name for name in names if name in models])
    return folder
