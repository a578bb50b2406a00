"""What is damaged, edited or foreign in a study's results is found, and said with the command that mends it."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from configs import COMPUTE, raw
from runs import make_dataset, scratch_spec, write_spec

from study.__main__ import main
from study.config.planning import study_record
from study.config.study import load_config
from study.errors import StudyError
from study.files import CHECKSUMS, changed_files, file_digest, read_json, write_checksums, write_json
from study.orchestration import jobs
from study.orchestration.check import refuse_changed_runs, refuse_changed_tables
from study.paths import RUN_FILES, SPEC, StudyPaths


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The results of a study of one run, with a table, weights and features."""
    study = StudyPaths(tmp_path_factory.mktemp("s") / "results" / "mine")
    jobs.train(write_spec(study.folder, scratch_spec(epochs=1)))
    write_json(study.dataset_record, {"fingerprint": "tiny"})
    write_json(study.config, study_record(load_config(raw()), COMPUTE))
    study.tables.mkdir()
    study.table("runs").write_text("a\n1\n")
    write_checksums(study.folder, ("dataset.npz", "dataset.json"))
    write_checksums(study.tables, ("runs.csv",))
    weights = study.weights("w")
    weights.parent.mkdir()
    weights.write_bytes(b"weights")
    write_json(weights.with_suffix(".json"), {"sha256": file_digest(weights)})
    study.features("f").parent.mkdir()
    np.savez(study.features("f"), features=np.arange(10_000))
    return study


@pytest.fixture
def study(trained, tmp_path, monkeypatch):
    shutil.copytree(trained.folder, tmp_path / "results" / "mine")
    monkeypatch.chdir(tmp_path)
    return StudyPaths(Path("results/mine"))


RUN = "results/mine/runs/scratch_cnn/seed-0"


def found(capsys) -> list[str]:
    """The faults that `study check` prints."""
    code = main(["check", "results/mine"])
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert code == bool(err)
    if code:
        assert err == f"Error: results/mine: {len(lines)} faults were found, as said above.\n"
        return lines
    assert lines == ["results/mine: data, tables and 1 runs are as they were written"]
    return []


def cut(path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def test_untouched_results_are_found_whole(study, capsys):
    assert set(read_json(study.run("scratch_cnn", 0) / CHECKSUMS)) == {SPEC, *RUN_FILES}
    assert found(capsys) == []
    refuse_changed_runs(study.folder)
    refuse_changed_tables(study.folder)


@pytest.mark.parametrize("name", [SPEC, *RUN_FILES])
def test_a_damaged_or_deleted_file_of_a_run_is_found(study, capsys, name):
    path = study.run("scratch_cnn", 0) / name
    cut(path)
    lines = found(capsys)
    assert f"{RUN}/{name} was changed after it was written: rm -r {RUN}, then run the study again" in lines
    path.unlink()
    assert f"{RUN}/{name} is missing: rm -r {RUN}, then run the study again" in found(capsys)


def test_damaged_data_weights_features_and_edited_tables_are_found(study, capsys):
    for path in (study.dataset, study.weights("w"), study.features("f"), study.table("runs")):
        cut(path)
    assert [line.partition(": ")[0] for line in found(capsys)] == [
        "results/mine/dataset.npz was changed after it was written",
        "results/mine/weights/w.safetensors was changed after it was written",
        "results/mine/features/f.npz is damaged",
        "results/mine/tables/runs.csv was changed after it was written",
    ]


def test_a_run_of_other_settings_or_data_is_foreign(study, capsys):
    folder = study.run("scratch_cnn", 0)
    (folder / CHECKSUMS).unlink()  # as copied from a study of an older version
    write_json(folder / SPEC, scratch_spec(seed=1).to_json())
    assert found(capsys) == [
        f"{RUN} is foreign: its run.json is of another run than its spec.json: rm -r {RUN}, then run the study again"
    ]
    write_json(folder / SPEC, scratch_spec(epochs=1).to_json())
    write_json(study.dataset_record, {"fingerprint": "other"})
    write_checksums(study.folder, ("dataset.json",))
    assert found(capsys)[0].startswith(f"{RUN} is foreign: it was trained on other data or another split")


def test_analysis_refuses_a_run_that_is_not_as_it_was_written(study):
    cut(study.run("scratch_cnn", 0) / "predictions.npz")
    with pytest.raises(StudyError) as caught:
        refuse_changed_runs(study.folder)
    assert str(caught.value) == (
        f"{RUN}/predictions.npz was changed after it was written; train the run again: rm -r {RUN}, then run the study "
        "again."
    )


@pytest.mark.parametrize("step", ["figures", "pages"])
def test_a_hand_edited_table_is_not_drawn(study, capsys, step):
    study.table("runs").write_text("a\n2\n")
    assert main([step, "--study", "results/mine", "--output", "out"]) == 1
    assert capsys.readouterr().err == (
        "Error: results/mine/tables/runs.csv was changed after it was written; compute it again: "
        "rm results/mine/tables/runs.csv, then run the study again.\n"
    )


def test_what_was_recorded_by_no_one_is_not_judged(tmp_path):
    make_dataset(tmp_path / "dataset.npz")
    assert changed_files(tmp_path) == {}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("a: 1\na: 2\n", ": the key 'a' is given twice, in line 1 and line 2; remove one."),
        ("recipies: {}\n", ", line 1: the top level has an unknown key 'recipies'; did you mean 'recipes'?"),
        ("grid:\n models: [scratch_cn]\n", ", line 2: grid: models: there is no model 'scratch_cn'; did you mean "),
        ("models: {scratch_cnn: {architecture: 'file:net.py:Net', arguments: {}}}\n",
         ", line 1: models: scratch_cnn: The network Net in net.py could not be built (line 2, ZeroDivisionError"),
    ],
)  # fmt: skip
def test_config_files_are_checked_by_the_same_command(tmp_path, capsys, monkeypatch, content, sentence):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CIFAR100_FOLDER", raising=False)
    Path("good.yaml").write_text("study: mine\ngrid: {seeds: [0, 1]}\n")
    Path("my.yaml").write_text(content)
    Path("net.py").write_text("class Net:\n    def __init__(self, **_): 1 / 0\n")
    assert main(["check", "good.yaml"]) == 0
    assert capsys.readouterr().out == "good.yaml: no mistake found; study mine, 4 runs\n"
    assert main(["check", str(tmp_path)]) == 1
    assert "is not the results of a study" in capsys.readouterr().err
    assert main(["check", "good.yaml", "my.yaml"]) == 1
    assert capsys.readouterr().err.startswith(f"Error: my.yaml{sentence}")
