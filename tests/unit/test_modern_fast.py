"""What the fast fine-tuning recipe adds: sizes per epoch, frozen parts, folded batch norms, a probe for the head."""

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest
import timm
import torch
from configs import changed, refusal
from runs import LITE0, VIT, config_recipe, make_weights, pretrained_spec, scratch_spec, train, write_spec
from torch import nn
from torch.nn import functional

from study.config.recipes import Augmentation
from study.config.specs import InputSpec, RunSpec
from study.data.dataset import read_dataset
from study.errors import StudyError
from study.files import read_json
from study.models.folded import Depthwise, fold
from study.paths import StudyPaths
from study.training import loop
from study.training.freezing import freeze, settle_norms, start_head
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


def fast_spec(study: Path, precision: str = "bfloat16", architecture: str = LITE0, **changes) -> RunSpec:
    """Spec of a fine-tuning with the recipe `modern_fast` at small sizes."""
    spec = pretrained_spec(study, architecture, "finetune")
    recipe = config_recipe("modern_fast", **{"input_sizes": [32, 48], "probe": {"images": 200, "epochs": 3}} | changes)
    return replace(spec, recipe=recipe, compute=replace(spec.compute, precision=precision))


def setup_of(study: Path, spec: RunSpec) -> loop.Setup:
    return make_setup(spec, StudyPaths(study), read_dataset(StudyPaths(study).dataset), torch.device("cpu"))[0]


@pytest.mark.parametrize(("side", "stride"), [(3, 1), (3, 2), (5, 1), (5, 2)])
@pytest.mark.parametrize("size", [9, 10])
def test_the_gradients_of_a_depthwise_convolution_are_those_of_torch(side, stride, size):
    torch.manual_seed(0)
    given = [torch.randn(2, 6, size, size, requires_grad=True), torch.randn(6, 1, side, side, requires_grad=True),
             torch.randn(6, requires_grad=True)]  # fmt: skip
    padding = side // 2 if stride == 1 else 0
    ours = Depthwise.apply(*given, stride, padding)
    theirs = functional.conv2d(*given, stride=stride, padding=padding, groups=6)
    torch.testing.assert_close(ours, theirs)
    grad = torch.randn_like(ours)
    for one, other in zip(
        torch.autograd.grad(ours, given, grad), torch.autograd.grad(theirs, given, grad), strict=True
    ):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "efficientnet_b0", "resnet18", "densenet121", "shvit_s1"])
def test_a_folded_network_computes_what_the_network_does_on_the_same_parameters(name):
    torch.manual_seed(0)
    network = timm.create_model(name, num_classes=10).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):  # else they are the identity
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
    folded, images = fold(network, 63).eval(), torch.randn(4, 3, 63, 63)
    ours = folded(images)
    theirs = network(images)
    assert (ours - theirs).abs().max() < 0.05 * theirs.abs().max() + 0.02
    assert {id(one) for one in folded.parameters()} == {id(one) for one in network.parameters()}
    assert not any(isinstance(one, nn.Identity) for one in network.modules() if hasattr(one, "running_mean"))
    functional.cross_entropy(ours, torch.arange(4)).backward()
    assert all(one.grad is not None and one.grad.isfinite().all() for one in network.parameters())


class Branches(nn.Module):
    """Two convolutions with batch norm; the first one's output also goes past its norm, or the second is looked at."""

    default_cfg: ClassVar = {"classifier": "head"}

    def __init__(self, looks: bool) -> None:
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)
        self.conv2, self.norm2 = nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8)
        self.head, self.looks = nn.Linear(8, 5), looks

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        images = self.conv1(images)
        images = self.conv2(images + self.norm1(images))
        if self.looks:
            images = images * self.conv2.weight.abs().mean()
        return self.head(self.norm2(images).mean((2, 3)))


def test_only_a_convolution_whose_output_goes_nowhere_else_is_folded(capsys):
    folded = fold(Branches(looks=False), 16)
    assert isinstance(folded.network.norm1, nn.BatchNorm2d) and isinstance(folded.network.norm2, nn.Identity)
    assert capsys.readouterr().err == "1 of 2 batch norms are folded; the rest computes in autocast\n"
    assert folded.train()(torch.randn(2, 3, 16, 16)).dtype == torch.float32
    assert folded.network.norm1.running_mean.abs().max() == 0  # its statistics are fixed too


def test_a_network_that_looks_at_its_layers_is_not_folded(capsys):
    network = Branches(looks=True)
    assert fold(network, 16) is None and isinstance(network.conv2, nn.Conv2d)
    assert "0 of 2 batch norms are folded" in capsys.readouterr().err


def test_a_network_without_batch_norms_computes_in_autocast(study):
    spec = fast_spec(study, architecture=VIT, frozen_blocks=0, input_sizes=[32, 32])
    spec = replace(spec, model="vit_fast")
    assert setup_of(study, spec).folded is None
    path = write_spec(study, spec)
    train(path)
    assert read_json(path.parent / "run.json")["outcome"] == "finished"


@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
def test_what_is_frozen_stands_still_and_the_rest_moves(study, precision):
    setup = setup_of(study, fast_spec(study, precision))
    assert (setup.folded is not None) == (precision == "bfloat16")
    before = {key: value.clone() for key, value in setup.network.state_dict().items()}
    parts = make_parts(setup)
    loop.one_epoch(setup, Steps(setup, parts["optimizer"]), None, None, loop.Progress(), lambda *_: None)
    moved = {key for key, value in setup.network.state_dict().items() if not torch.equal(value, before[key])}
    trained = {
        key for key in before if not key.startswith(("conv_stem", "bn1.", "blocks.0.", "blocks.1.", "blocks.2."))
    }
    parts_that_stand = ("running", "num_batches", "conv_dw.weight", ".bn2.weight")  # bn2 stands behind conv_dw
    still = {key for key in trained if any(part in key for part in parts_that_stand)}
    assert moved == trained - still


def test_each_epoch_has_its_size_and_the_model_is_judged_at_its_own():
    images = torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8)
    spec, ids = InputSpec(size=64, mean=[0.0] * 3, std=[1.0] * 3), torch.arange(4)
    for augmentation in (None, Augmentation(horizontal_flip=0.5)):
        inputs = ImageInputs(images, spec, augmentation, [16, 48])
        for epoch, size in ((1, 16), (2, 48), (1, 16)):
            inputs.begin_epoch(0, epoch)
            assert inputs.batch(ids, torch.Generator()).shape == (4, 3, size, size)
            assert inputs.batch(ids).shape == (4, 3, 64, 64)


def test_the_probe_starts_the_head_above_chance_and_moves_nothing_else(study):
    spec = fast_spec(study, "float32", probe={"images": 300, "epochs": 30})
    setup, again = setup_of(study, spec), setup_of(study, spec)
    before = {key: value.clone() for key, value in setup.network.state_dict().items()}
    chance = loop.judge(setup, setup.train)[1]
    start_head(setup)
    start_head(again)
    assert loop.judge(setup, setup.train)[1] > chance + 0.05
    after = setup.network.state_dict()
    changes = {key for key, value in after.items() if not torch.equal(value, before[key])}
    assert changes == {"classifier.weight", "classifier.bias"}
    assert all(torch.equal(value, after[key]) for key, value in again.network.state_dict().items())


def test_a_redrawn_batch_norm_that_is_frozen_gets_the_statistics_of_training_images(study):
    spec = fast_spec(study, "float32")
    spec = replace(spec, network=replace(spec.network, redraw=["conv_head", "bn2"]))
    setup, inputs = setup_of(study, spec), []
    before = {key: value.clone() for key, value in setup.network.state_dict().items()}
    settle_norms(setup)
    taken = setup.network.conv_head.register_forward_hook(lambda *given: inputs.append(given[2]))
    with torch.no_grad():
        setup.network(setup.inputs.plain(setup.train, 32))
    taken.remove()
    after = setup.network.state_dict()
    torch.testing.assert_close(after["bn2.running_mean"], inputs[0].mean((0, 2, 3)), atol=1e-4, rtol=1e-3)
    changes = {key for key, value in after.items() if not torch.equal(value, before[key])}
    assert changes == {"bn2.running_mean", "bn2.running_var", "bn2.num_batches_tracked"}


def test_blocks_are_frozen_where_timm_does_not_name_them(study):
    network = timm.create_model("caformer_s18", num_classes=5)
    freeze(network, fast_spec(study, frozen_blocks=2).recipe)
    trained = {".".join(name.split(".")[:2]) for name, one in network.named_parameters() if one.requires_grad}
    assert {name for name in trained if name.startswith(("stem", "stages"))} == {"stages.2", "stages.3"}
    assert {"head.norm", "head.fc"} <= trained


def test_the_classifier_is_trained_however_many_blocks_are_frozen(study):
    setup = setup_of(study, fast_spec(study, frozen_blocks=100))
    assert {name for name, one in setup.network.named_parameters() if one.requires_grad} == {
        "classifier.weight", "classifier.bias",
    }  # fmt: skip


@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
def test_a_run_of_the_recipe_repeats_itself_and_its_model_has_timms_names(study, tmp_path, precision):
    results = []
    for name in ("one", "two"):
        path = write_spec(study, replace(fast_spec(study, precision), model=f"{name}_{precision}"))
        train(path)
        assert read_json(path.parent / "run.json")["outcome"] == "finished"
        results.append((path.parent / "predictions.npz").read_bytes())
    assert results[0] == results[1]


def test_a_network_of_one_input_size_is_told_in_a_sentence(study):
    with pytest.raises(StudyError, match=r"does not take images of 48 px .*; give it others, by input_size and"):
        setup_of(study, fast_spec(study, architecture=VIT, frozen_blocks=0))


@pytest.mark.parametrize(
    ("where", "value", "message"),
    [
        ("recipes.modern_fast.input_sizes", [96, 96], "input_sizes has 2 entries for 4 epochs"),
        ("recipes.modern_fast.input_sizes", [4, 96, 96, 96], "input_sizes must be from 8 to 1024 pixels"),
        ("recipes.modern_fast.frozen_norms", False, "frozen_blocks needs frozen_norms"),
        ("models.scratch_resnet18.recipe", "modern_fast", "which is for regime finetune"),
        ("models.vit_tiny.recipe", "modern_fast", "this model takes images of one size only"),
        ("recipes.report_scratch.input_sizes", [32] * 60, "this model takes images of one size only"),
    ],
)
def test_a_mistake_in_it_is_told_in_a_sentence(where, value, message):
    assert message in refusal(changed(where, value))
