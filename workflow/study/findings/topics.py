"""The findings of a study, each in a sentence computed from its tables: the headings of the story and of its pages."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from study.analysis.differences import BETTER, EQUIVALENT, UNCLEAR, WORSE
from study.analysis.uncertainty import MIN_SEEDS
from study.findings import text
from study.findings.compare import class_differences, compared, lasting_share
from study.findings.results import Results, best_model
from study.findings.runs import is_cpu_time, sharing

CLEARLY = 1.1  # a time that differs by less than a tenth is about the same


def answer(results: Results) -> str:
    """How much better the best model is."""
    two = compared(results)
    if two is None or np.isnan(two.difference):
        model = best_model(results.tables["models"])
        if model is None:
            return "No run finished, so there is no answer yet"
        mean = results.rows("models", model=model, metric="test_accuracy")["mean"].iloc[0]
        return f"{results.labels[model]} classifies {text.percent(mean)} % of the test images correctly"
    name, other = results.labels[two.model], results.labels[two.other]
    if not two.is_clear:
        return f"{name} and {other} do not differ clearly: {text.points(two.difference)} points, {two.span}"
    size, more = text.percent(abs(two.difference)), "more" if two.difference > 0 else "fewer"
    return f"{name} classifies {size} percentage points {more} of the test images correctly than {other}"


def steps(results: Results) -> str:
    """Which step of the cumulative ablation adds most, and how many have no clear effect."""
    table = results.tables["ladder"]
    known = table.dropna(subset="difference")
    if known.empty:
        return "No step of the cumulative ablation can be compared with the one above it"
    most = known.loc[known["difference"].idxmax()]
    if most["difference"] <= 0:
        return "No step adds accuracy to the one above it"
    total = known["difference"].sum()
    said = f"“{most['change']}” adds most: {text.points(most['difference'])} points"
    if len(known) > 1:
        said += f" of the {text.points(total)} that all {len(known)} steps add up to"
    tested = known.dropna(subset=["low", "high"])
    unclear = int(((tested["low"] <= 0) & (tested["high"] >= 0)).sum())
    if unclear:
        said += (
            f"; {unclear} of {text.counted(len(tested), 'step')} {'has' if unclear == 1 else 'have'} no clear effect"
        )
    return said


def classes(results: Results) -> str:
    """In how many classes the better model is better, worse or neither."""
    two = compared(results)
    rows = pd.DataFrame() if two is None else class_differences(results, two).dropna(subset="difference")
    if rows.empty:
        return f"How accurate each of the {len(results.dataset.fine_names)} classes is"
    name, other, every = (
        results.labels[two.model],
        results.labels[two.other],
        text.counted(len(rows), "class", "classes"),
    )
    if rows["p"].isna().all():
        ahead, behind = int((rows["difference"] > 0).sum()), int((rows["difference"] < 0).sum())
        return (
            f"{name} is ahead of {other} in {ahead} of {every} and behind in {behind}; too few seeds to test single "
            "classes"
        )
    count = {verdict: int((rows["verdict"] == verdict).sum()) for verdict in (BETTER, WORSE, EQUIVALENT, UNCLEAR)}
    if not any(count[verdict] for verdict in (BETTER, WORSE, EQUIVALENT)):
        ahead = int((rows["difference"] > 0).sum())
        return f"{name} is ahead of {other} in {ahead} of {every}, but surely in none"
    same = f", equivalent in {count[EQUIVALENT]}" if count[EQUIVALENT] else ""
    return (
        f"{name} is better than {other} in {count[BETTER]} of {every}, worse in {count[WORSE]}{same}, and in "
        f"{count[UNCLEAR]} the data cannot tell"
    )


def worst_classes(results: Results) -> str:
    """Where the better model is furthest behind; nothing where it is behind nowhere."""
    two = compared(results)
    rows = pd.DataFrame() if two is None else class_differences(results, two).dropna(subset="difference")
    behind = rows[rows["difference"] < 0].sort_values("difference", kind="stable") if len(rows) else rows
    if behind.empty:
        return ""
    named = ", ".join(
        f"{text.words(row['class'])} ({text.points(row['difference'])})" for row in behind.head(3).to_dict("records")
    )
    return f"{results.labels[two.model]} is furthest behind, in points, in {named}."


def confusions(results: Results) -> str:
    """The most frequent mistake of the best model, and how many of its errors stay within the superclass."""
    model = best_model(results.tables["models"])
    rows = results.rows("confusion", model=model) if model else pd.DataFrame()
    wrong = rows[rows["true_id"] != rows["predicted_id"]] if len(rows) else rows
    if wrong.empty:
        return "No mistakes to show"
    images = rows.groupby("true_id")["count"].sum()
    share = wrong["count"] / wrong["true_id"].map(images)
    most = wrong.loc[share.idxmax()]
    names = [text.words(name) for name in results.dataset.fine_names]
    true, predicted = names[int(most["true_id"])], names[int(most["predicted_id"])]
    part = text.percent(share.max(), 0)
    said = f"{results.labels[model]} most often takes {true} for {predicted}: {part} % of its images"
    if not results.has_superclasses:
        return said
    errors = results.rows("errors", model=model).iloc[0]
    return (
        f"{said}; {text.percent(errors['within_superclass'], 0)} % of its errors stay within the superclass "
        f"({text.percent(errors['expected_by_chance'], 0)} % by chance)"
    )


def certainty(results: Results) -> str:
    """How surely the difference is known, and what its uncertainty comes from."""
    two = compared(results)
    if two is None or np.isnan(two.difference):
        return "How sure each model is of its answers"
    if np.isnan(two.low):
        return (
            f"Fewer than {MIN_SEEDS} seeds allow no interval: single runs differ by {text.points(two.lowest)} to "
            f"{text.points(two.highest)} points"
        )
    half = text.number(100 * (two.high - two.low) / 2, 1)
    said, images = f"The difference is known to within ±{half} points", lasting_share(results, two)
    if np.isnan(images):
        return said
    return (
        f"{said}; more seeds would reduce {text.percent(1 - images, 0)} % of its variance, only more test images the "
        f"other {text.percent(images, 0)} %"
    )


def calibrations(results: Results) -> list[str]:
    """A remark for every model whose probabilities temperature scaling made worse on the test images."""
    means = results.tables["models"].pivot(index="model", columns="metric", values="mean").reindex(results.models)
    remarks = []
    for model, row in means.iterrows():
        before, after = row["test_ece"], row["test_ece_scaled"]
        if after > before and text.percent(after) != text.percent(before):
            remarks.append(
                f"Temperature scaling made the probabilities of {results.labels[model]} worse on the test images: "
                f"ECE {text.percent(before)} % before, {text.percent(after)} % after."
            )
    return remarks


def costs(results: Results) -> str:
    """What training the better model costs in time, against the other."""
    two = compared(results)
    finished = results.finished_costs()
    seconds = finished.groupby("model")["run_seconds"].mean()
    if two is None or not {two.model, two.other} <= set(seconds.dropna().index) or not seconds[two.other] > 0:
        return "What a run of each model costs"
    if sharing(results) > 1:
        return "What a run of each model took while others shared its GPU"
    name, other, ratio = results.labels[two.model], results.labels[two.other], seconds[two.model] / seconds[two.other]
    if is_cpu_time(finished):
        return _cpu_time(name, other, ratio)
    if ratio > CLEARLY:
        return f"{name} takes {_times(ratio)} times as long to train as {other}"
    if ratio < 1 / CLEARLY:
        return f"{name} trains {_times(1 / ratio)} times as fast as {other}"
    return f"{name} and {other} take about the same time to train"


def _cpu_time(name: str, other: str, ratio: float) -> str:
    if 1 / CLEARLY <= ratio <= CLEARLY:
        return f"{name} and {other} need about the same CPU time to train"
    dear, cheap = (name, other) if ratio > 1 else (other, name)
    return f"{dear} needs {_times(max(ratio, 1 / ratio))} times as much CPU time to train as {cheap}"


def _times(ratio: float) -> str:
    return text.number(ratio, 1 if ratio < 10 else 0)


def methods(results: Results) -> str:
    """How many runs there are, and whether the present code made them."""
    runs = results.tables["runs"]
    finished = int((runs["outcome"] == "finished").sum())
    every = text.counted(len(runs), "run")
    started = f"All {every}" if finished == len(runs) and finished > 1 else f"{finished} of {every}"
    older = results.is_older
    code = f", {'all' if older.all() else 'some'} of them trained by older code" if older.any() else ""
    return f"{started} finished{code}; one command repeats them"


FINDINGS: dict[str, Callable[[Results], str]] = {
    one.__name__: one for one in (answer, steps, classes, confusions, certainty, costs, methods)
}
