"""tables/*.csv: every number the study reports, one fact per row, the same bytes for the same runs.

costs.csv and front.csv hold times, and so are not the same bytes again. Rows are in the order of config.json's models
or contrasts, then metric, seed or class. Numbers have six decimals, variances and p values seven significant digits; a
number that does not exist is an empty field. A model without a finished run has no rows in classes, superclasses,
confusion, errors, calibration, mcnemar, front, and none of its contrasts in class_differences and
superclass_differences. Data without superclasses have no tables, metrics and columns of them.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from study.analysis import unequal
from study.analysis.contrasts import VARIANCES, measures, over_seeds_and_images
from study.analysis.costs import clock_of
from study.analysis.duplicates import read_near_duplicates
from study.analysis.registry import tables_written
from study.analysis.runs import Finished, Run, load_runs
from study.analysis.scores import METRICS, metric_names
from study.analysis.uncertainty import over_seeds, share_of
from study.config.record import StudyRecord, read_record
from study.data.dataset import TEST, Labels, read_labels
from study.files import atomic_write
from study.paths import NEAR_DUPLICATES_TABLE, StudyPaths

SMALL = [*VARIANCES, "variance", "var_lasting", "p", "p_holm"]
NOT_REPEATABLE = ["seconds", "images_per_second"]


def write_tables(study: Path, out: Path) -> None:
    """Write every table from the study in the folder `study`, published or not, into the folder `out`.

    near_duplicates.csv, which depends on the images alone, is taken as it is where it is there already.
    Raises StudyError if a run of the grid is missing (unless the config allows it) or does not fit the dataset.
    """
    paths = StudyPaths(study)
    config, dataset = read_record(paths.config), read_labels(paths.labels)
    near_duplicates = read_near_duplicates(out / f"{NEAR_DUPLICATES_TABLE}.csv", paths.dataset, dataset.split)
    for name, table in compute_tables(config, dataset, list(load_runs(study, config, dataset)), near_duplicates):
        write_table(out / f"{name}.csv", table)


def compute_tables(
    config: StudyRecord, dataset: Labels, runs: list[Run], near_duplicates: pd.DataFrame
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Every table's name and content, with numbers as they were computed, unrounded."""
    of_all_images = [run for run in runs if run.images_per_class is None]
    finished = [run for run in of_all_images if run.numbers]
    given = {
        "config": config,
        "dataset": dataset,
        "near_duplicates": near_duplicates,
        "every_run": runs,
        "runs": of_all_images,
        "clock": clock_of(of_all_images),
        "finished": {name: [run for run in finished if run.model == name] for name in config.models},
    }
    for table in tables_written(config):
        yield table.name, table.compute(given)


def runs_table(config: StudyRecord, runs: list[Run], dataset: Labels) -> pd.DataFrame:
    """One row per run of the grid; the metrics of a run that diverged or is missing are empty.

    `as_configured` says whether the run was trained with the config's settings, yes or no; empty where that is not
    known. With `allow_missing` a run of other settings may be compared.
    """
    chosen_by = ["train_accuracy", "val_accuracy"]
    names = [*chosen_by, *(name for name in metric_names(dataset) if name not in chosen_by)]
    rows = [
        {
            "model": run.model,
            "label": config.models[run.model].label,
            "seed": run.seed,
            "outcome": run.record["outcome"],
            "epochs": run.record.get("epochs"),
            "chosen_epoch": run.record.get("chosen_epoch"),
            "as_configured": run.settings_sha256 and ("yes" if run.settings_sha256 == config.grid[run.key] else "no"),
        }
        | {name: run.numbers.get(name, np.nan) for name in names}
        for run in runs
    ]
    return pd.DataFrame(rows).astype({"epochs": "Int64", "chosen_epoch": "Int64"})


def models_table(config: StudyRecord, finished: Finished, dataset: Labels) -> pd.DataFrame:
    """Mean, spread and intervals over a model's finished seeds; the two sources of variance stand apart, and together.

    ci_* is where the mean over ever more seeds would lie on these test images (`over_seeds` says what where all seeds
    are alike); test_* where it would on ever more test images, whatever the number of seeds. both_* is for other seeds
    and other test images (`over_seeds_and_images`), for the metrics that contrasts are of; where no run differs from
    another on any image, it is test_*.
    """
    rows, correct = [], measures(dataset)
    for model, runs in finished.items():
        intervals = _over_images(runs, dataset)
        for metric in metric_names(dataset):
            values = np.array([run.numbers[metric] for run in runs])
            row = {"model": model, "label": config.models[model].label, "metric": metric}
            row |= over_seeds(values, intervals.get(metric), metric in intervals or metric.endswith("_accuracy"))
            low, high = over_seeds_and_images(correct[metric](runs)) if metric in correct else (np.nan, np.nan)
            both = (row["test_low"], row["test_high"]) if low == high else (low, high)
            rows.append(row | dict(zip(("both_low", "both_high"), both, strict=True)))
    return pd.DataFrame(rows)


def _over_images(runs: list[Run], dataset: Labels) -> dict[str, Callable[[float], tuple[float, float]]]:
    """By metric that has one, what gives its interval for other test images at a mean of `runs`.

    Wilson's, with n = the test images; of balanced accuracy, with as many as count.
    """
    fine = dataset.fine[dataset.ids(TEST)]
    counts = unequal.confusion([run.predicted for run in runs], fine, dataset.classes) if runs else None
    of_shares = {name: share_of(len(fine)) for name, one in METRICS.items() if one.of_images}
    return of_shares | {
        "test_balanced_accuracy": share_of(unequal.effective_images(fine)),
        "test_macro_f1": lambda mean: unequal.macro_f1_interval(counts),
        "test_auc": lambda mean: unequal.auc_interval(mean, unequal.class_sizes(dataset)),
    }


def learning_table(runs: list[Run]) -> pd.DataFrame:
    """The repeatable columns of every history.csv, as they were written, with the chosen epoch marked."""
    parts = []
    for run in runs:
        if run.record["outcome"] == "missing":
            continue
        part = run.history.drop(columns=NOT_REPEATABLE)
        part.insert(0, "model", run.model)
        part.insert(1, "seed", run.seed)
        part["chosen"] = (part["epoch"] == str(run.record["chosen_epoch"])).astype(int)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write `table` as CSV: the same bytes for the same numbers."""
    table = table.copy()
    for name in table.select_dtypes("float"):
        if name in SMALL:  # about 1e-6: six decimals would leave nothing of them
            table[name] = table[name].map("{:.6e}".format, na_action="ignore")
        else:
            table[name] = table[name].round(6) + 0.0  # + 0.0 so that -1e-9 is not printed as -0.000000
    with atomic_write(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6f", lineterminator="\n")
