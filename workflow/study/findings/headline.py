"""The answer to a study's question, computed from its tables: every case has its own wording, none is typed by hand."""

from typing import NamedTuple

import numpy as np

from study.analysis.unequal import UNEQUAL_FROM, class_sizes
from study.findings import text
from study.findings.compare import Compared, answers_for_pretraining, difference, headline, unverified
from study.findings.results import Results, best_model
from study.findings.runs import budget, training

ALIKE = 1.1  # a ratio of training compute that needs no word
BEGUN = 0.5  # of the training accuracy of pretrained weights: below it, random ones have hardly begun to learn


class Answer(NamedTuple):
    """What the study answers: a `claim` without a full stop, and in sentences what it rests on and does not say.

    `number`, `unit` and `pair` are what stands in large type, and of whom and how surely; empty where there is nothing.
    """

    claim: str
    details: list[str]
    number: str = ""
    unit: str = ""
    pair: str = ""


def answer(results: Results) -> Answer:
    """The study's answer: the difference of its headline pair or, where there is none, what its best model reaches."""
    two = headline(results)
    if two is not None and not np.isnan(two.difference):
        return Answer(
            _claim(results, two),
            [_reached(results, two), *_counted_alike(results), *_also_differ(results, two), *_set_apart(results, two),
             *_baseline(results, two)],
            text.points(two.difference),
            f"percentage points of {results.measured}",
            f"{results.contrast_label(two.model, two.other)}, {two.span}",
        )  # fmt: skip
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
    return Answer(claim, [why, *_counted_alike(results)], f"{mean} %", unit, results.labels[model])


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
        f"The classes have {sizes.min():,} to {sizes.max():,} test images. Where the largest has more than "
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
    if entries[0].architecture == entries[1].architecture:
        return []
    also = "the two differ not only in their weights, but also" if entries[0].weights != entries[1].weights else (
        "the two differ")  # fmt: skip
    how = [training(results, name) for name in (two.model, two.other)]
    return [f"{also[0].upper()}{also[1:]} in network and recipe: {how[0]}, against {how[1]}."]


def _compute(results: Results, two: Compared) -> str:
    """How much more training compute one of the two had, where the study knows and it is not about equal."""
    if "budget_curve" not in results.tables:
        return ""
    compute = results.tables["budget_curve"].set_index("model")["compute"]
    ratio = compute.get(two.other, np.nan) / compute.get(two.model, np.nan)
    if np.isnan(ratio) or 1 / ALIKE <= ratio <= ALIKE:
        return ""
    times = f"{text.number(max(ratio, 1 / ratio), 1)} times its training compute (pretraining left out)"
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
