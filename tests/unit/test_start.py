"""What is said before the first job: the grid and its cost, runs of older code, and data that cannot be had."""

import contextlib
import os
import signal
import socket
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import configs
import pytest
from PIL import Image
from scipy import stats

from study.config.planning import data_fingerprint, run_spec
from study.config.specs import ComputeSpec, RunSpec
from study.config.study import Config, load_config
from study.data.manifest import load_manifest
from study.errors import StudyError
from study.files import read_json, write_json, write_text
from study.fingerprints import training_code_sha256
from study.machine.hardware import resolve_compute
from study.orchestration.overview import describe, disk_gb
from study.orchestration.restore import restore_dataset
from study.orchestration.start import handle_beside_main_thread, is_prepared, preflight, start, write_plan
from study.paths import StudyPaths

CPU = ComputeSpec(device="cpu", threads=2, precision="float32", compile=True)
GPU = ComputeSpec(device="cuda", threads=2, precision="bfloat16", compile=True)
PATHS = StudyPaths(Path("results/cifar100"))
ON_CPU = {"device": "cpu", "threads": 2, "precision": "float32"}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """No archive and no data folder of the person who runs the tests."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CIFAR100_FOLDER", raising=False)


def raw(dataset: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    config = configs.raw()
    return config | changes | {"dataset": config["dataset"] | (dataset or {})}


def study_with(grid: list[str], seeds: list[int], **changes: Any) -> Config:
    return load_config(raw(grid={"models": grid, "seeds": seeds}, baseline=grid[0], **changes))


def write_run(results: Path, run: str, code: str, seconds: float = 60) -> None:
    write_json(results / "runs" / run / "run.json", {"code_sha256": code, "cost": {"train_seconds": seconds}})


@pytest.fixture
def closed(monkeypatch) -> str:
    """An address on which nobody listens."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with contextlib.closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{unused.getsockname()[1]}/cifar-100-python.tar.gz"


# --- description ------------------------------------------------------------------------------------------------------


def test_the_grid_of_config_yaml_in_words(tmp_path):
    assert describe(load_config(raw()), GPU, StudyPaths(tmp_path)) == (
        "Study cifar100: 10 runs on cuda, threads per run: 2\n"
        "  scratch_cnn: scratch at 32 px, recipe report_scratch, seeds 0, 1, 2, 3, 4\n"
        "  efficientnet_b0: finetune at 224 px, recipe report, seeds 0, 1, 2, 3, 4\n"
        "  with 10,000 test images, gains below ±0.9 points cannot be seen (where models disagree on 20 % of them)\n"
        "  runs there already: 0; 0.5 GB on disk when all are\n"
        "  how long it takes is not known before a run has finished of: scratch_cnn, efficientnet_b0; "
        "make check-machine measures it"
    )


def test_few_pictures_of_unequal_classes_can_tell_large_gains_alone(tmp_path):
    for name, count in {"train/a": 4, "train/b": 4, "test/a": 8, "test/b": 2}.items():
        for number in range(count):
            path = tmp_path / "pictures" / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 8), (9 * number, 0, len(name))).save(path)
    dataset = {"name": "folder", "folder": "pictures", "validation": {"fraction": 0.25, "seed": 1}}
    said = describe(load_config(raw() | {"dataset": dataset}), CPU, StudyPaths(tmp_path))
    counted = 4 / (1 / 8 + 1 / 2)  # as many images of equal classes would tell as much
    points = 100 * stats.t.ppf(0.975, counted - 1) * (0.2 / counted) ** 0.5
    assert f"with 10 test images, of unequal classes, gains below ±{points:.0f} points cannot be seen" in said


@pytest.mark.parametrize(
    ("seconds", "time"),
    [((600, 840), "3.6 hours"), ((60, 60), "18 minutes")],  # 18 runs are left, of 12 minutes or of 1
)
def test_the_time_left_is_judged_by_the_runs_that_have_finished(tmp_path, seconds, time):
    for seed, one in enumerate(seconds):
        write_run(tmp_path, f"scratch_cnn/seed-{seed}", training_code_sha256(), one)
    last = describe(study_with(["scratch_cnn"], list(range(20))), CPU, StudyPaths(tmp_path)).splitlines()[-1]
    assert last == f"  the rest takes about {time} if run one after the other, judged by the finished runs"


def test_the_time_is_judged_by_a_check_of_this_machine_where_no_run_has_finished(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = study_with(["scratch_cnn"], list(range(20)))
    key = run_spec(study, "scratch_cnn", 0, CPU).settings_sha256()
    record = {"compute": CPU.to_json(), "models": {key: {"seconds_per_run": 60.0}}}
    for file, told in ((record, True), (record | {"compute": {}}, False), ({"models": 1}, False), ([], False)):
        write_json(tmp_path / "results" / "machine.json", file)
        last = describe(study, CPU, StudyPaths(tmp_path)).splitlines()[-1]
        known = "the rest takes about 20 minutes if run one after the other, judged by results/machine.json"
        unknown = "how long it takes is not known before a run has finished of: scratch_cnn"
        assert last.startswith(f"  {known if told else unknown}")


def test_runs_that_are_there_are_counted_and_those_of_older_code_named(tmp_path):
    write_run(tmp_path, "scratch_cnn/seed-0", training_code_sha256())
    write_run(tmp_path, "scratch_cnn/seed-1", "0" * 64)
    write_run(tmp_path, "efficientnet_b0/seed-4", "1" * 64)
    write_run(tmp_path, "scratch_cnn/seed-99", "0" * 64)  # no longer in the grid
    lines = describe(load_config(raw()), CPU, StudyPaths(tmp_path)).splitlines()
    assert "  runs there already: 3; 0.5 GB on disk when all are" in lines
    assert lines[-1] == (
        "  trained by older code: scratch_cnn/seed-1, efficientnet_b0/seed-4; "
        "--forcerun train renews them, if you want that"
    )


def test_where_every_run_is_of_older_code_they_are_not_listed(tmp_path):
    write_run(tmp_path, "scratch_cnn/seed-0", "0" * 64)
    write_run(tmp_path, "scratch_cnn/seed-1", "0" * 64)
    last = describe(load_config(raw()), CPU, StudyPaths(tmp_path)).splitlines()[-1]
    assert last.startswith("  trained by older code: all of these; --forcerun train renews them")


@pytest.mark.parametrize(
    ("allow_missing", "fate", "done"),
    [(True, "compared as they are", 3), (False, "trained again (of a copied folder", 2)],
)
def test_runs_of_other_settings_are_named_with_what_changed_and_what_becomes_of_them(
    tmp_path, allow_missing, fate, done
):
    study = load_config(raw(allow_missing=allow_missing))
    for seed, fewer in enumerate([0, 1, 1]):
        spec = run_spec(study, "scratch_cnn", seed, GPU)
        spec = replace(spec, recipe=replace(spec.recipe, epochs=spec.recipe.epochs - fewer))
        folder = tmp_path / "runs" / "scratch_cnn" / f"seed-{seed}"
        write_json(folder / "spec.json", spec.to_json())
        record = {"code_sha256": training_code_sha256(), "spec_sha256": spec.sha256(), "cost": {"train_seconds": 1}}
        write_json(folder / "run.json", record if seed < 2 else record | {"spec_sha256": "of another spec"})
    lines = describe(study, CPU, StudyPaths(tmp_path)).splitlines()
    assert lines[-2].startswith(f"  {fate}") and lines[-2].endswith(", because the config has changed:")
    assert lines[-1] == "    scratch_cnn/seed-1: recipe: epochs 59 -> 60"
    assert f"  runs there already: {done}; 0.5 GB on disk when all are" in lines


@pytest.mark.parametrize("record", ["", "{", "\x00"])
def test_a_run_whose_record_is_garbage_is_damaged_not_older(tmp_path, record):
    folder = tmp_path / "runs" / "scratch_cnn" / "seed-0"
    write_text(folder / "run.json", record)
    write_run(tmp_path, "scratch_cnn/seed-1", training_code_sha256())
    said = describe(load_config(raw()), CPU, StudyPaths(tmp_path))
    assert "older code" not in said and f"by deleting them and starting again: rm -r {folder}" in said


@pytest.mark.parametrize("record", ["{}", "[]", "null"])
def test_a_run_whose_record_lacks_what_this_version_writes_counts_as_older(tmp_path, record):
    write_text(tmp_path / "runs" / "scratch_cnn" / "seed-0" / "run.json", record)
    write_run(tmp_path, "scratch_cnn/seed-1", training_code_sha256())
    assert "older code: scratch_cnn/seed-0;" in describe(load_config(raw()), CPU, StudyPaths(tmp_path))


# --- data -------------------------------------------------------------------------------------------------------------

OFFICIAL = load_manifest("cifar100")


def sparse_files(folder: Path) -> Path:
    """Files of the official names and sizes without content: all that is looked at before the first job."""
    folder.mkdir(parents=True)
    for name, checksum in OFFICIAL.files.items():
        with (folder / name).open("wb") as handle:
            handle.truncate(checksum.size)
    return folder


def test_the_workflow_stops_at_once_where_no_mirror_answers(tmp_path, closed):
    begun = start(raw(dataset={"mirrors": [closed]}, compute=ON_CPU))
    with pytest.raises(SystemExit) as caught:
        preflight(begun)
    assert caught.value.code == (
        "Error: CIFAR-100 is not here and could not be downloaded (no mirror answers): put the folder "
        "cifar-100-python somewhere and name it in config.yaml (dataset: folder) or in the variable CIFAR100_FOLDER, "
        "or run `make demo`, which needs no data."
    )


def name_a_folder(tmp_path, monkeypatch):
    return {"folder": str(sparse_files(tmp_path / "cifar"))}


def set_the_variable(tmp_path, monkeypatch):
    monkeypatch.setenv("CIFAR100_FOLDER", str(sparse_files(tmp_path / "cifar")))
    return {}


def have_the_archive(tmp_path, monkeypatch):
    write_text(tmp_path / "resources" / OFFICIAL.archive.name, "")
    return {}


def have_the_dataset(tmp_path, monkeypatch):
    folder = tmp_path / "results" / "cifar100"
    write_text(folder / "dataset.npz", "")
    write_json(folder / "dataset.json", {"fingerprint": data_fingerprint(load_config(raw()))})
    return {}


def test_a_dataset_with_another_split_is_not_the_one_asked_for(tmp_path):
    study = load_config(raw())
    assert not is_prepared(study, PATHS)
    have_the_dataset(tmp_path, None)
    assert is_prepared(study, PATHS)
    assert not is_prepared(load_config(raw(dataset={"validation": {"fraction": 0.1, "seed": 7}})), PATHS)
    (tmp_path / "results" / "cifar100" / "dataset.npz").unlink()
    assert is_prepared(study, PATHS)  # but it must be made again, from what is not there
    with pytest.raises(StudyError, match=r"dataset.npz has gone, and so has nowhere, from which it was made"):
        restore_dataset(study, Path("nowhere"), PATHS)


def use_synthetic_data(tmp_path, monkeypatch):
    return {"name": "synthetic"}


@pytest.mark.parametrize(
    "have", [name_a_folder, set_the_variable, have_the_archive, have_the_dataset, use_synthetic_data]
)
def test_no_mirror_is_needed_where_the_data_are_at_hand(tmp_path, monkeypatch, capsys, closed, have):
    begun = start(raw(dataset={"mirrors": [closed]} | have(tmp_path, monkeypatch), compute=ON_CPU))
    preflight(begun)
    shown = capsys.readouterr()
    assert shown.err == describe(begun.study, CPU, PATHS) + "\n"
    assert shown.out == ""  # standard output belongs to snakemake: a dag or a list may be piped from it


def test_a_named_folder_without_the_data_stops_the_start(tmp_path, monkeypatch):
    with pytest.raises(StudyError, match="holds no cifar-100-python"):
        start(raw(dataset={"folder": str(tmp_path)}))
    monkeypatch.setenv("CIFAR100_FOLDER", str(tmp_path / "typo"))
    with pytest.raises(StudyError, match=r"typo does not exist; correct dataset: folder or CIFAR100_FOLDER\.$"):
        start(raw())
    monkeypatch.setenv("CIFAR100_FOLDER", str(sparse_files(tmp_path / "cifar")))
    with pytest.raises(StudyError, match=r"wrong does not exist; correct dataset: folder"):  # not lost to the variable
        start(raw(dataset={"folder": str(tmp_path / "wrong")}))


def test_a_folder_that_has_gone_is_no_mistake_once_the_dataset_is_written(tmp_path):
    have_the_dataset(tmp_path, None)
    begun = start(raw(dataset={"folder": str(tmp_path / "gone")}))
    assert (begun.study.study, begun.source) == ("cifar100", tmp_path / "resources" / "cifar-100-python.tar.gz")


def test_where_the_official_files_are_read_from(tmp_path, monkeypatch):
    folder = sparse_files(tmp_path / "cifar" / "cifar-100-python")
    assert start(raw()).source == tmp_path / "resources" / "cifar-100-python.tar.gz"
    assert start(raw(dataset={"folder": "cifar"})).source == folder
    monkeypatch.setenv("CIFAR100_FOLDER", str(tmp_path / "typo"))  # which synthetic data ignore
    assert start(raw(dataset={"name": "synthetic"})).source == tmp_path / "resources" / "synthetic"


def test_what_a_person_fixes_is_not_decided_by_the_machine():
    assert resolve_compute("cpu", "auto") == ("cpu", "float32")
    assert resolve_compute("cuda", "auto") == ("cuda", "bfloat16")
    assert resolve_compute("cuda", "float32") == ("cuda", "float32")
    assert resolve_compute("auto", "auto")[0] in ("cpu", "cuda")


# --- time and disk ----------------------------------------------------------------------------------------------------


def test_disk_grows_by_the_logits_and_weights_of_a_run():
    one, two = (disk_gb(study_with(["scratch_cnn"], seeds)) for seeds in ([0], [0, 1]))
    assert one > 60_000 * 32 * 32 * 3 / 1e9
    # 15000 rows of 100 float32 logits, and 25 MB for a network
    assert two - one == pytest.approx((15_000 * 100 * 4 + 25e6) / 1e9)


def test_a_handler_that_needs_what_the_main_thread_holds_does_not_wait_for_ever():
    lock, got = threading.Lock(), []
    done = threading.Event()

    def handler(*_):
        got.append(lock.acquire(timeout=20))
        done.set()

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        handle_beside_main_thread(signal.SIGUSR1)
        with lock:
            os.kill(os.getpid(), signal.SIGUSR1)
            assert not done.is_set()
        assert done.wait(timeout=20) and got == [True]
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_the_features_that_find_near_duplicates_are_planned_though_nobody_trains_on_them(tmp_path):
    asked = {"dataset": {"name": "synthetic"}, "compute": ON_CPU}
    for features, planned in ((None, []), ("efficientnet_lite0_128", [128])):
        begun = start(raw(**asked, study=f"study_{len(planned)}", duplicate_features=features))
        write_plan(begun.study, begun.compute, begun.paths)
        specs = [read_json(path) for path in (begun.paths.plan / "features").glob("*.json")]
        assert [spec["network"]["input"]["size"] for spec in specs] == planned


def test_what_a_study_is_does_not_pass_through_the_shell_however_long_it_is(tmp_path):
    search = {"model": "scratch_cnn", "recipe": {"epochs": list(range(1, 501))}}
    begun = start(raw(dataset={"name": "synthetic"}, search=search, compute=ON_CPU))
    write_plan(begun.study, begun.compute, begun.paths)
    record = read_json(begun.paths.planned_config)
    assert len(record["search"]["trials"]) == 500
    assert begun.paths.planned_config.stat().st_size > 131_071  # bytes: the most that one argument may have
    planned = RunSpec.from_json(read_json(begun.paths.planned_run("t500", 4)))
    assert planned == run_spec(begun.study, "t500", 4, begun.compute) and planned.recipe.epochs == 500
