"""torch.compile where it repays itself, and where a compiler is there."""

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

GRAPHS_UP_TO = 32  # pixels: for larger images, a GPU's kernels take longer than their launches


def mode_for(device: str, size: int) -> str | None:
    """Return torch.compile's mode: CUDA graphs, which launch a network's kernels at once, where launching rules."""
    return "reduce-overhead" if device == "cuda" and size <= GRAPHS_UP_TO else None


def compiled(network: nn.Module, attempt: Callable[[Any], None], mode: str | None = None) -> tuple[Any, bool]:
    """(the compiled network, True) after `attempt`, which is given it, went well; else (`network`, False).

    Shapes are fixed: a batch of another size is compiled anew, so callers give odd batches to `network` itself.
    """
    candidate = torch.compile(network, dynamic=False, mode=mode)
    try:
        attempt(candidate)
    except Exception as error:  # the compiler's own exceptions are many
        print(f"torch.compile failed ({type(error).__name__}), going on without it", file=sys.stderr)
        return network, False
    return candidate, True
