"""Runs on few images of each class: which they are, what they train on, and how long."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from configs import COMPUTE, raw, refusal
from hypothesis import given, settings
from hypothesis import strategies as st
from runs import history, make_dataset, scratch_spec, train, write_spec
from test_start import write_run

from study.config.planning import run_spec, spec_of, study_record
from study.config.study import Config, load_config
from study.data.dataset import VALIDATION, read_dataset
from study.errors import StudyError
from study.files import canonical_json, read_json
from study.fingerprints import training_code_sha256
from study.orchestration.overview import describe
from study.paths import RunKey, StudyPaths
from study.training.setup import make_setup, rows_of

LABELS = {"models": ["scratch_cnn"], "images_per_class": [5, 1], "seeds": {1: [0, 1], 5: [7]}}
BUDGET = {"epochs": 4, "images_seen": 1000, "best_epoch": "last", "plateau": None}
BUDGET_TABLE = {"images_seen": {1: 2000, 5: 4000}, "epochs": 2, "plateau": None, "early_stopping": None}


def labelled(labels: dict[str, Any] | None = None, **recipe: Any) -> dict[str, Any]:
    """config.yaml with a label curve; `recipe` are changes to the CNN's recipe."""
    config = raw() | {"labels": LABELS | (labels or {})}
    config["recipes"]["report_scratch"] |= recipe
    return config


def study(**recipe: Any) -> Config:
    return load_config(labelled(**recipe))


# --- which runs there are ---------------------------------------------------------------------------------------------


def test_runs_on_few_images_come_behind_those_of_the_grid_the_fewest_first():
    runs = study().runs()
    assert runs[:10] == load_config(raw()).runs()
    assert runs[10:] == [
        RunKey("scratch_cnn", 0, 1),
        RunKey("scratch_cnn", 1, 1),
        RunKey("scratch_cnn", 7, 5),
    ]


def test_a_run_on_few_images_has_a_folder_and_a_spec_of_its_own_and_the_others_keep_theirs(tmp_path):
    paths, key = StudyPaths(tmp_path), RunKey("scratch_cnn", 7, 5)
    assert paths.run(*key) == tmp_path / "runs/scratch_cnn/per-class-5/seed-7"
    assert paths.run("scratch_cnn", 7) == tmp_path / "runs/scratch_cnn/seed-7"
    folders = [StudyPaths.of_run(paths.run(*run)).folder for run in (key, RunKey("scratch_cnn", 7))]
    assert folders == [paths.folder] * 2
    few, whole = spec_of(study(), key, COMPUTE), run_spec(study(), "scratch_cnn", 7, COMPUTE)
    assert few.to_json() == whole.to_json() | {"images_per_class": 5} and few.key == key
    assert whole == run_spec(load_config(raw()), "scratch_cnn", 7, COMPUTE)


def test_the_record_names_these_runs_apart_from_the_grid_and_only_where_there_are_any():
    record, plain = study_record(study(**BUDGET_TABLE), COMPUTE), study_record(load_config(raw()), COMPUTE)
    assert "labels" not in plain
    assert [(cell["images_per_class"], cell["seed"]) for cell in record["labels"]] == [(1, 0), (1, 1), (5, 7)]
    assert len({cell["settings_sha256"] for cell in record["grid"] + record["labels"]}) == 13
    assert canonical_json(json.loads(json.dumps(record))) == canonical_json(record)


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        ({"models": ["vit_tiny"]}, "labels: models: there is no model of the grid 'vit_tiny'"),
        ({"models": ["scratch_cnn"] * 2}, "labels: models: 'scratch_cnn' is listed twice; remove one"),
        ({"images_per_class": [5, 450]}, "labels: images_per_class: 450 is not fewer than the 450 images per class"),
        ({"seeds": {5: [0]}}, "labels: seeds begins at 5 images per class; add an entry for 1"),
        ({"seeds": {1: ["a"]}}, "labels: seeds: 1: 0 is 'a', but must be a whole number"),
        ({"seeds": []}, "labels: seeds is a list, but must have at least 1 entry"),
    ],
)
def test_runs_that_cannot_be_are_refused_in_a_sentence(labels, sentence):
    assert sentence in refusal(labelled(labels))


@pytest.mark.parametrize(
    ("recipe", "sentence"),
    [
        ({"images_seen": {5: 9000}}, "report_scratch: images_seen begins at 5 images per class; add an entry for 1"),
        ({"images_seen": 3}, "report_scratch: images_seen must be at least the 60 epochs that divide it"),
        ({"images_seen": "x"}, "report_scratch: images_seen is 'x', but must be a whole number"),
        ({"best_epoch": "last"}, "report_scratch: best_epoch last lets validation choose nothing; set plateau and"),
        ({"images_seen": 9000, "augmentation": {"alternating_flip": True}}, "use horizontal_flip, not alternating"),
    ],
)
def test_a_budget_that_cannot_be_is_refused_in_a_sentence(recipe, sentence):
    assert sentence in refusal(labelled(**recipe))


def test_a_search_has_no_label_curve():
    config = labelled() | {"search": {"model": "scratch_cnn", "recipe": {"epochs": [1, 2]}}}
    assert "labels: a search trains its trials on all images; remove labels, or search" in refusal(config)


def test_a_table_of_budgets_becomes_one_number_in_each_spec():
    budgets = {key: spec_of(study(**BUDGET_TABLE), key, COMPUTE).recipe.images_seen for key in study().runs()}
    assert budgets[RunKey("scratch_cnn", 0, 1)] == 2000
    assert budgets[RunKey("scratch_cnn", 7, 5)] == budgets[RunKey("scratch_cnn", 0)] == 4000


def test_the_overview_names_these_runs_and_judges_their_time_by_the_images_they_see(tmp_path):
    few = study(**BUDGET_TABLE)
    few = few.model_copy(update={"grid": few.grid.model_copy(update={"models": ["scratch_cnn"], "seeds": [0]})})
    write_run(tmp_path, "scratch_cnn/seed-0", training_code_sha256(), 1200)  # of 4,000 images
    lines = describe(few, COMPUTE, StudyPaths(tmp_path)).splitlines()
    assert lines[0].startswith(f"Study {few.study}: 4 runs on cpu")
    assert lines[2:4] == [
        "  on 1 of the images of each class: scratch_cnn, seeds 0, 1",
        "  on 5 of the images of each class: scratch_cnn, seeds 7",
    ]
    assert lines[-1].startswith("  the rest takes about 40 minutes")  # twice 2,000 images and once 4,000


# --- what a run trains on ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A study folder with the tiny dataset, three training images a class."""
    folder = tmp_path_factory.mktemp("few")
    make_dataset(folder / "dataset.npz")
    return folder


@pytest.fixture(scope="module")
def data(folder):
    return read_dataset(folder / "dataset.npz")


@given(st.integers(0, 2**31 - 1))
def test_subsets_have_each_class_equally_often_and_are_parts_of_larger_ones(data, seed):
    spec = scratch_spec(seed)
    one, two, whole = (rows_of(data, replace(spec, images_per_class=number))["train"] for number in (1, 2, None))
    assert set(one.tolist()) < set(two.tolist()) < set(whole.tolist())
    assert np.bincount(data.fine[two]).tolist() == [2] * 100


def test_the_seed_alone_draws_the_subset(data):
    few = replace(scratch_spec(), images_per_class=1)
    other_model = replace(few, model="other", regime="finetune", recipe=replace(few.recipe, epochs=9))
    assert torch.equal(rows_of(data, few)["train"], rows_of(data, other_model)["train"])
    assert not torch.equal(rows_of(data, few)["train"], rows_of(data, replace(few, seed=1))["train"])


def test_a_class_with_too_few_images_is_named(data):
    with pytest.raises(StudyError, match=r"images_per_class: 4 is more than the 3 training images of class 'class_0'"):
        rows_of(data, replace(scratch_spec(), images_per_class=4))


# --- how long ---------------------------------------------------------------------------------------------------------


@settings(max_examples=20)
@given(st.integers(1, 3), st.integers(1, 7), st.integers(7, 2000))
def test_a_budget_is_spent_in_whole_passes_that_follow_each_other(folder, data, per_class, epochs, images):
    changes = BUDGET | {"epochs": epochs, "images_seen": images}
    spec = replace(scratch_spec(**changes), images_per_class=per_class)
    setup, _, _ = make_setup(spec, StudyPaths(folder), data, torch.device("cpu"))
    parts = [setup.order(epoch) for epoch in range(1, epochs + 1)]
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    seen = torch.cat(parts)
    assert len(seen) == images
    for one_pass in seen.split(len(setup.train)):
        assert len(one_pass.unique()) == len(one_pass)


def test_a_batch_is_no_larger_than_the_training_set(folder, data):
    for per_class, size in ((1, 100), (3, 256)):
        spec = replace(scratch_spec(batch_size=256), images_per_class=per_class)
        setup, _, _ = make_setup(spec, StudyPaths(folder), data, torch.device("cpu"))
        assert setup.spec.recipe.batch_size == size


def test_a_run_judged_at_its_end_leaves_earlier_epochs_unjudged_and_learns(tmp_path):
    path = write_spec(tmp_path, replace(scratch_spec(**BUDGET | {"images_seen": 4000}), images_per_class=2))
    train(path)
    rows, record = history(path.parent), read_json(path.parent / "run.json")
    assert (record["chosen_epoch"], record["chosen_by"], record["data"]["train"]) == (4, "last", 200)
    assert [row["val_loss"] == row["val_accuracy"] == row["train_eval_accuracy"] == "" for row in rows] == [
        True
    ] * 3 + [False]
    assert all(float(row["train_loss"]) > 0 for row in rows)
    assert float(rows[-1]["val_accuracy"]) > 0.1  # chance is 0.01


def test_validation_labels_change_nothing_where_the_last_epoch_is_kept(tmp_path):
    digests = []
    for name in ("as they are", "shuffled"):
        folder = tmp_path / name
        path = write_spec(folder, scratch_spec(**BUDGET))
        data = read_dataset(folder / "dataset.npz")
        if name == "shuffled":
            data.fine[data.ids(VALIDATION)] = data.fine[data.ids(VALIDATION)][::-1]
            data.write(folder / "dataset.npz")
        train(path)
        digests.append((path.parent / "model.safetensors").read_bytes())
    assert digests[0] == digests[1]
