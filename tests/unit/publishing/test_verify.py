"""A published study is checked against itself, to the last byte and number."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from publications import RUN, edit_evidence, seal

from study.__main__ import main
from study.analysis.runs import load_run, load_runs
from study.config.record import read_record
from study.data.dataset import TEST, TRAIN, read_labels
from study.errors import StudyError
from study.files import read_json, write_json
from study.paths import RunKey
from study.publishing.verify import verify


def test_verify_says_what_it_checked_and_what_needs_the_logits(once, capsys):
    assert main(["verify", str(once)]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = {line[:24].strip(): line[24:].split() for line in lines[2:]}
    assert rows["runs"][1] == "40:"  # 8 finished runs: Brier score, temperature and three numbers after it
    assert rows["models"][1] == "80:"  # mean, SD, both ends of the range, and of the interval where there are 3 seeds
    assert rows["confusion"][1] == rows["class_differences"][1] == "none"
    assert lines[-1] == "every number that the evidence determines is as published"


@pytest.mark.parametrize("place", [0.1, 0.5, 0.9])
def test_one_altered_byte_of_the_evidence_is_found(published, place):
    path = published / RUN / "evidence.npz"
    stored = bytearray(path.read_bytes())
    stored[int(len(stored) * place)] ^= 1
    path.write_bytes(stored)
    with pytest.raises(StudyError, match=r"evidence\.npz was changed after it was written"):
        verify(published)
    seal(published)
    with pytest.raises(StudyError, match=r"evidence\.npz"):
        verify(published)


def test_a_file_that_was_not_published_is_found(published):
    shutil.copytree(published / RUN, published / RUN.with_name("seed-7"))
    with pytest.raises(StudyError, match=r"seed-7/evidence\.npz is not in checksums\.json"):
        verify(published)


@pytest.mark.parametrize(
    ("table", "column", "row"),
    [("runs", "test_accuracy", 3), ("models", "sd", 2), ("contrasts", "high", 0), ("contrasts", "p", 1),
     ("classes", "low", 250), ("superclasses", "accuracy", 30), ("class_differences", "difference", 120),
     ("confusion", "count", 77), ("errors", "within_superclass", 1), ("calibration", "accuracy", 12),
     ("ladder", "difference", 1), ("claims", "measured", 0), ("mcnemar", "only_model", 4), ("learning", "epoch", 5),
     ("hardest", "correct_share", 9)],
)  # fmt: skip
def test_one_altered_cell_of_a_table_is_found_even_with_its_checksum(published, table, column, row, capsys):
    path = published / "tables" / f"{table}.csv"
    cells = pd.read_csv(path, dtype=str, keep_default_na=False)
    before = cells.loc[row, column]
    digits, *exponent = before.split("e")
    after = "e".join([digits[:-1] + str((int(digits[-1]) + 1) % 10), *exponent])
    cells.loc[row, column] = after
    cells.to_csv(path, index=False, lineterminator="\n")
    assert main(["verify", str(published)]) == 1
    assert f"{table}.csv was changed after it was written" in capsys.readouterr().err
    seal(published)
    assert main(["verify", str(published)]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"{path}, line {row + 2} (" in said
    assert f"column {column}: '{after}' is published, but " in said


def test_near_duplicates_are_held_against_the_labels(published):
    labels = read_labels(published / "labels.npz")
    image, train_image = labels.ids(TEST)[0], labels.ids(TRAIN)[0]
    wrong = int(labels.fine[image] != labels.fine[train_image])
    path = published / "tables" / "near_duplicates.csv"
    path.write_text(f"image_id,train_image_id,distance,same_class\n{image},{train_image},0.500000,{wrong}\n")
    seal(published)
    with pytest.raises(StudyError, match=f"column same_class: '{wrong}' is published, but {1 - wrong} follows"):
        verify(published)


def test_an_altered_prediction_is_found_by_the_tables(published):
    def edit(arrays):
        arrays["test_best"][0] = 99 if arrays["test_best"][0] < 99 else 98

    edit_evidence(published, edit)
    with pytest.raises(StudyError, match=r"from_logits\.json: bin|\.csv, line"):
        verify(published)


def test_altered_probabilities_and_superclasses_are_found(published, once):
    def surer(arrays):
        arrays["test_log_true"] += np.float16(0.01)

    edit_evidence(published, surer)
    with pytest.raises(StudyError, match=r"from_logits\.json: test_nll is .*, but .* in the evidence"):
        verify(published)

    def other(arrays):
        arrays["test_log_true"] -= np.float16(0.01)
        arrays["test_superclass"][:50] = 0

    edit_evidence(published, other)
    with pytest.raises(StudyError):
        verify(published)


def test_numbers_of_the_logits_are_held_against_the_evidence(published):
    path = published / RUN / "from_logits.json"
    record = read_json(path)
    record["numbers"]["test_ece"] += 0.001
    write_json(path, record)
    seal(published)
    with pytest.raises(StudyError, match=r"from_logits\.json: test_ece is "):
        verify(published)


# --- thin evidence ----------------------------------------------------------------------------------------------------

FEW = Path("runs/scratch_cnn/per-class-5/seed-0")


def test_a_run_on_few_images_is_published_with_thin_evidence_and_its_numbers(study, few):
    verify(few)
    with np.load(few / FEW / "evidence.npz") as stored:
        assert {name: (str(array.dtype), len(array)) for name, array in stored.items()} == {
            "test_best": ("uint8", 1000), "test_log_true": ("float16", 1000)
        }  # fmt: skip
    config, dataset = read_record(few / "config.json"), read_labels(few / "labels.npz")
    thin, full = RunKey("scratch_cnn", 0, 5), RunKey("scratch_cnn", 0)
    assert load_run(few, thin, dataset).numbers == load_run(study, full, dataset).numbers
    alone = {name: value for name, value in load_run(few, thin, dataset, True).numbers.items() if not np.isnan(value)}
    assert alone.keys() == {"test_accuracy", "test_superclass", "train_accuracy", "test_nll"}
    assert [run.key for run in load_runs(few, config, dataset)][-2:] == [thin, RunKey("scratch_cnn", 1, 5)]


@pytest.mark.parametrize("place", ["test_best", "test_log_true"])
def test_altered_thin_evidence_is_found(few, tmp_path, place):
    folder = Path(shutil.copytree(few, tmp_path / "published"))

    def edit(arrays):
        arrays[place][:20] = arrays[place][20:40]

    edit_evidence(folder, edit, FEW)
    with pytest.raises(StudyError, match=r"per-class-5/seed-0/from_logits\.json: test_\w+ is "):
        verify(folder)


def test_thin_evidence_of_other_images_is_refused(few, tmp_path):
    folder = Path(shutil.copytree(few, tmp_path / "published"))
    edit_evidence(folder, lambda arrays: arrays.update(test_best=arrays["test_best"][:-1]), FEW)
    with pytest.raises(StudyError, match=r"evidence\.npz is damaged \(ValueError\); publish the study again"):
        verify(folder)


def test_a_folder_that_is_no_published_study_is_refused(study, capsys):
    assert main(["verify", str(study)]) == 1
    assert "is not a published study" in capsys.readouterr().err
