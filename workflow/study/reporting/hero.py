"""The top of the story: the answer and its two models, every run on one axis, its limits, and the images."""

import math
from typing import Any, NamedTuple

import numpy as np

from study.data.dataset import TEST, TRAIN
from study.findings import text, worth
from study.findings.compare import Compared, headline
from study.findings.headline import answer
from study.findings.limits import in_short
from study.findings.results import Results
from study.findings.runs import about_images, original_report, training, training_compute
from study.reporting.markup import Picture
from study.reporting.panels import said, study
from study.reporting.style import hue_name

PICTURES = 4  # each way round
STRIP = 20  # images that show what the data are
FEW = 1000  # images: published accuracies on no more than these stand in the table of the literature alone


class Scale(NamedTuple):
    """An axis from `low` to `high` in percent, with its `ticks`."""

    low: float
    high: float
    ticks: list[float]

    def place(self, percent: float) -> float:
        """Where a value lies, in percent of the axis."""
        return round(100 * (percent - self.low) / (self.high - self.low), 2)


def scale(values: list[float]) -> Scale:
    """An axis for `values` in percent: from 0 to 100, or where all are high, from tick to tick with at most seven."""
    low, high = min(values), max(values)
    if low < 60:
        return Scale(0, 100, [0, 25, 50, 75, 100])
    for step in (0.5, 1, 2, 5, 10):
        first, last = math.floor(low / step - 0.1) * step, min(math.ceil(high / step + 0.1) * step, 100)
        if (last - first) / step <= 6:
            break
    return Scale(first, last, [first + step * number for number in range(int((last - first) / step + 1e-9) + 1)])


def hero(results: Results) -> dict[str, Any]:
    """The section on top of the story."""
    test, names = results.dataset.ids(TEST), results.dataset.fine_names
    # One image of every n-th class in the order of the superclasses: the first in the data, so that nobody chose it.
    order = results.class_order()
    shown = [int(test[results.dataset.fine[test] == label][0]) for label in spread(order, STRIP)]
    labels = [text.words(names[results.dataset.fine[image]]) for image in shown]
    return {
        "kind": "hero",
        "answer": answer(results),
        "worth": [f"{say(results)}." for say, is_studied in (
            (worth.labels, results.config.labels), (worth.compute, results.config.curves),
        ) if is_studied],
        "dots": dots(results),
        "measured": results.measured,
        "strip": [about_images(results), *original_report(results)],
        "labelled": f"{len(results.dataset.ids(TRAIN)):,}",
        "groups": [{"pictures": [Picture(*one) for one in zip(shown, labels, labels, strict=True)]}],
        "limits": in_short(results),
        "scripts": ["hero"],
        "shared": {"study": study(results), "said": said(results)},
    }  # fmt: skip


def dots(results: Results) -> dict[str, Any]:
    """Every finished run as a dot on one axis, a row per model, the most accurate first; published numbers apart.

    `compared` are the places of the headline's two models in the study.
    """
    runs, models = results.rows("runs", outcome="finished"), results.rows("models", metric=results.measure)
    if runs.empty:
        return {"rows": [], "literature": [], "ticks": [], "compared": []}
    published = [one for one in results.literature if not one["training_images"] or one["training_images"] > FEW]
    axis = scale([100 * value for value in (*runs[results.measure], *(one["accuracy"] for one in published))])
    two = headline(results)
    rows, compute = [], training_compute(results)
    for row in models[models["n_seeds"] > 0].sort_values("mean", ascending=False, kind="stable").to_dict("records"):
        seeds = 100 * runs.loc[runs["model"] == row["model"], results.measure]
        entry, own = results.config.models[row["model"]], compute[row["model"]]
        rows.append({
            "model": row["model"], "number": results.models.index(row["model"]), "label": entry.label,
            "dots": [axis.place(value) for value in seeds],
            "mean": axis.place(100 * row["mean"]), "value": text.percent(row["mean"]),
            "starts": hue_name(results, row["model"]),
            "seeds": text.counted(len(seeds), "seed"), "how": training(results, row["model"]),
            "compute": "" if np.isnan(own) else text.number(own, int(own < 20)),
            "said": f"{text.percent(row['mean'])} %, seeds {', '.join(text.number(value, 1) for value in seeds)}",
        })  # fmt: skip
    literature = [
        {"label": entry["label"], "at": axis.place(100 * entry["accuracy"]), "value": text.published(entry["accuracy"])}
        for entry in published
    ]
    ticks = [{"at": axis.place(tick), "text": f"{tick:g}"} for tick in axis.ticks]
    # A study of budgets answers by its curves, not by two rows.
    is_of_curves = two is None or len(worth.at_budgets(results)) > 0
    compared = [] if is_of_curves else [results.models.index(two.model), results.models.index(two.other)]
    return {"rows": rows, "literature": literature, "ticks": ticks, "compared": compared}


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
