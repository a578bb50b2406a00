"""Where one model is better than another: differences by class and superclass, with verdicts for all at once."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from study.reporting import text
from study.reporting.markup import Column, prose, table
from study.reporting.sources import Sources
from study.reporting.style import FAINT, GRID, new_figure, percent_axis, say, wrap

# The verdict in colour, shape and fill: any one of them tells it.
VERDICTS = {
    "better": ("#0072B2", "o", "#0072B2"),
    "worse": ("#D55E00", "v", "#D55E00"),
    "equivalent": ("#009E73", "s", "#009E73"),
    "unclear": ("#8A8A8A", "o", "white"),
    "not tested": ("#8A8A8A", "D", "white"),
}


def baselines_of(config: dict[str, Any], model: str) -> list[str]:
    """What `model` is compared with in config.json."""
    return [one["baseline"] for one in config["contrasts"] if one["model"] == model]


def draw_differences(sources: Sources, model: str) -> Figure:
    """Every class of every contrast of `model`, sorted by difference, in two columns; the margin as a band."""
    baselines = baselines_of(sources.config, model)
    figure = new_figure(11, 9.6 * len(baselines), "")
    parts = np.atleast_1d(figure.subfigures(len(baselines), 1))
    for part, baseline in zip(parts, baselines, strict=True):
        part.suptitle(wrap(f"Difference by class: {sources.minus(model, baseline)}", 110), x=0.0, ha="left")
        rows = sources.rows("class_differences", model=model, baseline=baseline).dropna(subset="difference")
        if rows.empty:
            say(part.subplots(), "No difference: one of the two models has no finished run.")
            continue
        _forest(part, rows.sort_values(["difference", "class"], ascending=[False, True]), _margin(sources))
    return figure


def _margin(sources: Sources) -> float:
    return float(sources.config["equivalence_margin"])


def _forest(figure: Figure, rows: pd.DataFrame, margin: float) -> None:
    halves = np.array_split(np.arange(len(rows)), 2)
    low, high = rows["low"].fillna(rows["difference"]).min(), rows["high"].fillna(rows["difference"]).max()
    for axis, half in zip(figure.subplots(1, 2, sharex=True), halves, strict=True):
        _column(axis, rows.iloc[half], margin)
        axis.set_ylim(len(halves[0]) - 0.4, -0.6)
        axis.set_xlim(100 * min(low, -margin) - 2, 100 * max(high, margin) + 2)
    handles = [
        Line2D([], [], color=colour, marker=shape, mfc=fill, ms=5, lw=1, label=f"{verdict} ({count})")
        for verdict, (colour, shape, fill) in VERDICTS.items()
        if (count := int((rows["verdict"] == verdict).sum()))
    ]
    handles.append(Patch(color="#EFEFEF", label=f"margin of ±{text.published(margin)} points"))
    figure.legend(handles=handles, loc="outside lower left", ncols=5)


def _column(axis: Axes, rows: pd.DataFrame, margin: float) -> None:
    places = np.arange(len(rows), dtype=float)
    axis.axvspan(-100 * margin, 100 * margin, color="#EFEFEF", lw=0, zorder=0)
    axis.axvline(0, color=FAINT, lw=0.9, zorder=1)
    axis.hlines(places, -100, 100, color=GRID, lw=0.4, zorder=0)
    for verdict, (colour, shape, fill) in VERDICTS.items():
        chosen = (rows["verdict"] == verdict).to_numpy()
        part = rows[chosen]
        axis.hlines(places[chosen], part["low"] * 100, part["high"] * 100, color=colour, lw=1.1, zorder=2)
        axis.plot(part["difference"] * 100, places[chosen], shape, color=colour, mfc=fill, ms=4.2, zorder=3)
    axis.set_yticks(places, [wrap(text.words(name), 22, 1) for name in rows["class"]], fontsize=8)
    axis.tick_params(axis="y", length=0)
    axis.spines["left"].set_visible(False)
    percent_axis(axis, "difference in test accuracy (percentage points)")


def summary(sources: Sources, name: str, one: str, many: str) -> list[str]:
    """A sentence or two per contrast: how many are better, worse, the same, and how many cannot be told."""
    said = []
    margin = text.published(_margin(sources))
    for model, baseline in sources.contrasts:
        rows = sources.rows(name, model=model, baseline=baseline).dropna(subset="difference")
        start = f"{sources.minus(model, baseline)}: "
        if rows.empty:
            said.append(start + "not compared, for one of the two has no finished run.")
            continue
        count = {verdict: int((rows["verdict"] == verdict).sum()) for verdict in VERDICTS}
        counts = f"better in {text.counted(count['better'], one, many)}, worse in {count['worse']}, unclear in "
        counts += f"{count['unclear']}. "
        if rows["p"].isna().all():
            said.append(start + f"no verdict on any {one}, for that takes at least 3 seeds of both models.")
            continue
        same = [text.words(each) for each in rows.loc[rows["verdict"] == "equivalent", one]]
        if same:
            end = f"Surely within ±{margin} points, and neither of these, in {len(same)}: {', '.join(same)}."
        else:
            end = f"For no other {one} is the difference surely within ±{margin} points."
        said.append(start + counts + end)
    return said


def _page(sources: Sources, name: str, one: str, many: str) -> list[dict[str, Any]]:
    frame = sources.tables[name].copy()
    frame["contrast"] = [sources.minus(*pair) for pair in zip(frame["model"], frame["baseline"], strict=True)]
    keys = list(dict.fromkeys([one, "superclass"]))
    frame[keys] = frame[keys].map(text.words)
    points = text.points
    columns = [
        Column("contrast", "Difference", choose=True),
        *[Column(key, key.capitalize()) for key in keys],
        Column("difference", "Points", points),
        Column("low", "95 % low", points),
        Column("high", "95 % high", points),
        Column("p", "p", text.p_value),
        Column("p_holm", "p, Holm", text.p_value),
        Column("verdict", "Verdict"),
    ]
    margin = text.published(_margin(sources))
    note = (
        f"In percentage points; each interval is that of one {one} by itself, over seeds and images, or the images "
        f"only with fewer than 3 seeds of either model. The verdicts hold for all {many} of a contrast together: "
        "better and worse where p, adjusted by Holm's method, is below 5 %; equivalent where it is neither and two "
        f"one-sided tests, at 5 % over their number, put it within ±{margin} points; else unclear, which is no sign "
        "of equality. With fewer than 3 seeds of either model nothing is tested. With 100 images and a margin of 5 "
        "points only a class on which the models hardly ever disagree can be called equivalent."
    )
    title = f"Differences by {one}"
    return [
        prose("In short", points=summary(sources, name, one, many)),
        table(title, frame, columns, sources.csv(name), note),
    ]


def class_differences_page(sources: Sources) -> list[dict[str, Any]]:
    """Every contrast by class."""
    return _page(sources, "class_differences", "class", "classes")


def superclass_differences_page(sources: Sources) -> list[dict[str, Any]]:
    """Every contrast by superclass."""
    return _page(sources, "superclass_differences", "superclass", "superclasses")
