"""How often a second a step can be taken."""

import time
from collections.abc import Callable

import torch

from study.training import device as devices

WARM_UP = 3  # steps that are not timed in each turn: they empty what the loader's workers had made in advance


def steps_per_second(
    step: Callable[[], None], seconds: float, device: torch.device, warm_up: int = WARM_UP, least: int = 2
) -> float:
    """The rate of `step` over at least `seconds` and `least` calls, after `warm_up` others."""
    for _ in range(warm_up):
        step()
    devices.synchronise(device)
    start, done = time.perf_counter(), 0
    while done < least or time.perf_counter() - start < seconds:
        step()
        done += 1
    devices.synchronise(device)
    return done / (time.perf_counter() - start)
