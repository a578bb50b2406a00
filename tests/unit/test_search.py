"""A search: every combination is a trial of its own, and none of them sees a test image."""

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from configs import COMPUTE, changed, raw, refusal
from runs import scratch_spec, train, write_spec
from written_pages import views

from study.analysis.search import write_search
from study.config.planning import run_spec, study_record
from study.config.record import StudyRecord
from study.config.search import Search
from study.config.study import load_config
from study.errors import StudyError
from study.files import read_json, write_json
from study.findings.results import read_table
from study.reporting.search import Searched, answer, write_search_report

SEARCH = {"model": "scratch_cnn", "arguments": {"dropout": [0.1, 0.3]}, "recipe": {"learning_rate": ["3e-4", 1e-3]}}


def test_every_combination_is_a_trial_that_differs_in_nothing_else():
    study = load_config(raw() | {"search": SEARCH})
    assert study.runs() == [(f"t00{n}", seed, None) for n in (1, 2, 3, 4) for seed in raw()["grid"]["seeds"]]
    told = [(study.models[name].arguments["dropout"], study.recipes[name].learning_rate) for name in study.grid.models]
    assert told == [(0.1, 3e-4), (0.1, 1e-3), (0.3, 3e-4), (0.3, 1e-3)]
    assert study.models["t003"].label == "dropout 0.3, learning_rate 0.0003"
    spec = run_spec(study, "t004", 0, COMPUTE)
    base = run_spec(load_config(raw()), "scratch_cnn", 0, COMPUTE)
    assert spec.network.arguments == base.network.arguments | {"dropout": 0.3}
    assert spec.recipe == replace(base.recipe, learning_rate=1e-3)
    assert (spec.tests, base.tests) == (False, True)


def test_the_record_of_a_search_holds_the_settings_of_every_trial_and_no_claims():
    record = study_record(load_config(raw() | {"search": SEARCH}), COMPUTE)
    assert record["search"]["model"] == "scratch_cnn"
    assert record["search"]["trials"]["t002"] == {"arguments.dropout": 0.1, "recipe.learning_rate": 1e-3}
    assert record["claims"] == [] and list(record["models"]) == list(record["search"]["trials"])
    assert study_record(load_config(raw()), COMPUTE)["search"] is None


@pytest.mark.parametrize(
    ("search", "message"),
    [
        (
            SEARCH | {"model": "scratch_cn"},
            "search: model: there is no model 'scratch_cn'; did you mean 'scratch_cnn'?",
        ),
        ({"model": "scratch_cnn"}, "a search needs at least two trials"),
        (SEARCH | {"arguments": {"dropout": []}}, "search: arguments: dropout"),
        (SEARCH | {"recipe": {"epochs": list(range(1, 300))}}, "598 trials are more than 500"),
        (
            SEARCH | {"recipe": {"learning_rat": [1e-3]}},
            "recipes: t001 has an unknown key 'learning_rat'; did you",
        ),
        (SEARCH | {"arguments": {"dropout": [0.1, 2]}}, "models: t003: arguments: dropout"),
    ],
)
def test_a_mistake_in_a_search_is_told_in_one_sentence(search, message):
    said = refusal(raw() | {"search": search})
    assert message in said and "\n" not in said


def test_a_trial_leaves_no_prediction_of_a_test_image(tmp_path):
    path = write_spec(tmp_path, replace(scratch_spec(epochs=1), tests=False))
    train(path)
    with np.load(path.parent / "predictions.npz") as stored:
        assert (len(stored["test_ids"]), len(stored["test_logits"])) == (0, 0)
        assert len(stored["val_logits"]) == 100
    assert read_json(path.parent / "run.json")["data"]["test"] == 0


# how many of the 100 validation images each trial's seeds get right; None: it diverged
RIGHT = {"t001": [40, 50], "t002": [47, 44], "t003": [90, None], "t004": [47, 43]}


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A search of four trials and two seeds with known accuracies, as training would leave it, and its tables."""
    study = tmp_path_factory.mktemp("results") / "search"
    write_spec(study, scratch_spec())  # makes the data
    with np.load(study / "dataset.npz") as data:
        ids, fine = np.flatnonzero(data["split"] == 1), data["fine"]
    for trial, seeds in RIGHT.items():
        for seed, right in enumerate(seeds):
            folder = study / "runs" / trial / f"seed-{seed}"
            folder.mkdir(parents=True)
            named = np.where(np.arange(100) < (right or 0), fine[ids], (fine[ids] + 1) % 100)
            rows = slice(None if right is not None else 0)
            np.savez(folder / "predictions.npz", val_ids=ids[rows], val_logits=9 * np.eye(100, dtype="f4")[named[rows]])
            outcome = "diverged" if right is None else "finished"
            write_json(folder / "run.json", {"outcome": outcome, "epochs": 2, "chosen_epoch": 2 if right else None})
    record = study_record(load_config(raw() | {"search": SEARCH, "grid": {"models": ["scratch_cnn"], "seeds": [0, 1]},
                                               "baseline": "scratch_cnn", "contrasts": None}), COMPUTE)  # fmt: skip
    write_json(study / "config.json", record)
    write_search(study, study / "tables" / "search.csv")
    return study, record


def test_the_trial_with_the_best_mean_is_chosen_among_those_that_finished_with_every_seed(searched):
    study, _ = searched
    table = pd.read_csv(study / "tables" / "search.csv")
    assert (100 * table["val_accuracy"]).round(6).fillna(-1).tolist() == [40, 50, 47, 44, 90, -1, 47, 43]
    assert table.loc[table["chosen"] == 1, "trial"].tolist() == ["t002", "t002"]
    assert table.loc[table["trial"] == "t002", "mean_val_accuracy"].tolist() == [0.455, 0.455]
    assert table["recipe.learning_rate"].tolist()[:3] == [3e-4, 3e-4, 1e-3]


def answer_of(study, record):
    return answer(Searched(study, StudyRecord.from_json(record), read_table(study / "tables" / "search.csv")))


def test_the_report_of_a_search_names_the_choice_and_what_diverged(searched):
    study, record = searched
    said = answer_of(study, record)
    assert said.startswith("Of 4 trials of scratch_cnn, 2 seeds each, t002 does best on the validation images: 45.5 %")
    assert said.endswith("The test images were not looked at. 1 run diverged.")
    write_search_report(study)
    assert {path.name for path in (study / "figures").iterdir()} == {"search.svg", "search.pdf"}
    assert {path.name for path in (study / "pages").iterdir()} == {"landing.html", "report.html", "all_tables_csv.zip"}
    shown = views(study)
    assert "t002 does best" in shown["story"]
    page = shown["trials_of_the_search"]
    assert page.count("diverged") == 1 and page.index("t002") < page.index("t004") < page.index("t003")


def test_a_trial_that_is_missing_is_listed_where_that_is_allowed(searched, tmp_path):
    study, record = tmp_path / "search", searched[1]
    shutil.copytree(searched[0], study)
    (study / "runs" / "t002" / "seed-0" / "run.json").unlink()
    with pytest.raises(StudyError, match="t002 seed 0 is in the grid but has not been trained"):
        write_search(study, study / "tables" / "search.csv")
    write_json(study / "config.json", record | {"allow_missing": True})
    write_search(study, study / "tables" / "search.csv")
    table = pd.read_csv(study / "tables" / "search.csv")
    assert table["outcome"].value_counts().to_dict() == {"finished": 6, "diverged": 1, "missing": 1}
    assert set(table.loc[table["chosen"] == 1, "trial"]) <= {"t001", "t004"} and table["chosen"].any()
    assert answer_of(study, record).endswith("1 run diverged. 1 run missing.")


def test_a_search_that_varies_much_is_refused_before_it_is_spelled_out():
    many = {f"key{n}": list(range(100)) for n in range(20)}
    with pytest.raises(ValueError, match="are more than 500"):
        Search(model="scratch_cnn", recipe=many)


def test_an_overlay_keeps_the_seeds_of_the_grid():
    assert changed("grid.seeds", [7])["grid"]["seeds"] == [7]
    study = load_config(changed("grid.seeds", [7]) | {"search": SEARCH})
    assert {run.seed for run in study.runs()} == {7}
