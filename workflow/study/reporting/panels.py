"""What the interactive panels of a page share: models, classes, mistakes, differences of any two models, pictures."""

import functools
import itertools
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.differences import VERDICTS
from study.findings import text, topics
from study.findings.compare import Compared, class_differences, difference, headline, shown_pairs
from study.findings.headline import answer_of
from study.findings.results import Results
from study.reporting.pictures import pictures
from study.reporting.style import hue_name

# Models; with more, only the headline and the pairs that the study asks for, or the page would hold thousands.
ALL_PAIRS = 12
TABLES = {"class": "classes", "superclass": "superclasses"}


def shared(results: Results, *needs: str) -> dict[str, Any]:
    """The data that the panels of a page share: the models, and of `needs` any of class, superclass and mistakes."""
    data: dict[str, Any] = {"study": study(results)}
    data |= {level: by_level(results, level) for level in TABLES if level in needs}
    if "mistakes" in needs:
        data |= {"cells": cells(results), "pictures": pictures(results)}
    return data


def study(results: Results) -> dict[str, Any]:
    """Models and classes; `from` and `to` are the models that a page shows first, see `first_pair`."""
    start, end = first_pair(results)
    grouped = results.has_superclasses
    seeds = results.rows("runs", outcome="finished")["model"].value_counts()
    return {
        "models": [
            {"name": model, "label": label, "hue": hue_name(results, model), "seeds": int(seeds.get(model, 0))}
            for model, label in results.labels.items()
        ],
        "from": results.models.index(start),
        "to": results.models.index(end),
        "classes": [text.words(name) for name in results.dataset.fine_names],
        "superclasses": [text.words(name) for name in results.dataset.coarse_names] if grouped else [],
        "coarse": results.coarse_of.tolist() if grouped else [],
        "order": results.class_order().tolist(),
        "verdicts": list(VERDICTS),
    }


SAID = {
    "classes": topics.classes,
    "confusions": topics.confusions,
    "certainty": topics.certainty,
    "costs": topics.costs,
    "about_classes": lambda results, two: " ".join(topics.about_classes(results, two)),
}


def said(results: Results) -> dict[str, dict[str, str]]:
    """By topic what there is to say of every `other`-`model` that a reader can choose, but the headline's."""
    found = {}
    for model, other in (turned for pair in pairs(results) for turned in (pair, pair[::-1])):
        two = difference(results, model, other)
        if two is None or (other, model) == first_pair(results):
            continue
        of_both = answer_of(results, two)
        found[f"{results.models.index(other)}-{results.models.index(model)}"] = {
            "answer": of_both.claim,
            "number": of_both.number,
            "span": of_both.span,
            "details": " ".join(of_both.details),
        } | {topic: say(results, two) for topic, say in SAID.items()}
    return found


def finished_models(results: Results) -> list[str]:
    """The models with a finished run, in report order."""
    known = set(results.rows("runs", outcome="finished")["model"])
    return [model for model in results.models if model in known]


def first_pair(results: Results) -> tuple[str, str]:
    """The other model of the headline and its own; where there is no headline, the first finished model twice."""
    two = headline(results)
    if two is not None:
        return two.other, two.model
    (first, *_) = finished_models(results) or results.models
    return first, first


def pairs(results: Results) -> list[tuple[str, str]]:
    """(model, baseline) of every two models that a reader can compare, the baseline first in report order."""
    known = finished_models(results)
    if len(known) <= ALL_PAIRS:
        return [(model, baseline) for baseline, model in itertools.combinations(known, 2)]
    asked = {tuple(sorted(pair, key=results.models.index)) for pair in shown_pairs(results) if set(pair) <= set(known)}
    return sorted(((model, baseline) for baseline, model in asked), key=lambda pair: pair[::-1])


def pair_key(results: Results, model: str, baseline: str) -> str:
    """How the scripts find a pair: the places of baseline and model in the report."""
    return f"{results.models.index(baseline)}-{results.models.index(model)}"


@functools.cache  # several panels of several pages show it
def by_level(results: Results, level: str) -> dict[str, Any]:
    """Every class or superclass, as `level` says: accuracy of each model with its interval, verdicts of each pair."""
    table, data = results.tables[TABLES[level]], {}
    ids = range(results.dataset.classes if level == "class" else len(results.dataset.coarse_names))
    for quantity in ("accuracy", "low", "high"):
        wide = table.pivot(index="model", columns=f"{level}_id", values=quantity)
        data[quantity] = [numbers(row, 4) for row in wide.reindex(index=results.models, columns=ids).to_numpy(float)]
    return data | {"margin": float(results.config.equivalence_margin), "pairs": differences(results, level)}


def differences(results: Results, level: str) -> dict[str, Any]:
    """By pair: difference, low and high of every class or superclass, and the place of its verdict in VERDICTS.

    The verdicts hold for all classes of a pair together.
    """
    return {
        pair_key(results, model, baseline): {
            **{name: numbers(rows[name], 4) for name in ("difference", "low", "high")},
            "verdict": [VERDICTS.index(verdict) for verdict in rows["verdict"]],
        }
        for model, baseline in pairs(results)
        if len(rows := class_differences(results, Compared(model, baseline), f"{level}_differences"))
    }


def cells(results: Results) -> list[list[int]]:
    """Of every model, the cells of its confusion matrix that are not 0, in reading order: how many cells on, and count.

    Summed over its finished seeds. A cell's number is true class · classes + predicted class; the first counts from 0.
    """
    table, classes = results.tables["confusion"], results.dataset.classes
    found = []
    for model in results.models:
        own = table[table["model"] == model].sort_values(["true_id", "predicted_id"])
        steps = np.diff(own["true_id"] * classes + own["predicted_id"], prepend=0)
        found.append(np.column_stack([steps, own["count"]]).astype(int).ravel().tolist())
    return found


def numbers(values: Iterable[float], digits: int = 6) -> list[float | None]:
    """Numbers rounded to `digits` decimals, None where one is missing: JSON knows no NaN."""
    return [None if pd.isna(value) else round(float(value), digits) for value in values]
