"""A study in a notebook: runs, tables and predictions as data frames; docs/notebook.md says what columns mean."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from study.analysis.evidence import BestClasses, Evidence, NoEvidence, ThinEvidence
from study.analysis.runs import every_run, load_predictions, planned_config
from study.config.record import StudyRecord
from study.data.dataset import TEST, Labels, read_labels
from study.errors import StudyError
from study.findings.results import read_table
from study.paths import RunKey, StudyPaths


@dataclass(frozen=True)
class Study:
    """A study in a folder: its config, its tables by name, the labels of its images."""

    folder: Path
    config: StudyRecord
    tables: dict[str, pd.DataFrame]
    dataset: Labels

    @property
    def runs(self) -> pd.DataFrame:
        """One row per run on all images: the table `runs`."""
        return self.tables["runs"]

    def predictions(
        self, model: str, seed: int, images_per_class: int | None = None, part: str = "test"
    ) -> pd.DataFrame:
        """Return what a finished run says of each image of the `part` of the split, "test" or "val": a row per image.

        Raises StudyError if there is no such run, or its file cannot be read.
        """
        run = RunKey(model, seed, images_per_class)
        if run not in every_run(self.config):
            raise StudyError(f"{self.folder} has no run {run.name}; study.runs lists those on all images.")
        predictions = load_predictions(self.folder, run, self.dataset)
        if part == "test":
            return _frame(predictions.test, self.dataset.ids(TEST), self.dataset)
        return _frame(predictions.val, predictions.val_ids, self.dataset)


def load(folder: Path | str) -> Study:
    """Return the study in `folder`: results/<study>, its preview, or a published study.

    Raises StudyError if there is none, or it has no tables yet.
    """
    paths = StudyPaths(Path(folder))
    tables = {path.stem: read_table(path) for path in sorted(paths.tables.glob("*.csv"))}
    if not tables:
        raise StudyError(f"{folder} has no tables; name results/<study>, its preview, or a published study.")
    return Study(paths.folder, planned_config(paths), tables, read_labels(paths.labels))


def _frame(
    evidence: Evidence | BestClasses | ThinEvidence | NoEvidence, ids: np.ndarray, dataset: Labels
) -> pd.DataFrame:
    names, fine = np.array(dataset.fine_names), dataset.fine[ids]
    if type(evidence) is NoEvidence:
        raise StudyError("Of a run on few images, only the test images' predictions are published.")
    right, is_whole = evidence.predicted == fine, isinstance(evidence, Evidence)
    return pd.DataFrame({
        "image_id": ids,
        "class": names[fine],
        "predicted": names[evidence.predicted],
        "right": right,
        "rank": evidence.rank + 1.0 if is_whole else np.where(right, 1, np.nan),
        "probability": np.exp(evidence.log_top) if is_whole else np.nan,
        "probability_of_class": np.nan if isinstance(evidence, BestClasses) else np.exp(evidence.log_true),
    })  # fmt: skip
