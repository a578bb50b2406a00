"""What a study left under results/<study>, read and checked against each other: config, dataset, runs."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.evidence import TOP, BestClasses, Evidence, NoEvidence, ThinEvidence, in_its_bin, with_usual
from study.analysis.scores import Predictions, metric_names, run_metrics
from study.config.record import StudyRecord, read_record
from study.config.specs import trained_settings
from study.data.dataset import TEST, VALIDATION, Labels
from study.errors import StudyError
from study.files import read_json
from study.paths import EVIDENCE, FROM_LOGITS, HISTORY, PREDICTIONS, RUN_RECORD, SPEC, RunKey, StudyPaths

PUBLISH_AGAIN = "publish the study again"


@dataclass(frozen=True)
class Run:
    """One run, its logits boiled down to metrics and to what each test image was taken for.

    `predicted` [T] and `in_top5` bool [T] are in the order of `Labels.ids(TEST)`; `bins` float64 [2, 3, bins] are
    `Predictions.bins`. A run that diverged or is missing has none of them, and no numbers. The `record` of a missing
    run has only its outcome. `val_predicted` [V], in the order of `Labels.ids(VALIDATION)`, is None also of a run
    whose recipe has a validation split of its own. `rounding` is `Evidence.rounding` of a published run, else 0.
    `settings_sha256` is of what the run was trained with, empty where that is not known.
    """

    model: str
    seed: int
    record: dict[str, Any]
    history: pd.DataFrame  # text, as written
    numbers: dict[str, float] = field(default_factory=dict)
    predicted: np.ndarray | None = None
    in_top5: np.ndarray | None = None
    bins: np.ndarray | None = None
    val_predicted: np.ndarray | None = None
    log_true: np.ndarray | None = None
    rounding: float = 0.0
    settings_sha256: str = ""
    images_per_class: int | None = None

    @property
    def key(self) -> RunKey:
        """The run among those of its study."""
        return RunKey(self.model, self.seed, self.images_per_class)


Finished = dict[str, list[Run]]  # the finished runs of every model


def planned_file(paths: StudyPaths) -> Path:
    """The study's config.json: as the workflow planned it last, which is there before the first run has ended."""
    return paths.planned_config if paths.planned_config.exists() else paths.config


def planned_config(paths: StudyPaths) -> StudyRecord:
    """The study as `planned_file` records it."""
    return read_record(planned_file(paths))


def every_run(config: StudyRecord) -> list[RunKey]:
    """Every run of the study, in the tables' order: models as config.json has them, then seeds.

    The grid's come first, then those on few images of each class, the fewest first.
    """
    place = {model: number for number, model in enumerate(config.models)}
    runs = [*config.grid, *(config.labels or ())]
    return sorted(runs, key=lambda run: (run.images_per_class or 0, place[run.model], run.seed))


def is_trained(study: Path, run: RunKey) -> bool:
    """Return whether a run ended: its run.json is written last."""
    return (StudyPaths(study).run(*run) / RUN_RECORD).exists()


def is_published(folder: Path) -> bool:
    """Return whether a run has its evidence alone, as in a published study, and not its logits."""
    return (folder / EVIDENCE).exists() and not (folder / PREDICTIONS).exists()


def load_record(study: Path, run: RunKey) -> dict[str, Any]:
    """A run's run.json. Raises StudyError if it is missing."""
    path = StudyPaths(study).run(*run) / RUN_RECORD
    if not path.exists():
        raise StudyError(f"{path} is missing: {run.name} is in the grid but has not been trained; train it.")
    return read_json(path)


def load_runs(study: Path, config: StudyRecord, dataset: Labels, evidence_alone: bool = False) -> Iterator[Run]:
    """Every run of the study in the tables' order, one at a time: only one run's logits are ever in memory.

    With `allow_missing`, a run that has not been trained has the outcome "missing". Of a published study, numbers that
    the evidence does not determine are as they were published, or with `evidence_alone` NaN or rounded.
    """
    for run in every_run(config):
        if config.allow_missing and not is_trained(study, run):
            missing = {"outcome": "missing"}
            yield Run(run.model, run.seed, missing, pd.DataFrame(), images_per_class=run.images_per_class)
        else:
            yield load_run(study, run, dataset, evidence_alone)


def correctness(runs: list[Run], true: np.ndarray, group: np.ndarray | None = None) -> np.ndarray:
    """Which of the test images each run gets right, bool [runs, T]: predicted equals true int [T].

    With `group` int [classes], an image is right if the group of the predicted class equals true.
    """
    predicted = np.array([run.predicted for run in runs], np.int64).reshape(len(runs), len(true))
    return (predicted if group is None else group[predicted]) == true


def load_run(study: Path, run: RunKey, dataset: Labels, evidence_alone: bool = False) -> Run:
    """One run; see `load_runs`.

    Raises StudyError if a file of it is missing, is of other data, or does not fit the dataset.
    """
    folder = StudyPaths(study).run(*run)
    record = load_record(study, run)
    with reading(folder / RUN_RECORD):
        fingerprint, outcome, chosen_epoch = record["data"]["fingerprint"], record["outcome"], record["chosen_epoch"]
    if fingerprint != dataset.meta["fingerprint"]:
        raise StudyError(
            f"{folder / RUN_RECORD}: the run was trained on other data than dataset.npz holds; train it again."
        )
    with reading(folder / SPEC):
        known = {"settings_sha256": trained_settings(folder, record), "images_per_class": run.images_per_class}
    with reading(folder / HISTORY):  # as text: of a learning rate of 1e-7, six decimals would leave nothing
        history = pd.read_csv(folder / HISTORY, dtype=str, keep_default_na=False)
    if outcome != "finished":
        return Run(run.model, run.seed, record, history, **known)
    train_accuracy = _chosen_train_accuracy(folder / HISTORY, history, chosen_epoch)
    published = is_published(folder)
    predictions = _read(folder, record, train_accuracy, dataset)
    numbers, is_thin = run_metrics(predictions, metric_names(dataset)), isinstance(predictions.test, ThinEvidence)
    bins = None if is_thin else predictions.bins
    if published and not evidence_alone:
        with reading(folder / FROM_LOGITS, PUBLISH_AGAIN):
            measured = read_json(folder / FROM_LOGITS)
            numbers |= measured["numbers"]
            bins = None if is_thin else np.array(measured["bins"])
    val_predicted = None if is_thin or has_own_split(record, dataset) else predictions.val.predicted
    return Run(run.model, run.seed, record, history, numbers=numbers, predicted=predictions.test.predicted,
               in_top5=None if is_thin else predictions.test.rank < TOP, bins=bins, val_predicted=val_predicted,
               log_true=in_its_bin(predictions.test.log_true),
               rounding=predictions.test.rounding if published else 0.0, **known)  # fmt: skip


def load_predictions(study: Path, run: RunKey, dataset: Labels) -> Predictions:
    """What a finished run predicts; see `load_run`. Raises StudyError also if it diverged."""
    folder, record = StudyPaths(study).run(*run), load_record(study, run)
    if record["outcome"] != "finished":
        raise StudyError(f"{run.name} of {study} diverged, and predicts nothing.")
    return _read(folder, record, float("nan"), dataset)


def _read(folder: Path, record: dict[str, Any], train_accuracy: float, dataset: Labels) -> Predictions:
    return (read_evidence if is_published(folder) else read_predictions)(folder, record, train_accuracy, dataset)


def read_predictions(folder: Path, record: dict[str, Any], train_accuracy: float, dataset: Labels) -> Predictions:
    """A run's predictions.npz, checked against the dataset, with images in the order of their row numbers."""
    path = folder / PREDICTIONS
    with reading(path), np.load(path, allow_pickle=False) as file:
        held_out = _held_out(path, record, file["val_ids"], dataset)
        val, test = [
            _aligned(path, file[f"{part}_ids"], file[f"{part}_logits"], wanted, name, dataset.classes)
            for part, name, wanted in (("val", "validation", held_out), ("test", "test", dataset.ids(TEST)))
        ]
    labels = _labels(held_out, dataset)
    return Predictions(
        train_accuracy=train_accuracy,
        val=Evidence.of_logits(val, labels["val_fine"], dataset.fine_to_coarse),
        test=Evidence.of_logits(test, labels["fine"], dataset.fine_to_coarse),
        logits=(val, test),
        **labels,
    )


def read_evidence(folder: Path, record: dict[str, Any], train_accuracy: float, dataset: Labels) -> Predictions:
    """A published run's evidence.npz, checked against the dataset."""
    path = folder / EVIDENCE
    held_out, fine = dataset.ids(VALIDATION), dataset.fine[dataset.ids(TEST)]
    with reading(path, PUBLISH_AGAIN), np.load(path, allow_pickle=False) as file:
        if "test_rank" not in file:
            thin = ThinEvidence.from_arrays(file, fine)
            return Predictions(train_accuracy, NoEvidence(), test=thin, **_labels(held_out, dataset))
        if has_own_split(record, dataset):
            held_out = _held_out(path, record, file["val_ids"], dataset)
        val = BestClasses(with_usual(file["val_best"], dataset.fine[held_out]))
        test = Evidence.from_arrays(file, fine, dataset.fine_to_coarse)
    return Predictions(train_accuracy=train_accuracy, val=val, test=test, **_labels(held_out, dataset))


def has_own_split(record: dict[str, Any], dataset: Labels) -> bool:
    """Return whether the recipe of a run has a validation split of its own."""
    return record["validation"] != dataset.meta["validation"]


def _labels(held_out: np.ndarray, dataset: Labels) -> dict[str, Any]:
    """Return the fields of `Predictions` that come from the dataset."""
    ids = dataset.ids(TEST)
    return {
        "val_ids": held_out,
        "val_fine": dataset.fine[held_out],
        "fine": dataset.fine[ids],
        "coarse": None if dataset.coarse is None else dataset.coarse[ids],
        "fine_to_coarse": dataset.fine_to_coarse,
        "classes": dataset.classes,
    }


@contextlib.contextmanager
def reading(path: Path, remedy: str = "train the run again") -> Iterator[None]:
    """Turn whatever a missing or damaged file `path` makes its readers raise into a StudyError with the `remedy`."""
    try:
        yield
    except StudyError:
        raise
    except FileNotFoundError:
        raise StudyError(f"{path} is missing; {remedy}.") from None
    except Exception as error:  # a damaged zip, array header or record can raise nearly anything
        raise StudyError(f"{path} is damaged ({type(error).__name__}); {remedy}.") from None


def _held_out(path: Path, record: dict[str, Any], ids: np.ndarray, dataset: Labels) -> np.ndarray:
    """The row numbers, ascending, that the run held out for validation: the study's, or a split of its recipe's own."""
    if not has_own_split(record, dataset):
        return dataset.ids(VALIDATION)
    own = np.unique(ids)
    if len(own) == 0 or own[-1] >= len(dataset.split) or (dataset.split[own] == TEST).any():
        raise StudyError(f"{path}: its validation ids are not of training images; train the run again.")
    return own


def _aligned(
    path: Path, ids: np.ndarray, logits: np.ndarray, wanted: np.ndarray, name: str, classes: int
) -> np.ndarray:
    """The logits in the order of the row numbers `wanted`, checked to be one row for each of these and finite."""
    order = np.argsort(ids)
    if not np.array_equal(ids[order], wanted):
        raise StudyError(f"{path}: its {name} ids are not the {name} split of dataset.npz; train the run again.")
    if logits.shape != (len(ids), classes):
        raise StudyError(
            f"{path}: its {name} logits have shape {list(logits.shape)} instead of {[len(ids), classes]}; "
            "train the run again."
        )
    if bad := int((~np.isfinite(logits).all(axis=1)).sum()):
        raise StudyError(f"{path.parent}: the logits of {bad} images are not finite; delete it and train it again.")
    return logits[order]


def _chosen_train_accuracy(path: Path, history: pd.DataFrame, chosen_epoch: int) -> float:
    with reading(path):
        chosen = history.loc[history["epoch"] == str(chosen_epoch), "train_eval_accuracy"]
        if len(chosen) != 1:
            raise StudyError(
                f"{path}: epoch {chosen_epoch}, which run.json says was chosen, is not in it once; train again."
            )
        return float(chosen.iloc[0] or "nan")
