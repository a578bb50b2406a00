"""The top of the story: the gain in large type, every seed as a dot, and images that only one model gets right."""

import math
from typing import Any, NamedTuple

import numpy as np

from study.data.dataset import TEST
from study.findings import text
from study.findings.compare import Compared
from study.findings.results import Results
from study.reporting.markup import Picture
from study.reporting.style import colours

PICTURES = 4  # each way round


class Scale(NamedTuple):
    """An axis from `low` to `high` in percent, with its `ticks`."""

    low: float
    high: float
    ticks: list[float]

    def place(self, percent: float) -> float:
        """Where a value lies, in percent of the axis."""
        return round(100 * (percent - self.low) / (self.high - self.low), 2)


def scale(values: list[float]) -> Scale:
    """An axis for `values` in percent, from tick to tick, with at most seven of them."""
    low, high = min(values), max(values)
    for step in (0.5, 1, 2, 5, 10, 20):
        first, last = math.floor(low / step - 0.1) * step, math.ceil(high / step + 0.1) * step
        if (last - first) / step <= 6:
            break
    first, last = max(first, 0), min(last, 100)
    return Scale(first, last, [first + step * number for number in range(int((last - first) / step + 1e-9) + 1)])


def dots(results: Results) -> dict[str, Any]:
    """Every finished run as a dot on one axis, a row per model, and published numbers in rows of their own."""
    runs, models = results.rows("runs", outcome="finished"), results.rows("models", metric=results.measure)
    values = [
        100 * value for value in (*runs[results.measure], *models["ci_low"].dropna(), *models["ci_high"].dropna())
    ]
    values += [100 * entry["accuracy"] for entry in results.literature]
    if runs.empty:
        return {"rows": [], "literature": [], "ticks": []}
    axis, palette, rows = scale(values), colours(results), []
    for row in models[models["n_seeds"] > 0].to_dict("records"):
        seeds = 100 * runs.loc[runs["model"] == row["model"], results.measure]
        interval = [axis.place(100 * row[end]) for end in ("ci_low", "ci_high")] if not np.isnan(row["ci_low"]) else []
        rows.append({
            "model": row["model"], "label": results.labels[row["model"]], "colour": palette[row["model"]],
            "dots": [axis.place(value) for value in seeds], "mean": axis.place(100 * row["mean"]), "interval": interval,
            "value": text.percent(row["mean"]), "seeds": text.counted(len(seeds), "seed"),
            "said": f"{text.percent(row['mean'])} %, seeds {', '.join(text.number(value, 1) for value in seeds)}",
        })  # fmt: skip
    literature = [
        {"label": entry["label"], "at": axis.place(100 * entry["accuracy"]), "value": text.published(entry["accuracy"])}
        for entry in results.literature
    ]
    ticks = [{"at": axis.place(tick), "text": f"{tick:g}"} for tick in axis.ticks]
    return {"rows": rows, "literature": literature, "ticks": ticks}


def only_one_right(results: Results, two: Compared | None) -> dict[str, Any] | None:
    """The section of images that every run of one model gets right and every run of the other wrong, both ways round.

    Of each kind up to `PICTURES` images are shown, evenly spaced among all of it, so that nobody chose them. None where
    the study has no two models to compare.
    """
    if two is None:
        return None
    test = results.dataset.ids(TEST)
    named = {model: results.predicted(model)[1] for model in (two.model, two.other)}
    right = {model: answers == results.dataset.fine[test] for model, answers in named.items()}
    groups = []
    for one, other in ((two.model, two.other), (two.other, two.model)):
        found = np.flatnonzero(right[one].all(axis=0) & ~right[other].any(axis=0))
        count = text.counted(len(found), "test image")
        rule = f"every run of {results.names[one]} is right, every run of {results.names[other]} wrong"
        pictures = [_picture(results, test, named[other], int(place), other) for place in spread(found)]
        title = f"Only {results.names[one]} gets these right"
        groups.append({"title": title, "count": f"{count}: {rule}", "pictures": pictures})
    return {"kind": "only", "title": "Images that only one of the two gets right", "groups": groups}


def spread(found: np.ndarray, count: int = PICTURES) -> np.ndarray:
    """At most `count` of `found`, evenly spaced."""
    if len(found) <= count:
        return found
    return found[np.linspace(0, len(found) - 1, count).round().astype(int)]


def _picture(results: Results, test: np.ndarray, named: np.ndarray, place: int, other: str) -> Picture:
    names = results.dataset.fine_names
    image = test[place]
    said = text.words(names[int(np.bincount(named[:, place]).argmax())])
    true = text.words(names[results.dataset.fine[image]])
    return Picture(
        int(image), f"Test image of class {true}; {results.labels[other]} names {said}", f"{true}, not {said}"
    )
