"""The registry of the report's pages, report/items.yaml, as the study in config.json has them.

The Snakefile learns here which files there are, so this module imports neither matplotlib, pandas nor scipy.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from study.analysis.registry import tables_of
from study.config.record import StudyRecord

REPORT = Path(__file__).parents[3] / "report"
REGISTRY = REPORT / "items.yaml"
FUNCTIONS = {"figure": "draw_{}", "section": "{}_page"}
ENDINGS, CARD = (".svg", ".pdf"), "card.png"
DOCUMENT, ALL_TABLES = "report.html", "all_tables_csv.zip"


@dataclass(frozen=True)
class Part:
    """A figure or a run of sections of a page, `kind`; `model` is None where it is of the whole study.

    A figure that is `folded` opens by a click; `numbers` is the table that has what it shows.
    """

    kind: str
    name: str
    module: str
    title: str
    model: str | None
    folded: bool
    numbers: str

    @property
    def file(self) -> str:
        """A figure's file name in the folder of figures."""
        return f"{self.name}_{self.model}.svg" if self.model else f"{self.name}.svg"

    @property
    def caption(self) -> str:
        """A figure's caption, a template of plain text."""
        return (REPORT / "captions" / f"figure_{self.name}.rst").read_text(encoding="utf-8")

    @property
    def function(self) -> Callable[..., Any]:
        """What makes it from the results, and from the model where it is of one. Imports its module."""
        module = importlib.import_module(f"study.reporting.{self.module}")
        return getattr(module, FUNCTIONS[self.kind].format(self.name))

    def make(self, results: Any) -> Any:
        """The matplotlib figure, or the list of sections."""
        return self.function(results) if self.model is None else self.function(results, self.model)


@dataclass(frozen=True)
class Page:
    """A page of the report: its name, which is its address there, its title, what stands on top of it, and its parts.

    `words` are what else readers call it. With `each` the parts are grouped by their model.
    """

    name: str
    title: str
    words: str
    finding: str | None
    each: bool
    parts: tuple[Part, ...]


def report_pages(record: StudyRecord, registry: Path = REGISTRY) -> list[Page]:
    """The pages of the study whose config.json holds `record`, in the order of the menu."""
    pages: list[Page] = []
    for entry in yaml.safe_load(registry.read_text(encoding="utf-8")):
        parts = tuple(part for given in entry["parts"] for part in _parts(given, entry, record))
        if parts:
            named = entry["page"], entry["title"], entry.get("words", "")
            pages.append(Page(*named, entry.get("finding"), "each" in entry, parts))
    return pages


def report_figures(record: StudyRecord) -> list[Part]:
    """The figures of the study whose config.json holds `record`."""
    return [part for page in report_pages(record) for part in page.parts if part.kind == "figure"]


def figure_files(record: StudyRecord) -> list[str]:
    """The files of all figures, each as SVG for the report and as PDF for print, and of the card that links show."""
    parts = [part.file.removesuffix(".svg") for part in report_figures(record)]
    return [name + ending for name in parts for ending in ENDINGS] + [CARD] * (record.search is None)


def _parts(entry: dict[str, Any], page: dict[str, Any], record: StudyRecord) -> list[Part]:
    """The parts that one entry of a `page` stands for; none where the study does not have what they are made from."""
    is_given = "given" not in entry or getattr(record, entry["given"])
    if not is_given or not set(tables_of(record)).issuperset(entry["tables"]):
        return []
    kind = "figure" if "figure" in entry else "section"
    made = {"kind": kind, "name": entry[kind], "module": entry.get("module", page["module"]),
            "title": entry.get("title", ""), "numbers": entry["tables"][0]}  # fmt: skip
    models = record.models if "each" in entry or "each" in page else [None]
    return [Part(**made, model=model, folded="folded" in entry or model is not None) for model in models]
