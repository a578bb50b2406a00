"""The registry of the report's pages: what a study shows follows from its tables, and reading it is cheap."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from records import record_of

from study.analysis.registry import table_names
from study.findings.topics import FINDINGS
from study.paths import NEAR_DUPLICATES_TABLE, SEARCH_TABLE
from study.reporting.items import REGISTRY, report_figures, report_pages
from study.reporting.story import TOPICS, WORTH

ROOT = Path(__file__).parents[2]
ENTRIES = yaml.safe_load(REGISTRY.read_text())
PARTS = [part for entry in ENTRIES for part in entry["parts"]]


def record(superclasses=20, search=None, **changes):
    """What the registry reads of config.json, with two models of which one is compared."""
    models = {"cnn": {"label": "CNN"}, "b0": {"label": "B0"}}
    contrasts = [{"model": "b0", "baseline": "cnn"}]
    record = record_of(models=models, contrasts=contrasts, dataset={"superclasses": superclasses}, search=search)
    return replace(record, **changes)


def names(study):
    """Every page, and the file of every figure."""
    return {page.name for page in report_pages(study)} | {part.file for part in report_figures(study)}


def test_a_part_of_a_model_is_made_for_each():
    (page,) = [page for page in report_pages(record()) if page.each]
    assert [(part.name, part.model) for part in page.parts] == [("card", "cnn"), ("card", "b0")]


def test_data_without_superclasses_have_no_part_of_them():
    def parts(study):
        return {part.name for page in report_pages(study) for part in page.parts}

    assert {"superclasses", "superclass_differences"} <= parts(record())
    assert not any("superclass" in name for name in parts(record(superclasses=0)))


@pytest.mark.parametrize(
    ("key", "page"),
    [
        ("ladder", "where_the_gain_comes_from"),
        ("claims", "claims_reproduced_or_not"),
        ("labels", "what_labels_are_worth"),
        ("curves", "accuracy_by_compute_and_budget"),
    ],
)
def test_what_a_study_does_not_have_is_not_in_its_report(key, page):
    assert page not in names(record())
    assert page in names(record(**{key: ["one"]}))


def test_a_search_shows_its_trials_and_nothing_else():
    assert names(record(search={"model": "cnn"})) == {"search.svg", "trials_of_the_search"}
    assert not names(record()) & {"search.svg", "trials_of_the_search"}


def test_every_page_has_words_of_its_own_for_the_search_of_the_menu():
    assert all(entry["words"] for entry in ENTRIES)
    assert len({entry["title"] for entry in ENTRIES}) == len(ENTRIES)


def test_the_registry_names_tables_functions_and_findings_that_there_are():
    every = record(ladder=["one"], claims=["one"], labels=[], curves={})
    known = {*table_names(every), NEAR_DUPLICATES_TABLE, SEARCH_TABLE}
    for part in PARTS:
        assert known.issuperset(part["tables"]), part
    for study in (every, record(search={"model": "cnn"})):
        for page in report_pages(study):
            assert page.finding is None or page.finding in FINDINGS
            for part in page.parts:
                assert callable(part.function), part


def test_every_figure_has_a_title_and_a_caption_and_no_caption_is_left_over():
    figures = [part for part in PARTS if "figure" in part]
    assert all(part["title"] for part in figures)
    captions = {f"figure_{part['figure']}.rst" for part in figures}
    assert captions | {"all_tables_csv.rst"} == {path.name for path in (ROOT / "report" / "captions").iterdir()}


def test_the_story_has_at_most_eight_parts_and_each_leads_to_a_page():
    assert len([topic for topic in TOPICS if topic.anchor not in WORTH]) + 1 <= 8
    assert {topic.page for topic in TOPICS} <= {entry["page"] for entry in ENTRIES}


def test_reading_the_rules_imports_no_plotting_and_no_tables():
    lines = []
    for path in sorted((ROOT / "workflow" / "rules").glob("*.smk")):
        lines += re.findall(r"^from study[\w.]* import (?:\([^)]*\)|.*)$", path.read_text(), re.MULTILINE)
    assert len(lines) > 5
    heavy = {"matplotlib", "pandas", "scipy", "torch", "PIL", "jinja2"}
    code = "\n".join([*lines, "import sys", f"print(*({heavy!r} & sys.modules.keys()))"])
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "workflow", capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
