"""Accuracy against training compute: which models form a curve, what a run computes, what another curve needs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from configs import COMPUTE, raw

from study.analysis.budgets import budget_curve_table, compute_needed_table
from study.analysis.runs import Run
from study.config.planning import study_record
from study.config.record import StudyRecord
from study.config.study import load_config
from study.data.dataset import TEST, TRAIN, Labels
from study.findings import worth
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


def test_a_run_that_did_not_count_its_operations_has_no_place_on_the_curve(labels):
    runs = finished(HITS)
    runs["scratch_cnn"] = [replace(one, record=one.record | {"macs": None}) for one in runs["scratch_cnn"]]
    assert "scratch_cnn" not in budget_curve_table(record(), runs, labels)["model"].tolist()


# --- in the report ----------------------------------------------------------------------------------------------------


def results_of(labels: Labels, hits: dict[str, int]) -> Results:
    config, runs = record(), finished(hits)
    tables = {
        "budget_curve": budget_curve_table(config, runs, labels),
        "compute_needed": compute_needed_table(config, runs, labels).replace("", np.nan),
    }
    for name, label in (("random_1", "Random, 1 epoch"), ("random_4", "Random, 4 epochs")):
        config.models[name] = replace(config.models[name], label=label)
    return Results(study=Path(), folder=Path(), config=config, tables=tables, dataset=labels)


def test_the_finding_says_how_many_times_the_compute_or_that_no_budget_was_enough(labels):
    within, beyond = (results_of(labels, HITS | {"tuned_1": number}) for number in (350, 800))
    times = worth.amount(worth.compute_row(within), "times")
    assert worth.compute(within) == f"Random needs {times} times the training compute to be as accurate as tuned_1"
    assert times.startswith("2.") and "[" in times
    assert worth.compute(beyond) == "Random does not reach tuned_1 with 4.0 times its training compute"
    assert worth.compute(results_of(labels, HITS | {"tuned_1": 100})) == (
        "Random is more accurate than tuned_1 at its smallest budget already"
    )
