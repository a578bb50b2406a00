"""Accuracy of every class, and of every superclass where the data have some, with intervals."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.analysis.differences import BETTER, EQUIVALENT, NOT_TESTED, UNCLEAR, WORSE
from study.analysis.uncertainty import MIN_SEEDS
from study.findings import text
from study.findings.compare import class_differences, headline, shown_pairs
from study.findings.results import Results
from study.reporting.markup import Column, chart, prose, table
from study.reporting.panels import shared
from study.reporting.style import BAND, FAINT, WIDTH, apart, new_figure, percent_axis, say, wrap

NAMED = 5  # classes at either end of a figure
# Colour, shape and fill of a verdict's mark: no verdict is colour alone.
MARKS = {
    BETTER: ("#00735C", "^", "#00735C"),
    WORSE: ("#9C2A6B", "v", "#9C2A6B"),
    EQUIVALENT: ("#444444", "s", "#444444"),
    UNCLEAR: ("#8A8A8A", "o", "white"),
    NOT_TESTED: ("#8A8A8A", "D", "white"),
}


def classes_page(results: Results) -> list[dict[str, Any]]:
    """Every class."""
    return [classes_section(results), bars(results, "classes", "class"), _table(results, "classes", "class")]


def superclasses_page(results: Results) -> list[dict[str, Any]]:
    """Every superclass."""
    return [
        classes_section(results, "superclasses", "superclass"),
        bars(results, "superclasses", "superclass"),
        _table(results, "superclasses", "superclass"),
    ]


def bars(results: Results, many: str, one: str) -> dict[str, Any]:
    """How accurate one model is in every class or superclass, as sorted bars."""
    has_card = one == "class"
    note = "Mean over seeds; the line is the 95 % Wilson interval, and so is what stands small beside the value, in %."
    note += " Choose a class for its card." * has_card
    data = shared(results, one, *["mistakes"] * has_card)
    title, kinds = f"Accuracy of one model by {one}", {"one": one, "many": many}
    return chart("bars", title, kinds, note, data, ["card"] * has_card, many)


def classes_section(results: Results, many: str = "classes", one: str = "class") -> dict[str, Any]:
    """Every class or superclass, from one model to another: which gain, which lose; a class opens its card."""
    frame, has_card = results.tables[many], one == "class"
    note = (
        f"Mean accuracy over seeds on {text.between(frame['n_images'])} test images of each {one}. "
        if len(frame)
        else ""
    )
    note += (
        f"Lines through the marks are 95 % Wilson intervals. Clearly better is what a test of the {one} alone shows, "
        f"adjusted for the number of {many}."
    )
    if has_card and results.tables["class_differences"]["gain_probability"].notna().any():
        note += " The heading counts classes whose sign is sure, judged from all of them together: usually more."
    note += " Choose a class for its card: every model's accuracy, its mistakes and its pictures." * has_card
    data = shared(results, one, *["mistakes"] * has_card)
    title, kinds = f"Every {one}, from one model to the other", {"one": one, "many": many}
    return chart("classes", title, kinds, note, data, ["card"] * has_card, many)


def _table(results: Results, name: str, one: str) -> dict[str, Any]:
    """Classes or superclasses as rows, models as columns, the interval under each accuracy, and the best one's gain."""
    long = results.tables[name]
    keys = [key for key in dict.fromkeys((f"{one}_id", one, "superclass")) if key in long]
    frame = long[keys].drop_duplicates(keys[0]).set_index(keys[0]).sort_index().map(text.words)
    columns = [Column(key, key.capitalize()) for key in keys[1:]]
    for place, model in enumerate(results.models):
        own = long[long["model"] == model].set_index(keys[0])
        frame[f"accuracy {place}"] = own["accuracy"]
        frame[f"interval {place}"] = pd.Series(
            [text.spread(low, high, 0) for low, high in zip(own["low"], own["high"], strict=True)], own.index, dtype=str
        )
        columns.append(Column(f"accuracy {place}", results.labels[model] + " (%)", text.percent, f"interval {place}"))
    frame = frame.fillna({column: "" for column in frame if column.startswith("interval")})
    two = headline(results)
    if two is not None:
        more, less = (frame[f"accuracy {results.models.index(model)}"] for model in (two.model, two.other))
        frame["gain"] = more - less
        columns.append(Column("gain", f"{results.contrast_label(two.model, two.other)} (points)", text.points))
    note = "No run has finished."
    if len(long):
        note = (
            f"Mean over seeds; below it the 95 % Wilson interval for {text.between(long['n_images'])} test images. The "
            "difference has none here."
        )
    return table(f"Accuracy by {one}", frame, columns, results.csv(name), note)


def draw_class_differences(results: Results) -> Figure:
    """Every class by the difference between the headline's two models, largest first, with the extremes named."""
    two = headline(results)
    rows = pd.DataFrame() if two is None else class_differences(results, two).dropna(subset="difference")
    figure = new_figure(WIDTH, 4.6, "Difference by class")
    axis = figure.subplots()
    if rows.empty:
        say(axis, "No difference: it takes finished runs of two models.")
        return figure
    rows = rows.sort_values(["difference", "class"], ascending=[False, True])
    places, margin = np.arange(len(rows)), results.config.equivalence_margin
    axis.axvspan(-100 * margin, 100 * margin, color=BAND, lw=0, zorder=0)
    axis.axvline(0, color=FAINT, lw=0.9, zorder=1)
    for verdict, (colour, shape, fill) in MARKS.items():
        part = rows[own := (rows["verdict"] == verdict).to_numpy()]
        if own.any():
            axis.hlines(places[own], part["low"] * 100, part["high"] * 100, color=colour, lw=0.9, alpha=0.5, zorder=2)
            axis.plot(part["difference"] * 100, places[own], shape, color=colour, mfc=fill, ms=3.6, zorder=3,
                      label=f"{verdict} ({own.sum()})")  # fmt: skip
    axis.set_ylim(len(rows) - 0.2, -0.8)
    axis.set_yticks([])
    axis.spines["left"].set_visible(False)
    _name_extremes(axis, rows)
    percent_axis(axis, f"points; grey: within ±{text.published(margin)}")
    figure.suptitle(wrap(f"By class: {results.contrast_label(two.model, two.other)}", 60, 2), x=0.0, ha="left")
    figure.legend(loc="outside lower left", ncols=3)
    return figure


def _name_extremes(axis: Axes, rows: pd.DataFrame) -> None:
    """Name the first and the last classes at the right, with their differences."""
    ends = np.unique(np.r_[: min(NAMED, len(rows)), max(0, len(rows) - NAMED) : len(rows)])
    heights = apart(ends.tolist(), [len(rows) / 21] * len(ends), 0, len(rows) - 1)
    for place, height in zip(ends, heights, strict=True):
        row = rows.iloc[place]
        said = f"{text.points(row['difference'])}  {wrap(text.words(row['class']), 22, 1)}"
        axis.annotate(said, (1, height), (6, 0), xycoords=axis.get_yaxis_transform(), textcoords="offset points",
                      va="center", fontsize=8.5, annotation_clip=False)  # fmt: skip


def summary(results: Results, name: str, one: str, many: str) -> list[str]:
    """A sentence or two per contrast: how many are better, worse, the same, and how many cannot be told."""
    return [_contrast_in_short(results, name, one, many, *pair) for pair in shown_pairs(results)]


def _contrast_in_short(results: Results, name: str, one: str, many: str, model: str, baseline: str) -> str:
    margin = text.published(results.config.equivalence_margin)
    rows = results.rows(name, model=model, baseline=baseline).dropna(subset="difference")
    start = f"{results.contrast_label(model, baseline)}: "
    if rows.empty:
        return start + "not compared, because one of the two has no finished run."
    if rows["p"].isna().all():
        return start + f"no verdict on any {one}, because that takes at least {MIN_SEEDS} seeds of both models."
    count = {verdict: int((rows["verdict"] == verdict).sum()) for verdict in MARKS}
    counts = f"better in {text.counted(count[BETTER], one, many)}, worse in {count[WORSE]}, unclear in "
    counts += f"{count[UNCLEAR]}."
    same = [text.words(each) for each in rows.loc[rows["verdict"] == EQUIVALENT, one]]
    equivalent = f" Equivalent (within ±{margin} points) in {len(same)}: {', '.join(same)}."
    return start + counts + equivalent * bool(same)


def _differences_note(results: Results, frame: pd.DataFrame, one: str, many: str) -> str:
    """How the verdicts come about, and for how many images."""
    images = f"{text.between(frame['n_images'])} test images per {one}" if len(frame) else "No test images"
    equivalent = (
        "Equivalent: equivalence test (TOST, Bonferroni-corrected) within "
        f"±{text.published(results.config.equivalence_margin)} points. Unclear: neither; this"
    )
    unclear = equivalent if (frame["verdict"] == EQUIVALENT).any() else "Unclear: neither; this"
    return (
        f"In percentage points. Each interval is for one {one} alone; it covers seeds and test images. With fewer than "
        f"{MIN_SEEDS} seeds of either model there is no interval, and nothing is tested. Better / worse: "
        f"Holm-adjusted p < 5 % over all {many} of a contrast, not over the contrasts. {unclear} does not mean equal. "
        f"{images}: the fewer there are, the larger a difference must be for a verdict."
    )


def _differences(results: Results, name: str, one: str, many: str) -> list[dict[str, Any]]:
    frame = results.rows_of_pairs(name, shown_pairs(results))
    frame["contrast"] = [results.contrast_label(*pair) for pair in zip(frame["model"], frame["baseline"], strict=True)]
    keys = [key for key in dict.fromkeys([one, "superclass"]) if key in frame]
    frame[keys] = frame[keys].map(text.words)
    columns = [
        Column("contrast", "Difference", choose=True),
        *[Column(key, key.capitalize()) for key in keys],
        Column("difference", "Points", text.points),
        Column("low", "95 % low", text.points),
        Column("high", "95 % high", text.points),
        Column("p", "p", text.p_value),
        Column("p_holm", "p, Holm", text.p_value),
        Column("verdict", "Verdict"),
    ]
    note = _differences_note(results, frame, one, many)
    return [
        prose("In short", points=summary(results, name, one, many)),
        table(f"Differences by {one}", frame, columns, results.csv(name), note),
    ]


def class_differences_page(results: Results) -> list[dict[str, Any]]:
    """Every contrast by class."""
    return _differences(results, "class_differences", "class", "classes")


def superclass_differences_page(results: Results) -> list[dict[str, Any]]:
    """Every contrast by superclass."""
    return _differences(results, "superclass_differences", "superclass", "superclasses")
