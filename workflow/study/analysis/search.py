"""The trials of a search, judged on the validation images; there are no predictions of test images to look at."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study.analysis import metrics
from study.analysis.ranking import best_by_validation
from study.analysis.runs import every_run, is_trained, load_record, reading
from study.analysis.tables import write_table
from study.config.record import StudyRecord, read_record
from study.data.dataset import Labels, read_labels
from study.paths import PREDICTIONS, RunKey, StudyPaths


def write_search(study: Path, out: Path) -> None:
    """Write the table of trials to `out`.

    Raises StudyError if a run is missing or cannot be read.
    """
    paths = StudyPaths(study)
    config, dataset = read_record(paths.config), read_labels(paths.dataset)
    write_table(out, search_table(study, config, dataset))


def search_table(study: Path, config: StudyRecord, dataset: Labels) -> pd.DataFrame:
    """One row per trial and seed: its settings, and accuracy and loss on the validation images.

    The chosen trial has the highest mean accuracy over its seeds (ties: the first); a trial with a seed that diverged
    or is missing is not chosen.
    """
    rows = []
    for run in every_run(config):
        settings = {key: _cell(value) for key, value in config.search["trials"][run.model].items()}
        rows.append({"trial": run.model, **settings, "seed": run.seed, **_result(study, run, config, dataset)})
    table = pd.DataFrame(rows).astype({"epochs": "Int64", "chosen_epoch": "Int64"})
    means = table.groupby("trial", sort=False)["val_accuracy"].agg(lambda values: values.mean(skipna=False))
    table["mean_val_accuracy"] = table["trial"].map(means)
    table["chosen"] = (table["trial"] == best_by_validation(means.to_dict())).astype(int)
    return table


def _cell(value: Any) -> Any:
    """A setting as text: 1e-05 would not survive six decimals."""
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _result(study: Path, run: RunKey, config: StudyRecord, dataset: Labels) -> dict[str, Any]:
    """How a run ended, "missing" where that is allowed, and how good it is on the validation images, if it is there."""
    missing = {"outcome": "missing", "epochs": None, "chosen_epoch": None, "val_accuracy": np.nan, "val_nll": np.nan}
    if config.allow_missing and not is_trained(study, run):
        return missing
    record = load_record(study, run)
    ended = missing | {key: record[key] for key in ("outcome", "epochs", "chosen_epoch")}
    path = StudyPaths(study).run(*run) / PREDICTIONS
    with reading(path), np.load(path, allow_pickle=False) as file:
        ids, logits = file["val_ids"], file["val_logits"]
    if len(ids) == 0:
        return ended
    fine = dataset.fine[ids]
    accuracy, loss = (logits.argmax(axis=1) == fine).mean(), metrics.negative_log_likelihood(logits, fine)
    return ended | {"val_accuracy": accuracy, "val_nll": loss}
