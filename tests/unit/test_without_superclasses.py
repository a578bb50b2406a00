"""Data of seven classes without superclasses: the whole report is there, and none of it speaks of superclasses."""

import re

import pandas as pd
import pytest
from study_factory import make_study

from study.analysis.summary import write_summary
from study.analysis.tables import write_tables
from study.files import read_json
from study.reporting.figures import draw_figures
from study.reporting.items import report_items
from study.reporting.pages import write_pages


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = make_study(tmp_path_factory.mktemp("results") / "seven", dataset="synthetic7")
    write_tables(folder, folder / "tables")
    write_summary(folder, folder / "tables", folder / "summary.json")
    draw_figures(folder, folder / "tables", folder / "figures")
    write_pages(folder, folder / "tables", folder / "figures", folder / "pages")
    return folder


def said(path):
    """What a reader sees of a page or a figure."""
    return re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", path.read_text(encoding="utf-8"), flags=re.DOTALL)


def test_every_item_is_made_and_none_is_of_superclasses(study):
    items = report_items(read_json(study / "config.json"))
    for item in items:
        assert (study / f"{item.kind}s" / item.file).is_file()
    assert not any("superclass" in f"{item.file} {item.title} {item.category}".lower() for item in items)


def test_no_page_or_figure_speaks_of_superclasses_or_of_other_numbers_of_classes(study):
    for path in [*(study / "pages").iterdir(), *(study / "figures").iterdir()]:
        words = said(path)
        assert "superclass" not in words.lower(), path.name
        assert not re.search(r"\b(100|20) (super)?classes", words), path.name


def test_the_data_are_described_as_they_are(study):
    methods = said(study / "pages" / "methods.html")
    assert "of 7 classes, 32 × 32 pixels" in " ".join(methods.split())
    assert "official" not in methods


def test_no_metric_of_superclasses_is_computed(study):
    runs = pd.read_csv(study / "tables" / "runs.csv")
    assert "test_accuracy" in runs and not [name for name in runs if "superclass" in name]
