"""What the interactive panels of a page share: models, classes, mistakes, differences of any two models, pictures."""

import functools
import itertools
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.differences import VERDICTS, class_differences_table, superclass_differences_table
from study.analysis.runs import Run
from study.reporting import text
from study.reporting.charts import numbers
from study.reporting.sources import Sources, best_model
from study.reporting.sprites import pictures
from study.reporting.style import colours

ALL_PAIRS = 12  # models; with more, only the pairs that the study asks for, or the page would hold thousands
DIFFERENCES = {"class": class_differences_table, "superclass": superclass_differences_table}
TABLES = {"class": "classes", "superclass": "superclasses"}


def shared(sources: Sources, *needs: str) -> dict[str, Any]:
    """The data that the panels of a page share: the models, and of `needs` any of class, superclass and mistakes."""
    data: dict[str, Any] = {"study": study(sources)}
    data |= {one: group(sources, one) for one in TABLES if one in needs}
    if "mistakes" in needs:
        data |= {"cells": cells(sources), "pictures": pictures(sources)}
    return data


def study(sources: Sources) -> dict[str, Any]:
    """Models and classes; `from` and `to` are the models that a page shows first, see `first_pair`."""
    start, end = first_pair(sources)
    palette, grouped = colours(sources.models), sources.has_superclasses
    seeds = sources.rows("runs", outcome="finished")["model"].value_counts()
    return {
        "models": [
            {"name": model, "label": sources.labels[model], "colour": palette[model], "seeds": int(seeds.get(model, 0))}
            for model in sources.models
        ],
        "from": sources.models.index(start),
        "to": sources.models.index(end),
        "classes": [text.words(name) for name in sources.dataset.fine_names],
        "superclasses": [text.words(name) for name in sources.dataset.coarse_names] if grouped else [],
        "coarse": sources.coarse_of.tolist() if grouped else [],
        "order": sources.class_order().tolist(),
        "verdicts": list(VERDICTS),
    }


def finished_models(sources: Sources) -> list[str]:
    """The models with a finished run, in report order."""
    known = set(sources.rows("runs", outcome="finished")["model"])
    return [model for model in sources.models if model in known]


def first_pair(sources: Sources) -> tuple[str, str]:
    """The baseline and the best other model by validation accuracy; one model twice where there is no other."""
    known = finished_models(sources) or sources.models
    baseline = sources.config["baseline"] if sources.config["baseline"] in known else known[0]
    models = sources.tables["models"]
    return baseline, best_model(models[models["model"] != baseline]) or baseline


def pairs(sources: Sources) -> list[tuple[str, str]]:
    """(model, baseline) of every two models that a reader can compare, the baseline first in report order."""
    known = finished_models(sources)
    if len(known) <= ALL_PAIRS:
        return [(model, baseline) for baseline, model in itertools.combinations(known, 2)]
    asked = {tuple(sorted(pair, key=sources.models.index)) for pair in sources.contrasts if set(pair) <= set(known)}
    return sorted(((model, baseline) for baseline, model in asked), key=lambda pair: pair[::-1])


def pair_key(sources: Sources, model: str, baseline: str) -> str:
    """How the scripts find a pair: the places of baseline and model in the report."""
    return f"{sources.models.index(baseline)}-{sources.models.index(model)}"


@functools.cache  # several panels of several pages show it
def group(sources: Sources, one: str) -> dict[str, Any]:
    """Every class or superclass, as `one` says: accuracy of each model with its interval, verdicts of each pair."""
    number = f"{one}_id"
    table = sources.tables[TABLES[one]]
    long = table.dropna(subset="accuracy").set_index(["model", number])
    size = sources.dataset.classes if one == "class" else len(sources.dataset.coarse_names)
    data: dict[str, Any] = {
        quantity: [
            numbers(long[quantity].loc[model].reindex(range(size)), 4) if model in long.index else [None] * size
            for model in sources.models
        ]
        for quantity in ("accuracy", "low", "high")
    }
    return data | {
        "images": int(table["n_images"].max()) if len(table) else 0,
        "margin": float(sources.config["equivalence_margin"]),
        "pairs": differences(sources, one),
    }


def differences(sources: Sources, one: str) -> dict[str, Any]:
    """By pair: difference, low and high of every class or superclass, and the place of its verdict in VERDICTS.

    The verdicts hold for all classes of a pair together, as in the tables of differences, whose function this uses.
    """
    asked = [{"model": model, "baseline": baseline} for model, baseline in pairs(sources)]
    finished = {
        model: [Run(model, seed, {}, pd.DataFrame(), predicted=row) for seed, row in zip(*predicted, strict=True)]
        for model in sources.models
        for predicted in [sources.predicted(model)]
    }
    config = {"contrasts": asked, "equivalence_margin": sources.config["equivalence_margin"]}
    table = DIFFERENCES[one](config, finished, sources.dataset)
    return {
        pair_key(sources, model, baseline): {
            **{name: numbers(rows[name], 4) for name in ("difference", "low", "high")},
            "verdict": [VERDICTS.index(verdict) for verdict in rows["verdict"]],
        }
        for (model, baseline), rows in table.groupby(["model", "baseline"], sort=False)
    }


def cells(sources: Sources) -> list[list[int]]:
    """Of every model, the cells of its confusion matrix that are not 0, in reading order: how many cells on, and count.

    Summed over its finished seeds. A cell's number is true class · classes + predicted class; the first counts from 0.
    """
    table, classes = sources.tables["confusion"], sources.dataset.classes
    found = []
    for model in sources.models:
        own = table[table["model"] == model].sort_values(["true_id", "predicted_id"])
        steps = np.diff(own["true_id"] * classes + own["predicted_id"], prepend=0)
        found.append(np.column_stack([steps, own["count"]]).astype(int).ravel().tolist())
    return found
