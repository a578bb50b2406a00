"""Is a published study what its evidence says? Each number that the evidence determines is computed again and compared.

Two comparisons: of every file with its checksum, and of every cell of every table with what follows from the published
runs (reference/recount.py shares no code with the analysis). Numbers that need the
full logits are taken from from_logits.json; where the evidence determines them but for
its rounding, they must agree with it as far as that allows (`Evidence.rounding`).
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from study.analysis.runs import Run, load_runs
from study.analysis.scores import METRICS
from study.analysis.tables import SMALL, compute_tables
from study.config.record import read_record
from study.data.dataset import Labels, read_labels
from study.errors import StudyError
from study.files import CHECKSUMS, changed_files, read_json
from study.paths import FROM_LOGITS, NEAR_DUPLICATES_TABLE, StudyPaths
from study.publishing.publish import published_files

ROUNDING_OF_ONE = (
    4e-4  # how far float16 may move a single probability p: at most 2^-11 · p |log p|, and once more to stay in its bin
)
KEYS = ("seed", "bin", "class_id", "superclass_id", "true_id", "predicted_id")  # of a row, not numbers of it
UNDONE = "restore it, for example with git checkout, or publish again"


@dataclass
class Tally:
    """How many numbers of a table were checked, and the columns, or metrics, of those that need more than evidence."""

    checked: int = 0
    needed: int = 0
    names: set[str] = field(default_factory=set)


def verify(dest: Path) -> None:
    """Print what was checked, table by table. Raises StudyError at the first file or number that differs."""
    _check_files(dest)
    paths = StudyPaths(dest)
    config, dataset = read_record(paths.config), read_labels(paths.labels)
    runs, alone = (list(load_runs(dest, config, dataset, evidence_alone=only)) for only in (False, True))
    for run, determined in zip(runs, alone, strict=True):
        _check_run(paths.run(*run.key) / FROM_LOGITS, run, determined)
    near_duplicates = pd.read_csv(paths.table(NEAR_DUPLICATES_TABLE))
    _check_near_duplicates(paths.table(NEAR_DUPLICATES_TABLE), near_duplicates, dataset)
    from_runs, from_evidence = (compute_tables(config, dataset, some, near_duplicates) for some in (runs, alone))
    tallies = {}
    for (name, expected), (_, determined) in zip(from_runs, from_evidence, strict=True):
        tallies[name] = _check_table(paths.table(name), _read(paths.table(name)), expected, determined)
    _report(dest, runs, tallies)


def _report(dest: Path, runs: list[Run], tallies: dict[str, Tally]) -> None:
    finished = sum(bool(run.numbers) for run in runs)
    print(f"{dest}: every file is as it was published; {finished} finished runs")
    print(f"{'table':24}{'numbers checked':>16}  need the full logits")
    for name, tally in tallies.items():
        needed = f"{tally.needed:,}: {', '.join(sorted(tally.names))}" if tally.needed else "none"
        print(f"{name:24}{tally.checked:16,}  {needed}")
    print(f"{NEAR_DUPLICATES_TABLE:24} is of the images, which are not published; its classes are those of the labels")
    print("every number that the evidence determines is as published")


def _check_files(dest: Path) -> None:
    if not (dest / CHECKSUMS).exists() or not StudyPaths(dest).published_labels.exists():
        raise StudyError(f"{dest} is not a published study; make one: python -m study publish results/<study> DEST.")
    for name, wrong in changed_files(dest).items():
        raise StudyError(f"{dest / name} {wrong}; {UNDONE}.")
    for name in sorted(set(published_files(dest)) - set(read_json(dest / CHECKSUMS))):
        raise StudyError(f"{dest / name} is not in {CHECKSUMS}; delete it, or publish again.")


def _check_run(path: Path, run: Run, determined: Run) -> None:
    """Compare the numbers of a run as published in `path` with those that its evidence alone determines.

    Those that are computed from probabilities may differ by the rounding of these.
    """
    for name, value in determined.numbers.items():
        allowed = run.rounding if METRICS[name].of_probabilities else 0
        if abs(run.numbers[name] - value) > allowed:  # not where the evidence gives NaN, because it takes the logits
            raise StudyError(f"{path}: {name} is {run.numbers[name]:.6f}, but {value:.6f} in the evidence; {UNDONE}.")
    if run.bins is None:
        return
    (count, confidence, hits), (expected_count, expected_confidence, expected_hits) = run.bins[0], determined.bins[0]
    is_near = np.abs(confidence - expected_confidence) <= ROUNDING_OF_ONE * count
    for number in np.flatnonzero((count != expected_count) | (hits != expected_hits) | ~is_near):
        raise StudyError(f"{path}: bin {number + 1} of the confidences is not that of the evidence; {UNDONE}.")


def _check_table(path: Path, printed: pd.DataFrame, expected: pd.DataFrame, determined: pd.DataFrame) -> Tally:
    """Compare every cell of a table, `printed` as text, with what is `expected`.

    `determined` is the same table from evidence alone, NaN where a number needs the full logits.
    """
    if list(printed.columns) != list(expected.columns) or len(printed) != len(expected):
        raise StudyError(f"{path} has not the rows and columns that follow from the evidence; {UNDONE}.")
    tally = Tally()
    for name in expected:
        values = expected[name]
        if pd.api.types.is_float_dtype(values):
            is_right = _prints_as(values.to_numpy(float), printed[name], name in SMALL)
            is_known = determined[name].notna()
            needed = values.notna() & ~is_known
            tally.needed += int(needed.sum())
            if needed.any():
                after = " after scaling" if "scaled" in expected else ""
                tally.names |= set(expected.loc[needed, "metric"]) if "metric" in expected else {name + after}
        else:
            is_known = values.notna()
            is_right = (values.astype(object).where(is_known, "").astype(str) == printed[name]).to_numpy()
        for row in np.flatnonzero(~is_right):
            _refuse(path, printed, row, name, values.iloc[row])
        if pd.api.types.is_numeric_dtype(values) and name not in KEYS:
            tally.checked += int(is_known.sum())
    return tally


def _check_near_duplicates(path: Path, table: pd.DataFrame, dataset: Labels) -> None:
    """Compare the one column that follows from the labels; the others are of the images."""
    same = dataset.fine[table["image_id"]] == dataset.fine[table["train_image_id"]]
    for row in np.flatnonzero(same != table["same_class"]):
        _refuse(path, table.astype(str), row, "same_class", int(same[row]))


def _prints_as(values: np.ndarray, printed: pd.Series, is_small: bool) -> np.ndarray:
    """Which float values [rows] are those that stand in the table, rounded as it rounds them; bool [rows]."""
    cells = pd.to_numeric(printed, errors="coerce").to_numpy(float)
    unit = np.full(len(cells), 1e-6)
    if is_small:  # seven significant digits
        with np.errstate(divide="ignore"):
            unit *= 10 ** np.floor(np.log10(np.abs(cells)))
    is_near = np.abs(values - cells) <= unit / 2 + 1e-9 * (np.abs(values) if is_small else 1)
    return is_near | (np.isnan(values) & (printed == "").to_numpy())


def _read(path: Path) -> pd.DataFrame:
    """A table as text, cell by cell."""
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def _refuse(path: Path, printed: pd.DataFrame, row: int, column: str, value: Any) -> NoReturn:
    key = ", ".join(printed.iloc[row, :3])
    raise StudyError(
        f"{path}, line {row + 2} ({key}), column {column}: {printed[column].iloc[row]!r} is published, but {value} "
        f"follows from the evidence; {UNDONE}."
    )
