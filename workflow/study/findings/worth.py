"""What pretrained weights are worth in labelled images, and in training compute."""

from typing import Any

import numpy as np
import pandas as pd

from study.findings import text
from study.findings.compare import headline
from study.findings.results import Results

BEYOND = {">": "more than ", "<": "less than "}
WHOLE = ("effective", "images_per_class")  # which are numbers of images at the ends of a curve
PAIR = ("model", "baseline", "images_per_class")
TELLING = 25  # labelled images per class: few, as most people have who label their own


def labels(results: Results) -> str:
    """How many labelled images per class the labels of a pretrained model are worth without its weights."""
    row = labels_row(results)
    if row is None:
        return "Accuracy by labelled images per class"
    model, other = text.opening(results.names[row["model"]]), results.names[row["baseline"]]
    own = f"{model} with {_images(row['images_per_class'])} of each class"
    if row["beyond"] == "<":
        return f"{own} is less accurate than {other} with {text.number(row['effective'], 0)}"
    if row["beyond"] == ">":
        return f"{own} is more accurate than {other} with all {text.number(row['effective'], 0)}"
    return f"{own} is as accurate as {other} with {amount(row, 'effective')}"


def labels_row(results: Results) -> dict[str, Any] | None:
    """The row of effective_data.csv that is told: of the headline's two models, near `TELLING` images per class.

    Where they are not compared, of the first two that are. Where no row is within the curve, the one of fewest images.
    """
    rows, two = results.tables["effective_data"], headline(results)
    if two is not None:
        own = rows[(rows["model"] == two.model) & (rows["baseline"] == two.other)]
        rows = own if len(own) else rows
    if rows.empty:
        return None
    first = rows.iloc[0]
    rows = rows[(rows["model"] == first["model"]) & (rows["baseline"] == first["baseline"])]
    number = rows["images_per_class"].to_numpy(float)
    return _most_telling(rows, np.where(rows["beyond"].isna(), np.abs(np.log(number / TELLING)), number))


def labels_needed(results: Results) -> list[str]:
    """How many labelled images per class the headline's two models need for a round accuracy that the first reaches.

    The highest one within what was tried; nothing where there is none, or no headline.
    """
    two, rows = headline(results), results.tables["labels_needed"]
    own = rows[(rows["model"] == (two and two.model)) & rows["beyond"].isna()]
    if own.empty:
        return []
    rows = rows[rows["accuracy"] == own["accuracy"].max()].set_index("model")
    needs = [
        f"{results.names[model]} needs {amount(rows.loc[model].to_dict(), 'images_per_class')}"
        for model in (two.model, two.other)
        if model in rows.index
    ]
    accuracy = text.percent(rows["accuracy"].iloc[0], 0)
    return [f"For an accuracy of {accuracy} %, in labelled images of each class: {'; '.join(needs)}."]


def by_nll(results: Results) -> list[str]:
    """What the labels of `labels_row` are worth by negative log-likelihood; nothing where that is not known."""
    row, rows = labels_row(results), results.tables["effective_data_by_nll"]
    if row is None or rows.empty:
        return []
    is_one = (rows[list(PAIR)] == [row[key] for key in PAIR]).all(axis=1)
    found = rows[is_one].iloc[0].to_dict()
    end = text.number(found["effective"], 0)
    told = {"<": f"worse than that with {end}", ">": f"better than that with all {end}"}.get(found["beyond"])
    told = told or f"as good as that with {amount(found, 'effective')}"
    return [f"By negative log-likelihood, of probabilities as trained, it is {told}."]


def compute(results: Results) -> str:
    """How many times the compute of a pretrained model a network from random weights needs to be as accurate."""
    row = compute_row(results)
    if row is None:
        return "Accuracy by training compute"
    model, other = results.names[row["model"]], text.opening(curve_name(results, row["curve"]))
    if row["beyond"] == ">":
        return (
            f"{other} with {text.number(row['times'], 1)} times the training compute of {model} is still less accurate"
        )
    if row["beyond"] == "<":
        return f"{other} is more accurate than {model} at its smallest budget already"
    said = f"{other} needs {amount(row, 'times')} times the training compute to be as accurate as {model}"
    two = headline(results)
    best = results.rows("compute_needed", model=two and two.model, curve=row["curve"], beyond=">")
    if best.empty:
        return said
    times = text.number(best["times"].iloc[0], 1)
    return f"{said}, and with {times} times that of {results.names[two.model]} it is still less accurate"


def compute_row(results: Results) -> dict[str, Any] | None:
    """The row of compute_needed.csv that is told: the most accurate model that a curve reaches, else the least."""
    rows = results.tables["compute_needed"]
    if rows.empty:
        return None
    rows = rows[rows["curve"] == rows["curve"].iloc[0]]
    return _most_telling(rows, rows["accuracy"].to_numpy(float) * np.where(rows["beyond"].isna(), -1, 1))


def at_budgets(results: Results) -> pd.DataFrame:
    """The rows of matched_budgets.csv of the curves that the headline's two models are on; none where it has none."""
    two, curves = headline(results), results.config.curves
    if two is None or curves is None or results.measure != "test_accuracy":
        return pd.DataFrame()
    curve_of = {model: curve for curve, models in curves.items() for model in models}
    return results.rows("matched_budgets", curve=curve_of[two.model], baseline=curve_of[two.other])


def equal_budget(rows: pd.DataFrame) -> dict[str, Any]:
    """Of some rows of two curves, the largest budget that both had; where they had none, the smallest of all."""
    both = rows[(rows["compute_model"] == rows["compute"]) & (rows["compute_baseline"] == rows["compute"])]
    return (both.iloc[-1] if len(both) else rows.iloc[0]).to_dict()


def start_of(results: Results, curve: str) -> str:
    """A curve in a figure or table: what the labels of its models have in common, before a comma."""
    return results.labels[curve].rpartition(",")[0] or results.labels[curve]


def curve_name(results: Results, curve: str) -> str:
    """A curve as a sentence calls it."""
    return text.running(start_of(results, curve))


def amount(row: dict[str, Any], name: str) -> str:
    """An amount with its interval, "188 [164, 221]"; "more than 450" where an end lies beyond the curve."""
    digits = int(row[name] < 20 and (name not in WHOLE or row[name] % 1 > 0))
    value, low, high = (
        BEYOND.get(row[beyond], "") + text.number(row[f"{name}{end}"], digits)
        for end, beyond in (("", "beyond"), ("_low", "low_beyond"), ("_high", "high_beyond"))
    )
    is_all = value == low == high or low == high == text.NOTHING
    return value if is_all else f"{value} [{low}, {high}]"


def _most_telling(rows: pd.DataFrame, distance: np.ndarray) -> dict[str, Any]:
    """The row with the least distance among those within the curve, else among all."""
    outside = rows["beyond"].notna().to_numpy()
    return rows.iloc[int(np.lexsort((distance, outside))[0])].to_dict()


def _images(number: float) -> str:
    return f"{number:g} labelled {'image' if number == 1 else 'images'}"
