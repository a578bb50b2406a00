"""The registry of report items: what a study shows follows from its tables, and reading it is cheap."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from study.paths import NEAR_DUPLICATES_TABLE, SEARCH_TABLE, table_names
from study.reporting.items import REGISTRY, report_items

ROOT = Path(__file__).parents[2]
ENTRIES = yaml.safe_load(REGISTRY.read_text())


def record(superclasses=20, search=None, **changes):
    """What the registry reads of config.json, with two models of which one is compared."""
    models = {"cnn": {"label": "CNN"}, "b0": {"label": "B0"}}
    contrasts = [{"model": "b0", "baseline": "cnn"}]
    dataset = {"classes": 100, "superclasses": superclasses}
    return {"models": models, "contrasts": contrasts, "dataset": dataset, "search": search, "ladder": [],
            "claims": [], **changes}  # fmt: skip


def names(study, kind=None):
    return {item.file for item in report_items(study, kind)}


def test_an_item_of_a_model_is_made_for_each_and_one_of_a_comparison_for_those_compared():
    found = names(record())
    assert {"curves_cnn.svg", "curves_b0.svg", "card_cnn.html", "card_b0.html"} <= found
    assert "class_differences_b0.svg" in found and "class_differences_cnn.svg" not in found
    (card,) = [item for item in report_items(record()) if item.file == "card_b0.html"]
    assert (card.model, card.title, card.caption) == ("b0", "Model card: B0", "page_card.rst")


def test_data_without_superclasses_have_no_item_of_them():
    assert {"superclasses.svg", "superclasses.html", "superclass_differences.html"} <= names(record())
    assert not any("superclass" in file for file in names(record(superclasses=0)))


@pytest.mark.parametrize("key", ["ladder", "claims"])
def test_what_a_study_does_not_have_is_not_in_its_report(key):
    assert f"{key}.html" not in names(record())
    assert f"{key}.html" in names(record(**{key: ["one"]}))


def test_a_search_shows_its_trials_and_nothing_else():
    assert names(record(search={"model": "cnn"})) == {"search.svg", "search.html"}
    assert not names(record()) & {"search.svg", "search.html"}


def test_categories_are_numbered_without_gaps_in_the_order_of_the_registry():
    for study in (record(), record(superclasses=0)):
        categories = list(dict.fromkeys(item.category for item in report_items(study)))
        assert [name[:2] for name in categories] == [f"{place:02d}" for place in range(1, len(categories) + 1)]
    assert categories[0] == "01 Result"


def test_the_registry_names_tables_and_functions_that_there_are():
    known = {*table_names(record()), NEAR_DUPLICATES_TABLE, SEARCH_TABLE}
    for entry in ENTRIES:
        assert known.issuperset(entry["tables"]), entry
    for study in (record(ladder=["one"], claims=["one"]), record(search={"model": "cnn"})):
        for item in report_items(study):
            assert callable(item.function), item


def test_every_item_has_a_caption_and_every_caption_an_item():
    captions = {f"{kind}_{entry[kind]}.rst" for entry in ENTRIES for kind in ("figure", "page") if kind in entry}
    assert captions == {path.name for path in (ROOT / "report" / "captions").iterdir()}
    assert len(captions) == len(ENTRIES)


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
