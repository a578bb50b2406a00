"""On a real GPU: runs repeat themselves, resume, share it, and say when memory is short."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from configs import raw
from runs import (
    EVERYTHING,
    LITE0,
    VIT,
    config_recipe,
    fast_spec,
    history,
    make_weights,
    pretrained_spec,
    scratch_spec,
    train,
    write_spec,
)

from study.config.specs import RunSpec
from study.files import read_json
from study.orchestration import check_machine
from study.training import device as devices
from study.training import steps

pytestmark = pytest.mark.gpu
WORKFLOW = Path(__file__).parents[2] / "workflow"


def on_gpu(spec: RunSpec, precision: str = "bfloat16", **changes) -> RunSpec:
    return replace(spec, compute=replace(spec.compute, device="cuda", precision=precision, **changes))


def outputs(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in ("predictions.npz", "model.safetensors")]


def start(path: Path) -> subprocess.Popen:
    environment = os.environ | {"PYTHONPATH": str(WORKFLOW), "STUDY_RUNS_PER_GPU": "2"}
    return subprocess.Popen([sys.executable, "-m", "study", "train", str(path)], env=environment,
                            stderr=subprocess.PIPE, text=True)  # fmt: skip


def mixed_spec(study: Path) -> RunSpec:
    return scratch_spec(**EVERYTHING)


def fine_tuned_spec(study: Path) -> RunSpec:
    """Sizes that grow, a probe, frozen parts, a schedule and averages."""
    recipe = config_recipe("modern_fast", epochs=3, input_sizes=[32, 48, 48], probe={"images": 200, "epochs": 2})
    return replace(pretrained_spec(study, LITE0, "finetune"), recipe=recipe)


SPECS = {
    "plain CNN, plateau": lambda study: scratch_spec(),
    "mixup, CutMix, averages": mixed_spec,
    "fast network, Muon": lambda study: fast_spec(),
    "fast fine-tuning": fine_tuned_spec,
    "vision transformer": lambda study: pretrained_spec(study, VIT, "finetune"),
    "frozen backbone": lambda study: pretrained_spec(study, LITE0, "frozen"),
}


def trained(study: Path, spec: RunSpec, name: str) -> Path:
    """The folder of the run of `spec`, trained in this process."""
    path = write_spec(study, spec, name)
    train(path)
    return path.parent


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    folder = make_weights(tmp_path_factory.mktemp("study"))
    write_spec(folder, scratch_spec())
    return folder


@pytest.mark.parametrize("name", SPECS)
def test_a_run_repeats_itself_and_steps_taken_eagerly_to_the_byte(study, name, monkeypatch):
    spec = on_gpu(SPECS[name](study))
    one, two = (trained(study, spec, f"{name} {turn}") for turn in ("one", "two"))
    monkeypatch.setattr(steps, "WARM_UP", 10**9)
    eager = trained(study, spec, f"{name} eager")
    assert [read_json(run / "run.json")["environment"]["captured"] for run in (one, two, eager)] == [True, True, False]
    assert outputs(one) == outputs(two) == outputs(eager)
    assert history(one) == history(two) == history(eager)


OWN = """
import random
from torch import nn
class Own(nn.Sequential):
    def __init__(self, classes):
        super().__init__(nn.Flatten(), nn.Linear(3 * 32 * 32, classes))
        self.calls = 0
    def forward(self, images):
        {line}
        return super().forward(images)
"""


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("images = images * float(images.mean().item() < 1e9)", "waits for the GPU"),
        ("images = images * (0.5 + random.random())", "draws random numbers or keeps count on the CPU"),
        ("self.calls += 1; images = images * (self.calls % 3)", "draws random numbers or keeps count on the CPU"),
    ],
    ids=["waits", "draws", "counts"],
)
def test_a_network_whose_step_a_graph_would_not_repeat_trains_without(study, line, reason, capsys):
    spec = on_gpu(scratch_spec())
    network = replace(
        spec.network, architecture="file:own.py:Own", arguments={"classes": 100}, source=OWN.format(line=line)
    )
    run = trained(study, replace(spec, network=network), reason + line[:5])
    assert f"not captured in a CUDA graph (it {reason})" in capsys.readouterr().err
    assert not read_json(run / "run.json")["environment"]["captured"]
    assert len(history(run)) == spec.recipe.epochs


def test_a_killed_run_resumes_to_the_same_bytes(tmp_path):
    straight = write_spec(tmp_path / "straight", on_gpu(scratch_spec(**EVERYTHING | {"epochs": 40})))
    killed = write_spec(tmp_path / "killed", on_gpu(scratch_spec(**EVERYTHING | {"epochs": 40})))
    assert start(straight).wait() == 0
    process, patience = start(killed), time.monotonic() + 120
    while not (killed.parent / "checkpoint.pt").exists() and time.monotonic() < patience:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    again = start(killed)
    assert "resuming after epoch" in again.communicate()[1] and again.returncode == 0
    assert outputs(killed.parent) == outputs(straight.parent)


def test_two_runs_share_a_gpu_and_end_as_if_they_were_alone(tmp_path):
    alone = write_spec(tmp_path / "alone", on_gpu(scratch_spec(epochs=10)))
    assert start(alone).wait() == 0
    paths = [write_spec(tmp_path / name, on_gpu(scratch_spec(epochs=10))) for name in ("one", "two")]
    for process in [start(path) for path in paths]:
        assert process.wait() == 0
    assert outputs(paths[0].parent) == outputs(paths[1].parent) == outputs(alone.parent)


def test_float32_keeps_its_bits():
    device = devices.prepare(on_gpu(scratch_spec(), "float32").compute)
    images, kernel = torch.randn(8, 64, 16, 16), torch.randn(64, 64, 3, 3)
    exact = torch.nn.functional.conv2d(images.double(), kernel.double())
    here = torch.nn.functional.conv2d(images.to(device), kernel.to(device)).cpu()
    assert (here - exact).norm() / exact.norm() < 1e-5  # 3e-4 with TensorFloat-32


def test_too_little_memory_is_said_in_a_sentence(tmp_path):
    path = write_spec(tmp_path, on_gpu(scratch_spec()))
    code = ("import sys, torch; torch.cuda.set_per_process_memory_fraction(1e-5); from study.__main__ import main; "
            f"sys.exit(main(['train', {str(path)!r}]))")  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(WORKFLOW)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Error: The GPU's memory is used up: lower compute: runs_per_gpu" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_device_is_described():
    compute = on_gpu(scratch_spec()).compute
    assert torch.cuda.get_device_name() in check_machine._device(compute)
    assert "GB free" in check_machine._device(compute)


def test_the_whole_check_goes_well(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(check_machine, "MODELS_SECONDS", 1)
    overlay = {"grid": {"models": ["scratch_cnn"]}, "compute": {"device": "cuda"}, "claims": []}
    for name, content in (("config", raw()), ("small", overlay)):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(content))
    assert check_machine.check_machine([tmp_path / "config.yaml", tmp_path / "small.yaml"], tmp_path / "machine.json")
    assert "FAILED" not in capsys.readouterr().out
