"""From a spec to what the loop computes with: data on the device, the split, the network, its compiled form."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from study.config.specs import RunSpec
from study.data.dataset import TEST, TRAIN, VALIDATION, Dataset, read_dataset
from study.data.split import split_train
from study.errors import StudyError
from study.files import DAMAGED, file_digest
from study.models import network as networks
from study.models.fast import ScratchFast
from study.models.folded import fold
from study.paths import StudyPaths
from study.training import device as devices
from study.training import loop, streams
from study.training.compiling import compiled
from study.training.freezing import freeze
from study.training.inputs import FeatureInputs, ImageInputs, as_tensor

WHITENED = 5000  # training images of 32 px, or fewer larger ones, whose patches scratch_fast's first layer whitens


def read_data(spec: RunSpec, study: StudyPaths) -> Dataset:
    """Read dataset.npz as the spec wants it. Raises StudyError if it holds other data or another split."""
    data = read_dataset(study.dataset)
    if data.meta["fingerprint"] != spec.data.fingerprint:
        raise StudyError(
            f"{study.dataset.resolve()} holds other data or another split than the spec asks for; run the workflow."
        )
    return data


def rows_of(data: Dataset, spec: RunSpec) -> dict[str, torch.Tensor]:
    """Return row numbers int64 of "train", "val" and "test": the study's split, or the recipe's own where it has one.

    The recipe's split is drawn from the official training images, as the study's is. A search's trial has no test rows.
    Raises StudyError if a class has fewer images than the spec trains on.
    """
    split = data.split
    if spec.recipe.validation is not None:
        official = np.flatnonzero(data.split != TEST)
        split = data.split.copy()
        split[official] = split_train(data.fine[official], **asdict(spec.recipe.validation))
    parts = (("train", TRAIN), ("val", VALIDATION), ("test", TEST))
    rows = {name: torch.from_numpy(np.flatnonzero(split == part)) for name, part in parts}
    if spec.images_per_class is not None:
        rows["train"] = stratified_subset(rows["train"], data, spec.images_per_class, spec.seed)
    return rows if spec.tests else rows | {"test": rows["test"][:0]}


def stratified_subset(rows: torch.Tensor, data: Dataset, per_class: int, seed: int) -> torch.Tensor:
    """Return `per_class` of the row numbers int64 [N] of each class, ascending.

    They are the first of one random order for each seed: sets are parts of larger ones, and the same for all models.
    """
    draws = streams.generator(seed, 0, "subset")
    order = rows[torch.randperm(len(rows), generator=draws)].numpy()
    by_class = [order[data.fine[order] == one][:per_class] for one in range(data.classes)]
    for name, there in zip(data.fine_names, by_class, strict=True):
        if len(there) < per_class:
            raise StudyError(
                f"config: labels: images_per_class: {per_class} is more than the {len(there)} training images of class "
                f"{name!r}; name a smaller number."
            )
    return torch.from_numpy(np.sort(np.concatenate(by_class)))


def make_setup(
    spec: RunSpec, study: StudyPaths, data: Dataset, device: torch.device
) -> tuple[loop.Setup, Callable[[], nn.Module], float | None]:
    """Return (setup, a function that gives the whole trained network, seconds spent on features or None)."""
    torch.manual_seed(streams.stream_seed(spec.seed, 0, "initialise"))
    classes = len(data.fine_names)
    network = networks.build(spec.network, classes, _weights_path(spec, study))
    rows = rows_of(data, spec)
    train, val = rows["train"], rows["val"]
    recipe = spec.recipe
    if recipe.batch_size is not None:
        recipe = replace(recipe, batch_size=min(recipe.batch_size, len(train)))
    if recipe.images_seen_at_least is not None:
        recipe = replace(recipe, images_seen=recipe.budget(len(train)), images_seen_at_least=None)
    labels = torch.from_numpy(data.fine.astype(np.int64))
    common = {
        "labels": labels,
        **rows,
        "train_sample": train[:: max(1, len(train) // len(val))][: len(val)],
        "classes": classes,
        "device": torch.device("cpu"),
        "spec": replace(spec, recipe=recipe),
        "class_weights": _balanced(labels[train], classes) if recipe.class_weights else None,
    }
    if spec.regime != "frozen":
        inputs = ImageInputs(as_tensor(data.images), spec.network.input, recipe.augmentation, recipe.input_sizes)
        if isinstance(network, ScratchFast):
            side = max(32, spec.network.input.size)
            network.initialise(inputs.batch(train[: WHITENED * 32**2 // side**2]))
        _check_sizes(network, spec)
        freeze(network, spec.recipe)
        setup = loop.Setup(network=network, inputs=inputs, **common)
        setup.to(device)
        # elsewhere batch norm costs little, and bfloat16's depthwise backward is fast
        if spec.recipe.frozen_norms and (spec.compute.device, spec.compute.precision) == ("cpu", "bfloat16"):
            setup.folded = fold(setup.network, (spec.recipe.input_sizes or [spec.network.input.size])[0])
        return setup, lambda: network, None
    features, seconds = _read_features(study.features(spec.features), len(data.images), spec.weights.sha256)
    mean, std = _statistics(features[train])
    inputs = FeatureInputs((features - mean) / std)
    dropout = nn.Dropout(spec.network.arguments.get("drop_rate", 0.0))
    head = nn.Sequential(dropout, nn.Linear(features.shape[1], classes))
    setup = loop.Setup(network=head, inputs=inputs, **common)
    setup.to(device)
    return setup, lambda: _with_head(network, head[1], mean, std), seconds


def _balanced(labels: torch.Tensor, classes: int) -> torch.Tensor:
    """Return weights [C] with which every class that occurs in `labels` weighs the same, and an image 1 on average."""
    counts = torch.bincount(labels, minlength=classes)
    return torch.where(counts > 0, len(labels) / ((counts > 0).sum() * counts.clamp_min(1)), 0.0)


def compile_network(setup: loop.Setup) -> tuple[bool, float]:
    """Compile the network of `setup` where its spec asks for it; return (whether it is, seconds that took).

    One training step and one evaluation batch are tried, and what they changed in the network is undone.
    """
    compute = setup.spec.compute
    if not compute.compile or setup.folded is not None:
        return False, 0.0
    start = time.perf_counter()
    before = {key: value.detach().clone() for key, value in setup.network.state_dict().items()}
    size = setup.spec.recipe.batch_size
    setup.inputs.begin_epoch(setup.spec.seed, 1)
    draws = streams.generator(setup.spec.seed, 0, "compile", setup.device)

    def attempt(candidate: Any) -> None:
        with devices.autocast(compute):
            candidate.train()(setup.inputs.batch(setup.train[:size].to(setup.device), draws)).float().sum().backward()
        with torch.inference_mode(), devices.autocast(compute):
            candidate.eval()(setup.inputs.batch(setup.val[: loop.EVALUATION_BATCH].to(setup.device)))

    setup.forward, done = compiled(setup.network, attempt)
    setup.network.load_state_dict(before)
    setup.network.zero_grad(set_to_none=True)
    return done, time.perf_counter() - start


def _check_sizes(network: nn.Module, spec: RunSpec) -> None:
    """Raise StudyError unless `network` takes images of all sizes that it is trained and judged at."""
    judged = [] if spec.network.source else [spec.network.input.size]  # a user's own network has been tried
    for size in sorted({*judged, *(spec.recipe.input_sizes or [])}):
        try:
            with torch.inference_mode():
                network.eval()(torch.zeros(2, 3, size, size))
        except Exception as error:  # each network has its own checks
            reason = " ".join(str(error).split())
            raise StudyError(
                f"config: {spec.network.architecture} does not take images of {size} px ({reason}); give it others, by "
                "input_size and its recipe's input_sizes."
            ) from None


def _weights_path(spec: RunSpec, study: StudyPaths) -> Path | None:
    if spec.weights is None:
        return None
    path = study.weights(spec.weights.id)
    if not path.is_file():
        raise StudyError(f"{path.resolve()} is missing; run the workflow, or `python -m study weights`.")
    if file_digest(path) != spec.weights.sha256:
        raise StudyError(f"{path.resolve()} is not the file that the spec was planned with (sha256); run the workflow.")
    return path


def _read_features(path: Path, rows: int, weights_sha256: str) -> tuple[torch.Tensor, float]:
    """Return (features float32 [N, F], seconds they took)."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            features, record = stored["features"], json.loads(str(stored["record"]))
    except DAMAGED as error:
        raise StudyError(
            f"{path.resolve()} cannot be read ({type(error).__name__}); delete it, run the workflow."
        ) from None
    if len(features) != rows or record["weights_sha256"] != weights_sha256:
        raise StudyError(f"{path.resolve()} is of other images or weights than the spec; delete it, run the workflow.")
    return torch.from_numpy(features), record["seconds"]


def _statistics(features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean and standard deviation [F] over training rows; a feature that never changes is left unscaled."""
    std, mean = torch.std_mean(features.double(), dim=0)
    return mean.float(), torch.where(std > 1e-6, std, torch.ones_like(std)).float()


def _with_head(network: nn.Module, linear: nn.Linear, mean: torch.Tensor, std: torch.Tensor) -> nn.Module:
    """Return `network` with the head that was trained on standardised features, folded to take them as they are.

    W ((x - m) / s) + b = (W / s) x + (b - (W / s) m).
    """
    weight = linear.weight.detach().cpu() / std
    classifier = networks.classifier(network)
    with torch.no_grad():
        classifier.weight.copy_(weight.view_as(classifier.weight))  # some classifiers are 1 × 1 convolutions
        classifier.bias.copy_(linear.bias.detach().cpu() - weight @ mean)
    return network
