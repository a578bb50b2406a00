"""What a study left under results/<study>, read and checked against each other: config, dataset, runs."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study.analysis import metrics
from study.analysis.scores import Predictions, run_metrics
from study.config.specs import trained_settings
from study.data.dataset import TEST, VALIDATION
from study.errors import StudyError
from study.files import DAMAGED, read_json


@dataclass(frozen=True)
class Dataset:
    """dataset.npz without its 180 MB of images, and with the superclass of each class.

    fine, coarse, split uint8 [N]; fine_to_coarse int [100].
    """

    fine: np.ndarray
    coarse: np.ndarray
    split: np.ndarray
    fine_names: list[str]
    coarse_names: list[str]
    fine_to_coarse: np.ndarray
    meta: dict[str, Any]

    def ids(self, split: int) -> np.ndarray:
        """The row numbers of a split's images, ascending."""
        return np.flatnonzero(self.split == split)


@dataclass(frozen=True)
class Run:
    """One run, its logits boiled down to metrics and to what each test image was taken for.

    `predicted` uint8 [T], `in_top5` bool [T] and `confidence` float64 [2, T], the top class's probability before and
    after the temperature, are in the order of `Dataset.ids(TEST)`; a run that diverged or is missing has none of them,
    and no numbers. A missing run's `record` says no more than that. `settings_sha256` is of what it was trained with,
    empty where that is not known.
    """

    model: str
    seed: int
    record: dict[str, Any]
    history: pd.DataFrame  # text, as written
    numbers: dict[str, float]
    predicted: np.ndarray | None
    in_top5: np.ndarray | None
    confidence: np.ndarray | None
    settings_sha256: str = ""


def load_dataset(study: Path) -> Dataset:
    """The labels of <study>/dataset.npz. Raises StudyError if they contradict each other or cannot be read."""
    path, remedy = study / "dataset.npz", "prepare the data again"
    with whole(path, remedy), open_npz(path, remedy) as file:
        fine, coarse = file["fine"], file["coarse"]
        return Dataset(
            fine=fine,
            coarse=coarse,
            split=file["split"],
            fine_names=file["fine_names"].tolist(),
            coarse_names=file["coarse_names"].tolist(),
            fine_to_coarse=metrics.fine_to_coarse(fine, coarse),
            meta=json.loads(str(file["meta"])),
        )


def grid(config: dict[str, Any]) -> list[tuple[str, int]]:
    """(model, seed) of every run of the study, in the tables' order: models as config.json has them, then seeds."""
    place = {model: number for number, model in enumerate(config["models"])}
    return sorted(((run["model"], run["seed"]) for run in config["grid"]), key=lambda run: (place[run[0]], run[1]))


def run_folder(study: Path, model: str, seed: int) -> Path:
    """Where a run's files are."""
    return study / "runs" / model / f"seed-{seed}"


def load_record(study: Path, model: str, seed: int) -> dict[str, Any]:
    """A run's run.json. Raises StudyError if it is missing."""
    path = run_folder(study, model, seed) / "run.json"
    if not path.exists():
        raise StudyError(f"{path} is missing: {model} seed {seed} is in the grid but has not been trained; train it.")
    return read_json(path)


def load_runs(study: Path, config: dict[str, Any], dataset: Dataset) -> Iterator[Run]:
    """Every run of the grid in the tables' order, one at a time: only one run's logits are ever in memory.

    With `allow_missing`, a run without a run.json, which is written last, has the outcome "missing".
    """
    for model, seed in grid(config):
        if config["allow_missing"] and not (run_folder(study, model, seed) / "run.json").exists():
            yield Run(model, seed, {"outcome": "missing"}, pd.DataFrame(), {}, None, None, None)
        else:
            yield load_run(study, model, seed, dataset)


def correctness(runs: list[Run], true: np.ndarray, group: np.ndarray | None = None) -> np.ndarray:
    """Which of the test images each run gets right, bool [runs, T]: predicted equals true int [T].

    With `group` int [classes], an image is right if the group of the predicted class equals true.
    """
    predicted = np.array([run.predicted for run in runs], np.int64).reshape(len(runs), len(true))
    return (predicted if group is None else group[predicted]) == true


def load_run(study: Path, model: str, seed: int, dataset: Dataset) -> Run:
    """One run. Raises StudyError if a file of it is missing, is of other data, or does not fit the dataset."""
    folder = run_folder(study, model, seed)
    record = load_record(study, model, seed)
    with whole(folder / "run.json"):
        fingerprint, outcome, chosen_epoch = record["data"]["fingerprint"], record["outcome"], record["chosen_epoch"]
    if fingerprint != dataset.meta["fingerprint"]:
        raise StudyError(
            f"{folder}/run.json: the run was trained on other data than dataset.npz holds; train it again."
        )
    with whole(folder / "spec.json"):
        settings = trained_settings(folder, record)
    history = _read_history(folder / "history.csv")
    if outcome != "finished":
        return Run(model, seed, record, history, {}, None, None, None, settings)
    path = folder / "predictions.npz"
    with whole(path), open_npz(path, "train the run again") as file:
        held_out = _held_out(path, record, file["val_ids"], dataset)
        val_fine = dataset.fine[held_out]
        val_logits = _aligned_logits(path, file["val_ids"], file["val_logits"], held_out, "validation")
        test_logits = _aligned_logits(path, file["test_ids"], file["test_logits"], dataset.ids(TEST), "test")
    fine, coarse = dataset.fine[dataset.ids(TEST)], dataset.coarse[dataset.ids(TEST)]
    train = _chosen_train_accuracy(folder / "history.csv", history, chosen_epoch)
    predictions = Predictions(train, val_logits, val_fine, test_logits, fine, coarse, dataset.fine_to_coarse)
    confidence = np.array([metrics.top_confidence(one) for one in (test_logits, predictions.scaled_logits)])
    predicted = test_logits.argmax(axis=1).astype(np.uint8)
    in_top5 = predictions.rank < 5
    return Run(model, seed, record, history, run_metrics(predictions), predicted, in_top5, confidence, settings)


@contextlib.contextmanager
def whole(path: Path, remedy: str = "train the run again") -> Iterator[None]:
    """Read `path` within it: whatever a damaged file makes the readers raise becomes a StudyError with the `remedy`."""
    try:
        yield
    except StudyError:
        raise
    except Exception as error:  # a damaged zip, array header or record can raise nearly anything
        raise StudyError(f"{path} is damaged ({type(error).__name__}); {remedy}.") from None


def open_npz(path: Path, remedy: str) -> np.lib.npyio.NpzFile:
    """The npz file at `path`; StudyError with the `remedy` if it is missing or not whole."""
    try:
        return np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise StudyError(f"{path} is missing; {remedy}.") from None
    except DAMAGED:
        raise StudyError(f"{path} is not a whole npz file; {remedy}.") from None


def _held_out(path: Path, record: dict[str, Any], ids: np.ndarray, dataset: Dataset) -> np.ndarray:
    """The row numbers, ascending, that the run held out for validation: the study's, or a split of its recipe's own."""
    if record.get("validation", dataset.meta["validation"]) == dataset.meta["validation"]:
        return dataset.ids(VALIDATION)
    own = np.unique(ids)
    if len(own) == 0 or own[-1] >= len(dataset.split) or (dataset.split[own] == TEST).any():
        raise StudyError(f"{path}: its validation ids are not of training images; train the run again.")
    return own


def _aligned_logits(path: Path, ids: np.ndarray, logits: np.ndarray, wanted: np.ndarray, name: str) -> np.ndarray:
    """The logits in the order of the row numbers `wanted`, checked to be one row for each of these and finite."""
    order = np.argsort(ids)
    if not np.array_equal(ids[order], wanted):
        raise StudyError(f"{path}: its {name} ids are not the {name} split of dataset.npz; train the run again.")
    if logits.shape != (len(ids), metrics.FINE_CLASSES):
        raise StudyError(
            f"{path}: its {name} logits have shape {list(logits.shape)} instead of "
            f"{[len(ids), metrics.FINE_CLASSES]}; train the run again."
        )
    metrics.check_logits(logits, str(path.parent))
    return logits[order]


def _read_history(path: Path) -> pd.DataFrame:
    # As text: learning rates of 1e-7 would not survive being parsed and printed with six decimals.
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False)
    except FileNotFoundError:
        raise StudyError(f"{path} is missing; train the run again.") from None
    except pd.errors.EmptyDataError:
        raise StudyError(f"{path} is empty; train the run again.") from None
    except (ValueError, OSError) as error:  # not text, or not a table
        raise StudyError(f"{path} is damaged ({type(error).__name__}); train the run again.") from None


def _chosen_train_accuracy(path: Path, history: pd.DataFrame, chosen_epoch: int) -> float:
    with whole(path):
        chosen = history.loc[history["epoch"] == str(chosen_epoch), "train_eval_accuracy"]
        if len(chosen) != 1:
            raise StudyError(
                f"{path}: epoch {chosen_epoch}, which run.json says was chosen, is not in it once; train again."
            )
        return float(chosen.iloc[0] or "nan")
