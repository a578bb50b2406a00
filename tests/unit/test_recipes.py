"""Every recipe of config.yaml, every regime and every kind of network trains, on data that take seconds."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from configs import raw
from runs import LITE0, SPECIAL, VIT, config_recipe, make_weights, pretrained_spec, scratch_spec, train, write_spec

from study.config.specs import RunSpec
from study.data.dataset import TEST, read_dataset
from study.errors import StudyError
from study.files import read_json
from study.models import network as networks
from study.paths import StudyPaths
from study.predict import load_model
from study.training.setup import rows_of

RECIPES = raw()["recipes"]


@pytest.mark.parametrize("name", sorted(RECIPES.keys() - SPECIAL))
def test_every_recipe_of_the_config_trains(tmp_path, name):
    spec = replace(scratch_spec(), recipe=config_recipe(name, head_learning_rate=None))
    path = write_spec(tmp_path, spec)
    train(path)
    record = read_json(path.parent / "run.json")
    assert (record["outcome"], record["epochs"]) == ("finished", 2)
    assert record["validation"] == asdict(spec.recipe.validation or spec.data.validation)
    with np.load(path.parent / "predictions.npz") as stored:
        assert len(stored["test_ids"]) == 200
        # of 400 training images the study holds out 100
        assert len(stored["val_ids"]) == record["data"]["val"] == (200 if name == "khanna2021" else 100)


def test_a_split_of_its_own_is_stratified_and_never_holds_test_images(tmp_path):
    spec = scratch_spec(validation={"fraction": 0.5, "seed": 3})
    write_spec(tmp_path, spec)
    data = read_dataset(StudyPaths(tmp_path).dataset)
    rows = rows_of(data, spec)
    assert np.bincount(data.fine[rows["val"]]).tolist() == [2] * 100
    assert sorted([*rows["train"].tolist(), *rows["val"].tolist()]) == np.flatnonzero(data.split != TEST).tolist()
    assert rows["test"].tolist() == np.flatnonzero(data.split == TEST).tolist()


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """A study with the weights of two architectures."""
    return make_weights(tmp_path_factory.mktemp("study"))


@pytest.mark.parametrize("regime", ["scratch", "finetune", "frozen"])
@pytest.mark.parametrize("architecture", [LITE0, VIT])
def test_a_timm_network_trains_in_every_regime(study, architecture, regime):
    write_spec(study, scratch_spec())
    path = write_spec(study, pretrained_spec(study, architecture, regime))
    train(path)
    record = read_json(path.parent / "run.json")
    assert record["outcome"] == "finished"
    network, *_ = load_model(path.parent / "model.safetensors")
    assert record["parameters"] == sum(parameter.numel() for parameter in network.parameters())
    kernel = "conv_stem.weight" if architecture == LITE0 else "blocks.0.attn.qkv.weight"
    start = safetensors.torch.load_file(study / "weights" / f"{architecture[5:9]}.safetensors")[kernel]
    moved = (network.state_dict()[kernel] - start).abs().max()
    assert (moved == 0) == (regime == "frozen")
    assert moved < 0.1 or regime == "scratch"  # from the weights, and not far


def test_resnet18_has_the_stem_for_small_images_and_the_known_size():
    spec = replace(scratch_spec().network, architecture="scratch_resnet18", arguments={})
    network = networks.build(spec, 100)
    assert network.layer1(network.maxpool(network.conv1(torch.zeros(1, 3, 32, 32)))).shape == (1, 64, 32, 32)
    assert networks.count_parameters(network) == 11_220_132  # He et al. (2016) with a 3 x 3 stem and 100 classes
    assert networks.multiply_accumulates(network, 32) == pytest.approx(0.556e9, rel=0.01)


def test_multiply_accumulates_are_those_of_the_layers():
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.Flatten(), torch.nn.Linear(512, 10))
    assert networks.multiply_accumulates(network, 8) == 3 * 8 * 9 * 64 + 512 * 10


class WithToken(torch.nn.Module):
    """Gives a layer a parameter, as some vision transformers do with their class token."""

    def __init__(self) -> None:
        super().__init__()
        self.token, self.head = torch.nn.Parameter(torch.zeros(1, 5)), torch.nn.Linear(5, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.token)


def test_multiply_accumulates_of_a_network_whose_layers_take_parameters():
    assert networks.multiply_accumulates(WithToken(), 8) == 5 * 10


OWN = """
import torch
from torch import nn

class Tiny(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, width), nn.ReLU(), nn.Linear(width, {classes}))

    def forward(self, images):
        return self.layers(images)

class NoNetwork:
    def __init__(self, width):
        pass
"""


def own_spec(name: str = "Tiny", source: str = OWN.format(classes=100), **arguments: Any) -> RunSpec:
    """Spec of a run of the user's own network."""
    own = {"architecture": f"file:mine.py:{name}", "arguments": arguments or {"width": 20}, "source": source}
    return replace(scratch_spec(), network=replace(scratch_spec().network, **own))


def test_a_network_of_ones_own_trains_and_is_loaded_without_its_file(tmp_path):
    path = write_spec(tmp_path, own_spec())
    train(path)
    model = path.parent / "model.safetensors"
    with pytest.raises(StudyError, match="holds code of its own, for its network; if you trust who made it"):
        load_model(model)
    network, *_ = load_model(model, trust_code=True)
    assert networks.count_parameters(network) == 3072 * 20 + 20 + 20 * 100 + 100


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (own_spec(depth=3), "Tiny in mine.py could not be built (TypeError: Tiny.__init__() got an unexpected"),
        (own_spec("NoNetwork"), "The network NoNetwork in mine.py is not a torch.nn.Module; derive"),
        (
            own_spec(source=OWN.format(classes=10)),
            "turns two images into [2, 10] instead of [2, 100]",
        ),
        (
            own_spec(source="import nowhere_to_be_found"),
            "(line 1, ModuleNotFoundError: No module named 'nowhere_to_be_found')",
        ),
    ],
)
def test_a_network_of_ones_own_that_does_not_fit_is_told_in_a_sentence(tmp_path, spec, message):
    with pytest.raises(StudyError) as caught:
        train(write_spec(tmp_path, spec))
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "study",
    ["", "[]", "{}", '{"network": 3}', '{"network": {"architecture": "scratch_cnn"}}',
     json.dumps({"network": {"architecture": "timm/no_such.net", "input": {"size": 32, "mean": [], "std": []}}}),
     json.dumps({"network": scratch_spec().network.to_json(), "classes": []})],
)  # fmt: skip
def test_a_model_file_that_describes_no_network_is_told_in_a_sentence(tmp_path, study):
    path = tmp_path / "model.safetensors"
    safetensors.torch.save_file({"weight": torch.zeros(2)}, path, {"study": study})
    with pytest.raises(StudyError, match=r"is not a (model|spec)|does not hold the network|do not fit it"):
        load_model(path)
