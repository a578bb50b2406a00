"""Fine-tune, freeze, probe and fold many of timm's networks for one tiny step each, on random weights.

    PYTHONPATH=workflow python tests/system/timm_sweep.py results.csv [--most 2] [NAME ...]

Without names, the smallest networks of each of timm's modules. A row per network: the smallest size that it takes of
32, 64, 96, 128 px and its own, and `ok` or the sentence with which it is refused. Exits with 1 if one raises anything
else. Takes hours on one core, and up to 3 GB of memory.
"""

import argparse
import contextlib
import csv
import io
import signal
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import timm
import torch
from torch.nn import functional

sys.path.append(str(Path(__file__).parents[1] / "unit"))

from runs import recipe, scratch_spec, write_spec

from study.config.specs import FeaturesSpec, InputSpec, NetworkSpec, RunSpec, WeightsSpec, read_run_spec
from study.data.dataset import TEST, TRAIN, VALIDATION, Dataset
from study.errors import StudyError
from study.files import file_digest
from study.models import network as networks
from study.models.folded import fold
from study.paths import MODEL, StudyPaths
from study.predict import load_model
from study.training.features import compute_features
from study.training.run import train_run

SIZES = (32, 64, 96, 128)
LARGEST, WIDEST = 30e6, 288  # parameters; pixels of a network's own size
SECONDS = 300  # of the processor, for one network
DRAWING = ("normal_", "uniform_", "erfinv_")
PLAIN = {"epochs": 1, "batch_size": 4, "augmentation": None, "plateau": None}
MODERN_FAST = PLAIN | {
    "optimizer": "adamw",
    "augmentation": {"horizontal_flip": 0.5},
    "head_learning_rate": 2e-3,
    "frozen_norms": True,
    "frozen_blocks": 3,
    "frozen_depthwise": True,
    "probe": {"images": 8, "epochs": 1},
    "ema": 0.99,
}
COLUMNS = ("name", "size", "finetune", "frozen", "modern_fast", "folded")


def tiny_dataset(path: Path) -> None:
    """Eight training, four validation and four test images of four classes."""
    images = np.random.RandomState(0).randint(0, 256, (16, 32, 32, 3)).astype(np.uint8)
    Dataset(
        images=images,
        fine=np.arange(16, dtype=np.uint8) % 4,
        coarse=None,
        split=np.repeat([TRAIN, VALIDATION, TEST], [8, 4, 4]).astype(np.uint8),
        fine_names=list("abcd"),
        coarse_names=[],
        meta={"name": "tiny", "title": "Tiny", "fingerprint": "tiny", "split_sha256": "tiny"},
    ).write(path)


def smallest(most: int) -> list[str]:
    """Return the names of the `most` smallest networks of each of timm's modules, none above `LARGEST` or `WIDEST`."""
    found = defaultdict(list)
    for name in timm.list_models(exclude_filters="test_*"):
        if timm.get_pretrained_cfg(name).input_size[-1] > WIDEST:
            continue
        with torch.device("meta"):
            parameters = networks.count_parameters(timm.create_model(name))
        if parameters <= LARGEST:
            found[timm.models._registry._model_to_module[name]].append((parameters, name))
    return [name for module in sorted(found) for _, name in sorted(found[module])[:most]]


def try_network(name: str, folder: Path) -> dict[str, str]:
    """Return the row of timm's network `name`; `folder` is empty, and holds a study afterwards."""
    study = StudyPaths(folder)
    tiny_dataset(study.dataset)
    file = study.weights("random")
    file.parent.mkdir(parents=True)
    torch.manual_seed(0)
    tensors = {key: value.clone().contiguous() for key, value in timm.create_model(name).state_dict().items()}
    safetensors.torch.save_file(tensors, file)
    with without_drawing():
        return try_weights(name, file, folder)


def try_weights(name: str, file: Path, folder: Path) -> dict[str, str]:
    """Return the row of timm's network `name`, whose weights are in `file`."""
    network, said = smallest_size(name, file)
    if network is None:
        return {"finetune": said}
    weights = WeightsSpec(source="hub", id="random", sha256=file_digest(file))
    spec = replace(scratch_spec(), regime="finetune", network=network, weights=weights, recipe=recipe(**PLAIN))
    fast = recipe(**MODERN_FAST, input_sizes=[network.input.size])
    bfloat16 = replace(spec.compute, precision="bfloat16")
    row = {"size": str(network.input.size)}
    row["finetune"], _ = outcome(lambda: train(folder, replace(spec, model="finetuned")))
    row["frozen"], _ = outcome(lambda: freeze(folder, spec))
    row["modern_fast"], said = outcome(
        lambda: train(folder, replace(spec, model="fast", recipe=fast, compute=bfloat16))
    )
    row["folded"] = next((line for line in said.splitlines() if "folded" in line), "all")
    if row["modern_fast"] == "ok":
        row["modern_fast"], _ = outcome(lambda: compare_folded(network, file))
    return row


def smallest_size(name: str, file: Path) -> tuple[NetworkSpec | None, str]:
    """Return the network at the first size at which it is built with its weights and gives logits, else the reason."""
    said = ""
    for size in (*SIZES, timm.get_pretrained_cfg(name).input_size[-1]):
        spec = NetworkSpec(architecture=f"timm/{name}", input=InputSpec(size=size, mean=[0.5] * 3, std=[0.5] * 3))
        try:
            with torch.device("meta"), torch.no_grad():
                networks.build(spec, 4).eval()(torch.zeros(2, 3, size, size))
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
            continue
        try:
            networks.build(spec, 4, file)
        except StudyError as error:
            said = str(error)
            continue
        return spec, ""
    return None, said


def train(folder: Path, spec: RunSpec) -> Path:
    """Train a run in the study `folder`; return its own folder."""
    path = write_spec(folder, spec)
    train_run(read_run_spec(path), path.parent)
    return path.parent


def freeze(folder: Path, spec: RunSpec) -> None:
    """Train a head on frozen features, and check that the model's logits are its classifier's, of these features."""
    study = StudyPaths(folder)
    features = FeaturesSpec(network=spec.network, weights=spec.weights, files_fingerprint="tiny", compute=spec.compute)
    compute_features(features, study.dataset, study.weights("random"), study.features(features.id))
    run = train(folder, replace(spec, model="frozen", regime="frozen", features=features.id))
    network, *_ = load_model(run / MODEL)
    backbone, head = networks.build_backbone(spec.network, study.weights("random")).eval(), networks.classifier(network)
    images = torch.randn(4, 3, spec.network.input.size, spec.network.input.size)
    with torch.inference_mode():
        expected = functional.linear(backbone(images), head.weight.flatten(1), head.bias)
        torch.testing.assert_close(network(images), expected, atol=1e-3, rtol=1e-3)


def compare_folded(spec: NetworkSpec, file: Path) -> None:
    """Check that the folded network gives the network's logits, as nearly as bfloat16 allows."""
    torch.manual_seed(0)
    network = networks.build(spec, 4, file).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # else they are the identity
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    folded, images = fold(network, spec.input.size), torch.randn(4, 3, spec.input.size, spec.input.size)
    if folded is None:
        return
    with torch.no_grad():
        wanted, ours = network(images), folded.eval()(images)
        with torch.autocast("cpu", torch.bfloat16):
            usual = network(images).float()
    scale = wanted.abs().max()
    assert (ours - wanted).abs().max() <= 4 * (usual - wanted).abs().max() + 0.02 * scale, "folded logits differ"


def outcome(action: Any) -> tuple[str, str]:
    """Return "ok", or the sentence or error that `action` raises; and what it printed on standard error."""
    heard = io.StringIO()
    with contextlib.redirect_stderr(heard):
        try:
            action()
        except StudyError as error:
            return f"refused: {error}", heard.getvalue()
        except Exception as error:
            return f"RAISED {type(error).__name__}: {' '.join(str(error).split())[:300]}", heard.getvalue()
    return "ok", heard.getvalue()


@contextlib.contextmanager
def without_drawing() -> Iterator[None]:
    """Leave large tensors as they come: they are then loaded from a file, and drawing them takes longest of all."""
    for name in DRAWING:
        method = getattr(torch.Tensor, name)
        setattr(torch.Tensor, name, lambda one, *given, _method=method, **named: (
            one if one.numel() > 10_000 else _method(one, *given, **named)))  # fmt: skip
    try:
        yield
    finally:
        for name in DRAWING:
            delattr(torch.Tensor, name)


@contextlib.contextmanager
def limited() -> Iterator[None]:
    """Raise TimeoutError after `SECONDS`."""

    def stop(*_: Any) -> None:
        raise TimeoutError(f"took more than {SECONDS} s")

    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def main() -> int:
    """Write the rows as they come; networks that the file has already are left out."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("target", type=Path)
    arguments.add_argument("--most", type=int, default=2, help="networks of each of timm's modules (default 2)")
    arguments.add_argument("names", nargs="*")
    given = arguments.parse_args()
    torch.set_num_threads(1)
    rows: list[dict[str, str]] = []
    if given.target.exists():
        with given.target.open(newline="", encoding="utf-8") as handle:
            rows = list(csv.DictReader(handle))
    done = {row["name"] for row in rows}
    with given.target.open("a", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, COLUMNS, restval="", lineterminator="\n")
        if not done:
            writer.writeheader()
        for name in [name for name in given.names or smallest(given.most) if name not in done]:
            row = {"name": name}
            with tempfile.TemporaryDirectory() as folder, limited():
                try:
                    row |= try_network(name, Path(folder))
                except Exception as error:
                    row["finetune"] = f"RAISED {type(error).__name__}: {' '.join(str(error).split())[:300]}"
            rows.append(row)
            writer.writerow(row)
            handle.flush()
            print(*row.values(), flush=True)
    for column in COLUMNS[2:5]:
        print(column, dict(Counter((row.get(column) or "-").split(":")[0].split(" ")[0] for row in rows)))
    return any("RAISED" in str(value) for row in rows for value in row.values())


if __name__ == "__main__":
    sys.exit(main())
