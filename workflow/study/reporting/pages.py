"""The pages of a report: self-contained HTML, for the Snakemake report and for reading on their own."""

from pathlib import Path
from typing import Any

from study.errors import StudyError
from study.reporting.answer import notice
from study.reporting.items import report_items
from study.reporting.landing import landing
from study.reporting.markup import BANNER, pictures_in, png, write_page
from study.reporting.provenance import settings_sentence
from study.reporting.sources import Sources, read_sources

Sections = list[dict[str, Any]]


def write_pages(study: Path, tables: Path, figures: Path, out: Path) -> None:
    """Write every page into folder `out`. Raises StudyError for what is missing or unreadable.

    `figures` is the folder that `draw_figures` filled. landing.html is a fragment without html and body, for the
    landing view of the Snakemake report; index.html is the same content as a page of its own.
    """
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
        "heading": "h2",
    }
    items = report_items(sources.config, "page")
    content = landing(sources, accuracy) | body(sources, [])
    write_page("landing.html.j2", out / "landing.html", **common, **content)
    write_page("index.html.j2", out / "index.html", **common, **content, links=items)
    for item in items:
        write_page("page.html.j2", out / item.file, **common, title=item.title, **body(sources, item.make(sources)))


def body(sources: Sources, sections: Sections) -> dict[str, Any]:
    """What a page embeds: its sections, and every script, picture, file and set of shared data once.

    `sections` are in the order in which the page shows them; each gets an `id` of its own.
    """
    files: set[str] = set()
    shared: dict[str, Any] = {}
    for place, section in enumerate(sections):
        section["id"] = f"{section['kind']}-{place}"
        shared |= section.get("shared", {})
        if section["kind"] == "table":
            section["csv"] = "" if section["csv_name"] in files else section["csv"]
            files.add(section["csv_name"])
    return {
        "sections": sections,
        "scripts": list(dict.fromkeys(name for section in sections for name in section.get("scripts", ()))),
        "shared": shared,
        "pictures": {str(image): png(sources.dataset.images[image]) for image in pictures_in(sections)},
    }
