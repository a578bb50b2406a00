"""A study in a notebook: what `from study import load` gives, from results, published folders and thin evidence."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from study_factory import CHOSEN_EPOCH, make_study
from written_pages import analyse

from study import load
from study.analysis.registry import TEXT
from study.data.dataset import TEST, VALIDATION, read_labels
from study.errors import StudyError
from study.publishing.publish import publish

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "notebook.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    few = {"scratch_cnn": {5: 0.2}}
    folder = make_study(
        tmp_path_factory.mktemp("s") / "fake", {"scratch_cnn": 0.4}, (0, 1), [("scratch_cnn", 1)], few=few
    )
    analyse(folder)
    publish(folder, folder.parent / "published")
    return folder


def test_predictions_are_those_that_the_tables_are_computed_from(study):
    loaded, labels = load(study), read_labels(study / "dataset.npz")
    runs = loaded.runs.set_index("seed")
    assert runs.loc[0, "chosen_epoch"] == CHOSEN_EPOCH and loaded.tables["models"]["n_seeds"].eq(1).all()
    test, val = loaded.predictions("scratch_cnn", 0), loaded.predictions("scratch_cnn", 0, part="val")
    assert test["image_id"].tolist() == labels.ids(TEST).tolist()
    assert test["class"].tolist() == [labels.fine_names[label] for label in labels.fine[labels.ids(TEST)]]
    assert (test["right"] == (test["class"] == test["predicted"])).all() and (
        test["right"] == (test["rank"] == 1)
    ).all()
    assert test["right"].mean() == pytest.approx(runs.loc[0, "test_accuracy"], abs=1e-6)
    assert (test["rank"] <= 5).mean() == pytest.approx(runs.loc[0, "test_top5"], abs=1e-6)
    assert -np.log(test["probability_of_class"]).mean() == pytest.approx(runs.loc[0, "test_nll"], abs=1e-6)
    assert (test["probability"] >= test["probability_of_class"]).all()
    assert val["image_id"].tolist() == labels.ids(VALIDATION).tolist()
    assert val["right"].mean() == pytest.approx(runs.loc[0, "val_accuracy"], abs=1e-6)


def test_a_published_study_says_the_same_as_far_as_its_evidence_goes(study):
    full, published = load(study), load(str(study.parent / "published"))
    exact = ["image_id", "class", "predicted", "right", "rank"]
    one, other = (each.predictions("scratch_cnn", 0) for each in (full, published))
    assert one[exact].equals(other[exact])
    assert (one["probability"] - other["probability"]).abs().max() < 4e-4
    one, other = (each.predictions("scratch_cnn", 0, part="val") for each in (full, published))
    assert one[exact[:4]].equals(other[exact[:4]]) and other["probability_of_class"].isna().all()
    one, other = (each.predictions("scratch_cnn", 0, images_per_class=5) for each in (full, published))
    assert one[exact[:4]].equals(other[exact[:4]]) and other["probability"].isna().all()
    assert other["rank"].tolist() == [1 if right else pytest.approx(np.nan, nan_ok=True) for right in one["right"]]
    with pytest.raises(StudyError, match="only the test images' predictions are published"):
        published.predictions("scratch_cnn", 0, images_per_class=5, part="val")


def test_what_is_not_there_is_said(study, tmp_path):
    with pytest.raises(StudyError, match="has no run scratch_cnn seed 7; "):
        load(study).predictions("scratch_cnn", 7)
    with pytest.raises(StudyError, match=r"scratch_cnn seed 1 of .* diverged, and predicts nothing"):
        load(study).predictions("scratch_cnn", 1)
    with pytest.raises(StudyError, match="has no tables; name results/<study>"):
        load(tmp_path)


def test_the_page_names_every_table_and_every_column_of_predictions_and_its_example_runs(study):
    named = set(re.findall(r"`(\w+)`", PAGE))
    assert TEXT.keys() <= named
    assert {*load(study).predictions("scratch_cnn", 0)} <= named
    code = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1]
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={"PYTHONPATH": "workflow"}, check=True)
