"""Make again what was removed by hand although its record is there.

Snakemake asks for the small records (dataset.json, weights/*.json), because it compares those by content: so it does
not see that the large file beside one has gone, and nothing retrains because that is made again.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from study.config.models import Model
from study.config.specs import weights_id
from study.config.study import Config
from study.data.dataset import LARGEST_INSIDE
from study.errors import StudyError
from study.files import read_json, write_checksums
from study.paths import StudyPaths


def has_gone(study: Config, paths: StudyPaths) -> bool:
    """Return whether data or weights are missing whose record is there, so that there is something to make again."""
    return bool(_gone_weights(study, paths)) or (paths.dataset_record.exists() and not _is_whole(study, paths))


def _gone_weights(study: Config, paths: StudyPaths) -> dict[Path, Model]:
    """Return the missing weights whose record is there, each with a model that starts from them."""
    models = (study.models[name] for name in {*study.grid.models, *study.featured()})
    used = {paths.weights(weights_id(one.architecture, one.weights)): one for one in models if one.weights}
    return {path: one for path, one in used.items() if path.with_suffix(".json").exists() and not path.exists()}


def _is_whole(study: Config, paths: StudyPaths) -> bool:
    """Return whether dataset.npz is there, and its images are."""
    return paths.dataset.exists() and (study.data.image_size <= LARGEST_INSIDE or paths.images.exists())


def restore_dataset(study: Config, source: Path, paths: StudyPaths) -> None:
    """Make dataset.npz again from `source`, where only its record is left.

    Raises StudyError if that has gone too.
    """
    path = paths.dataset
    if _is_whole(study, paths):
        return
    if not (source.exists() or study.data.synthetic):
        raise StudyError(f"{path} has gone, and so has {source}, from which it was made; put one of them back.")
    from study.data.prepare import prepare_dataset

    print(f"{path} has gone: it is made again.", file=sys.stderr)
    with preserve_mtime(path):
        validation, settings = asdict(study.dataset.validation), study.dataset.settings()
        prepare_dataset(study.dataset.name, source, study.mirrors, validation, path, settings)
        write_checksums(path.parent, (path.name, paths.images.name))


@contextlib.contextmanager
def preserve_mtime(path: Path) -> Iterator[None]:
    """Give a file that is made again, and its record, the old record's time: a newer one would look like a change."""
    record = path.with_suffix(".json")
    age = record.stat()
    yield
    for one in (path, record):
        os.utime(one, ns=(age.st_atime_ns, age.st_mtime_ns))


def restore_weights(study: Config, paths: StudyPaths) -> None:
    """Fetch again the weights of which only the record is left. Raises StudyError if they are others now."""
    for path, model in _gone_weights(study, paths).items():
        from study.models.weights import fetch

        print(f"{path} has gone: it is fetched again.", file=sys.stderr)
        sha256 = read_json(path.with_suffix(".json"))["sha256"]
        with preserve_mtime(path):
            fetch(model.architecture, model.weights, path)
        if read_json(path.with_suffix(".json"))["sha256"] != sha256:
            raise StudyError(f"{model.weights} gives other weights than were used; delete {path.parent} to go on.")
