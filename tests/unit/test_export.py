"""What leaves the study: `predict` on a folder, the ONNX file and the card say what the stored predictions say."""

import csv
import json
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
import safetensors.torch
import torch
from PIL import Image
from runs import scratch_spec, write_spec
from scipy.special import softmax
from scipy.stats import binomtest

from study.__main__ import main
from study.config.recipes import Validation
from study.config.specs import DataSpec, InputSpec, NetworkSpec
from study.data.dataset import read_dataset
from study.data.folder import FolderSettings
from study.data.prepare_folder import prepare_folder
from study.files import canonical_json
from study.models import network as networks
from study.paths import StudyPaths

CLASSES = ["cats", "dogs", "owls"]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder of pictures that are no squares, ten for each of three classes, which differ in colour."""
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("pictures") / "Three animals"
    folder.mkdir()
    for number, name in enumerate(CLASSES):
        (folder / name).mkdir()
        for picture in range(10):
            pixels = rng.integers(0, 120, (50 + 5 * picture, 70, 3), dtype=np.uint8)
            pixels[..., number] += 100
            Image.fromarray(pixels).save(folder / name / f"{picture}.png")
    return folder


@pytest.fixture(scope="module")
def run(pictures, tmp_path_factory):
    """The folder of a run on those pictures, stored with margins at 40 px and seen at 48 px."""
    study = tmp_path_factory.mktemp("study")
    validation = {"fraction": 0.2, "seed": 1}
    settings = FolderSettings(folder=pictures, validation=validation, image_size=40, fit="pad")
    prepare_folder(settings, StudyPaths(study).dataset, 1)
    meta = read_dataset(StudyPaths(study).dataset).meta
    spec = scratch_spec()
    spec = replace(
        spec,
        network=replace(spec.network, input=InputSpec(size=48, mean=[0.5] * 3, std=[0.25] * 3)),
        data=DataSpec(name="folder", fingerprint=meta["fingerprint"], validation=Validation(**validation)),
    )
    path = write_spec(study, spec)
    assert main(["train", str(path)]) == 0
    return path.parent


def test_predict_on_the_folder_says_what_the_run_stored(run, pictures, tmp_path, capsys):
    table = tmp_path / "answers.csv"
    model = str(run / "model.safetensors")
    assert main(["predict", "--model", model, "--top", "3", "--csv", str(table), str(pictures)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 30
    with table.open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    found = {(row["image"], row["class"]): float(row["probability"]) for row in rows}
    data = read_dataset(run / "../../../dataset.npz")
    with np.load(run / "predictions.npz") as stored:
        for row, logits in zip(stored["test_ids"], stored["test_logits"], strict=True):
            said = [found[str(pictures / data.sources[row]), name] for name in CLASSES]
            np.testing.assert_allclose(said, softmax(logits), atol=1e-4)


def test_a_folder_without_pictures_is_told(run, tmp_path, capsys):
    assert main(["predict", "--model", str(run / "model.safetensors"), str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"Error: {tmp_path} holds no pictures; name another folder.\n"


def test_the_exported_network_gives_the_stored_predictions_from_stored_pictures(run, tmp_path, capsys):
    target = tmp_path / "three.onnx"
    assert main(["export", str(run / "model.safetensors"), "--output", str(target)]) == 0
    assert "images uint8 [N, 40, 40, 3] to logits and probabilities [N, 3]" in capsys.readouterr().out
    session = onnxruntime.InferenceSession(target, providers=["CPUExecutionProvider"])
    images = np.asarray(read_dataset(run / "../../../dataset.npz").images)
    with np.load(run / "predictions.npz") as stored:
        logits, probabilities = session.run(None, {"images": images[stored["test_ids"]]})
        np.testing.assert_allclose(logits, stored["test_logits"], atol=1e-4)
        np.testing.assert_allclose(probabilities, softmax(stored["test_logits"], axis=1), atol=1e-5)
    known = {one.key: one.value for one in onnx.load(target).metadata_props}
    assert (json.loads(known["classes"]), known["image_size"], known["fit"]) == (CLASSES, "40", "pad")


def test_the_card_says_what_the_network_is_and_how_good(run):
    card = (run / "model.md").read_text(encoding="utf-8")
    assert card.startswith("# scratch_cnn, a classifier of Three animals\n")
    data = read_dataset(run / "../../../dataset.npz")
    with np.load(run / "predictions.npz") as stored:
        right = stored["test_logits"].argmax(1) == data.fine[stored["test_ids"]]
    low, high = proportion_interval(right.sum(), len(right))
    accuracy = f"{100 * right.mean():.1f} % of the test images ({100 * low:.1f} to {100 * high:.1f} %"
    assert len(right) == 6 and accuracy in card
    prepared = "padded with grey (127) to a square and reduced to 40 × 40 px", "resized to 48 × 48 px (bicubic, then"
    assert all(said in card for said in (*prepared, "random weights", "learning_rate: 0.003", "\n1. dogs\n"))


def proportion_interval(successes: int, n: int) -> tuple[float, float]:
    """Wilson's interval, as another package has it."""
    return tuple(binomtest(int(successes), n).proportion_ci(method="wilson"))


@pytest.mark.parametrize(
    ("architecture", "arguments", "size"),
    [("scratch_fast", {"widths": [8, 8, 8], "inner": [8, 8, 8]}, 24), ("timm/test_efficientnet.r160_in1k", {}, 64)],
)
def test_networks_with_batch_norms_are_exported_at_smaller_and_larger_sizes(
    tmp_path, capsys, architecture, arguments, size
):
    spec = NetworkSpec(
        architecture=architecture, arguments=arguments, input=InputSpec(size=size, mean=[0.5] * 3, std=[0.5] * 3)
    )
    about = canonical_json({"network": spec.to_json(), "classes": CLASSES})
    torch.manual_seed(0)
    path = tmp_path / "model.safetensors"
    safetensors.torch.save_file(networks.build(spec, 3).state_dict(), path, {"study": about})
    assert main(["export", str(path)]) == 0
    assert [output.name for output in onnx.load(tmp_path / "model.onnx").graph.output] == ["logits", "probabilities"]


def test_what_is_no_model_leaves_no_file(tmp_path, capsys):
    (tmp_path / "model.safetensors").write_text("no model")
    assert main(["export", str(tmp_path / "model.safetensors")]) == 1
    assert "is not a model of this study" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]
