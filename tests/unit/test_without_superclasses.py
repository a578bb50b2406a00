"""Data of seven classes without superclasses: the whole report is there, and none of it speaks of superclasses."""

import re

import pandas as pd
import pytest
from study_factory import make_study
from written_pages import views

from study.analysis.tables import write_tables
from study.config.record import read_record
from study.reporting.items import report_figures, report_pages
from study.reporting.pages import draw_figures, write_pages


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = make_study(tmp_path_factory.mktemp("results") / "seven", dataset="synthetic7")
    write_tables(folder, folder / "tables")
    draw_figures(folder, folder / "tables", folder / "figures")
    write_pages(folder, folder / "tables", folder / "figures", folder / "pages")
    return folder


def said(markup):
    """What a reader sees of a page or a figure."""
    return re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", markup, flags=re.DOTALL)


def test_every_item_is_made_and_none_is_of_superclasses(study):
    config = read_record(study / "config.json")
    pages, figures = report_pages(config), report_figures(config)
    assert list(views(study)) == ["story", *(page.name for page in pages)]
    assert all((study / "figures" / part.file).is_file() for part in figures)
    assert not any("superclass" in f"{one.name} {one.title}".lower() for one in [*pages, *figures])


def test_no_page_or_figure_speaks_of_superclasses_or_of_other_numbers_of_classes(study):
    figures = {path.name: path.read_text(encoding="utf-8") for path in (study / "figures").glob("*.svg")}
    for name, markup in (views(study) | figures).items():
        words = said(markup)
        assert "superclass" not in words.lower(), name
        assert not re.search(r"\b(100|20) (super)?classes", words), name


def test_the_data_are_described_as_they_are(study):
    methods = said(views(study)["methods_data_and_provenance"])
    assert "of 7 classes, 32 × 32 pixels" in " ".join(methods.split())
    assert "official" not in methods


def test_no_metric_of_superclasses_is_computed(study):
    runs = pd.read_csv(study / "tables" / "runs.csv")
    assert "test_accuracy" in runs and not [name for name in runs if "superclass" in name]
