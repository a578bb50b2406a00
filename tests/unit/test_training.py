"""One run, trained from its spec alone: what it writes, that it repeats itself, resumes, stops and diverges rightly."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from runs import history, scratch_spec, train, write_spec
from study_factory import make_study
from torch.nn import functional

from study.__main__ import main
from study.data.dataset import TEST, VALIDATION, read_dataset
from study.errors import StudyError
from study.files import read_json, write_json
from study.models.network import build
from study.paths import RUN_FILES, StudyPaths
from study.predict import load_model
from study.training import loop
from study.training.inputs import ImageInputs
from study.training.steps import batches

WORKFLOW = Path(__file__).parents[2] / "workflow"


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """The folder of a run of three epochs."""
    path = write_spec(tmp_path_factory.mktemp("study"), scratch_spec())
    train(path)
    return path.parent


def test_a_run_writes_its_four_files_and_no_checkpoint_stays(finished):
    assert sorted(path.name for path in finished.iterdir()) == sorted([*RUN_FILES, "spec.json"])


def keys(value):
    """The keys of a JSON value, at every depth."""
    return {key: keys(content) for key, content in value.items()} if isinstance(value, dict) else None


def test_the_made_up_studies_of_other_tests_have_the_keys_of_a_real_run(finished, tmp_path):
    made_up = make_study(tmp_path / "study", {"scratch_cnn": 0.5}, (0,)) / "runs" / "scratch_cnn" / "seed-0"
    assert keys(read_json(made_up / "run.json")) == keys(read_json(finished / "run.json"))
    assert history(made_up)[0].keys() == history(finished)[0].keys()


def test_history_and_record_agree_on_the_best_epoch_by_validation_loss(finished):
    rows, record = history(finished), read_json(finished / "run.json")
    losses = [float(row["val_loss"]) for row in rows]
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3]
    assert record["chosen_epoch"] == 1 + losses.index(min(losses))
    assert (record["outcome"], record["epochs"], record["stopped"]) == ("finished", 3, "all 3 epochs done")


def test_predictions_are_those_of_the_saved_network_and_give_the_recorded_validation_accuracy(finished):
    network, spec, classes, *_ = load_model(finished / "model.safetensors")
    data = read_dataset(finished / "../../../dataset.npz")
    inputs = ImageInputs(torch.from_numpy(data.images).permute(0, 3, 1, 2), spec)
    with np.load(finished / "predictions.npz") as stored:
        for part, code in (("val", VALIDATION), ("test", TEST)):
            ids = stored[f"{part}_ids"]
            assert ids.tolist() == np.flatnonzero(data.split == code).tolist()
            with torch.inference_mode():
                logits = network(inputs.batch(torch.from_numpy(ids.astype(np.int64))))
            np.testing.assert_allclose(stored[f"{part}_logits"], logits.numpy(), atol=1e-4)
        accuracy = (stored["val_logits"].argmax(1) == data.fine[stored["val_ids"]]).mean()
    best = history(finished)[read_json(finished / "run.json")["chosen_epoch"] - 1]
    assert float(best["val_accuracy"]) == pytest.approx(accuracy)
    assert classes[7] == "class_7"


def test_the_same_spec_twice_gives_the_same_bytes(finished, tmp_path):
    path = write_spec(tmp_path, scratch_spec())
    train(path)
    for name in ("predictions.npz", "model.safetensors"):
        assert (path.parent / name).read_bytes() == (finished / name).read_bytes(), name
    assert history(path.parent) == history(finished)


def test_another_seed_gives_another_network(finished, tmp_path):
    path = write_spec(tmp_path, scratch_spec(seed=1))
    train(path)
    assert (path.parent / "predictions.npz").read_bytes() != (finished / "predictions.npz").read_bytes()


def test_a_run_learns_what_can_be_learned(tmp_path):
    path = write_spec(tmp_path, scratch_spec(epochs=20, augmentation=None, plateau=None))
    train(path)
    assert float(history(path.parent)[-1]["train_eval_accuracy"]) > 0.3  # chance is 0.01


def test_a_loss_that_is_not_finite_is_a_recorded_outcome(tmp_path):
    path = write_spec(tmp_path, scratch_spec(learning_rate=1e30))
    train(path)
    record = read_json(path.parent / "run.json")
    assert record["outcome"] == "diverged"
    assert record["diverged_at"]["epoch"] == 1
    assert 1 <= record["diverged_at"]["step"] <= 6
    assert record["chosen_epoch"] is None
    with np.load(path.parent / "predictions.npz") as stored:
        assert all(len(stored[name]) == 0 for name in stored.files)
    with pytest.raises(StudyError, match="diverged and holds no network"):
        load_model(path.parent / "model.safetensors")


def test_early_stopping_ends_a_run_that_no_longer_improves(tmp_path):
    stopping = {"watch": "val_loss", "patience": 3, "min_delta": 10.0}  # so that an improvement by less is none
    path = write_spec(tmp_path, scratch_spec(epochs=30, early_stopping=stopping, plateau=None))
    train(path)
    record = read_json(path.parent / "run.json")
    assert record["epochs"] == 4  # one to improve on nothing, three to wait
    assert record["chosen_epoch"] == 4  # what chooses asks for no more than better
    assert record["stopped"] == "early stopping: val_loss has not improved for 3 epochs"


def test_validation_loss_is_the_mean_over_all_images_not_over_batches(tmp_path):
    spec = scratch_spec()
    write_spec(tmp_path, spec)
    data = read_dataset(StudyPaths(tmp_path).dataset)
    images = torch.from_numpy(data.images).permute(0, 3, 1, 2).contiguous()
    everything = torch.arange(len(images))  # 600 images: two batches of 250 and one of 100
    torch.manual_seed(0)
    network = build(spec.network, 100)
    inputs, labels = ImageInputs(images, spec.network.input), torch.from_numpy(data.fine.astype(np.int64))
    setup = loop.Setup(network, inputs, labels, *[everything] * 4, 100, torch.device("cpu"), spec)
    loss, accuracy, _ = loop.judge(setup, everything)
    with torch.inference_mode():
        logits = network.eval()(setup.inputs.batch(everything))
    assert loss == pytest.approx(functional.cross_entropy(logits, setup.labels).item(), rel=1e-5)
    assert accuracy == pytest.approx((logits.argmax(1) == setup.labels).double().mean().item())


def test_test_images_cannot_influence_training(finished, tmp_path):
    path = write_spec(tmp_path, scratch_spec())
    dataset = tmp_path / "dataset.npz"
    with np.load(dataset) as stored:
        arrays = dict(stored)
    hidden = arrays["split"] == TEST
    arrays["images"][hidden] = 255 - arrays["images"][hidden]
    arrays["fine"][hidden] = 0
    np.savez(dataset, **arrays)
    train(path)
    assert (path.parent / "model.safetensors").read_bytes() == (finished / "model.safetensors").read_bytes()
    assert history(path.parent) == history(finished)


def test_a_last_batch_of_one_image_is_left_out():
    sizes = [len(batch) for batch in batches(torch.arange(101), 50)]
    assert sizes == [50, 50]
    assert [len(batch) for batch in batches(torch.arange(3), 1)] == [1, 1, 1]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda study: (study / "dataset.npz").unlink(), "dataset.npz is missing"),
        (lambda study: (study / "dataset.npz").write_bytes(b"<html>"), "dataset.npz cannot be read"),
        (lambda study: spoil_spec(study, fingerprint="other"), "holds other data or another split"),
    ],
)
def test_wrong_inputs_end_in_a_sentence_and_write_nothing(tmp_path, spoil, message):
    path = write_spec(tmp_path, scratch_spec())
    spoil(tmp_path)
    with pytest.raises(StudyError, match=message):
        train(path)
    assert [one.name for one in path.parent.iterdir()] == ["spec.json"]


def spoil_spec(study: Path, **changes) -> None:
    """Replace keys of the data in the run's spec."""
    path = study / "runs" / "scratch_cnn" / "seed-0" / "spec.json"
    spec = read_json(path)
    write_json(path, spec | {"data": spec["data"] | changes})


def test_a_gpu_that_torch_cannot_use_stops_the_run(tmp_path):
    if torch.cuda.is_available():
        pytest.skip("torch can use this machine's GPU")
    spec = scratch_spec()
    spec = replace(spec, compute=replace(spec.compute, device="cuda"))
    with pytest.raises(StudyError, match=r"cannot use this machine's GPU .*compute: device: cpu"):
        train(write_spec(tmp_path, spec))


def test_a_full_gpu_is_not_said_to_lack_a_driver(tmp_path, monkeypatch, capsys):
    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(torch, "zeros", full)  # the first tensor that a run puts there
    spec = scratch_spec()
    path = write_spec(tmp_path, replace(spec, compute=replace(spec.compute, device="cuda")))
    assert main(["train", str(path)]) == 1
    assert "Error: The GPU's memory is used up: lower compute: runs_per_gpu" in capsys.readouterr().err


def test_the_train_command_needs_nothing_but_the_spec(tmp_path):
    path = write_spec(tmp_path, scratch_spec(epochs=1))
    done = subprocess.run(
        [sys.executable, "-m", "study", "train", str(path)],
        env={"PYTHONPATH": str(WORKFLOW), "PATH": ""},
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "epoch 1/1" in done.stderr and done.stdout == ""
    assert all((path.parent / name).exists() for name in RUN_FILES)
