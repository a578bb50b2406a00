"""What the interactive charts draw: plain lists, fit for JSON, of what the tables below them say."""

from typing import Any

import numpy as np
import pandas as pd

from study.reporting import text
from study.reporting.markup import chart
from study.reporting.sources import Sources
from study.reporting.style import colours

COSTS = {
    "train_seconds": "training time of one run (s)",
    "macs": "multiply-accumulates for one image",
    "parameters": "parameters",
    "peak_memory_mb": "peak memory (MB)",
}


def numbers(values: pd.Series | np.ndarray) -> list[float | None]:
    """Numbers with at most six decimals, None where one is missing: JSON knows no NaN."""
    return [None if pd.isna(value) else round(float(value), 6) for value in values]


def groups_chart(sources: Sources, table: str, keys: tuple[str, str]) -> dict[str, Any]:
    """Accuracy by class or superclass; `keys` are the columns of their number and name in `table`."""
    known = sources.tables[table].dropna(subset="accuracy")
    long = known.set_index(["model", keys[0]])
    names = sources.tables[table].drop_duplicates(keys[0]).sort_values(keys[0])
    models = [model for model in sources.models if (known["model"] == model).any()]
    ids = names[keys[0]].tolist()
    data = {"models": _models(sources, models), "groups": [
        {"name": text.words(name), "superclass": text.words(group)}
        for name, group in zip(names[keys[1]], names["superclass"], strict=True)
    ]}  # fmt: skip
    for quantity in ("accuracy", "low", "high"):
        data[quantity] = [numbers(long[quantity].loc[model].reindex(ids)) for model in models]
    note = (
        "Point at a row for its numbers; choose models, order and names above it. The lines are 95 % Wilson intervals "
        f"for {known['n_images'].max() if len(known) else 0} test images each."
    )
    return chart("classes", f"Accuracy by {keys[1]}, to explore", data, note)


def confusion_chart(sources: Sources) -> dict[str, Any]:
    """The confusion matrices of all models, as triples of true class, predicted class and count."""
    table = sources.tables["confusion"]
    models = [model for model in sources.models if (table["model"] == model).any()]
    columns = ["true_id", "predicted_id", "count"]
    data = {
        "models": [sources.labels[model] for model in models],
        "classes": [text.words(name) for name in sources.dataset.fine_names],
        "superclasses": [text.words(name) for name in sources.dataset.coarse_names],
        "coarse": sources.coarse_of.tolist(),
        "order": sources.class_order().tolist(),
        "cells": [table.loc[table["model"] == model, columns].to_numpy(int).ravel().tolist() for model in models],
    }
    note = (
        "Rows are true classes, columns what a model takes their test images for, both ordered by superclass; darker "
        "is more often, with the scale stretched at its low end. Point at a cell for its numbers."
    )
    return chart("confusion", "Confusion matrix, to explore", data, note)


def front_chart(sources: Sources) -> dict[str, Any]:
    """Accuracy over every cost that front.csv has for a model."""
    front = sources.tables["front"].set_index("model").reindex(sources.models)
    models = _models(sources, sources.models)
    for model, accuracy in zip(models, numbers(front["accuracy"]), strict=True):
        model["accuracy"] = accuracy
    costs = [
        {"title": title, "values": numbers(front[key])} for key, title in COSTS.items() if front[key].notna().any()
    ]
    note = (
        "Mean over seeds. A model is on the front if no other one is at least as accurate at no more of this cost. "
        "Differences in accuracy that the seeds could have made are not marked: see the contrasts."
    )
    return chart("front", "Accuracy and cost, to explore", {"models": models, "costs": costs}, note)


def _models(sources: Sources, models: list[str]) -> list[dict[str, Any]]:
    palette = colours(sources.models)
    return [{"label": sources.labels[model], "colour": palette[model]} for model in models]
