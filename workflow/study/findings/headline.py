"""The answer to a study's question, computed from its tables: every case has its own wording, none is typed by hand."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from study.analysis.unequal import UNEQUAL_FROM, class_sizes
from study.findings import text
from study.findings.compare import (
    Compared,
    answers_for_pretraining,
    are_two_networks,
    difference,
    headline,
    unverified,
)
from study.findings.results import Results, best_model
from study.findings.runs import budget, training, training_compute
from study.findings.worth import at_budgets, curve_name, equal_budget, start_of

ALIKE = 1.1  # a ratio of training compute that needs no word
BEGUN = 0.5  # of the training accuracy of pretrained weights: below it, random ones have hardly begun to learn


class Answer(NamedTuple):
    """What the study answers: a `claim` without a full stop, and in sentences what it rests on and does not say.

    `number` and `unit` are what stands in large type, `pair` of whom it is, and `span` how surely it is known; empty
    where there is nothing.
    """

    claim: str
    details: list[str]
    number: str = ""
    unit: str = ""
    pair: str = ""
    span: str = ""


def answer(results: Results) -> Answer:
    """The study's answer: the difference of its headline pair or, where there is none, what its best model reaches.

    A study of budgets has the difference at the largest budget that both had.
    """
    two = headline(results)
    if len(rows := at_budgets(results)):
        return _at_equal_compute(results, two, rows)
    if two is not None and not np.isnan(two.difference):
        found = answer_of(results, two)
        return found._replace(details=[*found.details, *_set_apart(results, two), *_baseline(results, two)])
    model = best_model(results.tables["models"])
    if model is None:
        return Answer("No run finished, so there is no answer yet", [])
    finished = results.rows("runs", outcome="finished")["model"].nunique()
    alone = "It is the only model" + (" with a finished run" if len(results.models) > 1 else "")
    why = f"{alone}, so there is nothing to compare it with."
    if finished > 1:
        why = "The study's headline cannot be given before both of its models have a finished run."
    mean, name = _mean(results, model), text.opening(results.names[model])
    claim, unit = f"{name} classifies {mean} % of the test images correctly", "of the test images"
    if results.measure != "test_accuracy":
        claim, unit = f"{name} has a {results.measured} of {mean} %", results.measured
    low, high = results.rows("models", model=model, metric=results.measure)[["test_low", "test_high"]].iloc[0]
    span = "" if np.isnan(low) else f"95 % interval over test images {text.percent(low)} to {text.percent(high)} %"
    return Answer(claim, [why, *_counted_alike(results)], f"{mean} %", unit, results.labels[model], span)


def answer_of(results: Results, two: Compared) -> Answer:
    """What the study says of any two models that it compares."""
    return Answer(
        _claim(results, two),
        [_reached(results, two), *_counted_alike(results), *_also_differ(results, two)],
        text.points(two.difference),
        f"percentage points of {results.measured}",
        results.contrast_label(two.model, two.other),
        _span(two),
    )


def _at_equal_compute(results: Results, two: Compared, rows: pd.DataFrame) -> Answer:
    """What the headline's two curves differ by at the largest budget that both had, and at the largest of all."""
    row, last = equal_budget(rows), rows.iloc[-1]
    name, other = (curve_name(results, row[key]) for key in ("curve", "baseline"))
    ratio, times = row["compute_baseline"] / row["compute_model"], last["compute_baseline"] / last["compute_model"]
    before, after = ("At equal training compute, ", "") if ratio == 1 else ("", _times(ratio))
    size, more = text.percent(abs(row["difference"])), "more" if row["difference"] > 0 else "less"
    said = f"{name} is {size} percentage points {more} accurate than {other}{after}"
    if row["low"] <= 0 <= row["high"]:
        said = f"{name} and {other} do not differ clearly"
    reached = [f"{text.percent(row[key])} %" for key in ("accuracy", "accuracy_baseline")]
    where = f", at {text.number(row['compute'], 0)} × 10¹² multiply-accumulates of forward passes" if ratio == 1 else ""
    is_between = row["compute"] not in results.rows("budget_curve", curve=row["baseline"])["compute"].to_numpy()
    between = " (interpolated between budgets)" if is_between else ""
    details = [
        f"That is {reached[0]}, against {reached[1]}{between}{where}: {text.points(row['difference'])} points "
        f"({_interval(row)}). The compute of the pretraining is not counted."
    ]
    if times > max(ratio, ALIKE):
        details.append(
            f"{text.opening(name)} minus {other} with {text.number(times, 1)} times that compute is "
            f"{text.points(last['difference'])} points ({_interval(last)})."
        )
    return Answer(
        f"{before}{said}" if before else text.opening(said),
        [*details, *_also_differ(results, two)],
        text.points(row["difference"]),
        f"percentage points of test accuracy{' at equal training compute' if ratio == 1 else ''}",
        f"{start_of(results, row['curve'])} − {start_of(results, row['baseline'])}",
        _interval(row),
    )


def _interval(row: Mapping[str, Any]) -> str:
    if np.isnan(row["low"]):
        return "too few seeds for an interval"
    return f"95 % interval {text.points(row['low'])} to {text.points(row['high'])}"


def _claim(results: Results, two: Compared) -> str:
    known = " of known origin" if any(unverified(results, name) for name in results.models) else ""
    if answers_for_pretraining(results, two):
        if not two.is_clear:
            return f"The best models with ImageNet weights{known} and from random weights do not differ clearly"
        name, other = f"With ImageNet weights{known}, the best model trained here", "the best from random weights"
    else:
        name, other = text.opening(results.names[two.model]), results.names[two.other]
        if not two.is_clear:
            return f"{name} and {other} do not differ clearly"
    size, more = text.percent(abs(two.difference)), "more" if two.difference > 0 else "less"
    by_class = ", each class counting alike" if results.measure != "test_accuracy" else ""
    return f"{name} is {size} percentage points {more} accurate than {other}{by_class}{_compute(results, two)}"


def _mean(results: Results, model: str) -> str:
    return text.percent(results.rows("models", model=model, metric=results.measure)["mean"].iloc[0])


def _counted_alike(results: Results) -> list[str]:
    """Where the headline is on balanced accuracy: what that is, why, and what the largest class alone would give."""
    if results.measure == "test_accuracy":
        return []
    sizes = class_sizes(results.dataset)
    return [
        f"The classes have {text.between(sizes)} test images. Where the largest has more than "
        f"{UNEQUAL_FROM:g} times the images of the smallest, these are balanced accuracies, means of those of the "
        f"classes. Always naming the largest class is right on {text.percent(sizes.max() / sizes.sum())} % of the "
        f"images, a {results.measured} of {text.percent(1 / (sizes > 0).sum())} %."
    ]


def _reached(results: Results, two: Compared) -> str:
    parts = []
    for model in (two.model, two.other):
        seeds = len(results.rows("runs", model=model, outcome="finished"))
        parts.append(f"{_mean(results, model)} % for {results.names[model]} ({text.counted(seeds, 'seed')})")
    said = f"That is {parts[0]}, against {parts[1]}: {text.points(two.difference)} points ({_span(two)})"
    return f"{said}{_errors(two)}."


def _errors(two: Compared) -> str:
    """How many fewer or more errors that is, where its interval tells which."""
    ends = sorted(abs(1 - end) for end in (two.error_ratio_low, two.error_ratio_high))
    if not (two.error_ratio_high < 1 or two.error_ratio_low > 1):
        return ""
    change = f"{text.percent(abs(1 - two.error_ratio), 0)} % {'fewer' if two.error_ratio < 1 else 'more'} errors"
    return f", or {change} ({' to '.join(text.percent(end, 0) for end in ends)} %)"


def _also_differ(results: Results, two: Compared) -> list[str]:
    """A sentence on what else differs between a pretrained model and one from random weights, if anything does."""
    entries = [results.config.models[name] for name in (two.model, two.other)]
    if not are_two_networks(results, two):
        return []
    also = "the two differ not only in their weights, but also" if entries[0].weights != entries[1].weights else (
        "the two differ")  # fmt: skip
    how = [training(results, name) for name in (two.model, two.other)]
    return [f"{also[0].upper()}{also[1:]} in network and recipe: {how[0]}, against {how[1]}."]


def _compute(results: Results, two: Compared) -> str:
    """How much more training compute one of the two had, where the study knows and it is not about equal."""
    computed = training_compute(results)
    ratio = computed[two.other] / computed[two.model]
    return "" if np.isnan(ratio) or 1 / ALIKE <= ratio <= ALIKE else _times(ratio)


def _times(ratio: float) -> str:
    times = f"{text.number(max(ratio, 1 / ratio), 1)} times as much training compute (pretraining left out)"
    return f", which had {times}" if ratio > 1 else f", but had {times}"


def _set_apart(results: Results, two: Compared) -> list[str]:
    """A sentence on the models whose weights are of unverified origin, which the headline leaves out."""
    known = results.rows("models", metric=results.measure).set_index("model")["mean"].dropna()
    said = []
    for model in known[[unverified(results, name) for name in known.index]].sort_values(ascending=False).index:
        gain = difference(results, model, two.other)
        points = "" if gain is None else f" ({text.points(gain.difference)} points)"
        said.append(f"{results.names[model]} {text.percent(known[model])} %{points}")
    if not said:
        return []
    return [f"Set apart, because where their weights are from is not verified: {'; '.join(said)}."]


def _baseline(results: Results, two: Compared) -> list[str]:
    baseline = results.config.baseline
    found = difference(results, two.model, baseline)
    if found is None or baseline in (two.model, two.other):
        return []
    return [
        f"The gain over the baseline, {results.names[baseline]}, is {text.points(found.difference)} points "
        f"({_span(found)})."
    ]


def _span(found: Compared) -> str:
    return found.span + (", too few for an interval" if np.isnan(found.low) else "")


def same_network(results: Results) -> str:
    """What pretrained weights are worth in one network at one resolution; empty where the study does not test it."""
    models = results.config.models
    for pair in results.config.contrasts:
        first, second = (models[name] for name in pair)
        is_same = (first.architecture, first.input_size) == (second.architecture, second.input_size)
        if not is_same or (first.weights is None) == (second.weights is None):
            continue
        names = pair if first.weights else reversed(pair)
        found = difference(results, *names)
        if found is None:
            continue
        recipes = [results.config.recipe_of(name) for name in names]
        budgets = [budget(recipe) for recipe in recipes]
        how = f"for {budgets[0]}" if budgets[0] == budgets[1] else f"for {budgets[0]} and {budgets[1]}"
        recipe = " with the same recipe" if recipes[0] == recipes[1] else ", each with its own recipe"
        train = results.rows("models", metric="train_accuracy").set_index("model")["mean"]
        end = "; more epochs would change the difference."
        if train[found.other] < BEGUN * train[found.model]:
            end = ": the second has hardly begun to learn, so more epochs would probably shrink the difference a lot."
        return (
            f"The same network at the same resolution, with and without pretrained weights, trained {how}{recipe}: "
            f"{results.names[found.model]} minus {results.names[found.other]} is {text.points(found.difference)} "
            f"points ({_span(found)}). On the training images they reach {text.percent(train[found.model])} and "
            f"{text.percent(train[found.other])} %{end}"
        )
    return ""
