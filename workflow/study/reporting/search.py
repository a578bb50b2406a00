"""The report of a search: every trial, what each setting does, and which one was chosen, on validation images only."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.config.record import StudyRecord, read_record
from study.findings import text
from study.findings.results import read_table
from study.paths import StudyPaths
from study.reporting.items import report_pages
from study.reporting.markup import Column, table
from study.reporting.pages import draw_parts, sections_of, view, write_document
from study.reporting.style import FAINT, INK, WARNING, WIDTH, new_figure, percent_axis, say

DOT = "#444444"
UNTESTED = (
    "No trial uses a test image, so nothing here says how well the chosen settings do on test images: for that, add "
    "them as a model to a study with several seeds."
)


def write_search_report(study: Path) -> None:
    """Draw the figure and write the pages of the search in folder `study`. Raises StudyError for what is missing."""
    config = read_record(study / "config.json")
    search = Searched(study, config, read_table(StudyPaths(study).table("search")))
    figures = study / "figures"
    draw_parts(search, figures)
    pages = [(page, sections_of(page, search, figures)) for page in report_pages(config)]
    parts = [
        {"kind": "part", "anchor": f"{page.name}_in_short", "short": page.title, "finding": answer(search), "topic": "",
         "published": False, "about": "", "lead": [UNTESTED], "notes": [],
         "links": [(page.name, f"All about this: {page.title}")],
         "sections": [one for one in made if one["kind"] == "figure"]}
        for page, made in pages
    ]  # fmt: skip
    views = [view("story", "A search on the validation images", parts, menu="In short")]
    views += [view(page.name, page.title, [dict(one) for one in made], words=page.words) for page, made in pages]
    write_document(study / "pages", search, study / "tables", views)


@dataclass(frozen=True)
class Searched:
    """A search: its folder, its config.json, and search.csv as `trials`."""

    study: Path
    config: StudyRecord
    trials: pd.DataFrame


def varied(config: StudyRecord) -> list[str]:
    """The settings that the search varies, those with one value left out."""
    settings = list(config.search["trials"].values())
    return [key for key in settings[0] if len({str(one[key]) for one in settings}) > 1]


def draw_search(search: Searched) -> Figure:
    """A panel per varied setting: validation accuracy of every trial against the setting's values."""
    keys = varied(search.config)
    figure = new_figure(WIDTH, 0.8 + 2.9 * -(-len(keys) // 3), "Search: what each setting does to validation accuracy")
    means = search.trials.drop_duplicates("trial")
    if means["mean_val_accuracy"].isna().all():
        say(figure.subplots(), "No trial finished.")
        return figure
    panels = figure.subplots(-(-len(keys) // 3), min(3, len(keys)), squeeze=False, sharey=True).ravel()
    for panel, key in zip(panels, keys, strict=False):
        _panel(panel, means, key)
    for panel in panels[len(keys) :]:
        panel.set_visible(False)
    percent_axis(panels[0], "validation accuracy (%)", "y")
    panels[0].grid(axis="y")
    return figure


def _panel(axis: Axes, means: pd.DataFrame, key: str) -> None:
    values = list(dict.fromkeys(means[key]))  # in the order of the config
    places = means[key].map(values.index)
    accuracy = 100 * means["mean_val_accuracy"]
    axis.plot(places, accuracy, "o", ms=5, color=DOT, alpha=0.6, mec="none")
    by_value = accuracy.groupby(places).mean()
    axis.plot(by_value.index, by_value, color=FAINT, lw=1.2, marker="_", ms=14, zorder=1)
    chosen = means["chosen"] == 1
    axis.plot(places[chosen], accuracy[chosen], "o", ms=11, mfc="none", mec=WARNING, mew=1.6)
    axis.set_xticks(range(len(values)), [str(value) for value in values])
    axis.set_xlim(-0.5, len(values) - 0.5)
    axis.set_xlabel(text.words(key.partition(".")[2]), color=INK)
    axis.grid(axis="y")


def answer(found: Searched) -> str:
    """What the search found, in a sentence or two."""
    trials, search = found.trials, found.config.search
    label = search["model"]
    number, seeds = trials["trial"].nunique(), trials["seed"].nunique()
    counted = f"{text.counted(number, 'trial')} of {label}, {text.counted(seeds, 'seed')} each"
    lost = [
        f" {text.counted(count, 'run')} {verb}."
        for outcome, verb in (("diverged", "diverged"), ("missing", "missing"))
        if (count := int((trials["outcome"] == outcome).sum()))
    ]
    chosen = trials[trials["chosen"] == 1]
    if chosen.empty:
        return f"Of {counted}, none finished with every seed."
    settings = search["trials"][chosen["trial"].iloc[0]]
    keys = varied(found.config)
    said = ", ".join(f"{text.words(key.partition('.')[2])} {text.setting(settings[key])}" for key in keys)
    return (
        f"Of {counted}, {chosen['trial'].iloc[0]} does best on the validation images: "
        f"{text.percent(chosen['mean_val_accuracy'].iloc[0])} % with {said}. The test images were not looked at."
        + "".join(lost)
    )


def search_page(search: Searched) -> list[dict[str, Any]]:
    """Every trial and seed."""
    frame = search.trials.sort_values("mean_val_accuracy", ascending=False, kind="stable").copy()
    keys = list(search.config.search["trials"]["t001"])
    frame[keys] = frame[keys].astype(str)
    frame["is_chosen"] = frame["chosen"].map({1: "chosen", 0: ""})
    columns = [
        Column("trial", "Trial", below="is_chosen"),
        *[Column(key, text.words(key.partition(".")[2])) for key in keys],
        Column("seed", "Seed", text.whole),
        Column("outcome", "Outcome"),
        Column("chosen_epoch", "Chosen epoch", text.whole),
        Column("val_accuracy", "Validation accuracy (%)", partial(text.percent, digits=2)),
        Column("val_nll", "Validation loss", text.number),
    ]
    csv = ("search.csv", StudyPaths(search.study).table("search").read_bytes())
    note = "One row per trial and seed, the best mean first. The test images were not looked at."
    return [table("Trials", frame, columns, csv, note)]
