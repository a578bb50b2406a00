"""The training loop: epochs of optimisation, each judged on the validation split, until the recipe says stop."""

import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from study.training import device as devices
from study.training import streams

EVALUATION_BATCH = 250  # fixed: predictions may differ in their last bits between batch sizes
SMALLEST_CHANGE = 1e-4  # what counts as an improvement for plateau and early stopping: Keras' default min_delta


@dataclasses.dataclass
class Setup:
    """What a run computes with: network and inputs on the device, labels int64 [N], row numbers of train, val, test.

    `train_sample` are the fixed training rows on which overfitting is measured, in evaluation mode.
    """

    network: nn.Module
    inputs: Any
    labels: torch.Tensor
    train: torch.Tensor
    train_sample: torch.Tensor
    val: torch.Tensor
    test: torch.Tensor
    device: torch.device
    spec: dict[str, Any]


@dataclasses.dataclass
class Progress:
    """Where a run is: everything that a checkpoint must bring back, apart from network and optimiser."""

    history: list[dict[str, float]] = dataclasses.field(default_factory=list)
    best_epoch: int = 0
    best_weights: dict[str, torch.Tensor] = dataclasses.field(default_factory=dict)
    waited: int = 0
    stopping_best: float = math.inf


class DivergedError(Exception):
    """The loss was not finite, in this epoch (from 1) and step (from 1)."""

    def __init__(self, epoch: int, step: int) -> None:
        super().__init__(f"the loss was not finite in epoch {epoch}, step {step}")
        self.epoch, self.step = epoch, step


def make_optimizer(network: nn.Module, recipe: dict[str, Any]) -> torch.optim.Optimizer:
    """Adam (Kingma & Ba 2015) or AdamW (Loshchilov & Hutter 2019) over all parameters."""
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[recipe["optimizer"]]
    return kind(network.parameters(), lr=recipe["learning_rate"], weight_decay=recipe["weight_decay"], fused=True)


def make_plateau(optimizer: torch.optim.Optimizer, plateau: dict[str, Any] | None) -> Any:
    """Reduce the learning rate on a plateau, counting as Keras does: a cut after `patience` epochs, not one later."""
    if plateau is None:
        return None
    return torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer,
        factor=plateau["factor"],
        patience=plateau["patience"] - 1,
        threshold=SMALLEST_CHANGE,
        threshold_mode="abs",
        min_lr=plateau["min_learning_rate"],
    )


def cost_of(row: dict[str, float], watched: str) -> float:
    """What is watched, as something to minimise: the validation loss, or minus the validation accuracy."""
    return row["val_loss"] if watched == "val_loss" else -row["val_accuracy"]


def batches(order: torch.Tensor, size: int) -> Iterator[torch.Tensor]:
    """`order` in batches; a last batch of a single image is left out, because batch norm cannot train on it."""
    for ids in order.split(size):
        if len(ids) > 1 or size == 1:
            yield ids


def train_epoch(
    setup: Setup, optimizer: torch.optim.Optimizer, epoch: int, report: Callable[[int, int, Any], None]
) -> tuple[float, float, float, int]:
    """Train for one epoch; (mean loss, accuracy, seconds, images) as seen in training mode.

    Raises DivergedError at the end of an epoch in which a loss was not finite. The loss stays on the device until
    then, so that no step waits for the host.
    """
    recipe, seed = setup.spec["recipe"], setup.spec["seed"]
    order = setup.train[torch.randperm(len(setup.train), generator=streams.generator(seed, epoch, "order"))]
    order = order.to(setup.device)
    augment = streams.generator(seed, epoch, "augment", setup.device)
    torch.manual_seed(streams.stream_seed(seed, epoch, "dropout"))
    totals = torch.zeros(2, dtype=torch.float64, device=setup.device)  # summed loss, correct
    first_bad = torch.zeros((), dtype=torch.int64, device=setup.device)
    steps = math.ceil(len(order) / recipe["batch_size"])
    seen = 0
    setup.network.train()
    devices.synchronise(setup.device)
    start = time.perf_counter()
    for step, ids in enumerate(batches(order, recipe["batch_size"]), start=1):
        inputs, labels = setup.inputs.batch(ids, augment), setup.labels[ids]
        with devices.autocast(setup.spec["compute"]):
            logits = setup.network(inputs)
        loss = functional.cross_entropy(logits.float(), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            totals[0] += loss * len(ids)
            totals[1] += (logits.argmax(1) == labels).sum()
            first_bad = torch.where((first_bad == 0) & ~torch.isfinite(loss), step, first_bad)
        seen += len(ids)
        report(step, steps, totals[0] / seen)
    devices.synchronise(setup.device)
    seconds = time.perf_counter() - start
    if first_bad.item():
        raise DivergedError(epoch, int(first_bad.item()))
    return totals[0].item() / seen, totals[1].item() / seen, seconds, seen


@torch.inference_mode()
def predict(setup: Setup, ids: torch.Tensor) -> torch.Tensor:
    """Logits float32 [n, 100], on the CPU, in evaluation mode, for rows `ids`."""
    setup.network.eval()
    parts = []
    for batch in ids.to(setup.device).split(EVALUATION_BATCH):
        with devices.autocast(setup.spec["compute"]):
            parts.append(setup.network(setup.inputs.batch(batch)).float())
    return torch.cat(parts).cpu()


def judge(setup: Setup, ids: torch.Tensor) -> tuple[float, float]:
    """(mean cross-entropy over all images, accuracy) on rows `ids`, in evaluation mode."""
    logits = predict(setup, ids).double()
    labels = setup.labels.cpu()[ids]
    return functional.cross_entropy(logits, labels).item(), (logits.argmax(1) == labels).double().mean().item()


def weights_of(network: nn.Module) -> dict[str, torch.Tensor]:
    """A copy of the network's tensors on the CPU."""
    return {key: value.detach().cpu().clone() for key, value in network.state_dict().items()}


def one_epoch(
    setup: Setup, optimizer: torch.optim.Optimizer, plateau: Any, progress: Progress, report: Any
) -> dict[str, float]:
    """Train, judge, keep the best weights, step the plateau schedule; append to `progress` and return the new row."""
    recipe = setup.spec["recipe"]
    epoch = len(progress.history) + 1
    learning_rate = optimizer.param_groups[0]["lr"]
    began = time.perf_counter()
    train_loss, train_accuracy, seconds, images = train_epoch(setup, optimizer, epoch, report)
    train_eval_loss, train_eval_accuracy = judge(setup, setup.train_sample)
    val_loss, val_accuracy = judge(setup, setup.val)
    if not math.isfinite(val_loss):
        raise DivergedError(epoch, math.ceil(len(setup.train) / recipe["batch_size"]))
    row = {
        "epoch": epoch,
        "learning_rate": learning_rate,
        "train_loss": train_loss,
        "train_accuracy": train_accuracy,
        "train_eval_loss": train_eval_loss,
        "train_eval_accuracy": train_eval_accuracy,
        "val_loss": val_loss,
        "val_accuracy": val_accuracy,
        "seconds": time.perf_counter() - began,
        "images_per_second": images / seconds,
    }
    costs = [cost_of(one, recipe["best_epoch"]) for one in progress.history]
    if not costs or cost_of(row, recipe["best_epoch"]) < min(costs):
        progress.best_epoch, progress.best_weights = epoch, weights_of(setup.network)
    progress.history.append(row)
    if plateau is not None:
        plateau.step(cost_of(row, recipe["plateau"]["watch"]))
    if recipe["early_stopping"] is not None:
        cost = cost_of(row, recipe["early_stopping"]["watch"])
        progress.waited = 0 if cost < progress.stopping_best - SMALLEST_CHANGE else progress.waited + 1
        progress.stopping_best = min(progress.stopping_best, cost) if progress.waited == 0 else progress.stopping_best
    return row


def why_stop(progress: Progress, recipe: dict[str, Any]) -> str | None:
    """The reason to end after the epochs in `progress`, or None to go on."""
    stopping = recipe["early_stopping"]
    if stopping is not None and progress.waited >= stopping["patience"]:
        return f"early stopping: {stopping['watch']} has not improved for {progress.waited} epochs"
    if len(progress.history) >= recipe["epochs"]:
        return f"all {recipe['epochs']} epochs done"
    return None
