"""The report: one self-contained HTML document, read on its own or in the first view of the Snakemake report."""

import gzip
import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from study.analysis.registry import tables_of
from study.config.record import StudyRecord
from study.errors import StudyError
from study.files import atomic_write, write_text
from study.findings.compare import headline
from study.findings.results import read_results
from study.findings.runs import all_runs, notice, settings_sentence
from study.findings.topics import FINDINGS
from study.reporting.items import ALL_TABLES, CARD, DOCUMENT, ENDINGS, Page, Part, report_figures, report_pages
from study.reporting.link_card import draw_card
from study.reporting.markup import BANNER, data_uri, pictures_in, plain_environment, render
from study.reporting.pictures import alone
from study.reporting.story import story
from study.reporting.style import save, settings

Section = dict[str, Any]
EPOCH = (1980, 1, 1, 0, 0, 0)  # of every file in the archive, so that it is the same bytes every time


def write_pages(study: Path, tables: Path, figures: Path, out: Path) -> None:
    """Write the report into folder `out`, and the archive of all tables. Raises StudyError for what is missing.

    `figures` is the folder that `draw_figures` filled.
    """
    results = read_results(study, tables)
    pages = report_pages(results.config)
    drawn = {part.file: part for page in pages for part in page.parts if part.kind == "figure"}
    parts = story(results, lambda name: figure(drawn[name], figures, results.config))
    views = [view("story", "How much does ImageNet pretraining improve test accuracy?", parts, menu="The story")]
    for page in pages:
        finding = FINDINGS[page.finding](results) if page.finding else ""
        made = sections_of(page, results, figures)
        views.append(view(page.name, page.title, made, finding, page.finding or "", page.words))
    runs, two = results.tables["runs"], headline(results)
    said = {
        "notice": " ".join(filter(None, [notice(all_runs(results)), settings_sentence(runs, results.labels)])),
        "pair": "" if two is None else f"{results.labels[two.model]} with {results.labels[two.other]}",
    }
    write_document(out, results, tables, views, **said)


def view(
    anchor: str,
    title: str,
    sections: list[Section],
    finding: str = "",
    topic: str = "",
    words: str = "",
    menu: str = "",
) -> dict[str, Any]:
    """One view of the document: the story, whose sections are its parts, or a page with `finding` below its title.

    `topic` is the finding's name, by which another pair of models has another one. The menu calls the view `menu`.
    """
    return {"anchor": anchor, "title": title, "sections": sections, "finding": finding, "topic": topic, "words": words,
            "menu": menu or title}  # fmt: skip


def write_document(
    out: Path, results: Any, tables: Path, views: list[dict[str, Any]], notice: str = "", pair: str = ""
) -> None:
    """Write report.html of these `views`, the fragment that shows it in the Snakemake report, and the archive.

    `results` have a config, and images where a view shows any. `pair` is the two models of the headline, in words.
    """
    config = results.config
    page = render("report.html.j2", study=config.study, dataset=config.dataset.title, notice=notice, pair=pair,
                  banner=BANNER if config.dataset.synthetic else "", **write_archive(out, tables, config),
                  **body(results, views))  # fmt: skip
    write_text(out / DOCUMENT, page)
    # No more than an attribute in single quotes needs: the page is full of double ones.
    quoted = Markup(page.translate({38: "&amp;", 39: "&#39;", 60: "&lt;"}))
    write_text(out / "landing.html", render("landing.html.j2", study=config.study, page=quoted))


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
        "numbers": f"{part.numbers}.csv",
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


def every(sections: Sequence[Section]) -> Iterator[Section]:
    """Every section with those within it, in the order in which the report shows them."""
    for section in sections:
        yield section
        yield from every(section.get("sections", []))


def body(results: Any, views: list[dict[str, Any]]) -> dict[str, Any]:
    """What the document embeds: its views, and every script, picture, file, panel's data and shared data once.

    Each section gets an `id` of its own. Of what an earlier section has too, a section names that one as `like`; a
    panel or a figure has as `numbers` the first table of its file.
    """
    shared: dict[str, Any] = {}
    first: dict[Any, str] = {}
    flat = [(one["anchor"], section) for one in views for section in every(one["sections"])]
    for place, (anchor, section) in enumerate(flat):
        section["id"] = f"{anchor}-{place}"
        shared |= section.get("shared", {})
        if section["kind"] == "table" and first.setdefault(section["csv_name"], section["id"]) != section["id"]:
            section["csv"] = ""
        if section["kind"] in ("chart", "figure"):
            like = first.setdefault((section["kind"], section["name"], section["title"]), section["id"])
            section["like"] = "" if like == section["id"] else like
    for _, section in flat:
        if "numbers" in section:
            section["numbers"] = first.get(section["numbers"])
    images = pictures_in([section for _, section in flat])
    return {
        "views": views,
        "scripts": list(dict.fromkeys(name for _, section in flat for name in section.get("scripts", ()))),
        "shared": shared,
        "pictures": {str(image): alone(results, image) for image in images},
    }


def draw_figures(study: Path, tables: Path, out: Path) -> None:
    """Draw every figure into folder `out`. Raises StudyError for what is missing or unreadable."""
    results = read_results(study, tables)
    draw_parts(results, out)
    with settings():
        save(draw_card(results), False, out / CARD)


def draw_parts(results: Any, out: Path) -> None:
    """Draw every figure of the registry from `results`, which have a config, into folder `out`."""
    with settings():
        for part in report_figures(results.config):
            paths = [(out / part.file).with_suffix(ending) for ending in ENDINGS]
            save(part.make(results), results.config.dataset.synthetic, *paths)
