"""An exponential moving average of the weights, which is judged and kept in place of the weights themselves."""

from typing import Any

import torch
from torch import nn


class WeightAverage:
    """Averages of a network's parameters and buffers, updated after every step.

    The decay starts low and rises to its value, min(decay, (1 + n) / (10 + n)) at update n, so that the random start
    is soon forgotten (TensorFlow's ExponentialMovingAverage). Integers, such as batch norm's counter, are copied.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay, self.updates = decay, 0
        self.tensors = list(network.state_dict().values())  # the network's own, in whose place they are changed
        self.averages = [tensor.detach().clone() for tensor in self.tensors]
        pairs = list(zip(self.averages, self.tensors, strict=True))
        self.moving = [pair for pair in pairs if pair[0].is_floating_point()]
        self.counting = [pair for pair in pairs if not pair[0].is_floating_point()]

    @torch.no_grad()
    def update(self) -> None:
        """Move the averages towards the network's present weights."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        torch._foreach_lerp_([one for one, _ in self.moving], [other for _, other in self.moving], 1 - decay)
        if self.counting:
            torch._foreach_copy_([one for one, _ in self.counting], [other for _, other in self.counting])

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange the averages with the network's weights; a second call exchanges them back."""
        for average, tensor in zip(self.averages, self.tensors, strict=True):
            kept = tensor.clone()
            tensor.copy_(average)
            average.copy_(kept)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"averages": self.averages, "updates": self.updates}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.updates = state["updates"]
        for average, stored in zip(self.averages, state["averages"], strict=True):
            average.copy_(stored)
