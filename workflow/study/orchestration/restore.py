"""Make again what was removed by hand although its record is there.

Snakemake asks for the small records (dataset.json, weights/*.json), because it compares those by content: so it does
not see that the large file beside one has gone, and nothing retrains because that is made again.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from study.config.messages import weights_id
from study.config.study import Config
from study.data.manifest import load_manifest
from study.errors import StudyError
from study.files import read_json


def restore_dataset(study: Config, source: Path, results: Path) -> None:
    """Make dataset.npz again from `source`, where only its record is left.

    Raises StudyError if that has gone too.
    """
    path = results / "dataset.npz"
    if path.exists():
        return
    if not source.exists():
        raise StudyError(f"{path} has gone, and so has {source}, from which it was made; put one of them back.")
    from study.data import source as sources
    from study.data.prepare import write_dataset

    print(f"{path} has gone: it is made again.", file=sys.stderr)
    manifest = load_manifest(study.dataset.name)
    read = sources.read_folder if source.is_dir() else sources.read_archive
    with as_old(path):
        write_dataset(read(source, manifest), manifest, study.dataset.validation.model_dump(), path)


@contextlib.contextmanager
def as_old(path: Path) -> Iterator[None]:
    """Give the file that is made again, and its record, the age that the record has: a newer one would be a change."""
    record = path.with_suffix(".json")
    age = record.stat()
    yield
    for one in (path, record):
        os.utime(one, ns=(age.st_atime_ns, age.st_mtime_ns))


def restore_weights(study: Config, results: Path) -> None:
    """Fetch again the weights of which only the record is left. Raises StudyError if they are others now."""
    for model in (study.models[name] for name in study.grid.models):
        if model.weights is None:
            continue
        path = results / "weights" / f"{weights_id(model.architecture, model.weights)}.safetensors"
        record = path.with_suffix(".json")
        if path.exists() or not record.exists():
            continue
        from study.models.weights import fetch

        print(f"{path} has gone: it is fetched again.", file=sys.stderr)
        sha256 = read_json(record)["sha256"]
        with as_old(path):
            fetch(model.architecture, model.weights, path)
        if read_json(record)["sha256"] != sha256:
            raise StudyError(f"{model.weights} gives other weights than were used; delete {path.parent} to go on.")
