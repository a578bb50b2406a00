"""What a run wrote is checked before a number is computed from it."""

import numpy as np
import pytest
from analysed import analyse, edit_json, edit_predictions
from study_factory import make_study

from study.analysis.tables import write_tables
from study.errors import StudyError


def swap_ids(arrays):
    arrays["test_ids"], arrays["test_logits"] = arrays["val_ids"], arrays["val_logits"]


def push_ids(arrays):
    arrays["test_ids"] = arrays["test_ids"] + 1_000_000


def repeat_an_id(arrays):
    arrays["test_ids"][1] = arrays["test_ids"][0]


def drop_a_class(arrays):
    arrays["test_logits"] = arrays["test_logits"][:, 1:]


def drop_a_row(arrays):
    arrays["val_logits"] = arrays["val_logits"][1:]


def break_a_logit(arrays):
    arrays["val_logits"][0, 0] = np.nan


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (swap_ids, "test ids are not the test split"),
        (push_ids, "test ids are not the test split"),
        (repeat_an_id, "test ids are not the test split"),
        (drop_a_class, r"test logits have shape \[1000, 99\] instead of \[1000, 100\]"),
        (drop_a_row, r"validation logits have shape \[199, 100\]"),
        (break_a_logit, "logits of 1 images are not finite"),
    ],
)
def test_predictions_that_do_not_fit_are_refused_by_name(tmp_path, edit, message):
    study = make_study(tmp_path / "demo", {"cnn": 0.5}, (0, 1))
    edit_predictions(study, "cnn", 1, edit)
    with pytest.raises(StudyError, match=rf"cnn/seed-1.*{message}"):
        write_tables(study, tmp_path / "tables")


@pytest.mark.parametrize("name", ["run.json", "history.csv", "predictions.npz"])
def test_a_missing_file_is_named(tmp_path, name):
    study = make_study(tmp_path / "demo", {"cnn": 0.5}, (0, 1))
    (study / "runs/cnn/seed-1" / name).unlink()
    with pytest.raises(StudyError, match=f"cnn/seed-1/{name} is missing"):
        write_tables(study, tmp_path / "tables")


def test_a_run_of_other_data_is_refused(tmp_path):
    study = make_study(tmp_path / "demo", {"cnn": 0.5}, (0, 1))
    edit_json(study / "runs/cnn/seed-0/run.json", data={"fingerprint": "6" * 64})
    with pytest.raises(StudyError, match=r"cnn/seed-0/run\.json: the run was trained on other data"):
        write_tables(study, tmp_path / "tables")


def test_a_truncated_file_is_refused(tmp_path):
    study = make_study(tmp_path / "demo", {"cnn": 0.5}, (0,))
    path = study / "runs/cnn/seed-0/predictions.npz"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(StudyError, match=r"predictions\.npz is damaged \(BadZipFile\); train the run again"):
        write_tables(study, tmp_path / "tables")


def test_a_chosen_epoch_that_the_history_lacks_is_refused(tmp_path):
    study = make_study(tmp_path / "demo", {"cnn": 0.5}, (0,))
    edit_json(study / "runs/cnn/seed-0/run.json", chosen_epoch=9)
    with pytest.raises(StudyError, match=r"history\.csv: epoch 9"):
        write_tables(study, tmp_path / "tables")


def test_a_run_with_a_split_of_its_own_is_judged_on_the_images_it_held_out(tmp_path):
    study = make_study(tmp_path / "study", {"cnn": 0.5}, seeds=[0])
    split, fine = (np.load(study / "dataset.npz")[name] for name in ("split", "fine"))
    own = np.flatnonzero(split == 0)[:40]
    logits = np.eye(100, dtype=np.float32)[fine[own]] * 9
    logits[:10] = np.roll(logits[:10], 1, axis=1)  # a quarter is wrong

    def hold_out(arrays):
        arrays["val_ids"], arrays["val_logits"] = own.astype(np.int32), logits

    edit_predictions(study, "cnn", 0, hold_out)
    with pytest.raises(StudyError, match="its validation ids are not the validation split"):
        analyse(study)
    edit_json(study / "runs" / "cnn" / "seed-0" / "run.json", validation={"fraction": 0.1, "seed": 1})
    assert analyse(study)["runs"]["val_accuracy"].tolist() == [0.75]
    edit_predictions(study, "cnn", 0, lambda arrays: arrays.update(val_ids=np.flatnonzero(split == 2)[:40]))
    with pytest.raises(StudyError, match="its validation ids are not of training images"):
        analyse(study)
