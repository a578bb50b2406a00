"""Accuracy against training compute: which models form a curve, what a run computes, what another curve needs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from configs import COMPUTE, raw

from study.analysis.budgets import budget_curve_table, compute_needed_table, matched_budgets_table
from study.analysis.runs import Run
from study.config.planning import study_record
from study.config.record import Pair, StudyRecord
from study.config.study import load_config
from study.data.dataset import TEST, TRAIN, Labels
from study.findings import headline, worth
from study.findings.results import Results

BUDGETS = {"random_1": 1000, "random_4": 4000, "tuned_1": 1000}
IMAGES = 1000


def record() -> dict:
    """The record of a study of one network at two budgets from random weights, and at one from pretrained ones."""
    config = raw() | {"claims": [], "ladder": []}
    recipe = config["recipes"]["scratch_modern"] | {"schedule": None, "epochs": 4, "input_sizes": [16, 16, 32, 32]}
    network = config["models"]["efficientnet_lite0_scratch"] | {"input_size": 32}
    for name, images in BUDGETS.items():
        config["recipes"][name] = recipe | {"images_seen": images}
        config["models"][name] = network | {"recipe": name, "label": name}
    config["models"]["tuned_1"] |= {"regime": "finetune", "weights": "hub"}
    config |= {"grid": {"models": [*BUDGETS, "scratch_cnn"], "seeds": [0, 1, 2]}, "baseline": "random_1"}
    return StudyRecord.from_json(study_record(load_config(config), COMPUTE))


def run(model: str, seed: int, hits: int, macs: int = 100) -> Run:
    predicted = np.where(np.arange(IMAGES) < hits, 0, 1).astype(np.uint8)
    about = {"outcome": "finished", "epochs": 4, "macs": macs, "data": {"train": 300}}
    return Run(model, seed, about, pd.DataFrame(), {"test_accuracy": hits / IMAGES}, predicted)


@pytest.fixture(scope="module")
def labels() -> Labels:
    fine = np.zeros(IMAGES + 2, np.uint8)
    fine[-2:] = (0, 1)
    split = np.full(len(fine), TEST, np.uint8)
    split[-2:] = TRAIN
    return Labels(fine=fine, coarse=None, split=split, fine_names=["a", "b"], coarse_names=[], meta={})


def finished(hits: dict[str, int]) -> dict[str, list[Run]]:
    return {model: [run(model, seed, number) for seed in range(3)] for model, number in hits.items()}


HITS = {"random_1": 200, "random_4": 500, "tuned_1": 350, "scratch_cnn": 300}


def test_models_that_differ_in_their_budget_alone_are_a_curve():
    assert record().curves == {
        "random_1": ["random_1", "random_4"], "tuned_1": ["tuned_1"], "scratch_cnn": ["scratch_cnn"]
    }  # fmt: skip
    assert "curves" not in study_record(load_config(raw()), COMPUTE)


def test_compute_is_of_the_images_seen_at_the_sizes_they_had(labels):
    table = budget_curve_table(record(), finished(HITS), labels).set_index("model")
    # two of four parts at half the side: (1/4 + 1/4 + 1 + 1) / 4 of 100 multiply-accumulates an image
    assert table["compute"]["random_4"] * 1e12 == pytest.approx(4000 * 100 * 0.625)
    assert table["compute"]["scratch_cnn"] * 1e12 == pytest.approx(4 * 300 * 100)  # passes over 300 images
    assert table["images_seen"].to_dict() == {"random_1": 1000, "random_4": 4000, "tuned_1": 1000, "scratch_cnn": 1200}
    assert table.loc["random_1", "mean"] == pytest.approx(0.2)


def test_what_a_curve_from_random_weights_needs_to_be_as_good(labels):
    needed = compute_needed_table(record(), finished(HITS), labels)
    assert needed[["model", "curve"]].to_numpy().tolist() == [["tuned_1", "random_1"]]
    logit = {hits: np.log(hits / (IMAGES - hits)) for hits in (200, 350, 500)}
    share = (logit[350] - logit[200]) / (logit[500] - logit[200])
    row = needed.iloc[0]
    assert row["times"] == pytest.approx(4**share) and row["beyond"] == ""
    assert row["times_low"] < row["times"] < row["times_high"]


def test_what_no_budget_reached_is_said_to_be_more_than_the_largest(labels):
    needed = compute_needed_table(record(), finished(HITS | {"tuned_1": 800}), labels).iloc[0]
    assert (needed["times"], needed["beyond"], needed["low_beyond"]) == (4, ">", ">")


def test_at_equal_budgets_a_curve_is_read_between_its_models_and_stays_at_its_last(labels):
    config = record()
    config.curves["tuned_1"].append(config.curves.pop("scratch_cnn")[0])  # with compute of 625 and 1,200 whole images
    config.models["scratch_cnn"] = replace(config.models["scratch_cnn"], weights="hub")
    found = matched_budgets_table(config, finished(HITS | {"tuned_1": 350, "scratch_cnn": 600}), labels)
    assert set(zip(found["curve"], found["baseline"], strict=True)) == {("tuned_1", "random_1")}
    unit = 100 / 1e12
    assert found["compute"].tolist() == pytest.approx([625 * unit, 1200 * unit, 2500 * unit])
    assert found["compute_model"].tolist() == pytest.approx([625 * unit, 1200 * unit, 1200 * unit])
    assert found["accuracy"].tolist() == pytest.approx([0.35, 0.6, 0.6])
    # ln 1200 / 625 is this share of ln 4; the logits of 0.2 and 0.5 are -ln 4 and 0
    between = 1 / (1 + np.exp(np.log(4) - np.log(1200 / 625)))
    assert found["accuracy_baseline"].tolist() == pytest.approx([0.2, between, 0.5])
    assert found["difference"].tolist() == pytest.approx([0.15, 0.6 - between, 0.1])
    assert ((found["low"] < found["difference"]) & (found["difference"] < found["high"])).all()


def test_a_run_that_did_not_count_its_operations_has_no_place_on_the_curve(labels):
    runs = finished(HITS)
    runs["scratch_cnn"] = [replace(one, record=one.record | {"macs": None}) for one in runs["scratch_cnn"]]
    assert "scratch_cnn" not in budget_curve_table(record(), runs, labels)["model"].tolist()


# --- in the report ----------------------------------------------------------------------------------------------------


def results_of(labels: Labels, hits: dict[str, int]) -> Results:
    config, runs = replace(record(), headline=Pair("tuned_1", "random_4")), finished(hits)
    tables = {
        "models": pd.DataFrame({"model": list(hits), "metric": "test_accuracy"}),
        "runs": pd.DataFrame({"model": list(hits), "outcome": "finished"}),
        "contrasts": pd.DataFrame(columns=["model", "baseline", "metric", "difference"]),
        "budget_curve": budget_curve_table(config, runs, labels),
        "compute_needed": compute_needed_table(config, runs, labels).replace("", np.nan),
        "matched_budgets": matched_budgets_table(config, runs, labels),
    }
    for name, label in (("random_1", "Random, 1 epoch"), ("random_4", "Random, 4 epochs")):
        config.models[name] = replace(config.models[name], label=label)
    return Results(study=Path(), folder=Path(), config=config, tables=tables, dataset=labels)


def test_the_finding_says_how_many_times_the_compute_or_that_no_budget_was_enough(labels):
    within, beyond = (results_of(labels, HITS | {"tuned_1": number}) for number in (350, 800))
    times = worth.amount(worth.compute_row(within), "times")
    assert worth.compute(within) == f"Random needs {times} times the training compute to be as accurate as tuned_1"
    assert times.startswith("2.") and "[" in times
    assert worth.compute(beyond) == "Random with 4.0 times the training compute of tuned_1 is still less accurate"
    assert worth.compute(results_of(labels, HITS | {"tuned_1": 100})) == (
        "Random is more accurate than tuned_1 at its smallest budget already"
    )


def test_the_answer_is_of_the_largest_budget_that_both_had(labels):
    results = results_of(labels, HITS)
    row = results.rows("matched_budgets", baseline="random_1").iloc[0]
    found = headline.answer(results)
    assert found.claim == "At equal training compute, tuned_1 is 15.0 percentage points more accurate than Random"
    ends = [f"{100 * row[end]:+.1f}" for end in ("low", "high")]
    assert (found.number, found.pair) == ("+15.0", "tuned_1 − Random")
    assert found.span == f"95 % interval {ends[0]} to {ends[1]}"
    assert found.details[1].startswith(
        "tuned_1 minus Random with 4.0 times that compute is −15.0 points (95 % interval "
    )


def test_without_an_equal_budget_the_answer_says_what_each_had(labels):
    results = results_of(labels, HITS)
    rows = results.tables["matched_budgets"]
    results.tables["matched_budgets"] = rows[rows["compute"] > rows["compute_model"]]
    said = "tuned_1 is 15.0 percentage points less accurate than Random, which had 4.0 times as much training compute"
    assert headline.answer(results).claim == f"{said} (pretraining left out)"
