"""The training code on a GPU that is not there: no tensor is left on the CPU, and no step waits for the GPU."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from fake_gpu import GPU, Watch, fake_gpu
from runs import (
    EVERYTHING,
    LITE0,
    RECIPES,
    SPECIAL,
    VIT,
    config_recipe,
    fast_spec,
    make_weights,
    pretrained_spec,
    scratch_spec,
    write_spec,
)

from study.config.specs import RunSpec
from study.data.dataset import read_dataset
from study.paths import StudyPaths
from study.training import augment, loop, steps
from study.training.inputs import ImageInputs
from study.training.run import make_parts
from study.training.setup import make_setup
from study.training.steps import Steps


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """A study with data, and with the weights of two architectures."""
    folder = make_weights(tmp_path_factory.mktemp("study"))
    write_spec(folder, scratch_spec())
    return folder


def train_on_gpu(study: Path, spec: RunSpec, epochs: int = 2) -> tuple[Watch, list[list[int]]]:
    """(the watch over some epochs on the GPU, per epoch how many waits there had been after each step)."""
    setup, _, _ = make_setup(spec, StudyPaths(study), read_dataset(StudyPaths(study).dataset), torch.device("cpu"))
    waits: list[list[int]] = []
    with fake_gpu() as watch:
        setup.to(GPU)
        parts = make_parts(setup)
        taken, progress = Steps(setup, parts["optimizer"]), loop.Progress()
        for _ in range(epochs):
            waits.append([])
            loop.one_epoch(setup, taken, parts["plateau"], parts["average"], progress,
                           lambda *_: waits[-1].append(len(watch.waits)))  # fmt: skip
    return watch, waits


def check(study: Path, spec: RunSpec, epochs: int = 2) -> None:
    """Assert that no tensor of another device met one on the GPU, and that nothing waited between an epoch's steps."""
    watch, waits = train_on_gpu(study, spec, epochs)
    assert all(len(epoch) > 1 and len(set(epoch)) == 1 for epoch in waits), watch.waits
    assert "item" in watch.waits  # the epoch's loss was read, once it was over


@pytest.mark.parametrize("name", sorted(RECIPES.keys() - SPECIAL))
def test_every_recipe_of_the_config_trains_on_a_gpu_without_a_wait_between_steps(study, name):
    check(study, replace(scratch_spec(), recipe=config_recipe(name, head_learning_rate=None)))


def test_the_recipe_of_the_fast_network_does_too(study):
    check(study, fast_spec(muon=RECIPES["scratch_fast"]["muon"] | {"whitening_epochs": 1}))


def test_the_recipe_of_fast_fine_tuning_does_too(study):
    recipe = config_recipe("modern_fast", input_sizes=[32, 48], probe=None)
    check(study, replace(pretrained_spec(study, LITE0, "finetune"), recipe=recipe))


def test_every_option_at_once_does_too(study):
    check(study, scratch_spec(**EVERYTHING), epochs=5)  # enough that mixup and CutMix are both drawn


@pytest.mark.parametrize("regime", ["scratch", "finetune", "frozen"])
@pytest.mark.parametrize("architecture", [LITE0, VIT])
def test_every_regime_does_too(study, architecture, regime):
    check(study, pretrained_spec(study, architecture, regime))


def test_the_built_in_residual_network_does_too(study):
    spec = scratch_spec()
    check(study, replace(spec, network=replace(spec.network, architecture="scratch_resnet18", arguments={})))


# --- what these tests would find --------------------------------------------------------------------------------------


def test_an_input_left_on_the_cpu_is_found(study, monkeypatch):
    monkeypatch.setattr(ImageInputs, "to", lambda inputs, device: setattr(inputs, "images", inputs.images.to(device)))
    with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
        train_on_gpu(study, scratch_spec())


def test_a_draw_from_a_generator_on_the_cpu_is_found(study, monkeypatch):
    own = augment.transform

    def on_cpu(pixels: Any, recipe: Any, size: int, _: Any, mirrored: Any) -> torch.Tensor:
        return own(pixels, recipe, size, torch.Generator(), mirrored)

    monkeypatch.setattr("study.training.inputs.transform", on_cpu)
    with pytest.raises(RuntimeError, match=r"same device|[Gg]enerator"):
        train_on_gpu(study, scratch_spec())


def with_wait(wait: Any) -> Any:
    """The loop's loss, with `wait` called on it."""
    own = steps.loss_and_correct

    def slow(*given: Any) -> Any:
        loss, correct = own(*given)
        wait(loss)
        return loss, correct

    return slow


@pytest.mark.parametrize(
    "wait",
    [
        lambda loss: loss.item(),
        lambda loss: bool(loss > 100),
        lambda loss: loss.detach().cpu(),
        lambda loss: torch.zeros(3).to(loss.device),
        lambda loss: torch.zeros(3, device=loss.device)[torch.arange(2)],
    ],
    ids=["item", "bool", "cpu", "to the GPU", "index on the CPU"],
)
def test_a_wait_in_a_step_is_found(study, monkeypatch, wait):
    monkeypatch.setattr(steps, "loss_and_correct", with_wait(wait))
    with pytest.raises(AssertionError):
        check(study, scratch_spec())


@pytest.mark.parametrize("wait", [lambda loss: loss[None][loss[None] > 0], lambda loss: loss[None].nonzero()])
def test_a_size_that_depends_on_numbers_is_found(study, monkeypatch, wait):
    monkeypatch.setattr(steps, "loss_and_correct", with_wait(wait))
    with pytest.raises(Exception, match="nonzero"):
        train_on_gpu(study, scratch_spec())
