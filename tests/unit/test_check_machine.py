"""`python -m study check-machine` on the CPU: every line, what it keeps, and the sentences where something fails."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from configs import COMPUTE, changed

from study.__main__ import main
from study.config.planning import run_spec
from study.config.study import load_config
from study.config.yaml_files import merge_files
from study.files import read_json
from study.machine.memory import forget_process_peak, keep_freed_memory, process_peak_mb
from study.orchestration import check_machine
from study.paths import DEFAULT_CONFIG
from study.training import trial


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A working folder with an overlay for the small CNN alone, on one thread of the CPU."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(check_machine, "MODELS_SECONDS", 1)
    overlay = {"grid": {"models": ["scratch_cnn"]}, "compute": {"device": "cpu", "threads": 1}, "claims": []}
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(overlay))
    return tmp_path


def test_the_speed_of_a_cpu_is_measured_and_kept(folder, capsys):
    assert main(["check-machine", "--config", "small.yaml"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[:28].strip() for line in lines] == ["device", "scratch_cnn", "the whole study"]
    assert not any("FAILED" in line for line in lines)
    study = load_config(merge_files([DEFAULT_CONFIG, Path("small.yaml")]))
    compute = replace(COMPUTE, threads=1)
    (key, seconds), = check_machine.checked_seconds(compute).items()  # fmt: skip
    assert key == run_spec(study, "scratch_cnn", 0, compute).settings_sha256()
    kept = read_json(Path("results/machine.json"))["models"][key]
    # 60 epochs of 45,000 images, two evaluations of 5,000 after each, and 15,000 at the end
    assert seconds == pytest.approx(
        60 * (45_000 / kept["training"] + 10_000 / kept["evaluation"]) + 15_000 / kept["evaluation"]
    )
    assert check_machine.checked_seconds(replace(compute, precision="bfloat16")) == {}


def test_what_fails_is_said_in_its_line_and_the_others_go_on(capsys):
    def refuse() -> str:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    assert not check_machine._line("efficientnet_b0", refuse)
    assert capsys.readouterr().out.startswith("efficientnet_b0              FAILED: The GPU's memory is used up: lower")


@pytest.mark.parametrize("content", ["- 1", "a: [", None])
def test_a_config_that_cannot_be_read_is_told_in_a_sentence(folder, capsys, content):
    if content is not None:
        Path("broken.yaml").write_text(content)
    assert main(["check-machine", "--config", "broken.yaml"]) == 1
    assert capsys.readouterr().err.startswith("Error: broken.yaml")


@pytest.mark.parametrize("recipe", ["linear_head", "logistic_head"])
def test_a_frozen_model_is_timed_by_its_features(recipe):
    config = changed("models.efficientnet_lite0_frozen.input_size", 32)
    config["models"]["efficientnet_lite0_frozen"]["recipe"] = recipe
    study = load_config(config)
    spec = run_spec(study, "efficientnet_lite0_frozen", 0, replace(COMPUTE, threads=1))
    found = trial.speed(spec, 0.1)
    assert found.training == 0 and found.evaluation > 0


def test_a_budget_in_images_seen_is_timed_on_a_few_steps_and_counted_whole(folder):
    overlay = yaml.safe_load(Path("small.yaml").read_text())
    overlay |= {"recipes": {"report_scratch": {"images_seen": 600_000, "plateau": None, "early_stopping": None,
                                               "best_epoch": "last"}}}  # fmt: skip
    Path("small.yaml").write_text(yaml.safe_dump(overlay))
    assert main(["check-machine", "--config", "small.yaml"]) == 0
    kept = next(iter(read_json(Path("results/machine.json"))["models"].values()))
    # two evaluations of 5,000 after the last epoch, and 15,000 at the end
    assert kept["seconds_per_run"] == pytest.approx(600_000 / kept["training"] + 25_000 / kept["evaluation"])
    study = load_config(merge_files([DEFAULT_CONFIG, Path("small.yaml")]))
    setup = trial.trial_setup(run_spec(study, "scratch_cnn", 0, COMPUTE), torch.device("cpu"), 200)
    assert len(setup.order(1)) == len(setup.train) < 200


def test_the_peak_of_memory_can_be_forgotten_though_freed_memory_is_kept():
    keep_freed_memory()
    big = torch.ones(50_000_000)
    before = process_peak_mb()
    del big
    forget_process_peak()
    assert process_peak_mb() < before - 100
