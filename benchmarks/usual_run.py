"""`python -m benchmarks.usual_run SPEC FOLDER`: train the model of a run in the usual way; writes FOLDER/history.csv.

The same network, weights, images and cores as the run of spec.json; torchvision's transforms, a DataLoader, plain Adam
at one size, in float32. Seconds are those of training and validation, as in the histories of our own runs.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import CIFAR100

from benchmarks import usual
from study.config.specs import RunSpec, read_run_spec
from study.files import atomic_write
from study.paths import StudyPaths
from study.training import device as devices
from study.training.setup import make_setup, read_data


def train(path: Path, folder: Path, epochs: int, learning_rate: float, batch_size: int, size: int | None) -> None:
    """Train for `epochs` at `size` px, the network's own input size if None, adding to history.csv after each."""
    spec = read_run_spec(path)
    if size is not None:
        spec = replace(spec, network=replace(spec.network, input=replace(spec.network.input, size=size)))
    study = StudyPaths.of_run(path.parent)
    device = devices.prepare(spec.compute)
    data = read_data(spec, study)
    setup = make_setup(spec, study, data, device)[0]
    network = setup.network.requires_grad_(True).to(memory_format=torch.contiguous_format)
    optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate)
    train_data, val_data = (_part(data.images, data.fine, rows.numpy(), spec) for rows in (setup.train, setup.val))
    val_data.transform = transforms.Compose(val_data.transform.transforms[2:])  # no flip, no crop
    common = {"batch_size": batch_size, "num_workers": spec.compute.threads, "persistent_workers": True}
    training = DataLoader(train_data, shuffle=True, drop_last=True, **common)
    validation = DataLoader(val_data, **common)
    rows = []
    for epoch in range(1, epochs + 1):
        began = time.perf_counter()
        network.train()
        for images, labels in training:
            loss = functional.cross_entropy(network(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        accuracy = _accuracy(network, validation)
        rows.append({"epoch": epoch, "val_accuracy": accuracy, "seconds": time.perf_counter() - began})
        with atomic_write(folder / "history.csv") as temporary:
            pd.DataFrame(rows).to_csv(temporary, index=False)
        print(f"epoch {epoch}/{epochs}: validation {accuracy:.2%}, {rows[-1]['seconds']:.0f} s", flush=True)


def _part(images: np.ndarray, labels: np.ndarray, rows: np.ndarray, spec: RunSpec) -> CIFAR100:
    return usual.dataset(images[rows], labels[rows], spec.network.input)


@torch.inference_mode()
def _accuracy(network: nn.Module, batches: DataLoader) -> float:
    network.eval()
    right = [(network(images).argmax(1) == labels).double() for images, labels in batches]
    return torch.cat(right).mean().item()


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.usual_run", description=__doc__.splitlines()[0])
    parser.add_argument("spec", type=Path, help="spec.json of a run of the study, whose data are prepared")
    parser.add_argument("folder", type=Path, help="where to write history.csv")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--size", type=int, help="px; the size at which the run is tested if not given")
    args = parser.parse_args()
    train(args.spec, args.folder, args.epochs, args.learning_rate, args.batch_size, args.size)


if __name__ == "__main__":
    main()
