"""The registry of report items, report/items.yaml, as the study in config.json has them.

The Snakefile learns here which files there are, so this module imports neither matplotlib, pandas nor scipy.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from study.paths import NEAR_DUPLICATES_TABLE, SEARCH_TABLE, table_names

REGISTRY = Path(__file__).parents[3] / "report" / "items.yaml"
SUFFIXES = {"figure": ".svg", "page": ".html"}
FUNCTIONS = {"figure": "draw_{}", "page": "{}_page"}


@dataclass(frozen=True)
class Item:
    """A figure or a page, `kind`, of one study; `model` is None where it is of the whole study."""

    kind: str
    name: str
    topic: str
    category: str
    title: str
    model: str | None = None

    @property
    def file(self) -> str:
        """Its file name in the folder of figures or pages."""
        return f"{self.name}_{self.model}{SUFFIXES[self.kind]}" if self.model else f"{self.name}{SUFFIXES[self.kind]}"

    @property
    def caption(self) -> str:
        """Its caption's file name in report/captions."""
        return f"{self.kind}_{self.name}.rst"

    @property
    def function(self) -> Callable[..., Any]:
        """What makes it from the sources, and from the model where it is of one. Imports the topic's module."""
        module = importlib.import_module(f"study.reporting.{self.topic}")
        return getattr(module, FUNCTIONS[self.kind].format(self.name))

    def make(self, sources: Any) -> Any:
        """The matplotlib figure, or the sections of the page."""
        return self.function(sources) if self.model is None else self.function(sources, self.model)


def tables_of(record: dict[str, Any]) -> list[str]:
    """Names of the tables that the study whose config.json holds `record` has."""
    return [SEARCH_TABLE] if record["search"] else [*table_names(record), NEAR_DUPLICATES_TABLE]


def report_items(record: dict[str, Any], kind: str | None = None, registry: Path = REGISTRY) -> list[Item]:
    """The items of the study whose config.json holds `record`, in the order of the menu; of one kind if it is named.

    Categories are numbered, because Snakemake's menu sorts them by name.
    """
    tables = set(tables_of(record))
    entries = [
        entry
        for entry in yaml.safe_load(registry.read_text(encoding="utf-8"))
        if tables.issuperset(entry["tables"]) and (not entry.get("given") or record[entry["given"]])
    ]
    categories = list(dict.fromkeys(entry["category"] for entry in entries))
    found = []
    for entry in entries:
        category = f"{categories.index(entry['category']) + 1:02d} {entry['category']}"
        for model in _models(entry.get("each"), record):
            title = f"{entry['title']}: {record['models'][model]['label']}" if model else entry["title"]
            one = "figure" if "figure" in entry else "page"
            found.append(Item(one, entry[one], entry["topic"], category, title, model))
    return [item for item in found if kind in (None, item.kind)]


def _models(each: str | None, record: dict[str, Any]) -> list[str | None]:
    """The models that have an item of their own; [None] where there is one for the whole study."""
    if each is None:
        return [None]
    compared = {one["model"] for one in record["contrasts"]}
    return [model for model in record["models"] if each == "model" or model in compared]
