"""The pages of a report: self-contained HTML, for the Snakemake report and for reading on their own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from study.errors import StudyError
from study.files import read_json
from study.reporting.agreement import agreement_page
from study.reporting.answer import notice
from study.reporting.calibration import calibration_page
from study.reporting.cards import card_page
from study.reporting.claims import claims_page
from study.reporting.differences import class_differences_page, superclass_differences_page
from study.reporting.hardest import duplicates_page, hardest_page, sensitivity_page
from study.reporting.ladder import ladder_page
from study.reporting.landing import landing
from study.reporting.markup import BANNER, pictures_in, png, write_page
from study.reporting.methods import methods_page
from study.reporting.mistakes import confusions_page
from study.reporting.models import (
    classes_page,
    contrasts_page,
    costs_page,
    models_page,
    runs_page,
    superclasses_page,
)
from study.reporting.pairs import pairs_page
from study.reporting.provenance import provenance_page, settings_sentence
from study.reporting.samples import samples_page
from study.reporting.search import write_search_pages
from study.reporting.sources import Sources, read_sources

Sections = list[dict[str, Any]]
PAGES: dict[str, tuple[str, Callable[[Sources], Sections]]] = {
    "models": ("Models", models_page),
    "contrasts": ("Contrasts", contrasts_page),
    "runs": ("Runs", runs_page),
    "claims": ("Claims", claims_page),
    "sensitivity": ("Sensitivity", sensitivity_page),
    "classes": ("Classes", classes_page),
    "classdifferences": ("Differences by class", class_differences_page),
    "superclasses": ("Superclasses", superclasses_page),
    "superdifferences": ("Differences by superclass", superclass_differences_page),
    "confusions": ("Confusions", confusions_page),
    "pairs": ("Confused pairs", pairs_page),
    "agreement": ("Agreement", agreement_page),
    "calibration": ("Calibration", calibration_page),
    "costs": ("Costs", costs_page),
    "ladder": ("Ladder", ladder_page),
    "samples": ("Samples", samples_page),
    "hardest": ("Hardest images", hardest_page),
    "duplicates": ("Near-duplicates", duplicates_page),
    "provenance": ("Provenance", provenance_page),
    "methods": ("Methods", methods_page),
}


def titles(config: dict[str, Any]) -> dict[str, str]:
    """The pages of the study in config.json and their titles: those above, and a card for every model."""
    pages = {name: title for name, (title, _) in PAGES.items() if name != "ladder" or config["ladder"]}
    cards = {f"card_{model}": f"Model card: {entry['label']}" for model, entry in config["models"].items()}
    return pages | cards


def page_names(config: dict[str, Any]) -> list[str]:
    """The files that `write_pages` writes for the study in config.json."""
    if config.get("search"):
        return ["landing.html", "index.html", "search.html"]
    return ["landing.html", "index.html", *[f"{name}.html" for name in titles(config)]]


def write_pages(study: Path, tables: Path, figures: Path, out: Path) -> None:
    """Write every page of `page_names` into folder `out`. Raises StudyError for what is missing or unreadable.

    `figures` is the folder that `draw_figures` filled. landing.html is a fragment without html and body, for the
    landing view of the Snakemake report; index.html is the same content as a page of its own.
    """
    config = read_json(study / "config.json")
    if config.get("search"):
        write_search_pages(config, study, tables, figures / "search.svg", out)
        return
    sources = read_sources(study, tables)
    runs = sources.tables["runs"]
    accuracy = figures / "accuracy.svg"
    if not accuracy.is_file():
        raise StudyError(f"{accuracy} is missing; draw the figures before the pages.")
    common = {
        "banner": BANNER if sources.synthetic else "",
        "notice": " ".join(filter(None, [notice(runs), settings_sentence(runs, sources.labels)])),
        "study": sources.config["study"],
        "dataset": sources.config["dataset"]["title"],
    }
    content = landing(sources, accuracy)
    write_page("landing.html.j2", out / "landing.html", **common, **content)
    links = [(f"{name}.html", title) for name, title in titles(sources.config).items()]
    write_page("index.html.j2", out / "index.html", **common, **content, links=links)
    for name, title in titles(sources.config).items():
        kind, _, model = name.partition("_")
        sections = card_page(sources, model) if kind == "card" else PAGES[name][1](sources)
        write_page("page.html.j2", out / f"{name}.html", **common, title=title, **_body(sources, sections))


def _body(sources: Sources, sections: Sections) -> dict[str, Any]:
    """What a page embeds: its sections, the scripts of their charts, and every picture and file once."""
    files: set[str] = set()
    for section in sections:
        if section["kind"] == "table":
            section["csv"] = "" if section["csv_name"] in files else section["csv"]
            files.add(section["csv_name"])
    return {
        "sections": sections,
        "charts": sorted({section["name"] for section in sections if section["kind"] == "chart"}),
        "pictures": {str(image): png(sources.dataset.images[image]) for image in pictures_in(sections)},
    }
