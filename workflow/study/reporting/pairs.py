"""The classes that each model mixes up most, with test images that it took for the other class."""

from typing import Any

import numpy as np
import pandas as pd

from study.data.dataset import TEST
from study.reporting import text
from study.reporting.confusion import counts, shares
from study.reporting.markup import Column, Picture, table
from study.reporting.sources import Sources

PAIRS, EXAMPLES = 8, 3


def examples(named: np.ndarray, fine: np.ndarray, true: int, predicted: int) -> list[tuple[int, int]]:
    """The images of class `true` most often taken for `predicted`: (place, number of seeds), at most EXAMPLES of them.

    `named` int [seeds, images], `fine` int [images]. Ties: the first.
    """
    times = (named == predicted).sum(axis=0) * (fine == true)
    order = np.argsort(-times, kind="stable")[:EXAMPLES]
    return [(int(place), int(times[place])) for place in order if times[place]]


def confused_pairs(matrix: np.ndarray) -> list[tuple[int, int, float]]:
    """Unordered pairs of classes, the most often mixed up first: (a, b, share of both classes' images), a < b.

    `matrix` int [true class, predicted class]. Pairs never mixed up are left out; ties: the one of the
    lower class numbers first.
    """
    images = matrix.sum(axis=1)
    first, second = np.triu_indices(len(matrix), k=1)
    mixed = matrix[first, second] + matrix[second, first]
    share = mixed / np.maximum(images[first] + images[second], 1)
    order = np.argsort(-share, kind="stable")
    return [(int(first[pair]), int(second[pair]), float(share[pair])) for pair in order if mixed[pair]]


def pairs_page(sources: Sources) -> list[dict[str, Any]]:
    """The most confused pairs of every model, whichever way round, with pictures."""
    rows = [row for model in sources.models for row in _rows(sources, model)]
    columns = [
        Column("model", "Model", choose=True),
        Column("pair", "Classes A / B", None, "where"),
        Column("share", "A → B or B → A (%)", text.percent),
        Column("first", "A → B (%)", text.percent),
        Column("first images", "Labelled A, taken for B", pictures=True),
        Column("second", "B → A (%)", text.percent),
        Column("second images", "Labelled B, taken for A", pictures=True),
    ]
    frame = pd.DataFrame(rows, columns=[*[column.key for column in columns], "where"])
    note = (
        f"The {PAIRS} most confused pairs of every model: the share of both classes' images that is taken for the "
        "other class, mean over seeds. A → B is the share of class A that is taken for B. The pictures are those that "
        f"most seeds mistake that way, at most {EXAMPLES}, enlarged without smoothing; below them, how many of the "
        "model's seeds do."
    )
    numbers = frame.drop(columns=["first images", "second images"])
    csv = ("pairs.csv", numbers.to_csv(index=False, float_format="%.6f", lineterminator="\n").encode())
    return [table("Most confused pairs", frame, columns, csv, note)]


def _rows(sources: Sources, model: str) -> list[tuple]:
    """The most confused pairs of one model, as the columns of the page have them, and their superclasses."""
    test, matrix = sources.dataset.ids(TEST), counts(sources, model)
    names = [text.words(name) for name in sources.dataset.fine_names]
    one_way = shares(matrix) / 100
    seeds, named = sources.predicted(model)

    def pictures(true: int, predicted: int) -> list[Picture]:
        found = examples(named, sources.dataset.fine[test], true, predicted)
        said = text.counted(len(seeds), "seed")
        return [sources.picture(test[place], f"{times} of {said}") for place, times in found]

    rows = []
    for a, b, share in confused_pairs(matrix)[:PAIRS]:
        groups = [sources.superclass_name(label) for label in (a, b)] if sources.has_superclasses else []
        rows.append((sources.labels[model], f"{names[a]} / {names[b]}", share, one_way[a, b], pictures(a, b),
                     one_way[b, a], pictures(b, a), " and ".join(dict.fromkeys(groups))))  # fmt: skip
    return rows
