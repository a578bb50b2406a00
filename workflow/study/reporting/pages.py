"""The pages of a report: self-contained HTML, for the Snakemake report and for reading on their own."""

import gzip
import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from markupsafe import Markup

from study.analysis.registry import tables_of
from study.config.record import StudyRecord
from study.errors import StudyError
from study.files import atomic_write
from study.findings.results import read_results
from study.findings.runs import all_runs, notice, settings_sentence
from study.findings.topics import FINDINGS
from study.reporting.items import ALL_TABLES, CARD, ENDINGS, STORY, Page, Part, report_figures, report_pages
from study.reporting.link_card import draw_card
from study.reporting.markup import (
    BANNER,
    TEMPLATES,
    data_uri,
    pictures_in,
    plain_environment,
    render,
    write_page,
)
from study.reporting.pictures import alone
from study.reporting.story import story
from study.reporting.style import save, settings

Section = dict[str, Any]
EPOCH = (1980, 1, 1, 0, 0, 0)  # of every file in the archive, so that it is the same bytes every time


def write_pages(study: Path, tables: Path, figures: Path, out: Path) -> None:
    """Write every page into folder `out`, and the archive of all tables. Raises StudyError for what is missing.

    `figures` is the folder that `draw_figures` filled. index.html is the story as a page of its own; landing.html is
    the fragment that shows it in a frame of the Snakemake report's first view.
    """
    results = read_results(study, tables)
    runs = results.tables["runs"]
    pages = report_pages(results.config)
    drawn = {part.file: part for page in pages for part in page.parts if part.kind == "figure"}
    common = {
        "banner": BANNER if results.synthetic else "",
        "notice": " ".join(filter(None, [notice(all_runs(results)), settings_sentence(runs, results.labels)])),
        "study": results.config.study,
        "dataset": results.config.dataset.title,
    }
    archive = write_archive(out, tables, results.config)
    parts = story(results, lambda name: figure(drawn[name], figures, results.config))
    content = {"title": "How much does ImageNet pretraining improve test accuracy?", "heading": "h3", "pages": pages}
    write_story(common | content | archive | body(results, parts), out)
    for page in pages:
        finding = FINDINGS[page.finding](results) if page.finding else ""
        write_page("page.html.j2", out / page.file, **common, title=page.title, finding=finding, heading="h2",
                   **body(results, sections_of(page, results, figures)))  # fmt: skip


def write_story(content: dict[str, Any], out: Path) -> None:
    """Write the story as a page, and as the fragment that the Snakemake report includes."""
    write_page("index.html.j2", out / STORY, **content)
    host = (TEMPLATES / "host.js").read_text(encoding="utf-8")
    # No more than an attribute in single quotes needs: the page is full of double ones.
    page = Markup(render("index.html.j2", **content).translate({38: "&amp;", 39: "&#39;", 60: "&lt;"}))
    write_page("landing.html.j2", out / "landing.html", study=content["study"], page=page, host=host)


def sections_of(page: Page, results: Any, figures: Path) -> list[Section]:
    """What the parts of a page make: a group per model where the page has `each`."""
    if not page.each:
        return [section for part in page.parts for section in _made(part, results, figures)]
    groups: dict[str, list[Section]] = {}
    for part in page.parts:
        groups.setdefault(part.model, []).extend(_made(part, results, figures))
    return [
        {"kind": "group", "anchor": f"model-{model}", "title": results.labels[model], "sections": sections}
        for model, sections in groups.items()
    ]


def _made(part: Part, results: Any, figures: Path) -> list[Section]:
    if part.kind == "section":
        return part.make(results)
    made = figure(part, figures, results.config)
    return [made | {"title": f"{part.title}: {results.labels[part.model]}" if part.model else part.title}]


def figure(part: Part, figures: Path, record: StudyRecord) -> Section:
    """The section that shows a figure with its caption. Raises StudyError where it is not drawn."""
    path = figures / part.file
    try:
        svg = path.read_bytes()
    except FileNotFoundError:
        raise StudyError(f"{path} is missing; draw the figures before the pages.") from None
    first, _, more = caption(part, record).partition(". ")
    found = re.search(rb'<svg[^>]* viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    return {
        "kind": "figure",
        "title": part.title,
        "packed": data_uri(gzip.compress(svg, mtime=0), "application/gzip"),  # an eighth of its size
        "name": part.file,
        "pixels": [round(float(points) * 96 / 72) for points in found.groups()],
        "caption": first + "." * bool(more),
        "more": more,
        "folded": part.folded,
    }


def caption(part: Part, record: StudyRecord) -> str:
    """A figure's caption, which says nothing of what the study whose config.json holds `record` does not have."""
    has = {"superclasses": record.dataset.superclasses, "literature": record.literature}
    return " ".join(plain_environment().from_string(part.caption).render(**has).split())


def write_archive(out: Path, tables: Path, record: StudyRecord) -> dict[str, str]:
    """Write the archive of all tables into folder `out`; its name and its content as a link has them."""
    content = packed(tables, tables_of(record))
    with atomic_write(out / ALL_TABLES) as temporary:
        temporary.write_bytes(content)
    return {"archive": data_uri(content, "application/zip"), "archive_name": ALL_TABLES}


def packed(tables: Path, names: list[str]) -> bytes:
    """Every table as a CSV file in one archive, the same bytes for the same tables."""
    stored = io.BytesIO()
    with zipfile.ZipFile(stored, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(f"{name}.csv", EPOCH), (tables / f"{name}.csv").read_bytes(),
                             zipfile.ZIP_DEFLATED)  # fmt: skip
    return stored.getvalue()


def every(sections: list[Section]) -> Iterator[Section]:
    """Every section with those within it, in the order in which a page shows them."""
    for section in sections:
        yield section
        yield from every(section.get("sections", []))
        yield from every(section["folded"] if section["kind"] == "part" else [])


def body(results: Any, sections: list[Section]) -> dict[str, Any]:
    """What a page embeds: its sections, and every script, picture, file and set of shared data once.

    `sections` are in the order in which the page shows them; each gets an `id` of its own, and of a part of the story
    `csv` is the first of its tables.
    """
    files: set[str] = set()
    shared: dict[str, Any] = {}
    flat = list(every(sections))
    for place, section in enumerate(flat):
        section["id"] = f"{section['kind']}-{place}"
        shared |= section.get("shared", {})
        if section["kind"] == "table":
            section["csv"] = "" if section["csv_name"] in files else section["csv"]
            files.add(section["csv_name"])
    images = pictures_in(flat)
    return {
        "sections": sections,
        "scripts": list(dict.fromkeys(name for section in flat for name in section.get("scripts", ()))),
        "shared": shared,
        "pictures": {str(image): alone(results, image) for image in images} if images else {},
    }


def draw_figures(study: Path, tables: Path, out: Path) -> None:
    """Draw every figure into folder `out`. Raises StudyError for what is missing or unreadable."""
    results = read_results(study, tables)
    with settings():
        for item in report_figures(results.config):
            save(item.make(results), results.synthetic, *[(out / item.file).with_suffix(one) for one in ENDINGS])
        save(draw_card(results), False, out / CARD)
