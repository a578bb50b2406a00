"""What is published of a study gives the same tables as the study, and is checked against itself to the last number."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from study_factory import make_study

from study.__main__ import main
from study.analysis.evidence import Evidence, in_its_bin
from study.analysis.metrics import bin_of
from study.analysis.summary import write_summary
from study.analysis.tables import write_tables
from study.data.dataset import TEST, TRAIN, read_labels
from study.errors import StudyError
from study.files import CHECKSUMS, file_digest, read_json, write_json
from study.publishing.publish import publish, published_files
from study.publishing.verify import verify

CLAIM = {"id": "c", "text": "t", "source": "s", "model": "lite0_frozen", "baseline": None, "metric": "test_accuracy",
         "judgement": "at_least", "expected": 0.5, "rounding": 0.0}  # fmt: skip
RUN = Path("runs/lite0_frozen/seed-2")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """An analysed study, one of whose nine runs diverged."""
    folder = make_study(tmp_path_factory.mktemp("results") / "fake", diverged=[("lite0_frozen", 1)], dataset="cifar100")
    config = read_json(folder / "config.json")
    ladder = [{"model": model, "label": model, "change": "c"} for model in config["models"]]
    write_json(folder / "config.json", config | {"ladder": ladder, "claims": [CLAIM]})
    write_tables(folder, folder / "tables")
    write_summary(folder, folder / "tables", folder / "summary.json")
    return folder


@pytest.fixture(scope="module")
def once(study, tmp_path_factory):
    """The study published, only to be read."""
    folder = tmp_path_factory.mktemp("published") / "once"
    publish(study, folder)
    return folder


@pytest.fixture
def published(once, tmp_path):
    """The study published, to be changed."""
    return Path(shutil.copytree(once, tmp_path / "published"))


def content(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def seal(folder):
    """Record the checksums anew, as whoever wants to hide a change would."""
    write_json(folder / CHECKSUMS, {name: file_digest(folder / name) for name in published_files(folder)})


def edit_evidence(folder, edit):
    path = folder / RUN / "evidence.npz"
    with np.load(path) as stored:
        arrays = dict(stored)
    edit(arrays)
    np.savez_compressed(path, **arrays)
    seal(folder)


def without(study, folder, *models):
    """A copy of the study in which these models have not been trained."""
    shutil.copytree(study, folder, ignore=lambda _, names: [name for name in names if name in models])
    return folder


def test_tables_from_the_evidence_are_those_from_the_logits(study, once):
    assert {path.name for path in (once / "tables").iterdir()} == {path.name for path in (study / "tables").iterdir()}
    for path in [*(study / "tables").iterdir(), study / "summary.json"]:
        assert (once / path.relative_to(study)).read_bytes() == path.read_bytes(), path.name


def test_neither_images_nor_logits_are_published(once):
    files = {path.name for path in once.rglob("*") if path.is_file()}
    assert not files & {"dataset.npz", "predictions.npz", "model.safetensors"}
    assert {path.name for path in (once / RUN).iterdir()} == {
        "spec.json", "run.json", "history.csv", "evidence.npz", "from_logits.json"
    }  # fmt: skip
    assert {path.name for path in (once / "runs/lite0_frozen/seed-1").iterdir()} == {
        "spec.json", "run.json", "history.csv"
    }  # fmt: skip


def test_published_twice_it_is_the_same_to_the_byte(study, once, tmp_path):
    publish(study, tmp_path / "again")
    first = content(once)
    assert content(tmp_path / "again") == first
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "again").rglob("evidence.npz")}
    publish(study, tmp_path / "again")
    assert content(tmp_path / "again") == first
    assert times == {path: path.stat().st_mtime_ns for path in times}


def test_runs_of_several_machines_come_together(study, once, tmp_path, capsys):
    parts = [without(study, tmp_path / "a" / "fake", "lite0_frozen"), without(study, tmp_path / "b" / "fake", "seed-0")]
    together = tmp_path / "together"
    publish(parts[0], together)
    verify(together)
    assert read_json(together / "summary.json")["runs"]["missing"] == [
        {"model": "lite0_frozen", "seed": seed} for seed in (0, 1, 2)
    ]
    publish(parts[1], together)
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"{together}: 8 of 9 runs are published, 2 of them new")
    publish(study, together)
    assert content(together) == content(once)


def test_published_parts_come_together_without_the_results(study, once, tmp_path):
    for name, model in (("a", "lite0_frozen"), ("b", "scratch_cnn")):
        publish(without(study, tmp_path / name / "fake", model), tmp_path / f"published-{name}")
    publish(tmp_path / "published-b", tmp_path / "published-a")
    for path in ("tables", "runs"):
        assert content(tmp_path / "published-a" / path) == content(once / path)
    verify(tmp_path / "published-a")


def test_tables_are_computed_again_from_the_evidence_alone(once, published):
    (published / "tables" / "models.csv").write_text("of an older version\n")
    publish(published, published)
    assert content(published) == content(once)
    (published / RUN / "evidence.npz").write_bytes(b"PK")
    with pytest.raises(StudyError, match="cannot replace it; restore it"):
        publish(published, published)


def test_a_run_that_was_changed_since_it_ended_is_not_published(study, tmp_path):
    other = shutil.copytree(study, tmp_path / "fake")
    write_json(other / RUN / CHECKSUMS, {"predictions.npz": "0" * 64})
    with pytest.raises(StudyError, match=r"predictions\.npz was changed after it was written; train the run again"):
        publish(other, tmp_path / "published")


def test_a_study_is_published_before_its_config_is_written(study, once, tmp_path):
    running = shutil.copytree(study, tmp_path / "fake")
    (running / "plan").mkdir()
    (running / "config.json").rename(running / "plan" / "config.json")
    publish(running, tmp_path / "published")
    assert content(tmp_path / "published") == content(once)


def test_what_is_published_stays_when_the_results_have_gone(study, published, tmp_path):
    before = content(published)
    emptied = without(study, tmp_path / "fake", "scratch_cnn", "lite0_finetune", "lite0_frozen")
    publish(emptied, published)
    assert content(published) == before


def test_a_damaged_run_is_published_again_where_the_study_has_it(study, once, published, tmp_path):
    (published / RUN / "evidence.npz").write_bytes(b"PK")
    emptied = without(study, tmp_path / "fake", "lite0_frozen")
    with pytest.raises(StudyError, match=r"evidence\.npz was changed .* cannot replace it; restore it"):
        publish(emptied, published)
    publish(study, published)
    assert content(published) == content(once)


@pytest.mark.parametrize("name", ["labels.npz", "config.json", "tables/near_duplicates.csv", "tables/models.csv"])
def test_other_damaged_files_are_replaced_by_the_study_and_by_nothing_else(study, once, published, name):
    (published / name).write_bytes((published / name).read_bytes()[:-7])
    if name != "tables/models.csv":  # which follows from the others
        with pytest.raises(StudyError):
            publish(published, published)
    publish(study, published)
    assert content(published) == content(once)


def test_a_run_of_another_spec_or_outside_the_grid_or_of_other_data_is_refused(study, published, tmp_path):
    other = shutil.copytree(study, tmp_path / "fake")
    record = read_json(other / RUN / "run.json")
    write_json(other / RUN / "run.json", record | {"spec_sha256": "5" * 64})
    with pytest.raises(StudyError, match=r"seed-2 was trained from another spec\.json than"):
        publish(other, published)
    config = read_json(study / "config.json")
    write_json(other / "config.json", config | {"grid": config["grid"][:-1]})
    with pytest.raises(StudyError, match="seed-2 is not in the grid of"):
        publish(other, published)
    with pytest.raises(StudyError, match="is of other data, or another split"):
        publish(make_study(tmp_path / "small", {"scratch_cnn": 0.4}, [0], dataset="synthetic7"), published)


def test_a_publication_that_was_killed_is_completed_by_the_next(study, once, tmp_path):
    killed = tmp_path / "killed"
    publish(without(study, tmp_path / "fake", "lite0_frozen"), killed)
    (killed / RUN).mkdir(parents=True)
    shutil.copy(once / RUN / "spec.json", killed / RUN)  # the run's other files, run.json last, were not written
    with pytest.raises(StudyError, match=r"seed-2/spec\.json is not in checksums\.json; delete it, or publish again"):
        verify(killed)
    publish(study, killed)
    assert content(killed) == content(once)


def test_a_search_is_not_published(study, tmp_path):
    other = shutil.copytree(study, tmp_path / "fake")
    write_json(other / "config.json", read_json(other / "config.json") | {"search": {"parameters": {}}})
    with pytest.raises(StudyError, match="is a search; only comparisons can be published"):
        publish(other, tmp_path / "published")


def test_a_study_without_a_finished_run_is_not_published(study, tmp_path):
    emptied = without(study, tmp_path / "fake", "runs")
    with pytest.raises(StudyError, match="no run has finished yet"):
        publish(emptied, tmp_path / "published")


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
        arrays["test_top5"][0] = arrays["test_top5"][0, [1, 0, 2, 3, 4]]

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


def test_an_altered_summary_is_found(published):
    path = published / "summary.json"
    summary = json.loads(path.read_text())
    summary["models"][1]["mean"] += 0.001
    write_json(path, summary)
    seal(published)
    with pytest.raises(StudyError, match=r"summary\.json: models\.1\.mean is .*, but the tables say"):
        verify(published)


def test_a_folder_that_is_no_published_study_is_refused(study, capsys):
    assert main(["verify", str(study)]) == 1
    assert "is not a published study" in capsys.readouterr().err


@pytest.mark.parametrize("dataset", ["cifar10", "synthetic7"])
def test_data_of_few_classes_or_without_superclasses_are_published_too(tmp_path, dataset):
    study = make_study(tmp_path / "few", {"scratch_cnn": 0.4, "lite0_finetune": 0.8}, dataset=dataset)
    write_tables(study, study / "tables")
    publish(study, tmp_path / "published")
    verify(tmp_path / "published")
    for path in (study / "tables").iterdir():
        assert (tmp_path / "published/tables" / path.name).read_bytes() == path.read_bytes(), path.name


def test_a_run_with_a_validation_split_of_its_own_is_published_with_it(study, tmp_path):
    own = shutil.copytree(study, tmp_path / "fake")
    shutil.rmtree(own / "tables")
    path = own / RUN / "predictions.npz"
    with np.load(path) as stored:
        arrays = dict(stored)
    labels = read_labels(own / "dataset.npz")
    arrays["val_ids"] = labels.ids(TRAIN)[: len(arrays["val_ids"])]
    np.savez(path, **arrays)
    record = read_json(own / RUN / "run.json")
    write_json(own / RUN / "run.json", record | {"validation": {"fraction": 0.2, "seed": 1}})
    write_tables(own, own / "tables")
    publish(own, tmp_path / "published")
    verify(tmp_path / "published")
    assert (tmp_path / "published/tables/runs.csv").read_bytes() == (own / "tables/runs.csv").read_bytes()
    with np.load(tmp_path / "published" / RUN / "evidence.npz") as stored:
        right = stored["val_top5"][:, 0] == labels.fine[arrays["val_ids"]]
        assert (stored["val_ids"] == arrays["val_ids"]).all()
    runs = pd.read_csv(own / "tables/runs.csv").set_index(["model", "seed"])
    assert runs.loc[("lite0_frozen", 2), "val_accuracy"] == pytest.approx(right.mean(), abs=1e-6)


def test_evidence_by_hand():
    logits = np.log(np.array([[0.4, 0.3, 0.3], [0.1, 0.2, 0.7]])).astype(np.float32)
    found = Evidence.of_logits(logits, np.array([1, 2]), np.array([0, 1, 1]))
    assert found.top5.tolist() == [[0, 1, 2], [2, 1, 0]]  # ties: the lowest class first
    assert np.exp(found.log_top) == pytest.approx([0.4, 0.7])
    assert np.exp(found.log_true) == pytest.approx([0.3, 0.7])
    assert found.superclass.tolist() == [1, 1]  # 0.6 against 0.4, though class 0 is the best of the first image
    assert found.rank(np.array([1, 2])).tolist() == [1, 0]
    logits = np.arange(7.0)[None].repeat(2, axis=0)
    assert Evidence.of_logits(logits, np.array([1, 5]), None).rank(np.array([1, 5])).tolist() == [5, 1]


@given(st.lists(st.floats(1e-30, 1), min_size=1))
def test_a_rounded_probability_stays_in_its_bin(probabilities):
    edges = np.arange(1, 16) / 15
    exact = np.log(np.concatenate([probabilities, edges, np.nextafter(edges, 0), np.nextafter(edges, 1)[:-1]]))
    rounded = in_its_bin(exact)
    assert rounded.dtype == np.float16
    assert (bin_of(np.exp(rounded.astype(float))) == bin_of(np.exp(exact))).all()
    assert np.exp(rounded.astype(float)) == pytest.approx(np.exp(exact), abs=4e-4)
