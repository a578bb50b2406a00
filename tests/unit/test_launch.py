"""What is said before the first job: the grid and its cost, runs of older code, and data that cannot be had."""

import contextlib
import os
import signal
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml
from study.config.compute_cost import seconds_of

from study.config.study import FOLDER_VARIABLE, Config, data_fingerprint, load_config, run_spec
from study.data.manifest import load_manifest
from study.errors import StudyError
from study.files import canonical_json, sha256_text, write_json, write_text
from study.fingerprints import training_code_sha256
from study.machine.hardware import has_bfloat16, resolve_compute
from study.orchestration.overview import disk_gb, hours, macs
from study.orchestration.restore import restore_dataset
from study.orchestration.start import describe, handle_beside_main_thread, is_prepared, preflight, start

CONFIG = Path(__file__).parents[2] / "config.yaml"
CPU = {"device": "cpu", "threads": 2, "precision": "float32", "compile": "auto"}
GPU = {"device": "cuda", "threads": 2, "precision": "bfloat16", "compile": "auto"}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """No archive and no data folder of the person who runs the tests."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)


def raw(dataset: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    config = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    return config | changes | {"dataset": config["dataset"] | (dataset or {})}


def study_with(grid: list[str], seeds: list[int], **changes: Any) -> Config:
    return load_config(raw(grid={"models": grid, "seeds": seeds}, baseline=grid[0], **changes))


def write_run(results: Path, run: str, code: str) -> None:
    write_json(results / "runs" / run / "run.json", {"code_sha256": code})


@pytest.fixture
def closed(monkeypatch) -> str:
    """An address on which nobody listens."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with contextlib.closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{unused.getsockname()[1]}/cifar-100-python.tar.gz"


# --- description ------------------------------------------------------------------------------------------------------


def test_the_grid_of_config_yaml_in_words(tmp_path):
    assert describe(load_config(raw()), GPU, tmp_path) == (
        "Study cifar100: 10 runs on cuda, threads per run: 2\n"
        "  scratch_cnn: scratch at 32 px, recipe report_scratch, seeds 0, 1, 2, 3, 4\n"
        "  efficientnet_b0: finetune at 224 px, recipe report, seeds 0, 1, 2, 3, 4\n"
        "  in all roughly 57 minutes if run one after the other, 0.5 GB on disk; runs there already: 0"
    )


def test_less_than_an_hour_is_told_in_minutes(tmp_path):
    last = describe(study_with(["efficientnet_b0"], [0]), GPU, tmp_path).splitlines()[-1]
    # 0.39·10⁹ · 3 · 50000 · 15 / 2000·10⁹ per second are 7.3 minutes, and 0.6 around a run
    assert last.startswith("  in all roughly 8 minutes if run one after the other")


def test_runs_that_are_there_are_counted_and_those_of_older_code_named(tmp_path):
    write_run(tmp_path, "scratch_cnn/seed-0", training_code_sha256())
    write_run(tmp_path, "scratch_cnn/seed-1", "0" * 64)
    write_run(tmp_path, "efficientnet_b0/seed-4", "1" * 64)
    write_run(tmp_path, "scratch_cnn/seed-99", "0" * 64)  # no longer in the grid
    last = describe(load_config(raw()), CPU, tmp_path).splitlines()[-2:]
    assert last[0].endswith("; runs there already: 3")
    assert last[1] == (
        "  trained by older code: scratch_cnn/seed-1, efficientnet_b0/seed-4; "
        "renew them with --forcerun train, if you want to"
    )


def test_where_every_run_is_of_older_code_they_are_not_listed(tmp_path):
    write_run(tmp_path, "scratch_cnn/seed-0", "0" * 64)
    write_run(tmp_path, "scratch_cnn/seed-1", "0" * 64)
    last = describe(load_config(raw()), CPU, tmp_path).splitlines()[-1]
    assert last.startswith("  trained by older code: all of these; renew them")


@pytest.mark.parametrize(("allow_missing", "fate"), [(True, "compared as they are"), (False, "--forcerun train")])
def test_runs_of_other_settings_are_named_and_what_becomes_of_them(tmp_path, allow_missing, fate):
    study = load_config(raw(allow_missing=allow_missing))
    for seed, fewer in enumerate([0, 1, 1]):
        spec = run_spec(study, "scratch_cnn", seed, CPU) | {"compute": GPU}
        spec["recipe"]["epochs"] -= fewer
        record = {"code_sha256": training_code_sha256(), "spec_sha256": sha256_text(canonical_json(spec))}
        folder = tmp_path / "runs" / "scratch_cnn" / f"seed-{seed}"
        write_json(folder / "spec.json", spec)
        write_json(folder / "run.json", record if seed < 2 else record | {"spec_sha256": "of another spec"})
    last = describe(study, CPU, tmp_path).splitlines()[-1]
    assert last.startswith("  trained with other settings than the config's: scratch_cnn/seed-1;") and fate in last


@pytest.mark.parametrize("record", ["", "{", "{}", "[]", "null"])
def test_a_run_whose_record_cannot_be_read_counts_as_older(tmp_path, record):
    write_text(tmp_path / "runs" / "scratch_cnn" / "seed-0" / "run.json", record)
    write_run(tmp_path, "scratch_cnn/seed-1", training_code_sha256())
    assert "older code: scratch_cnn/seed-0;" in describe(load_config(raw()), CPU, tmp_path)


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
    study, compute, source = start(raw(dataset={"mirrors": [closed]}, compute=CPU))
    with pytest.raises(SystemExit) as caught:
        preflight(study, compute, source, tmp_path / "results")
    assert caught.value.code == (
        "Error: CIFAR-100 is not here and could not be downloaded (no mirror answers): put the folder "
        "cifar-100-python somewhere and name it in config.yaml (dataset: folder) or in the variable CIFAR100_FOLDER, "
        "or run `make demo`, which needs no data."
    )


def name_a_folder(tmp_path, monkeypatch):
    return {"folder": str(sparse_files(tmp_path / "cifar"))}


def set_the_variable(tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER_VARIABLE, str(sparse_files(tmp_path / "cifar")))
    return {}


def have_the_archive(tmp_path, monkeypatch):
    write_text(tmp_path / "resources" / OFFICIAL.archive["name"], "")
    return {}


def have_the_dataset(tmp_path, monkeypatch):
    folder = tmp_path / "results" / "cifar100"
    write_text(folder / "dataset.npz", "")
    write_json(folder / "dataset.json", {"fingerprint": data_fingerprint(load_config(raw()))})
    return {}


def test_a_dataset_with_another_split_is_not_the_one_asked_for(tmp_path):
    study = load_config(raw())
    assert not is_prepared(study)
    have_the_dataset(tmp_path, None)
    assert is_prepared(study)
    assert not is_prepared(load_config(raw(dataset={"validation": {"fraction": 0.1, "seed": 7}})))
    (tmp_path / "results" / "cifar100" / "dataset.npz").unlink()
    assert is_prepared(study)  # but it must be made again, from what is not there
    with pytest.raises(StudyError, match=r"dataset.npz has gone, and so has nowhere, from which it was made"):
        restore_dataset(study, Path("nowhere"), Path("results/cifar100"))


def use_synthetic_data(tmp_path, monkeypatch):
    return {"name": "synthetic"}


@pytest.mark.parametrize(
    "have", [name_a_folder, set_the_variable, have_the_archive, have_the_dataset, use_synthetic_data]
)
def test_no_mirror_is_needed_where_the_data_are_at_hand(tmp_path, monkeypatch, capsys, closed, have):
    config = raw(dataset={"mirrors": [closed]} | have(tmp_path, monkeypatch), compute=CPU)
    study, compute, source = start(config)
    preflight(study, compute, source, tmp_path / "results" / "cifar100")
    shown = capsys.readouterr()
    assert shown.err == describe(study, CPU, tmp_path / "results" / "cifar100") + "\n"
    assert shown.out == ""  # standard output belongs to snakemake: a dag or a list may be piped from it


def test_a_named_folder_without_the_data_stops_the_start(tmp_path, monkeypatch):
    with pytest.raises(StudyError, match="holds no cifar-100-python"):
        start(raw(dataset={"folder": str(tmp_path)}))
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "typo"))
    with pytest.raises(StudyError, match=r"typo does not exist; correct dataset: folder or CIFAR100_FOLDER\.$"):
        start(raw())


def test_a_folder_that_has_gone_is_no_mistake_once_the_dataset_is_written(tmp_path):
    have_the_dataset(tmp_path, None)
    study, _, source = start(raw(dataset={"folder": str(tmp_path / "gone")}))
    assert (study.study, source) == ("cifar100", tmp_path / "resources" / "cifar-100-python.tar.gz")


def test_where_the_official_files_are_read_from(tmp_path, monkeypatch):
    folder = sparse_files(tmp_path / "cifar" / "cifar-100-python")
    assert start(raw())[2] == tmp_path / "resources" / "cifar-100-python.tar.gz"
    assert start(raw(dataset={"folder": "cifar"}))[2] == folder
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "typo"))  # which synthetic data ignore
    assert start(raw(dataset={"name": "synthetic"}))[2] == tmp_path / "resources" / "synthetic"


def test_what_a_person_fixes_is_not_decided_by_the_machine():
    assert resolve_compute("cpu", "auto", threads=3) == {"device": "cpu", "threads": 3, "precision": "float32"}
    assert resolve_compute("cuda", "auto") == {"device": "cuda", "precision": "bfloat16"}
    assert resolve_compute("cuda", "float32")["precision"] == "float32"
    assert resolve_compute("auto", "auto")["device"] in ("cpu", "cuda")


@pytest.mark.parametrize(("told", "precision"), [("9.0\n8.6", "bfloat16"), ("7.5", "float32"), ("9.0\n7.5", "float32")])
def test_a_gpu_that_does_not_compute_in_bfloat16_is_not_asked_to(tmp_path, monkeypatch, told, precision):
    (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\nprintf '{told}\\n'\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    has_bfloat16.cache_clear()
    try:
        assert resolve_compute("cuda", "auto")["precision"] == precision
    finally:
        has_bfloat16.cache_clear()


# --- estimates --------------------------------------------------------------------------------------------------------


def test_multiply_accumulates_of_a_tiny_network_by_hand():
    models = raw()["models"]
    arguments = {"channels": [4, 8], "convolutions": 2, "kernel_size": 3, "hidden": 10, "dropout": 0.0}
    models["scratch_cnn"] |= {"arguments": arguments, "input_size": 8}
    study = study_with(["scratch_cnn"], [0], models=models)
    # 8×8 pixels: 3→4 and 4→4 channels; after pooling 4×4 pixels: 4→8 and 8→8 channels; kernels of 3×3
    by_hand = 8 * 8 * 9 * (3 * 4 + 4 * 4) + 4 * 4 * 9 * (4 * 8 + 8 * 8)
    assert macs(study.models["scratch_cnn"]) * 1e9 == pytest.approx(by_hand)


def test_a_backbone_costs_with_the_square_of_its_input_size():
    models = load_config(raw()).models
    assert macs(models["efficientnet_b0"]) == 0.39
    assert macs(models["efficientnet_b3"]) == pytest.approx(1.0 * (300 / 224) ** 2)


def test_hours_by_hand():
    study = study_with(["efficientnet_b0"], [0])
    # 0.39·10⁹ per image, three times for a step, 50000 images, 15 epochs, 45·10⁹ per second; and 36 s around a run
    assert hours(study, CPU) == pytest.approx(0.39 * 3 * 50_000 * 15 / 45 / 3600 + 0.01)
    assert hours(study, GPU) == pytest.approx(0.39 * 3 * 50_000 * 15 / 2000 / 3600 + 0.01)
    plain, recipe = study.models["scratch_resnet18"], study.recipes["scratch_modern"]  # 0.56·10⁹, at 100·10⁹ per second
    assert seconds_of(plain, recipe, 1000, "cpu") == pytest.approx(0.56 * 3 * 1000 * recipe.epochs / 100)


def test_hours_grow_with_the_seeds():
    models = ["scratch_cnn", "efficientnet_b0"]
    one, five = (hours(study_with(models, list(range(count))), CPU) for count in (1, 5))
    assert five == pytest.approx(5 * one)


def test_seeds_and_models_share_the_forward_pass_of_a_frozen_backbone():
    models = raw()["models"]
    models["second_head"] = models["efficientnet_b0_frozen"] | {"label": "Second head"}
    one = hours(study_with(["efficientnet_b0_frozen"], [0], models=models), CPU)
    assert one == pytest.approx(0.39 * 60_000 / 45 / 3600 + 0.01)
    both = hours(study_with(["efficientnet_b0_frozen", "second_head"], [0, 1, 2], models=models), CPU)
    assert both == pytest.approx(one + 5 * 0.01)


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
