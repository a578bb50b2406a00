"""The pages of a report: self-contained HTML, for the Snakemake report and for reading on their own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from study.errors import StudyError
from study.reporting.calibration import calibration_page
from study.reporting.claims import claims_page
from study.reporting.landing import landing
from study.reporting.markup import BANNER, write_page
from study.reporting.mistakes import confusions_page
from study.reporting.provenance import provenance_page
from study.reporting.sources import Sources, read_sources
from study.reporting.tables import (
    classes_page,
    costs_page,
    models_page,
    runs_page,
    superclasses_page,
)

PAGES: dict[str, tuple[str, Callable[[Sources], list[dict[str, Any]]]]] = {
    "models": ("Models", models_page),
    "runs": ("Runs", runs_page),
    "claims": ("Claims", claims_page),
    "classes": ("Classes", classes_page),
    "superclasses": ("Superclasses", superclasses_page),
    "confusions": ("Confusions", confusions_page),
    "calibration": ("Calibration", calibration_page),
    "costs": ("Costs", costs_page),
    "provenance": ("Provenance", provenance_page),
}


def page_names() -> list[str]:
    """The files that `write_pages` writes."""
    return ["landing.html", "index.html", *[f"{name}.html" for name in PAGES]]


def write_pages(study: Path, tables: Path, figures: Path, out: Path) -> None:
    """Write every page of `page_names` into folder `out`. Raises StudyError for what is missing or unreadable.

    `figures` is the folder that `draw_figures` filled. landing.html is a fragment without html and body, for the
    landing view of the Snakemake report; index.html is the same content as a page of its own.
    """
    sources = read_sources(study, tables)
    accuracy = figures / "accuracy.svg"
    if not accuracy.is_file():
        raise StudyError(f"{accuracy} is missing; draw the figures before the pages.")
    common = {
        "banner": BANNER if sources.synthetic else "",
        "study": sources.config["study"],
        "dataset": sources.config["dataset"]["title"],
    }
    content = landing(sources, accuracy)
    write_page("landing.html.j2", out / "landing.html", **common, **content)
    links = [(f"{name}.html", title) for name, (title, _) in PAGES.items()]
    write_page("index.html.j2", out / "index.html", **common, **content, links=links)
    for name, (title, build) in PAGES.items():
        write_page("tables.html.j2", out / f"{name}.html", **common, title=title, tables=build(sources))
