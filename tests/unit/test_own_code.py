"""A network of one's own may be any Python file, with others beside it: what it imports is planned and carried."""

import json
import re

import pytest
import safetensors.torch
import torch
from configs import COMPUTE, changed, refusal

from study.config.planning import run_spec
from study.config.study import load_config
from study.errors import StudyError
from study.files import canonical_json
from study.models import network as networks
from study.predict import load_model

NETWORK = """
from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from layers import Block
from heads.linear import Head as Last
from torch import nn

HERE = Path(__file__).parent


@dataclass
class Options:
    width: int


class Net(nn.Module):
    def __init__(self, variant: str = "8"):
        super().__init__()
        assert isinstance(variant, str) and HERE.is_absolute()
        self.layers = nn.Sequential(Block(3, Options(int(variant)).width), Last(int(variant)))

    def forward(self, images):
        import late
        return late.same(self.layers(images))
"""
FILES = {
    "net.py": NETWORK,
    "layers.py": "from torch import nn\n\ndef Block(before, after):\n    return nn.Conv2d(before, after, 3)\n",
    "heads/__init__.py": "",
    "heads/linear.py": "from .base import Base\n\nclass Head(Base):\n    pass\n",
    "heads/base.py": (
        "from torch import nn\n\nclass Base(nn.Linear):\n    def __init__(self, width):\n"
        "        super().__init__(width, 100)\n\n    def forward(self, images):\n"
        "        return super().forward(images.mean((2, 3)))\n"
    ),
    "late.py": "def same(logits):\n    return logits\n",
    "math.py": "raise ValueError('not the one that is meant')\n",
    "unused.py": "raise ValueError('nobody imports this')\n",
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder with a network and the files beside it."""
    (tmp_path / "mine" / "heads").mkdir(parents=True)
    for name, text in FILES.items():
        (tmp_path / "mine" / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "mine"


def config(**changes):
    block = {"architecture": "file:mine/net.py:Net", "arguments": {"variant": "8"}}
    return changed("models.scratch_cnn", changed("grid", None)["models"]["scratch_cnn"] | block | changes)


def spec(**changes):
    return run_spec(load_config(config(**changes)), "scratch_cnn", 0, COMPUTE)


def test_the_files_that_it_imports_are_part_of_the_spec_and_no_others():
    assert spec().network.modules == {
        name: FILES[name] for name in ("heads/__init__.py", "heads/base.py", "heads/linear.py", "late.py", "layers.py")
    }


@pytest.mark.parametrize("name", ["net.py", "layers.py", "heads/base.py", "late.py"])
def test_a_change_in_any_of_them_makes_another_run(folder, name):
    before = spec().sha256()
    (folder / name).write_text(f"{FILES[name]}\nX = 1\n")
    assert spec().sha256() != before
    (folder / "unused.py").write_text("X = 2\n")
    (folder / name).write_text(FILES[name])
    assert spec().sha256() == before


def test_the_trained_model_is_rebuilt_in_another_folder_without_the_files(folder, tmp_path, monkeypatch):
    planned = spec().network
    torch.manual_seed(0)
    network, images = networks.build(planned, 100).eval(), torch.randn(2, 3, 32, 32)
    about = canonical_json({"network": planned.to_json(), "classes": [str(number) for number in range(100)]})
    safetensors.torch.save_file(network.state_dict(), tmp_path / "model.safetensors", {"study": about})
    expected = network(images)
    for name in FILES:
        (folder / name).unlink()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    again, *_ = load_model(tmp_path / "model.safetensors", trust_code=True)
    assert torch.equal(again(images), expected)


def test_what_runs_is_what_was_planned(folder):
    planned = spec().network
    (folder / "layers.py").write_text("raise ValueError('changed since')\n")
    networks.build(planned, 100)
    (folder / "layers.py").write_text("from torch import nn\n\ndef Block(before, after):\n    return nn.Identity()\n")
    with pytest.raises(StudyError, match=r"Net in mine/net.py could not be built \(line 8 of heads/base.py, Runtime"):
        networks.build(spec().network, 100)


def test_an_error_beside_it_is_named_with_file_and_line(folder):
    (folder / "layers.py").write_text("\n\nraise KeyError('here')\n")
    with pytest.raises(StudyError, match=r"Net in mine/net.py could not be built \(line 3 of layers.py, KeyError"):
        networks.build(spec().network, 100)


def test_a_file_beside_it_that_is_not_python_is_refused(folder):
    (folder / "layers.py").write_text("def Block(:")
    assert re.search(r"mine/layers.py is not valid Python \(.*\); correct it", refusal(config()))


def test_a_network_without_files_beside_it_has_the_spec_that_it_had(folder):
    (folder / "net.py").write_text("import math\n\nclass Net:\n    pass\n")
    assert "modules" not in json.loads(canonical_json(spec().to_json()))["network"]


@pytest.mark.parametrize(("given", "taken"), [("50", "50"), ("1e-4", 1e-4), (50, 50), ("large", "large")])
def test_text_in_quotes_stays_text(given, taken):
    assert spec(arguments={"variant": given}).network.arguments == {"variant": taken}
