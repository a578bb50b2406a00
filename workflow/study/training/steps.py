"""The steps of an epoch: taken one at a time, or on a GPU replayed from a CUDA graph, which launches a step at once.

All that differs between steps (order, learning rates, mixing) is drawn before the epoch and lies on the device, where a
counter says which step comes next. So a captured step needs nothing from the host, and gives the same numbers as the
same step taken eagerly.
"""

import math
import random
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from study.training import device as devices
from study.training import streams
from study.training.augment import draw_mixing, is_mixed, mix
from study.training.optimizers import scheduled_rates

WARM_UP = 3  # eager steps before a capture, in which optimisers and libraries set themselves up


class Steps:
    """Takes the training steps of the run of `setup`, a loop.Setup, whose network `optimizer` moves.

    `totals` are the summed loss and the number correct in this epoch; `first_bad` is the first step (from 1) whose loss
    was not finite, or 0. Both stay on the device, so that no step waits for the host.
    """

    def __init__(self, setup: Any, optimizer: Any) -> None:
        device = setup.device
        self.setup, self.optimizer, self.size = setup, optimizer, setup.spec.recipe.batch_size
        self.draws = torch.Generator(device)
        self.totals = torch.zeros(2, dtype=torch.float64, device=device)
        self.first_bad = torch.zeros(1, dtype=torch.int64, device=device)
        self.place = torch.zeros(1, dtype=torch.int64, device=device)  # steps taken in this epoch
        self.taken = 0  # the same for the host
        self.batches: list[torch.Tensor] = []  # of row numbers, one for each step of the epoch
        self.tables: dict[str, torch.Tensor] = {}  # order [N], rates [steps, groups], mixing [steps, 6]
        self.rates: list[list[float]] | None = None
        self.stretch: Any = None  # what is the same for all steps since the last capture
        self.graph: Any = None
        self.eager = 0  # whole batches in this stretch before the capture
        self.captures = device.type == "cuda"
        self.stream = devices.own_stream(device)
        self.rates_on_device = device.type != "cpu"  # where a graph finds them
        if self.rates_on_device:
            for group in optimizer.param_groups:
                group["lr"] = torch.full((), float(group["lr"]), device=device)

    def begin(self, epoch: int) -> None:
        """Draw what the steps of `epoch` will read, and start its sums anew."""
        setup, recipe, seed = self.setup, self.setup.spec.recipe, self.setup.spec.seed
        setup.train_mode(True)
        setup.inputs.begin_epoch(seed, epoch)
        if recipe.muon is not None:
            setup.network.whiten.bias.requires_grad_(epoch <= recipe.muon.whitening_epochs)
        order = setup.order(epoch)
        steps = math.ceil(len(order) / self.size)
        self._put("order", order)
        self.taken, self.batches = 0, list(batches(self.tables["order"], self.size))
        if recipe.schedule is not None:
            middles = [epoch - 1 + (step + 0.5) / steps for step in range(steps)]
            self.rates = [scheduled_rates(self.optimizer, recipe, done) for done in middles]
            self._put("rates", torch.tensor(self.rates))
        if is_mixed(setup.inputs.augmentation):
            rng = np.random.default_rng(streams.stream_seed(seed, epoch, "mix"))
            drawn = [draw_mixing(setup.inputs.augmentation, setup.inputs.training_size, rng) for _ in range(steps)]
            self._put("mixing", torch.tensor(drawn))
        self.draws.manual_seed(streams.stream_seed(seed, epoch, "augment"))
        torch.manual_seed(streams.stream_seed(seed, epoch, "dropout"))
        for sums in (self.totals, self.first_bad, self.place):
            sums.zero_()
        trained = [parameter.requires_grad for parameter in setup.network.parameters()]
        stretch = (len(order), getattr(setup.inputs, "training_size", None), trained)
        if stretch != self.stretch:
            self.stretch, self.graph, self.eager = stretch, None, 0

    def _put(self, name: str, values: torch.Tensor) -> None:
        """Lay `values` where a captured step finds them: always at the same address."""
        if name in self.tables and self.tables[name].shape == values.shape:
            self.tables[name].copy_(values)
        else:
            self.tables[name] = values.to(self.setup.device)

    def take(self) -> int:
        """Take the next step; return how many images it saw."""
        ids = self.batches[self.taken]
        if self.rates is not None and not self.rates_on_device:
            for group, rate in zip(self.optimizer.param_groups, self.rates[self.taken], strict=True):
                group["lr"] = rate
        self.taken += 1
        if not self.captures or len(ids) < self.size:
            self._step(ids)
        elif self.graph is not None:
            self.graph.replay()
        elif self.eager < WARM_UP:
            self.eager += 1
            self._warm_up(ids)
        else:
            self._capture(ids)
        return len(ids)

    def _step(self, ids: torch.Tensor) -> None:
        """One step on the rows `ids`; everything else that it needs lies on the device."""
        setup, optimizer = self.setup, self.optimizer
        if self.rates_on_device and self.rates is not None:
            rates = self.tables["rates"].index_select(0, self.place)[0].unbind()
            torch._foreach_copy_([group["lr"] for group in optimizer.param_groups], rates)
        inputs, labels, mixing = setup.inputs.batch(ids, self.draws), setup.labels[ids], None
        if "mixing" in self.tables:
            mixing = self.tables["mixing"].index_select(0, self.place)[0]
            inputs = mix(inputs, mixing)
        logits = setup.apply(inputs, self.size)
        share = None if mixing is None else mixing[0]
        loss, correct = loss_and_correct(logits, labels, share, setup.spec.recipe.label_smoothing, setup.class_weights)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            self.place += 1
            self.totals += torch.stack([loss.double() * len(ids), correct])
            is_first = (self.first_bad == 0) & ~torch.isfinite(loss)
            self.first_bad.copy_(torch.where(is_first, self.place, self.first_bad))

    def _warm_up(self, ids: torch.Tensor) -> None:
        """A step taken eagerly; after the last of them, capture no more where a replay would not do the same."""
        before = _host_state(self.setup.network)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")
            try:
                self._step(ids)
            finally:
                torch.cuda.set_sync_debug_mode("default")
        if self.eager < WARM_UP:
            return
        if any("synchronizing CUDA operation" in str(one.message) for one in caught):
            self._give_up("it waits for the GPU")
        elif _host_state(self.setup.network) != before:
            self._give_up("it draws random numbers or keeps count on the CPU")

    def _capture(self, ids: torch.Tensor) -> None:
        """Capture the step of a whole batch in a graph, and take it on the rows `ids`."""
        order = self.tables["order"]
        whole = order[: len(order) // self.size * self.size].view(-1, self.size)
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(self.draws)
        try:
            with torch.cuda.graph(graph, stream=torch.cuda.current_stream()):
                self._step(whole.index_select(0, self.place)[0])
        except RuntimeError as error:
            self._give_up(str(error).strip().splitlines()[0])
            self._step(ids)
        else:
            self.graph, self.setup.captured = graph, True
            graph.replay()

    def _give_up(self, reason: str) -> None:
        self.captures = False
        print(f"The training step is not captured in a CUDA graph ({reason}); it is slower without.", file=sys.stderr)


def batches(order: torch.Tensor, size: int) -> Iterator[torch.Tensor]:
    """`order` in batches; a last batch of a single image is left out, because batch norm cannot train on it."""
    for ids in order.split(size):
        if len(ids) > 1 or size == 1:
            yield ids


def _host_state(network: nn.Module) -> list[Any]:
    """Whatever of the CPU's random generators and of the network's plain attributes a step could change."""
    plain = (bool, int, float, str, type(None))
    kept = [
        {name: value for name, value in vars(module).items() if isinstance(value, plain)}
        for module in network.modules()
    ]
    state = np.random.get_state()
    return [random.getstate(), state[1].tolist(), state[2], torch.get_rng_state().tolist(), kept]


def loss_and_correct(
    logits: torch.Tensor,
    labels: torch.Tensor,
    share: torch.Tensor | None,
    smoothing: float,
    weights: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """(mean cross-entropy, number correct as float64) of logits [B, C]; image i has its own label with weight `share`.

    The rest of the weight, 1 - share, is that of image i - 1, with which it was mixed; None: images are not mixed.
    `weights` [C] are those of the classes in the mean.

    Label smoothing: Szegedy et al. (2016), https://arxiv.org/abs/1512.00567.
    """
    logits, best = logits.float(), logits.argmax(1)
    loss = functional.cross_entropy(logits, labels, weights, label_smoothing=smoothing)
    correct = (best == labels).sum().double()
    if share is not None:
        others = labels.roll(1)
        mixed = functional.cross_entropy(logits, others, weights, label_smoothing=smoothing)
        loss = share * loss + (1 - share) * mixed
        correct = share * correct + (1 - share) * (best == others).sum()
    return loss, correct
