"""torch.compile where it repays itself, and where a compiler is there."""

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import nn


def compiled(network: nn.Module, attempt: Callable[[Any], None]) -> tuple[Any, bool]:
    """Compile `network` and call `attempt(compiled)`; (compiled, True), or (`network`, False) if that fails.

    Shapes are fixed: a batch of another size is compiled anew, so callers give odd batches to `network` itself.
    """
    candidate = torch.compile(network, dynamic=False)
    try:
        attempt(candidate)
    except Exception as error:  # the compiler's own exceptions are many
        print(f"torch.compile failed ({type(error).__name__}), going on without it", file=sys.stderr)
        return network, False
    return candidate, True
