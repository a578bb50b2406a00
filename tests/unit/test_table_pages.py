import dataclasses

import numpy as np
import pandas as pd
import pytest
from small_results import results_of
from study_factory import make_study

from study.analysis.tables import write_tables
from study.config.record import Pair
from study.data.dataset import TEST
from study.findings import text
from study.findings.results import read_results
from study.findings.topics import counts
from study.reporting.certainty import calibration_page
from study.reporting.classes import class_differences_page, summary
from study.reporting.confusion import PAIRS, confusion_page, examples, pairs_page
from study.reporting.costs import front_section, front_table
from study.reporting.markup import Column, table
from study.reporting.methods import paragraphs
from study.reporting.models import contrasts_table
from study.reporting.style import compact

FINETUNE, FROZEN = "Lite0 finetune − Scratch cnn", "Lite0 frozen − Scratch cnn"


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Three models of three seeds, one of which lost two of them."""
    lost = [("lite0_frozen", 0), ("lite0_frozen", 1)]
    study = make_study(tmp_path_factory.mktemp("results") / "fake", diverged=lost)
    write_tables(study, study / "tables")
    return read_results(study, study / "tables")


def shown(table):
    """A page's table as a reader sees it; what stands small under a value, or is said once, in columns of their own."""
    titles = [column["title"] for column in table["columns"]]
    rows = [[cell["text"] for cell in row] + [cell["below"] for cell in row] for row in table["rows"]]
    once = table["constant"] | dict.fromkeys(table["empty"], text.NOTHING)
    return pd.DataFrame(rows, columns=titles + [f"{title} below" for title in titles]).assign(**once)


def test_p_values_as_text():
    assert [text.p_value(p) for p in (1.0, 0.0423, 0.001, 0.000999, 0.0, float("nan"))] == [
        *["1.000", "0.042", "0.001", "< 0.001", "< 0.001", "–"]
    ]


def test_differences_show_p_only_where_seeds_can_tell(sources):
    made = contrasts_table(sources)
    frame = shown(made).set_index(["Difference", "Metric"])
    assert frame.loc[(FINETUNE, "test accuracy"), "p, Holm"] == "< 0.001"
    assert frame.loc[(FINETUNE, "test top-5"), "p, Holm"] == "–"
    assert frame.loc[(FROZEN, "test accuracy"), "p, Holm"] == "–"  # a single seed is left of it
    assert frame.loc[(FINETUNE, "test accuracy"), "Errors"].startswith("−")
    assert frame["Probability of improvement (%)"].loc[FINETUNE].tolist() == ["100"] * 3
    assert frame["Probability of improvement (%) below"].loc[(FROZEN, "test accuracy")] == "of 3 pairs"
    assert "Holm's method for 1 comparison of test accuracy" in made["note"]


def test_calibration_shows_every_model_run_and_bin_that_has_images(sources):
    by_model, by_run, by_bin = map(shown, calibration_page(sources))
    runs = sources.tables["runs"]
    assert by_model["Model"].tolist() == ["Scratch cnn", "Lite0 finetune", "Lite0 frozen"]
    assert by_run["Temperature"].tolist()[:3] == [f"{one:.3f}" for one in runs["temperature"][:3]]
    assert by_run["ECE (%), scaled"].tolist()[6:8] == ["–", "–"]  # diverged
    assert by_model["ECE (%)"].tolist()[2] == by_run["ECE (%)"].tolist()[8]  # the mean of one seed
    assert (by_bin["Images of a seed"] != "0.0").all()


def test_errors_and_mistakes_are_those_of_the_tables(sources):
    chart, errors, mistakes = confusion_page(sources)
    assert shown(errors)["by chance (%)"].tolist() == ["4.0"] * 3
    row = sources.rows("errors", model="scratch_cnn").iloc[0]
    assert shown(errors).iloc[0]["of which within the superclass (%)"] == text.percent(row["within_superclass"])
    assert len(shown(mistakes)) == 90
    for place, model in enumerate(sources.models):
        steps, numbers = np.array(chart["shared"]["cells"][place]).reshape(-1, 2).T
        rebuilt = np.zeros(100 * 100, dtype=int)
        rebuilt[steps.cumsum()] = numbers
        assert (rebuilt.reshape(100, 100) == counts(sources, model)).all()


def test_pairs_are_those_of_the_tables_and_their_pictures_show_the_mistake(sources):
    (pairs,) = pairs_page(sources)
    frame = shown(pairs)
    assert frame.groupby("Model").size().tolist() == [PAIRS] * 3
    first, confusion = frame.iloc[0], sources.rows("confusion", model="scratch_cnn")
    a, b = (int(name.removeprefix("class ")) for name in first["Classes A / B"].split(" / "))
    way = confusion[confusion["true_id"].isin([a, b]) & confusion["predicted_id"].isin([a, b])]
    mixed = way.loc[way["true_id"] != way["predicted_id"], "count"].sum()
    assert first["A → B or B → A (%)"] == text.percent(mixed / (2 * 10 * 3))  # 10 images a class, 3 seeds
    _, named = sources.predicted("scratch_cnn")
    test = sources.dataset.ids(TEST)
    for column, true, predicted in ((4, a, b), (6, b, a)):
        for picture in pairs["rows"][0][column]["pictures"]:
            place = int(np.searchsorted(test, picture.image))
            assert sources.dataset.fine[picture.image] == true
            assert picture.below == f"{(named[:, place] == predicted).sum()} of 3 seeds"


def test_examples_are_the_images_that_most_seeds_mistake():
    fine = np.array([0, 0, 0, 0, 0, 1])
    named = np.array([[1, 1, 0, 1, 1, 1], [0, 1, 0, 1, 2, 1]])
    assert examples(named, fine, 0, 1) == [(1, 2), (3, 2), (0, 1)]
    assert examples(named, fine, 1, 0) == []


def differences(*rows):
    columns = ["class", "difference", "p", "verdict"]
    return pd.DataFrame(rows, columns=columns).assign(model="b0", baseline="cnn")


def summary_of(frame):
    results = results_of(class_differences=frame)
    config = dataclasses.replace(results.config, equivalence_margin=0.05, contrasts=[Pair("b0", "cnn")])
    results = dataclasses.replace(results, config=config)
    return summary(results, "class_differences", "class", "classes")


@pytest.mark.parametrize("verdict", ["equivalent", "unclear"])
def test_equivalence_is_explained_only_where_a_class_has_that_verdict(sources, verdict):
    own = sources.tables["class_differences"].assign(verdict=verdict)
    changed = dataclasses.replace(sources, tables=sources.tables | {"class_differences": own})
    assert ("TOST" in class_differences_page(changed)[1]["note"]) == (verdict == "equivalent")


@pytest.mark.parametrize("variance", [0.0, 1e-5])
def test_a_variance_of_seeds_cut_to_zero_is_told(sources, variance):
    contrasts = sources.tables["contrasts"].assign(var_seeds=variance)
    changed = dataclasses.replace(sources, tables=sources.tables | {"contrasts": contrasts})
    assert ("not distinguishable from image noise" in contrasts_table(changed)["note"]) == (variance == 0)


def test_a_summary_names_what_is_equivalent_and_no_other():
    rows = [("sweet_pepper", 0.001, 0.9, "equivalent"), ("cloud", 0.0, 0.99, "unclear"), ("oak", -0.2, 0.0, "worse"),
            ("cup", 0.3, 0.0, "better")]  # fmt: skip
    assert summary_of(differences(*rows)) == [
        "B0 − CNN: better in 1 class, worse in 1, unclear in 1. Equivalent (within ±5 points) in 1: sweet pepper."
    ]
    assert summary_of(differences(*rows[1:]))[0].endswith("unclear in 1.")
    assert summary_of(differences(("cloud", 0.0, np.nan, "not tested"))) == [
        "B0 − CNN: no verdict on any class, because that takes at least 3 seeds of both models."
    ]
    assert "no finished run" in summary_of(differences())[0]


def test_the_front_of_each_cost_holds_what_no_other_model_beats(sources):
    front = pd.DataFrame({"model": sources.models, "accuracy": [0.5, 0.7, 0.7], "run_seconds": [1.0, 3.0, 2.0],
                          "clock": "CPU", "macs": [9, 3, 3], "parameters": [5, np.nan, 6],
                          "peak_memory_mb": [np.nan] * 3})  # fmt: skip
    own = dataclasses.replace(sources, tables=sources.tables | {"front": front})
    costs = front_section(own)["data"]["costs"]
    of_table = [cost["front"] for cost in costs if not cost["title"].startswith("compute")]
    assert of_table == [[0, 2], [1, 2], [0, 2]]


def test_times_of_runs_that_shared_a_gpu_rank_no_model(sources):
    assert "On the Pareto front" in shown(front_table(sources))
    at_once = sources.tables["provenance"].assign(device="cuda", visible_gpu="0")
    costs = sources.tables["costs"].assign(clock="wall")
    own = dataclasses.replace(sources, tables=sources.tables | {"provenance": at_once, "costs": costs})
    made = front_table(own)
    assert "On the Pareto front" not in shown(made) and "front" not in made["note"]


def test_any_recipe_is_rendered():
    recipe = {"optimizer": "sgd", "schedule": {"kind": "cosine", "warmup": {"epochs": 5}}, "nesterov": True,
              "learning_rate": 1e-5, "cutout": None, "milestones": [30, 60], "empty": {}}  # fmt: skip
    assert text.settings(recipe) == [
        ("optimizer", "sgd"),
        ("schedule: kind", "cosine"),
        ("schedule: warmup: epochs", "5"),
        ("nesterov", "yes"),
        ("learning rate", "1e-05"),
        ("cutout", "none"),
        ("milestones", "30, 60"),
        ("empty", "none"),
    ]


def test_styles_that_repeat_become_classes_and_nothing_else_changes():
    svg = '<svg>\n  <style type="text/css">*{a: b}</style>\n  <g style="fill: red">\n   <p style="x: y"/></g>'
    svg += (
        '<p style="fill: red"/><text style="font: &quot;A&quot;">a  b</text><text style="font: &quot;A&quot;"/></svg>'
    )
    made = compact(svg)
    assert '<style type="text/css">*{a: b}.s0{fill: red}.s1{font: "A"}</style>' in made
    assert made.count('class="s0"') == 2
    assert 'style="x: y"' in made
    assert ">a  b</text>" in made


def test_a_colour_with_another_in_the_dark_is_named_for_both():
    svg = '<svg><style>*{a: b}</style><g style="stroke: #1a1a1a; fill: #123456"/><g style="fill: #123456"/></svg>'
    dark = "@media screen and (prefers-color-scheme:dark){.s0{stroke: #ECECEC}}"
    assert compact(svg) == (
        f'<svg><style>*{{a: b}}.s0{{stroke: #1a1a1a; fill: #123456}}{dark}</style><g class="s0"/>'
        '<g style="fill: #123456"/></svg>'
    )


def test_methods_name_a_recipe_with_a_split_of_its_own(sources):
    assert "the same for every run." in paragraphs("data", sources)[0]
    (short,) = sources.config.recipes.values()
    recipes = {"short": short | {"validation": {"fraction": 0.15, "seed": 3}}, "long": short}
    own = dataclasses.replace(sources, config=dataclasses.replace(sources.config, recipes=recipes))
    assert paragraphs("data", own)[0].endswith(
        "the same for every run, but for recipe short, which holds out 15 %, drawn with seed 3."
    )


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.6, "1 second"), (61, "61 seconds"), (720, "12 minutes"), (23_400, "6.5 hours")],
)
def test_how_long_something_took_in_words(seconds, said):
    assert text.duration(seconds) == said


def test_what_is_the_same_in_every_row_is_said_once_and_what_is_empty_is_left_out():
    frame = pd.DataFrame({"name": ["a", "b"], "seeds": [3, 3], "verdict": ["not tested"] * 2, "low": [np.nan] * 2,
                          "share": [0.25, 0.5]})  # fmt: skip
    columns = [Column("name", "Name"), Column("seeds", "Seeds", text.whole), Column("verdict", "Verdict"),
               Column("low", "95 % low", text.percent), Column("share", "Share", text.percent, bar=True)]  # fmt: skip
    made = table("t", frame, columns, ("t.csv", b"x"))
    assert [column["title"] for column in made["columns"]] == ["Name", "Share"]
    assert made["constant"] == {"Seeds": "3", "Verdict": "not tested"}
    assert made["empty"] == ["95 % low"]
    assert [row[1]["bar"] for row in made["rows"]] == [[0, 25], [0, 50]]
    assert len(table("t", frame[:1], columns, ("t.csv", b"x"))["columns"]) == 5  # nothing repeats in one row


def test_bars_of_differences_start_at_zero_wherever_it_lies():
    frame = pd.DataFrame({"name": ["a", "b", "c"], "points": [-0.1, 0.3, np.nan]})
    made = table("t", frame, [Column("name", "N"), Column("points", "P", text.points, bar=True)], ("t.csv", b"x"))
    assert [row[1].get("bar") for row in made["rows"]] == [[0, 25], [25, 100], None]
