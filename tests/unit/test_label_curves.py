"""Tables of runs on few images: their curve, and what pretraining is worth in images per class."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from study_factory import make_study

from study.analysis.registry import table_names
from study.analysis.tables import write_tables
from study.config.record import read_record
from study.data.dataset import read_labels
from study.findings import worth
from study.findings.results import read_results
from study.findings.runs import lost_runs, was_run
from study.findings.topics import FINDINGS
from study.publishing.page import page_text, read_published, renewed
from study.publishing.publish import publish
from study.reporting.curve_pages import label_curve_page
from study.reporting.curves import draw_label_curve
from study.reporting.items import report_pages
from study.reporting.story import story

ALL = {"scratch_cnn": 0.5, "lite0_finetune": 0.8}
FEW = {"scratch_cnn": {1: 0.1, 2: 0.25}, "lite0_finetune": {1: 0.4, 2: 0.6}}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Runs on one, two and all three images per class."""
    folder = make_study(tmp_path_factory.mktemp("few") / "study", ALL, few=FEW)
    write_tables(folder, folder / "tables")
    return folder


@pytest.fixture(scope="module")
def tables(study):
    names = table_names(read_record(study / "config.json"))
    return {
        name: pd.read_csv(study / "tables" / f"{name}.csv", keep_default_na=False, na_values=[""]) for name in names
    }


def accuracies(study, folder: str) -> list[float]:
    """The test accuracies of a folder's three runs, counted by hand."""
    fine, found = read_labels(study / "dataset.npz").fine, []
    for seed in range(3):
        with np.load(study / "runs" / folder / f"seed-{seed}" / "predictions.npz") as stored:
            found.append((stored["test_logits"].argmax(1) == fine[stored["test_ids"]]).mean())
    return found


def test_the_curve_ends_with_the_runs_on_all_images(study, tables):
    curve = tables["label_curve"]
    assert curve["model"].tolist() == ["scratch_cnn"] * 3 + ["lite0_finetune"] * 3
    assert curve["images_per_class"].tolist() == [1, 2, 3] * 2
    assert curve["n_seeds"].tolist() == [3] * 6
    for row, folder in zip(curve.itertuples(), ("per-class-1", "per-class-2", "."), strict=False):
        by_hand = accuracies(study, f"scratch_cnn/{folder}")
        assert (row.mean, row.sd) == pytest.approx((np.mean(by_hand), np.std(by_hand, ddof=1)), abs=1e-6)
        assert (row.min, row.max) == pytest.approx((min(by_hand), max(by_hand)), abs=1e-6)


def test_no_run_is_left_out_of_the_list_of_runs(tables):
    runs = tables["label_runs"]
    assert len(runs) == 12 and (runs["outcome"] == "finished").all()
    assert runs.loc[runs["model"] == "scratch_cnn", "images_per_class"].tolist() == [1] * 3 + [2] * 3


def test_the_main_tables_speak_of_runs_on_all_images_only(tmp_path, study, tables):
    plain = make_study(tmp_path / "plain", ALL)
    write_tables(plain, plain / "tables")
    assert len(tables["runs"]) == 6
    for name in table_names(read_record(plain / "config.json")):
        assert len(tables[name]) == len(pd.read_csv(plain / "tables" / f"{name}.csv")), name
    assert not (plain / "tables" / "label_curve.csv").exists()


def test_what_pretraining_is_worth_in_images_per_class(tables):
    worth = tables["effective_data"]
    assert worth[["model", "baseline"]].drop_duplicates().to_numpy().tolist() == [["lite0_finetune", "scratch_cnn"]]
    assert worth["images_per_class"].tolist() == [1, 2, 3] and (worth["same_network"] == 0).all()
    scratch = tables["label_curve"].query("model == 'scratch_cnn'")
    first = worth.iloc[0]
    # 40 % lie between 25 % with two images and 50 % with three
    heights = np.array([first["accuracy"], *scratch["mean"][1:]])
    logits = np.log(heights / (1 - heights))
    share = (logits[0] - logits[1]) / (logits[2] - logits[1])
    assert first["effective"] == pytest.approx(2 * 1.5**share, abs=1e-5)
    assert first["transferred"] == pytest.approx(first["effective"] - 1, abs=1e-5)
    assert first["multiplier"] == pytest.approx(first["effective"], abs=1e-5)
    assert first["effective_low"] < first["effective"] < first["effective_high"]
    # 60 and 80 % are more than scratch reaches with all three
    assert worth["beyond"].isna().tolist() == [True, False, False] and (worth["beyond"][1:] == ">").all()
    assert (worth["effective"][1:] == 3).all() and (worth["low_beyond"][1:] == ">").all()


def test_how_many_images_per_class_a_round_accuracy_takes(tables):
    needed, curve = tables["labels_needed"].set_index("model"), tables["label_curve"].set_index("model")
    heights = curve.loc["lite0_finetune", "mean"].to_numpy()
    logits = np.log(heights / (1 - heights))
    row = needed.loc["lite0_finetune"].query("accuracy == 0.7").iloc[0]  # between two images and three
    share = (np.log(0.7 / 0.3) - logits[1]) / (logits[2] - logits[1])
    assert row["images_per_class"] == pytest.approx(2 * 1.5**share, abs=1e-5)
    assert row["images_per_class_low"] < row["images_per_class"] < row["images_per_class_high"]
    beyond = needed.loc["lite0_finetune"].set_index("accuracy")["beyond"]
    assert beyond[0.3] == "<" and beyond[0.95] == ">" and needed.loc["scratch_cnn"]["beyond"].iloc[-1] == ">"


# --- in the report ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def results(study):
    return read_results(study, study / "tables")


def test_the_finding_tells_of_the_headlines_models_within_the_curve(results, tables):
    first = tables["effective_data"].iloc[0]
    span = f"{first['effective']:.1f} [{first['effective_low']:.1f}, {first['effective_high']:.1f}]"
    assert worth.labels(results) == (
        f"Lite0 finetune with 1 labelled image of each class is as accurate as Scratch cnn with {span}"
    )


def test_the_sentence_on_labels_needed_is_on_the_highest_accuracy_within_the_curve(results, tables):
    needed = tables["labels_needed"]
    own = needed[(needed["model"] == "lite0_finetune") & needed["beyond"].isna()]
    amount = worth.amount(own.iloc[-1].to_dict(), "images_per_class")
    (said,) = worth.labels_needed(results)
    assert said == (
        f"For an accuracy of {100 * own['accuracy'].max():.0f} %, in labelled images of each class: Lite0 finetune "
        f"needs {amount}; Scratch cnn needs more than 3."
    )
    beyond = dataclasses.replace(results, tables=results.tables | {"labels_needed": needed.assign(beyond=">")})
    assert worth.labels_needed(beyond) == []


def with_rows(results, **changes):
    """The same results, with other values in effective_data.csv."""
    table = results.tables["effective_data"].assign(**changes)
    return dataclasses.replace(results, tables=results.tables | {"effective_data": table})


def test_what_lies_beyond_the_curve_is_said_to_and_not_extrapolated(results):
    above = with_rows(results, beyond=">", low_beyond=">", high_beyond=">", effective=3.0)
    assert worth.labels(above) == (
        "Lite0 finetune with 1 labelled image of each class is more accurate than Scratch cnn with all 3"
    )
    below = with_rows(results, beyond="<", low_beyond="<", high_beyond="<", effective=1.0)
    assert worth.labels(below).endswith("is less accurate than Scratch cnn with 1")
    row = {"x": 450.0, "x_low": 384.4, "x_high": 450.0, "beyond": ">", "low_beyond": np.nan, "high_beyond": ">"}
    assert worth.amount(row, "x") == "more than 450 [384, more than 450]"
    assert worth.amount(row | {"x_low": np.nan, "x_high": np.nan, "high_beyond": ""}, "x") == "more than 450"
    few = {"effective": 5.0, "effective_low": 5.0, "effective_high": 12.3, "beyond": "<", "low_beyond": "<"}
    assert worth.amount(few | {"high_beyond": ""}, "effective") == "less than 5 [less than 5, 12]"


@pytest.mark.parametrize(("beyond", "end"), [("<", "worse than that with 3."), (">", "better than that with all 3.")])
def test_a_likelihood_beyond_the_curve_is_worse_or_better_and_not_as_good(results, beyond, end):
    table = results.tables["effective_data"].assign(effective=3.0, beyond=beyond)
    told = dataclasses.replace(results, tables=results.tables | {"effective_data_by_nll": table})
    assert worth.by_nll(told)[0].endswith(f"it is {end}")


def test_the_page_has_every_amount_and_the_story_its_part(results):
    drawn, _, amounts, curve = label_curve_page(results)
    assert [line["label"] for line in drawn["data"]["quantities"][0]["lines"]] == ["Scratch cnn", "Lite0 finetune"]
    assert len(amounts["rows"]) == 3 and len(curve["rows"]) == 6
    parts = story(results, lambda name: {"kind": "figure", "name": name})
    part = next(one for one in parts if one["anchor"] == "labels")
    assert part["finding"] == worth.labels(results)
    assert [(one["kind"], one["name"]) for one in part["sections"]] == [("chart", "curves")]


@pytest.mark.parametrize(("rule", "said"), [("last", "choose nothing"), ("val_loss", "chose the epochs")])
def test_labels_that_chose_an_epoch_are_not_passed_over(results, rule, said):
    recipes = {name: recipe | {"best_epoch": rule} for name, recipe in results.config.recipes.items()}
    config = dataclasses.replace(results.config, recipes=recipes)
    _, how_to_read, *_ = label_curve_page(dataclasses.replace(results, config=config))
    assert f"Validation images {said}" in how_to_read["paragraphs"][0]


def test_what_was_run_counts_the_runs_on_few_images(results):
    assert was_run(results)[-1] == "Beside these, 12 runs of 2 models on 1 and 2 labelled images of each class."
    assert FINDINGS["methods"](results).startswith("All 18 runs finished")
    lost = results.tables["label_runs"].assign(outcome=["diverged"] + ["finished"] * 11)
    fewer = dataclasses.replace(results, tables=results.tables | {"label_runs": lost})
    assert lost_runs(fewer) == [
        "1 of 12 runs on few images per class diverged and is excluded from every mean: 1 of Scratch cnn on 1."
    ]
    assert was_run(fewer)[-1].startswith("Beside these, 11 of 12 runs of 2 models")


def test_what_was_run_names_the_machines_of_the_runs_on_few_images_where_they_are_others(results):
    moved = results.tables["label_runs"].assign(device_name=["NVIDIA H200"] * 11 + ["AMD EPYC"])
    elsewhere = dataclasses.replace(results, tables=results.tables | {"label_runs": moved})
    assert was_run(elsewhere)[-1].endswith(" images of each class, 11 on NVIDIA H200 and 1 on AMD EPYC.")


def test_the_figure_draws_each_model_and_the_distance(results):
    axis = draw_label_curve(results).axes[0]
    said = [" ".join(one.get_text().split()) for one in axis.texts]
    for model in ("scratch_cnn", "lite0_finetune"):
        end = results.rows("label_curve", model=model)["mean"].iloc[-1]
        assert f"{100 * end:.1f} {results.labels[model]}" in said
    assert [one.get_text() for one in axis.get_xticklabels()] == ["1", "2", "3"]
    assert any(one.startswith("arrow: × 2.") for one in said)


def test_a_study_on_all_images_has_no_such_page(tmp_path, results):
    assert "what_labels_are_worth" in [page.name for page in report_pages(results.config)]
    plain = dataclasses.replace(results.config, labels=None)
    assert "what_labels_are_worth" not in [page.name for page in report_pages(plain)]


def test_the_page_on_a_published_study_has_finding_figure_and_table(study, tmp_path):
    publish(study, tmp_path / "published")
    published = read_published(tmp_path / "published")
    page = page_text(published)
    assert "## What pretraining is worth in labels" in page and "![Accuracy by labelled images per class](label" in page
    reached = 100 * published.tables["effective_data"]["accuracy"].iloc[2]
    assert f"| Lite0 finetune | 3 | {reached:.1f} | Scratch cnn | more than 3 | more than 1.0 |" in page
    readme = tmp_path / "README.md"
    parts = [
        f"<!-- reference:begin {part} published -->\nold\n<!-- reference:end -->\n" for part in ("labels", "figure")
    ]
    readme.write_text(f"Before\n{''.join(parts)}After\n")
    text = renewed(readme, published, tmp_path / "published" / "README.md")
    assert worth.labels(published).split(" is as")[0] in text.replace("\n", " ") and "old" not in text
    assert "(published/label_curve.svg)](published/README.md)" in text and text.endswith("After\n")
