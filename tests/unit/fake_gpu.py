"""A GPU without a GPU: torch's fake tensors, which know their device but hold no numbers.

The device is `meta` in place of `cuda`, whose backward pass asks for a driver even of fake tensors. Operations on
tensors of two devices fail as they do between CPU and GPU. Reading a number gives zero and is noted, because it makes
the host wait.
"""

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

GPU = torch.device("meta")
aten = torch.ops.aten
# the host must read numbers to know how large their results are
SIZED_BY_NUMBERS = {aten.nonzero, aten.masked_select, aten._unique2, aten.unique_dim, aten.repeat_interleave}
FUSED = {aten._fused_sgd_, aten._fused_adam_, aten._fused_adamw_}
INDEXING = {aten.index, aten.index_put_, aten._unsafe_index}


class FakeGenerator(torch.Generator):
    """A generator that says it is on `device`; fake tensors draw no numbers from it."""

    def __new__(cls, device: Any = "cpu") -> "FakeGenerator":
        made = super().__new__(cls)
        made.claimed = torch.device(device)
        return made

    @property
    def device(self) -> torch.device:
        """The device it was asked for."""
        return self.claimed


class Watch(TorchDispatchMode):
    """Notes in `waits` what makes a host wait for its GPU: reading a number, masks as indices, copies either way."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[str] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs, operation = kwargs or {}, function.overloadpacket
        given = [one for one in tree_leaves((args, kwargs)) if isinstance(one, torch.Tensor)]
        on_gpu = any(one.device == GPU for one in given)
        if operation is aten._local_scalar_dense:
            self.waits += ["item"] if on_gpu else []
            return 0.0 if args[0].is_floating_point() else 0
        if on_gpu and (operation in SIZED_BY_NUMBERS or (operation in INDEXING and _waits_for_index(args[1]))):
            self.waits.append(str(function))
        if operation in FUSED:  # which change their arguments in place, and have nothing for fake tensors
            if len({one.device for one in given}) > 1:
                raise RuntimeError(f"Expected all tensors to be on the same device in {function}")
            return None
        result = function(*args, **kwargs)
        made = [one for one in tree_leaves(result) if isinstance(one, torch.Tensor)]
        if operation in (aten._to_copy, aten.copy_) and len({one.device for one in (*given, *made)}) > 1:
            self.waits.append(f"{function} between CPU and GPU")
        generator = kwargs.get("generator")
        if isinstance(generator, FakeGenerator) and generator.device != made[0].device:
            raise RuntimeError(f"Expected a generator on {made[0].device}, but it is on {generator.device}")
        return result


def _waits_for_index(indices: list[torch.Tensor | None]) -> bool:
    return any(one is not None and (one.dtype == torch.bool or one.device != GPU) for one in indices)


class Fake(FakeTensorMode):
    """Fake tensors, without the preparation for a missing driver, which would last beyond the test."""

    avoid_device_init = False


@contextlib.contextmanager
def fake_gpu() -> Iterator[Watch]:
    """Within it, tensors are fake and GPU is a device; what was built before is real until it is moved there."""
    with pytest.MonkeyPatch.context() as patch, Fake(allow_non_fake_inputs=True), Watch() as watch:
        patch.setattr(torch, "Generator", FakeGenerator)
        module = sys.modules["torch.optim.optimizer"]
        fused = module._get_fused_kernels_supported_devices()
        patch.setattr(module, "_get_fused_kernels_supported_devices", lambda: [*fused, GPU.type])
        yield watch
