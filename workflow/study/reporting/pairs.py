"""The classes that each model mixes up most, with test images that it took for the other class."""

from typing import Any

import numpy as np
import pandas as pd

from study.data.dataset import TEST
from study.reporting import text
from study.reporting.confusion import counts, shares
from study.reporting.hardest import picture
from study.reporting.markup import Column, Picture, table
from study.reporting.mistakes import confused_pairs
from study.reporting.sources import Sources

PAIRS, EXAMPLES = 8, 3


def examples(named: np.ndarray, fine: np.ndarray, true: int, predicted: int) -> list[tuple[int, int]]:
    """The images of class `true` most often taken for `predicted`: (place, number of seeds), at most EXAMPLES of them.

    `named` int [seeds, images], `fine` int [images]. Of equals, the first comes first.
    """
    times = (named == predicted).sum(axis=0) * (fine == true)
    order = np.argsort(-times, kind="stable")[:EXAMPLES]
    return [(int(place), int(times[place])) for place in order if times[place]]


def pairs_page(sources: Sources) -> list[dict[str, Any]]:
    """The most confused pairs of every model, whichever way round, with pictures."""
    test = sources.dataset.ids(TEST)
    names = [text.words(name) for name in sources.dataset.fine_names]
    groups = [text.words(name) for name in sources.dataset.coarse_names]

    def pictures(seeds: int, named: np.ndarray, true: int, predicted: int) -> list[Picture]:
        found = examples(named, sources.dataset.fine[test], true, predicted)
        return [picture(sources, test[place], f"{times} of {text.counted(seeds, 'seed')}") for place, times in found]

    rows = []
    for model in sources.models:
        matrix = counts(sources, model)
        one_way = shares(matrix) / 100
        seeds, named = sources.predicted(model)
        for a, b, share in confused_pairs(matrix)[:PAIRS]:
            where = dict.fromkeys(groups[sources.coarse_of[label]] for label in (a, b))
            rows.append((sources.labels[model], f"{names[a]} / {names[b]}", share, one_way[a, b],
                         pictures(len(seeds), named, a, b), one_way[b, a], pictures(len(seeds), named, b, a),
                         " and ".join(where)))  # fmt: skip
    columns = [
        Column("model", "Model", choose=True),
        Column("pair", "First / second class", None, "where"),
        Column("share", "Taken for each other (%)", text.percent),
        Column("first", "first for second (%)", text.percent),
        Column("first images", "Labelled as the first, taken for the second", pictures=True),
        Column("second", "second for first (%)", text.percent),
        Column("second images", "Labelled as the second, taken for the first", pictures=True),
    ]
    frame = pd.DataFrame(rows, columns=[*[column.key for column in columns], "where"])
    note = (
        f"The {PAIRS} most confused pairs of every model: the share of both classes' images that is taken for the "
        "other class, mean over seeds, and the share of each. The pictures are those that most seeds mistake that way, "
        "at most three, enlarged without smoothing; below them, how many of the model's seeds do."
    )
    numbers = frame.drop(columns=["first images", "second images"])
    csv = ("pairs.csv", numbers.to_csv(index=False, float_format="%.6f", lineterminator="\n").encode())
    return [table("Most confused pairs", frame, columns, csv, note)]
