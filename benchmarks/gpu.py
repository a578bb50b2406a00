"""`python -m benchmarks.gpu`: training images per second on a GPU, ours beside the usual way and timm's training loop.

Network, size, batch and bfloat16 autocast are the same for all three; all layers are trained, from random weights on
random images, so nothing is downloaded. Ours keeps the study's deterministic kernels; the others have their own
defaults, and as many workers as the machine has cores.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import yaml

from benchmarks import timms, usual
from benchmarks.timing import steps_per_second
from study.config.specs import ComputeSpec, RunSpec
from study.files import atomic_write
from study.models import network as networks
from study.training import device as devices
from study.training import trial

IMAGES = 50_000
CNN = {"channels": [32, 64, 128], "convolutions": 2, "kernel_size": 3, "hidden": 512, "dropout": 0.3}
FAST = {"widths": [64, 256, 768], "inner": [64, 192, 512]}
# architecture, arguments, pixels, batch size
ROWS: list[tuple[str, dict[str, Any], int, int]] = [
    ("timm/tf_efficientnet_b0.aa_in1k", {"drop_rate": 0.5}, 224, 32),
    ("timm/tf_efficientnet_b0.aa_in1k", {"drop_rate": 0.5}, 224, 128),
    ("timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k", {}, 224, 128),
    ("timm/tf_efficientnet_lite0.in1k", {}, 128, 128),
    ("scratch_cnn", CNN, 32, 64),
    ("scratch_fast", FAST, 32, 1024),
]
PLAIN = {
    "optimizer": "adam",
    "learning_rate": 1e-4,
    "weight_decay": 0.0,
    "augmentation": {"horizontal_flip": 0.5, "shift": 4},
    "plateau": None,
    "early_stopping": None,
    "best_epoch": "val_loss",
}


def row_spec(architecture: str, arguments: dict[str, Any], size: int, batch_size: int, device: str) -> RunSpec:
    """Return the spec of a run from random weights, with plain Adam; `scratch_fast` has its own recipe at one size."""
    recipe = PLAIN
    if architecture == "scratch_fast":
        config = yaml.safe_load((Path(__file__).parents[1] / "config.yaml").read_text(encoding="utf-8"))
        recipe = config["recipes"]["scratch_fast"] | {"input_sizes": None}
    return RunSpec.from_json(
        {
            "model": "bench",
            "seed": 0,
            "regime": "scratch",
            "network": {
                "architecture": architecture,
                "arguments": arguments,
                "input": {"size": size, "mean": [0.5] * 3, "std": [0.25] * 3},
            },
            "recipe": {"epochs": 10} | recipe | {"batch_size": batch_size},
            "data": {"name": "random", "fingerprint": "random", "validation": {"fraction": 0.1, "seed": 0}},
            "compute": {"device": device, "threads": os.cpu_count(), "precision": "bfloat16"},
        }
    )


def time_row(spec: RunSpec, workers: int, seconds: float, images: int = IMAGES) -> dict[str, Any]:
    """{model, size, batch_size, usual, timm, ours, over_faster}: images per second, each over about `seconds`."""
    ours = trial.speed(spec, seconds).training  # first, while no worker of the others takes its cores
    others = {name: _time_other(make, spec, workers, seconds, images) for name, make in OTHERS.items()}
    return {
        "model": spec.network.architecture.removeprefix("timm/"),
        "size": spec.network.input.size,
        "batch_size": spec.recipe.batch_size,
        **others,
        "ours": ours,
        "over_faster": ours / max(others.values()),
    }


Way = Callable[[RunSpec, torch.nn.Module, torch.device, int, int], tuple[Iterator[Any], Callable[[], None]]]


def _usual(
    spec: RunSpec, network: torch.nn.Module, device: torch.device, workers: int, images: int
) -> tuple[Iterator[Any], Callable[[], None]]:
    data = trial.random_dataset(images)
    torch.backends.cudnn.benchmark = False
    loader = usual.endless(
        usual.dataset(data.images, data.fine, spec.network.input), spec.recipe.batch_size, workers, device
    )
    return loader, usual.make_step(network.to(device), loader, spec.compute, device)


def _timm(
    spec: RunSpec, network: torch.nn.Module, device: torch.device, workers: int, images: int
) -> tuple[Iterator[Any], Callable[[], None]]:
    data, given = trial.random_dataset(images), spec.network.input
    torch.backends.cudnn.benchmark = True  # as timm's script has it
    loader = timms.endless(data.images, data.fine, given, given.size, spec.recipe.batch_size, workers, device)
    return loader, timms.make_step(network.to(device), loader, spec.compute.precision)


OTHERS: dict[str, Way] = {"usual": _usual, "timm": _timm}


def _time_other(make: Way, spec: RunSpec, workers: int, seconds: float, images: int) -> float:
    """Images per second of another way; its workers end with it, and the study's settings of torch come back."""
    device = torch.device(spec.compute.device)
    torch.use_deterministic_algorithms(False)
    loader, step = make(spec, networks.build(spec.network, 100), device, workers, images)
    try:
        return spec.recipe.batch_size * steps_per_second(step, seconds, device)
    finally:
        loader.close()
        devices.prepare(spec.compute)


def table(workers: int, seconds: float, only: str = "") -> pd.DataFrame:
    """A row for each network and batch size whose name contains `only`, printed as soon as it is measured."""
    rows = []
    for architecture, *rest in ROWS:
        if only in architecture:
            rows.append(time_row(row_spec(architecture, *rest, "cuda"), workers, seconds))
            print(rows[-1], file=sys.stderr, flush=True)
            torch.cuda.empty_cache()
    return pd.DataFrame(rows)


def main() -> None:
    """Read the command line, measure, print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="of the others' loaders")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of each measurement")
    parser.add_argument("--only", default="", help="part of an architecture's name")
    parser.add_argument("--output", type=Path, help="a CSV file for the table, too")
    args = parser.parse_args()
    devices.prepare(ComputeSpec(device="cuda", threads=os.cpu_count(), precision="bfloat16"))
    found = table(args.workers, args.seconds, args.only)
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, {args.workers} workers; images per second")
    print(found.to_string(index=False, float_format="%.4g"))
    if args.output:
        with atomic_write(args.output) as temporary:
            found.to_csv(temporary, index=False, float_format="%.4g")


if __name__ == "__main__":
    main()
