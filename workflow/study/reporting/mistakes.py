"""The page of confusions: the matrix to explore, where the errors lie, and the most frequent mistakes."""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from study.reporting import text
from study.reporting.charts import confusion_chart
from study.reporting.confusion import counts, shares
from study.reporting.markup import Column, table
from study.reporting.sources import Sources

MISTAKES = 30
whole = partial(text.number, digits=0)


def confusions_page(sources: Sources) -> list[dict[str, Any]]:
    """The matrix, errors within and outside the superclass, the most frequent mistakes, of every model."""
    return [confusion_chart(sources), errors_table(sources), mistakes_table(sources)]


def errors_table(sources: Sources) -> dict[str, Any]:
    """How many errors each model makes, and the share of them that stays within the superclass."""
    frame = sources.tables["errors"].copy()
    frame["label"] = frame["model"].map(sources.labels)
    frame["interval"] = [text.spread(low, high) for low, high in zip(frame["low"], frame["high"], strict=True)]
    columns = [
        Column("label", "Model"),
        Column("n_seeds", "Seeds", whole),
        Column("errors", "Errors (% of the images)", text.percent),
        Column("within_superclass", "of which within the superclass (%)", text.percent, "interval"),
        Column("expected_by_chance", "by chance (%)", text.percent),
    ]
    note = (
        "An error stays within the superclass where the predicted class belongs to the true one's. By chance: if every "
        "error fell on any other class alike. Below the share, its 95 % Wilson interval for the errors of one seed."
    )
    return table("Where errors lie", frame, columns, sources.csv("errors"), note)


def confused_pairs(matrix: np.ndarray) -> list[tuple[int, int, float]]:
    """Unordered pairs of classes, the most often mixed up first: (a, b, share of both classes' images), a < b.

    `matrix` int [true class, predicted class]. Pairs never mixed up are left out; of equals, the one of the lower class
    numbers comes first.
    """
    images = matrix.sum(axis=1)
    first, second = np.triu_indices(len(matrix), k=1)
    mixed = matrix[first, second] + matrix[second, first]
    share = mixed / np.maximum(images[first] + images[second], 1)
    order = np.argsort(-share, kind="stable")
    return [(int(first[pair]), int(second[pair]), float(share[pair])) for pair in order if mixed[pair]]


def mistakes_table(sources: Sources) -> dict[str, Any]:
    """The most frequent mistakes of every model: a class, and what it is taken for."""
    names = [text.words(name) for name in sources.dataset.fine_names]
    groups = [text.words(name) for name in sources.dataset.coarse_names]
    rows = []
    for model in sources.models:
        matrix = counts(sources, model)
        share = shares(matrix) / 100
        np.fill_diagonal(matrix, 0)
        order = np.argsort(-matrix, axis=None, kind="stable")[:MISTAKES]
        for true, predicted in zip(*np.unravel_index(order, matrix.shape), strict=True):
            if matrix[true, predicted]:
                same = sources.coarse_of[true] == sources.coarse_of[predicted]
                rows.append((sources.labels[model], names[true], names[predicted], share[true, predicted],
                             float(matrix[true, predicted]), groups[sources.coarse_of[true]],
                             "yes" if same else groups[sources.coarse_of[predicted]]))  # fmt: skip
    titles = ["Model", "True class", "Predicted class", "Share of the true class (%)", "Images", "True superclass",
              "Same superclass, or which"]  # fmt: skip
    frame = pd.DataFrame(rows, columns=titles)
    shows = {"Share of the true class (%)": text.percent, "Images": whole}
    note = f"The {MISTAKES} most frequent of every model; images are counted over its finished seeds."
    columns = [Column(title, title, shows.get(title), choose=title == "Model") for title in titles]
    return table("Most frequent mistakes", frame, columns, sources.csv("confusion"), note)
