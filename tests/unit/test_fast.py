"""The fast network from scratch and its optimiser: whitening, identity kernels, orthogonal steps, alternating flips."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from configs import changed, raw, refusal
from runs import fast_spec, history, train, write_spec
from torch.nn import functional

from study.config import planning
from study.config.planning import run_spec
from study.config.recipes import Augmentation, Schedule
from study.config.specs import ComputeSpec, InputSpec
from study.config.study import load_config
from study.data.dataset import read_dataset
from study.models import network as networks
from study.models.fast import ScratchFast
from study.paths import StudyPaths
from study.training import muon
from study.training.inputs import ImageInputs
from study.training.loop import train_epoch
from study.training.muon import Muon, MuonWithSGD
from study.training.optimizers import scheduled_rates, share_of_rate
from study.training.run import make_parts
from study.training.setup import make_setup
from study.training.steps import Steps


def network() -> ScratchFast:
    torch.manual_seed(0)
    return ScratchFast([24, 32, 40], [24, 16, 32], 10).to(memory_format=torch.channels_last)


def test_the_network_of_the_config_has_the_published_shape():
    spec = run_spec(load_config(raw()), "scratch_fast", 0, ComputeSpec(device="cpu", threads=1, precision="float32"))
    made = networks.build(spec.network, 100)
    # whitening with bias; per group a convolution, a residual pair, and norms with scale and bias; a head without bias
    groups = [
        9 * 24 * 64 + 64 * 64 + 64 * 64 + 2 * (64 + 64 + 64),
        9 * 64 * 256 + 9 * 256 * 192 + 192 * 256 + 2 * (256 + 192 + 256),
        4 * 256 * 768 + 9 * 768 * 512 + 9 * 512 * 768 + 2 * (768 + 512 + 768),
    ]
    assert networks.count_parameters(made) == 24 * 12 + 24 + sum(groups) + 768 * 100
    # the published 175 million, without the 13 positions of the 2×2 convolution that its pooling would drop
    assert networks.multiply_accumulates(made, 32) == pytest.approx(175e6 - 13 * 4 * 256 * 768, rel=1e-3)
    assert made(torch.zeros(2, 3, 32, 32)).shape == (2, 100)


@pytest.mark.parametrize(("size", "side"), [(9, 1), (20, 2), (24, 2), (32, 3)])
def test_the_last_map_has_the_side_that_the_records_have(size, side):
    made = network().eval()
    assert made.groups(made.whiten(torch.zeros(1, 3, size, size))).shape == (1, 40, side, side)


def test_the_first_layer_whitens_patches():
    made = network()
    smooth = functional.interpolate(torch.randn(400, 3, 4, 4), size=(9, 9), mode="bilinear")  # neighbours are alike
    made.initialise(smooth)
    out = functional.conv2d(smooth, made.whiten.weight)[:, :12].transpose(0, 1).flatten(1).double()
    covariance = out @ out.T / out.shape[1]
    off_diagonal = covariance - torch.diag(covariance.diagonal())
    assert off_diagonal.abs().max() < 1e-3
    assert covariance.diagonal().max() == pytest.approx(1, abs=0.01)  # less where the variance is near 5e-4
    assert torch.equal(made.whiten.weight[12:], -made.whiten.weight[:12])


def test_kernels_begin_as_the_identity_of_their_inputs():
    group = network().groups[1]
    images = torch.randn(1, 24, 6, 6)
    torch.testing.assert_close(group.first(images)[:, :24], images)
    images = torch.randn(1, 32, 3, 3)
    torch.testing.assert_close(group.second(images), images[:, :16])


def test_whitening_sees_training_images_only_and_is_the_same_each_time(tmp_path):
    spec = fast_spec()
    write_spec(tmp_path, spec)
    data = read_dataset(StudyPaths(tmp_path).dataset)

    def kernels(images: np.ndarray) -> torch.Tensor:
        setup, _, _ = make_setup(spec, StudyPaths(tmp_path), replace(data, images=images), torch.device("cpu"))
        return setup.network.whiten.weight

    other, seen = data.images.copy(), data.images.copy()
    other[data.split != 0] = 0
    seen[data.split == 0] //= 2
    assert torch.equal(kernels(data.images), kernels(other))
    assert not torch.equal(kernels(data.images), kernels(seen))


def test_a_step_of_muon_is_orthogonal_and_the_norm_is_held():
    made, recipe = network(), fast_spec().recipe
    recipe = replace(recipe, muon=replace(recipe.muon, newton_schulz=5))
    optimizer = MuonWithSGD(made, made.head, recipe)
    kernel = made.groups[1].first.weight
    before = kernel.detach().clone()
    made(torch.randn(8, 3, 32, 32)).square().mean().backward()
    optimizer.step()
    held = before * 32**0.5 / before.norm()
    moved = (held - kernel.detach()).flatten(1) / recipe.learning_rate
    values = torch.linalg.svdvals(moved)
    assert values.min() > 0.6 and values.max() < 1.3  # Newton-Schulz leaves them around one
    assert (moved * kernel.grad.flatten(1)).sum() > 0  # downhill


@pytest.mark.parametrize("shape", [(16, 40), (40, 16)])
def test_momentum_and_newton_schulz_are_those_of_torch(shape):
    ours, theirs = (torch.nn.Parameter(torch.ones(shape)) for _ in range(2))
    own = Muon([ours], lr=0.1, momentum=0.6, newton_schulz=3)
    reference = torch.optim.Muon([theirs], lr=0.1, momentum=0.6, ns_steps=3, weight_decay=0.0)
    torch.manual_seed(0)
    for _ in range(3):
        ours.grad = torch.randn(shape)
        theirs.grad = ours.grad.clone()
        before, held = ours.detach().clone(), ours.detach() * shape[0] ** 0.5 / ours.detach().norm()
        moved = theirs.detach().clone()
        own.step()
        reference.step()
        moved = (theirs.detach() - moved) / max(1, shape[0] / shape[1]) ** 0.5  # torch adapts the rate to the shape
        torch.testing.assert_close(ours.detach(), held + moved, atol=1.5e-3, rtol=0)  # bfloat16: 1 in 256 of 0.1
        assert not torch.equal(ours.detach(), before)


def test_newton_schulz_takes_float32_where_the_cpu_has_no_bfloat16(monkeypatch):
    matrix = torch.randn(6, 20, generator=torch.Generator().manual_seed(0))
    found = {}
    for has in (True, False):
        monkeypatch.setattr(muon, "cpu_has_bfloat16", lambda has=has: has)
        found[has] = muon.orthogonalised(matrix, 5)
    assert torch.equal(found[True], found[True].bfloat16().float())
    assert not torch.equal(found[False], found[False].bfloat16().float())
    torch.testing.assert_close(found[True], found[False], atol=0.02, rtol=0)


def test_a_rate_may_be_a_tensor_and_moves_as_a_number_does():
    moved = []
    for rate in (0.1, torch.tensor(0.1)):
        kernel = torch.nn.Parameter(torch.eye(8).view(8, 8, 1, 1))
        optimizer = Muon([kernel], lr=0.3, momentum=0.6, newton_schulz=3)
        optimizer.param_groups[0]["lr"] = rate
        kernel.grad = torch.arange(64.0).view(8, 8, 1, 1)
        optimizer.step()
        moved.append(kernel.detach())
    assert torch.equal(*moved)


def test_every_parameter_that_is_trained_is_in_one_group_with_its_own_rate_and_decay():
    made, recipe = network(), fast_spec().recipe
    optimizer = MuonWithSGD(made, made.head, recipe)
    inside = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    assert len(inside) == len([one for one in made.parameters() if one.requires_grad]) == 9 + 1 + 18 + 1
    kernels, first, vectors, head = optimizer.param_groups
    assert [group["lr"] for group in (kernels, first, vectors, head)] == [0.18, 1.38, 1.38, 1.38]
    assert "weight_decay" not in kernels
    assert [group["weight_decay"] for group in (first, vectors, head)] == [0, 0, 5e-4]
    of_first = scheduled_rates(optimizer, replace(recipe, epochs=6), 1.5)[1]
    assert of_first == pytest.approx(1.38 * 0.75)  # a quarter of its six epochs is over


def test_the_rate_is_held_between_warm_up_and_decay():
    schedule = Schedule(shape="linear", warmup_epochs=0.3, hold_epochs=3)
    shares = [share_of_rate(schedule, 6, done) for done in (0.15, 0.3, 2.0, 3.3, 4.65, 6.0)]
    assert shares == pytest.approx([0.5, 1, 1, 1, 0.5, 0])


def test_images_are_mirrored_every_other_epoch():
    images = torch.randint(0, 256, (200, 3, 32, 32), dtype=torch.uint8)
    inputs = ImageInputs(images, InputSpec(size=32, mean=[0.0] * 3, std=[1.0] * 3), Augmentation(alternating_flip=True))
    plain, ids = images / 255, torch.arange(200)
    seen = []
    for epoch in (1, 2, 3):
        inputs.begin_epoch(7, epoch)
        batch = inputs.batch(ids, torch.Generator())
        seen.append(torch.tensor([torch.equal(one, image.flip(2)) for one, image in zip(batch, plain, strict=True)]))
        torch.testing.assert_close(batch, torch.where(seen[-1][:, None, None, None], plain.flip(3), plain))
    assert torch.equal(seen[0], ~seen[1]) and torch.equal(seen[0], seen[2])
    assert 70 < seen[0].sum() < 130
    torch.testing.assert_close(inputs.batch(ids), plain)  # what is judged is never mirrored


def test_a_run_learns_at_sizes_that_grow(tmp_path):
    spec = fast_spec(epochs=8, input_sizes=[20, 20, 24, 24, 32, 32, 32, 32])
    path = write_spec(tmp_path, replace(spec, compute=replace(spec.compute, precision="bfloat16")))
    train(path)
    assert float(history(path.parent)[-1]["val_accuracy"]) > 0.5  # chance is 0.01


def test_the_bias_of_the_whitening_stands_still_in_the_end(tmp_path):
    spec = fast_spec(epochs=3, muon=raw()["recipes"]["scratch_fast"]["muon"] | {"whitening_epochs": 2})
    write_spec(tmp_path, spec)
    data = read_dataset(StudyPaths(tmp_path).dataset)
    setup, _, _ = make_setup(spec, StudyPaths(tmp_path), data, torch.device("cpu"))
    steps, bias, moves = Steps(setup, make_parts(setup)["optimizer"]), setup.network.whiten.bias, []
    for epoch in (1, 2, 3):
        before = bias.detach().clone()
        train_epoch(setup, steps, None, epoch, lambda *_: None)
        moves.append(not torch.equal(before, bias))
    assert moves == [True, True, False]


@pytest.mark.parametrize(("has", "asked", "wanted"), [
    (True, "auto", "bfloat16"), (False, "auto", "float32"), (True, "float32", "float32"),
])  # fmt: skip
def test_a_recipe_may_ask_for_bfloat16_where_the_cpu_has_it(monkeypatch, has, asked, wanted):
    monkeypatch.setattr(planning, "cpu_has_bfloat16", lambda: has)
    compute = ComputeSpec(device="cpu", threads=2, precision="float32")
    study = load_config(changed("compute.precision", asked))
    assert run_spec(study, "scratch_fast", 0, compute).compute.precision == wanted
    assert run_spec(study, "scratch_cnn", 0, compute).compute.precision == "float32"
    on_gpu = run_spec(study, "scratch_fast", 0, replace(compute, device="cuda", precision="float32"))
    assert on_gpu.compute.precision == "float32"  # a GPU without bfloat16


def test_a_frozen_models_recipe_may_ask_for_features_in_bfloat16(monkeypatch):
    monkeypatch.setattr(planning, "cpu_has_bfloat16", lambda: True)
    compute, frozen = (
        ComputeSpec(device="cpu", threads=2, precision="float32", compile=True),
        "efficientnet_lite0_frozen",
    )
    before = load_config(raw())
    study = load_config(changed("recipes.linear_head.precision", "bfloat16"))
    features = planning.features_spec(study, frozen, compute).compute
    assert (features.precision, features.compile) == ("bfloat16", False)
    assert run_spec(study, frozen, 0, compute).compute.precision == "float32"  # of the head
    features = planning.features_spec(before, frozen, compute).compute
    assert (features.precision, features.compile) == ("float32", True)


@pytest.mark.parametrize(
    ("where", "value", "message"),
    [
        ("recipes.scratch_fast.muon", None, "optimizer muon and a section muon go together"),
        ("recipes.scratch_fast.head_learning_rate", None, "optimizer muon needs a head_learning_rate"),
        ("recipes.scratch_fast.schedule.hold_epochs", 9, "warmup_epochs and hold_epochs must be less than the 12"),
        ("recipes.scratch_fast.augmentation.horizontal_flip", 0.5, "alternating_flip takes the place of"),
        ("models.scratch_resnet18.recipe", "scratch_fast", "has optimizer muon, which is for scratch_fast"),
        ("models.scratch_fast.arguments.widths", [64, 256], "must have at least 3 entries, not 2"),
        ("models.scratch_fast.input_size", 8, "input_size must be at least 9 for scratch_fast"),
    ],
)  # fmt: skip
def test_a_mistake_in_it_is_told_in_a_sentence(where, value, message):
    assert message in refusal(changed(where, value))
