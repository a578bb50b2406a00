"""The training loop: epochs of optimisation, each judged on the validation split, until the recipe says stop."""

import contextlib
import dataclasses
import math
import operator
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from study.config.recipes import MACRO, EarlyStopping, Recipe
from study.config.specs import RunSpec
from study.models.folded import FoldedNetwork
from study.training import device as devices
from study.training import streams
from study.training.averaging import WeightAverage
from study.training.optimizers import rate_of
from study.training.steps import Steps

EVALUATION_BATCH = 250  # fixed: predictions may differ in their last bits between batch sizes


@dataclasses.dataclass
class Setup:
    """What a run computes with: network and inputs on the device, labels int64 [N], row numbers of train, val, test.

    `train_sample` are the fixed training rows on which overfitting is measured, in evaluation mode. `forward` is the
    network, compiled or not; it takes whole batches. `folded` is its folded form, which takes the place of both.
    """

    network: nn.Module
    inputs: Any
    labels: torch.Tensor
    train: torch.Tensor
    train_sample: torch.Tensor
    val: torch.Tensor
    test: torch.Tensor
    classes: int
    device: torch.device
    spec: RunSpec
    forward: Any = None
    folded: FoldedNetwork | None = None
    captured: bool = False  # whether steps were replayed from a CUDA graph
    class_weights: torch.Tensor | None = None  # float [C], in the loss

    def to(self, device: torch.device) -> None:
        """Move all that a step computes with to `device`; an epoch's order is drawn on the CPU, so row numbers stay."""
        self.device = device
        self.network.to(device, memory_format=torch.channels_last)
        self.inputs.to(device)
        self.labels = self.labels.to(device)
        self.class_weights = None if self.class_weights is None else self.class_weights.to(device)

    def order(self, epoch: int) -> torch.Tensor:
        """Row numbers of an epoch: a pass in random order, or the epoch's part of the images that the recipe sees."""
        recipe, size = self.spec.recipe, len(self.train)

        def one_pass(number: int) -> torch.Tensor:
            return self.train[torch.randperm(size, generator=streams.generator(self.spec.seed, number, "order"))]

        if recipe.images_seen is None:
            return one_pass(epoch)
        begin, end = (recipe.images_seen * done // recipe.epochs for done in (epoch - 1, epoch))
        passes = range(begin // size + 1, math.ceil(end / size) + 1)
        return torch.cat([one_pass(number) for number in passes])[begin % size :][: end - begin]

    def train_mode(self, training: bool) -> None:
        """Put the network into training or evaluation mode, but batch norms as the recipe wants them."""
        for network in (self.network, self.folded):
            if network is not None:
                network.train(training)
        if self.spec.recipe.frozen_norms:
            for module in self.network.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()

    def apply(self, inputs: torch.Tensor, whole: int) -> torch.Tensor:
        """Logits [B, C]; only batches of the `whole` size take the compiled network, which is made for that size."""
        if self.folded is not None:
            return self.folded(inputs)
        network = self.network if self.forward is None or len(inputs) != whole else self.forward
        with devices.autocast(self.spec.compute):
            return network(inputs)


@dataclasses.dataclass
class Progress:
    """Where a run is: everything that a checkpoint must bring back, apart from network, optimiser and averages."""

    history: list[dict[str, float]] = dataclasses.field(default_factory=list)
    best_epoch: int = 0
    best_weights: dict[str, torch.Tensor] = dataclasses.field(default_factory=dict)
    waited: int = 0
    stopping_best: float = math.inf
    seconds: float = 0.0  # of the head's start and of all epochs
    cpu_seconds: float = 0.0  # the same, added up over all threads

    @contextlib.contextmanager
    def timed(self) -> Iterator[None]:
        """Add the time of what happens within."""
        began, cpu_began = time.perf_counter(), time.process_time()
        yield
        self.seconds += time.perf_counter() - began
        self.cpu_seconds += time.process_time() - cpu_began

    def is_best(self, row: dict[str, float], metric: str) -> bool:
        """Return whether `row` is better by `metric` than every earlier epoch, or by MACRO as good.

        Few images of a class make equal macro accuracies frequent, and the later epoch is the better trained.
        """
        is_better = operator.le if metric == MACRO else operator.lt
        return all(is_better(cost_of(row, metric), cost_of(one, metric)) for one in self.history)

    def wait(self, row: dict[str, float], stopping: EarlyStopping) -> None:
        """Count the epochs without an improvement of more than `min_delta`, as Keras' EarlyStopping does."""
        cost = cost_of(row, stopping.watch)
        if cost < self.stopping_best - stopping.min_delta:
            self.waited, self.stopping_best = 0, cost
        else:
            self.waited += 1


class DivergedError(Exception):
    """The loss was not finite, in this epoch (from 1) and step (from 1)."""

    def __init__(self, epoch: int, step: int) -> None:
        super().__init__(f"the loss was not finite in epoch {epoch}, step {step}")
        self.epoch, self.step = epoch, step


def cost_of(row: dict[str, float], metric: str) -> float:
    """Return the monitored metric as something to minimise: the validation loss, or minus an accuracy."""
    return row["val_loss"] if metric == "val_loss" else -row[metric]


def train_epoch(
    setup: Setup,
    steps: Steps,
    average: WeightAverage | None,
    epoch: int,
    report: Callable[[int, int, Callable[[], float]], None],
) -> tuple[float, float, float, int]:
    """Train for one epoch; (mean loss, accuracy, seconds, images) as seen in training mode.

    Where images are mixed, loss and accuracy are those against the mixed labels. `report` is called after each step
    with its number, how many there are, and a function that waits for the mean loss so far. Raises DivergedError at the
    end of an epoch in which a loss was not finite.
    """
    seen = 0
    steps.begin(epoch)
    devices.synchronise(setup.device)
    start = time.perf_counter()
    with steps.stream:
        for step in range(1, len(steps.batches) + 1):
            seen += steps.take()
            if average is not None:
                average.update()
            report(step, len(steps.batches), lambda seen=seen: steps.totals[0].item() / seen)
    devices.synchronise(setup.device)
    seconds = time.perf_counter() - start
    if steps.first_bad.item():
        raise DivergedError(epoch, int(steps.first_bad.item()))
    loss, correct = steps.totals.tolist()
    return loss / seen, correct / seen, seconds, seen


@torch.inference_mode()
def predict(setup: Setup, ids: torch.Tensor) -> torch.Tensor:
    """Logits float32 [n, C], on the CPU, in evaluation mode, for rows `ids`."""
    setup.train_mode(False)
    batches = ids.to(setup.device).split(EVALUATION_BATCH)
    return torch.cat([setup.apply(setup.inputs.batch(batch), EVALUATION_BATCH).float() for batch in batches]).cpu()


def judge(setup: Setup, ids: torch.Tensor) -> tuple[float, float, float]:
    """(mean cross-entropy over all images, accuracy, mean of the classes' accuracies) on rows `ids`, in evaluation."""
    logits = predict(setup, ids).double()
    labels = setup.labels.cpu()[ids]
    right = (logits.argmax(1) == labels).double()
    none = torch.zeros_like(logits[0])
    hits, counts = (none.index_add(0, labels, of_each) for of_each in (right, torch.ones_like(right)))
    macro = (hits / counts.clamp(min=1)).sum() / (counts > 0).sum()
    return functional.cross_entropy(logits, labels).item(), right.mean().item(), macro.item()


def weights_of(network: nn.Module) -> dict[str, torch.Tensor]:
    """A copy of the network's tensors on the CPU."""
    return {key: value.detach().cpu().clone() for key, value in network.state_dict().items()}


def one_epoch(
    setup: Setup,
    steps: Steps,
    plateau: Any,
    average: WeightAverage | None,
    progress: Progress,
    report: Any,
) -> dict[str, float]:
    """Train, judge, keep the best weights, step the plateau; append to `progress` and return the new row."""
    recipe = setup.spec.recipe
    epoch = len(progress.history) + 1
    began = time.perf_counter()
    train_loss, train_accuracy, seconds, images = train_epoch(setup, steps, average, epoch, report)
    if average is not None:
        average.swap()  # from here on the averages are the network
    is_judged = recipe.best_epoch != "last" or epoch == recipe.epochs
    unknown = (math.nan, math.nan, math.nan)
    train_eval_loss, train_eval_accuracy, _ = judge(setup, setup.train_sample) if is_judged else unknown
    val_loss, val_accuracy, val_macro_accuracy = judge(setup, setup.val) if is_judged else unknown
    if is_judged and not math.isfinite(val_loss):
        raise DivergedError(epoch, math.ceil(len(setup.train) / recipe.batch_size))
    row = {
        "epoch": epoch,
        "learning_rate": rate_of(steps.optimizer),
        "train_loss": train_loss,
        "train_accuracy": train_accuracy,
        "train_eval_loss": train_eval_loss,
        "train_eval_accuracy": train_eval_accuracy,
        "val_loss": val_loss,
        "val_accuracy": val_accuracy,
        **({MACRO: val_macro_accuracy} if MACRO in recipe.watched else {}),
        "seconds": time.perf_counter() - began,
        "images_per_second": images / seconds,
    }
    if is_judged and (recipe.best_epoch == "last" or progress.is_best(row, recipe.best_epoch)):
        progress.best_epoch, progress.best_weights = epoch, weights_of(setup.network)
    if average is not None:
        average.swap()
    progress.history.append(row)
    if plateau is not None:
        plateau.step(cost_of(row, recipe.plateau.watch))
    if recipe.early_stopping is not None:
        progress.wait(row, recipe.early_stopping)
    return row


def why_stop(progress: Progress, recipe: Recipe) -> str | None:
    """Return the reason to end after the epochs in `progress`, or None to go on."""
    stopping = recipe.early_stopping
    if stopping is not None and progress.waited >= stopping.patience:
        return f"early stopping: {stopping.watch} has not improved for {progress.waited} epochs"
    if len(progress.history) >= recipe.epochs:
        return f"all {recipe.epochs} epochs done"
    return None
