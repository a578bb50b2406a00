"""Runs that are published already: a study takes them as they are, and trains the others."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from study.config.planning import data_fingerprint, spec_of
from study.config.specs import ComputeSpec, trained_settings
from study.config.study import Config
from study.data.dataset import read_labels
from study.errors import StudyError
from study.files import atomic_write, read_json
from study.paths import EVIDENCE, FROM_LOGITS, HISTORY, PREDICTIONS, RUN_RECORD, SPEC, RunKey, StudyPaths

FILES = (SPEC, HISTORY, EVIDENCE, FROM_LOGITS, RUN_RECORD)  # run.json last, because it says that the others are there


def published_runs(study: Config, compute: ComputeSpec, results: StudyPaths) -> dict[RunKey, Path]:
    """Return the folders of the runs that the study takes from its `published` folder.

    These are the runs with the settings of the config, on any machine, that are not in `results` as runs of its own.
    Raises StudyError if there is no such folder, or it is of other data.
    """
    if study.published is None:
        return {}
    published = StudyPaths(Path(study.published))
    if not published.published_labels.exists():
        raise StudyError(f"config: published: {study.published} is not a published study; correct the path.")
    if read_labels(published.published_labels).meta["fingerprint"] != data_fingerprint(study):
        raise StudyError(f"config: published: {study.published} is of other data, or another split, than this study.")
    found = {}
    for run in study.runs():
        folder, own = published.run(*run), results.run(*run)
        if not (folder / RUN_RECORD).exists() or (own.exists() and not _is_copy(own, folder)):
            continue
        settings = trained_settings(folder, read_json(folder / RUN_RECORD))
        if settings == spec_of(study, run, compute).settings_sha256():
            found[run] = folder
    return found


def _is_copy(own: Path, folder: Path) -> bool:
    """Return whether a run in the results was taken from the published `folder` by an earlier start."""
    record = own / RUN_RECORD
    is_same = record.exists() and record.read_bytes() == (folder / RUN_RECORD).read_bytes()
    return is_same and not (own / PREDICTIONS).exists()


def take_published(published: Mapping[RunKey, Path], results: StudyPaths) -> None:
    """Copy these runs, from their folders, into `results`, where analysis and report read them."""
    for run, folder in published.items():
        for name in FILES:
            if (folder / name).exists():
                with atomic_write(results.run(*run) / name) as temporary:
                    shutil.copyfile(folder / name, temporary)
