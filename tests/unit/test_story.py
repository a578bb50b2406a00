"""The story page: its parts, the dots and pictures on top, and how to repeat and cite a study."""

import json
import re
import subprocess

import numpy as np
import pytest
from study_factory import make_study

from study.analysis.tables import write_tables
from study.data.dataset import TEST
from study.findings import text
from study.findings.compare import headline
from study.findings.results import read_results
from study.reporting import hero, methods
from study.reporting.cards import head_parameters
from study.reporting.items import report_pages
from study.reporting.panels import said
from study.reporting.story import TOPICS, WORTH, is_new, story


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Three models of three seeds."""
    study = make_study(tmp_path_factory.mktemp("results") / "fake")
    write_tables(study, study / "tables")
    return read_results(study, study / "tables")


def parts_of(sources):
    return {part["anchor"]: part for part in story(sources, lambda name: {"kind": "figure", "name": name})}


def test_the_story_has_a_finding_and_a_page_for_each_of_its_parts(sources):
    parts = parts_of(sources)
    # the study has neither runs on few images, nor budgets, nor a ladder
    assert list(parts) == [topic.anchor for topic in TOPICS if topic.anchor not in WORTH]
    pages = {page.name for page in report_pages(sources.config)}
    for part in parts.values():
        assert len(part["finding"]) > 20
        assert {page for page, _ in part["links"]} <= pages and part["links"]


def test_a_ladder_of_two_steps_is_not_told_twice(sources):
    steps = sources.tables["models"].head(3)[["model"]].assign(step=[1, 2, 3], difference=[np.nan, 0.3, np.nan])
    topic = next(topic for topic in TOPICS if topic.anchor == "gain")
    sources.tables["ladder"] = steps
    assert not is_new(sources, topic)
    sources.tables["ladder"] = steps.assign(difference=[np.nan, 0.3, 0.1])
    assert is_new(sources, topic)


def test_every_finished_run_is_a_dot_at_its_accuracy(sources):
    drawn = hero.dots(sources)
    means = sources.rows("models", metric="test_accuracy").set_index("model")["mean"]
    assert [row["model"] for row in drawn["rows"]] == means.sort_values(ascending=False).index.tolist()
    for row in drawn["rows"]:
        seeds = sources.rows("runs", model=row["model"])["test_accuracy"]
        assert row["dots"] == pytest.approx(100 * seeds, abs=0.02)
        assert row["value"] == f"{100 * seeds.mean():.1f}"
    two = headline(sources)
    assert [sources.models[place] for place in drawn["compared"]] == [two.model, two.other]


def test_an_axis_starts_at_0_unless_all_values_are_high_and_never_goes_beyond_100():
    assert hero.scale([31.7, 72.3]) == hero.Scale(0, 100, [0, 25, 50, 75, 100])
    assert hero.scale([71.7, 82.3]) == hero.Scale(70, 85, [70, 75, 80, 85])
    assert hero.scale([99.1, 99.9]).high == 100
    assert hero.scale([71, 79]).place(hero.scale([71, 79]).high) == 100


def test_images_that_only_one_gets_right_are_those_of_every_run(sources):
    two = headline(sources)
    section = hero.only_one_right(sources, two)
    test, fine = sources.dataset.ids(TEST), sources.dataset.fine
    right = {model: sources.predicted(model)[1] == fine[test] for model in (two.model, two.other)}
    for group, (one, other) in zip(section["groups"], [(two.model, two.other), (two.other, two.model)], strict=True):
        count = int((right[one].all(axis=0) & ~right[other].any(axis=0)).sum())
        assert group["count"].startswith(f"{count} test image")
        assert len(group["pictures"]) == min(4, count)
        for picture in group["pictures"]:
            place = int(np.searchsorted(test, picture.image))
            assert right[one][:, place].all() and not right[other][:, place].any()


def test_every_two_models_have_sentences_of_their_own_that_name_both(sources):
    found = said(sources)
    two = headline(sources)
    places = {model: place for place, model in enumerate(sources.models)}
    assert len(found) == 3 * 2 - 1 and f"{places[two.other]}-{places[two.model]}" not in found
    turned = found[f"{places[two.model]}-{places[two.other]}"]
    assert turned["number"] == text.points(-two.difference)
    for key, sentences in found.items():
        other, model = (sources.names[sources.models[int(place)]] for place in key.split("-"))
        assert text.opening(model) in sentences["classes"] and other in sentences["classes"]
        assert text.opening(model) in sentences["confusions"]


def test_pictures_are_spread_evenly_over_all_there_are():
    assert hero.spread(np.arange(100)).tolist() == [0, 33, 66, 99]
    assert hero.spread(np.array([5, 9])).tolist() == [5, 9]


def test_a_command_names_the_preset_of_the_study():
    assert methods.command("demo").splitlines()[0] == "snakemake --configfile workflow/presets/demo.yaml --cores all"
    assert methods.command("my_own").splitlines()[1] == "snakemake --configfile YOUR_CONFIG_FILES --report report.html"


def test_a_citation_is_bibtex_of_the_year_of_the_last_run(sources):
    entry = methods.citation(sources)
    assert re.match(r"@software\{fake_study,\n  title = \{\{CIFAR-100 transfer study\}\},\n", entry)
    assert "  year = {2024},\n" in entry and entry.endswith("\n}")
    record = {"title": "T", "version": "1", "authors": [{"family-names": "Doe", "given-names": "Jo"}, {"name": "X"}]}
    assert "author = {Doe, Jo and {X}}" in methods.bibtex(record, "s", "")
    assert "year" not in methods.bibtex(record, "s", "")


def test_the_commit_is_that_of_the_checkout(tmp_path):
    assert methods.commit(tmp_path) == ""
    for command in (
        ["init", "-q"],
        ["-c", "user.name=a", "-c", "user.email=a", "commit", "-q", "--allow-empty", "-m", "x"],
    ):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    assert re.fullmatch(r"[0-9a-f]{40}", methods.commit(tmp_path))


def test_the_parameters_of_a_head_are_read_from_the_weights(tmp_path):
    def write(shapes):
        header = {name: {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]} for name, shape in shapes.items()}
        content = json.dumps(header | {"__metadata__": {"a": "b"}}).encode()
        (tmp_path / "m").write_bytes(len(content).to_bytes(8, "little") + content)
        return tmp_path / "m"

    body = {"stem.weight": [32, 3, 3, 3]}
    assert head_parameters(write(body | {"head.weight": [100, 1280], "head.bias": [100]}), 100) == 128_100
    assert head_parameters(write(body), 100) is None
    assert head_parameters(tmp_path / "none", 100) is None
