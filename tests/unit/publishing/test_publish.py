"""What is published of a study: the same tables, from evidence alone, of runs from several machines."""

import shutil

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from publications import RUN, content, without
from study_factory import make_study

from study.analysis.evidence import Evidence, in_its_bin, rounding_of_mean
from study.analysis.metrics import bin_of
from study.analysis.tables import write_tables
from study.data.dataset import TRAIN, read_labels
from study.errors import StudyError
from study.files import CHECKSUMS, read_json, write_json
from study.findings.results import read_table
from study.publishing.publish import publish
from study.publishing.verify import verify


def test_tables_from_the_evidence_are_those_from_the_logits(study, once):
    assert {path.name for path in (once / "tables").iterdir()} == {path.name for path in (study / "tables").iterdir()}
    for path in (study / "tables").iterdir():
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
    runs = read_table(together / "tables" / "runs.csv")
    assert runs.loc[runs["outcome"] == "missing", "model"].tolist() == ["lite0_frozen"] * 3
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
        right = stored["val_best"] == 255
        assert (stored["val_ids"] == arrays["val_ids"]).all()
    runs = pd.read_csv(own / "tables/runs.csv").set_index(["model", "seed"])
    assert runs.loc[("lite0_frozen", 2), "val_accuracy"] == pytest.approx(right.mean(), abs=1e-6)


@pytest.mark.parametrize(("dataset", "favour"), [("cifar100", 0.18), ("synthetic7", 0.01), ("cifar10", 0.05)])
def test_untouched_evidence_of_networks_near_chance_is_verified(tmp_path, dataset, favour):
    # log-probabilities are nearly the same for all classes but one, so that rounding moves them all the same way
    study = make_study(tmp_path / "chance", {"scratch_cnn": 0.1, "lite0_frozen": 0.1}, dataset=dataset)
    for path in study.glob("runs/*/*/predictions.npz"):
        with np.load(path) as stored:
            arrays = dict(stored)
        for name in ("val_logits", "test_logits"):
            arrays[name] *= 1e-4
            arrays[name][:, 0] += favour
        np.savez(path, **arrays)
    publish(study, tmp_path / "published")
    verify(tmp_path / "published")


def test_evidence_by_hand():
    logits = np.log(np.array([[0.4, 0.3, 0.3], [0.1, 0.2, 0.7]])).astype(np.float32)
    found = Evidence.of_logits(logits, np.array([1, 2]), np.array([0, 1, 1]))
    assert found.predicted.tolist() == [0, 2]
    assert np.exp(found.log_top) == pytest.approx([0.4, 0.7])
    assert np.exp(found.log_true) == pytest.approx([0.3, 0.7])
    assert found.superclass.tolist() == [1, 1]  # 0.6 against 0.4, though class 0 is the best of the first image
    assert found.rank.tolist() == [1, 0]
    logits = np.arange(7.0)[None].repeat(2, axis=0)
    assert Evidence.of_logits(logits, np.array([1, 5]), None).rank.tolist() == [5, 1]


def test_evidence_is_read_back_with_what_is_usual_in_its_place():
    logits = np.log(np.array([[0.4, 0.3, 0.3], [0.1, 0.2, 0.7]])).astype(np.float32)
    fine, coarse_of = np.array([1, 2]), np.array([0, 1, 1])
    found = Evidence.of_logits(logits, fine, coarse_of)
    stored = found.to_arrays(fine, coarse_of)
    assert stored["test_best"].tolist() == [0, 255]
    assert stored["test_log_true"][1] == 0 and stored["test_superclass"].tolist() == [1, 255]
    again = Evidence.from_arrays(stored, fine, coarse_of)
    for name in ("predicted", "rank", "superclass"):
        assert (getattr(again, name) == getattr(found, name)).all()
    assert np.exp(again.log_true) == pytest.approx([0.3, 0.7], abs=4e-4)


def test_rounding_moves_a_mean_by_a_step_where_all_are_alike_and_by_less_where_they_differ():
    assert rounding_of_mean(np.full(10_000, -4.6)) == 2**-8  # float16 has 10 digits behind the first, and 4.6 / 4 < 2
    # four of each: 2 sqrt(1024 (4 · 2^-8)^2) / 4096, where 1024 values lie in one binade
    assert rounding_of_mean(np.repeat(-4 - np.arange(1024) / 256, 4)) == 2 * 32 * 4 * 2**-8 / 4096


@given(st.lists(st.floats(1e-30, 1), min_size=1, max_size=10), st.integers(1, 1000))
def test_rounding_moves_no_mean_further_than_its_bound(probabilities, copies):
    exact = np.log(np.tile(probabilities, copies))
    stored = in_its_bin(exact).astype(float)
    assert abs(stored.mean() - exact.mean()) <= rounding_of_mean(stored)


@given(st.lists(st.floats(1e-30, 1), min_size=1))
def test_a_rounded_probability_stays_in_its_bin(probabilities):
    edges = np.arange(1, 16) / 15
    exact = np.log(np.concatenate([probabilities, edges, np.nextafter(edges, 0), np.nextafter(edges, 1)[:-1]]))
    rounded = in_its_bin(exact)
    assert rounded.dtype == np.float16
    assert (bin_of(np.exp(rounded.astype(float))) == bin_of(np.exp(exact))).all()
    assert np.exp(rounded.astype(float)) == pytest.approx(np.exp(exact), abs=4e-4)
