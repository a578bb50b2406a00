"""Report, README and published page of each reference study give one answer: the same pair, number and classes."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from study.data.dataset import Dataset
from study.findings.compare import class_differences, headline
from study.findings.text import opening
from study.publishing.page import read_published
from study.reporting.panels import study as panel_models
from study.reporting.story import story

ROOT = Path(__file__).parents[2]
PAGES = {"cpu": ROOT / "reference" / "README.md", "gpu": ROOT / "reference" / "gpu" / "README.md"}
PAGES |= {name: ROOT / "reference" / name / "README.md" for name in ("labels", "budgets")}
CLAIM = r"is ([\d.]+) percentage points more accurate than"
# What README quotes of each study, by the parts of its story.
QUOTED = {"cpu": [], "gpu": [], "labels": ["labels"], "budgets": ["answer", "compute"]}
REACHED = r"That is ([\d.]+) % for (.+?) \(\d+ seeds\), against ([\d.]+) % for (.+?) \(\d+ seeds\): (\+[\d.]+) points"
CLASSES = (
    r"(.+) is better than (.+) in (\d+) of (\d+) classes and worse in (\d+), each with a probability of at least 95 %"
)


def flat(text):
    return re.sub(r"\s+", " ", text)


@pytest.fixture(scope="module", params=PAGES)
def told(request):
    """(results, the text of the study's page, the parts of its report's story by their anchor)."""
    folder = ROOT / "reference" / request.param
    results = read_published(folder)
    labels = results.dataset
    # What a picture shows decides no number.
    images = np.zeros((len(labels.fine), 32, 32, 3), np.uint8)
    pictured = Dataset(**{one.name: getattr(labels, one.name) for one in dataclasses.fields(labels)}, images=images)
    results = dataclasses.replace(results, dataset=pictured)
    parts = {part["anchor"]: part for part in story(results, lambda name: {"kind": "figure", "name": name})}
    return results, flat(PAGES[request.param].read_text(encoding="utf-8")), parts


def test_report_readme_and_page_give_the_same_numbers(told):
    results, page, parts = told
    claim, hero = parts["answer"]["finding"], parts["answer"]["sections"][0]["answer"]
    assert f"**{claim}.** {' '.join(hero.details)}" in page
    assert f"+{re.search(CLAIM, claim)[1]}" == hero.number
    readme = flat((ROOT / "README.md").read_text(encoding="utf-8"))
    for anchor in QUOTED[results.study.name]:
        assert f"**{parts[anchor]['finding']}.**" in readme and f"**{parts[anchor]['finding']}.**" in page


def test_report_and_page_name_the_same_pair(told):
    results, page, parts = told
    two = headline(results)
    pair = results.names[two.model], results.names[two.other]
    if results.config.curves is None:
        for text in (page, " ".join(parts["answer"]["sections"][0]["answer"].details)):
            assert re.search(REACHED, text).group(2, 4) == pair
        compared = parts["answer"]["sections"][0]["dots"]["compared"]
        assert [results.models[place] for place in compared] == [two.model, two.other]
    panels = panel_models(results)
    assert (panels["models"][panels["to"]]["label"], panels["models"][panels["from"]]["label"]) == (
        results.labels[two.model],
        results.labels[two.other],
    )
    assert re.search(CLASSES, parts["classes"]["finding"]).group(1, 2) == (opening(pair[0]), pair[1])
    assert all(name in parts["cost"]["finding"] or opening(name) in parts["cost"]["finding"] for name in pair)
    assert parts["confusions"]["finding"].startswith(opening(pair[0]))


def test_report_and_page_count_the_same_classes(told):
    results, page, parts = told
    said = re.search(CLASSES, parts["classes"]["finding"]).group(3, 4, 5)
    assert f"**{parts['classes']['finding']}.**" in page
    gains = class_differences(results, headline(results))["gain_probability"]
    assert said == (str((gains >= 0.95).sum()), str(len(gains)), str((gains <= 0.05).sum()))
    assert f"**{parts['confusions']['finding']}.**" in page
