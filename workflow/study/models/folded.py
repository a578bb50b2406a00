"""A network whose batch norms keep their statistics, with each folded into the convolution before it, in bfloat16.

Fixed statistics make batch norm an affine map of each channel, so that its scale and shift go into kernel and bias, and
no pass over the activations is left. Kernel, scale and shift stay the parameters that they were, and can be trained.
"""

import copy
import math
import sys
from collections import Counter
from collections.abc import Container
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from study.models.network import classifier

ASKING = {"__get__", "dim", "size"}  # operations that ask a tensor's kind or shape, and don't compute with it


class FoldedNetwork(nn.Module):
    """`network`, on its very parameters, with the batch norm of each (convolution, norm) of `pairs` folded.

    The rest computes in autocast, and the classifier in float32. Float [B, 3, S, S] to logits float32 [B, C].
    """

    def __init__(self, network: nn.Module, pairs: list[tuple[str, str]]) -> None:
        super().__init__()
        tensors = [*network.parameters(), *network.buffers()]
        self.network = copy.deepcopy(network, {id(tensor): tensor for tensor in tensors})
        for conv, norm in pairs:
            folded = FoldedConv(self.network.get_submodule(conv), self.network.get_submodule(norm))
            self.network.set_submodule(conv, folded)
            self.network.set_submodule(norm, nn.Identity())
        self.head = _InFloat32(classifier(self.network))
        names = {module: name for name, module in self.network.named_modules()}
        self.network.set_submodule(names[self.head.layer], self.head)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        with torch.autocast(images.device.type, torch.bfloat16):
            return self.network(images)

    def train(self, mode: bool = True) -> "FoldedNetwork":
        """Switch to training or evaluation, but for the batch norms that are left: their statistics are fixed too."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.training = False
        return self

    def get_classifier(self) -> nn.Module:
        """The classifier, by timm's name for it."""
        return self.head.layer


def fold(network: nn.Module, size: int) -> FoldedNetwork | None:
    """Return `network` folded, as far as it can be, for images of `size` pixels; say so where it is not wholly.

    None where nothing can be folded, or the folded network fails.
    """
    norms = sum(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in network.modules())
    images = torch.zeros(2, 3, size, size, device=next(network.parameters()).device)
    pairs, reason = foldable(network.eval(), images), ""
    if pairs:
        folded = FoldedNetwork(network, pairs)
        try:
            folded.eval()(images).sum().backward()
        except Exception as error:  # a network's code may look at the layers that were replaced
            pairs, reason = [], f" ({type(error).__name__}: {' '.join(str(error).split())})"
        network.zero_grad(set_to_none=True)
    if len(pairs) < norms or not norms:
        print(f"{len(pairs)} of {norms} batch norms are folded{reason}; the rest computes in autocast", file=sys.stderr)
    return folded if pairs else None


def foldable(network: nn.Module, images: torch.Tensor) -> list[tuple[str, str]]:
    """Return the names of the convolutions whose output goes to a batch norm and nowhere else, with that norm's.

    Found by watching `images` float [B, 3, S, S] on their way through `network`.
    """
    names: dict[nn.Module, list[str]] = {}
    for name, module in network.named_modules(remove_duplicate=False):
        names.setdefault(module, []).append(name)
    convolutions = {module for module in names if _is_plain(module) and len(names[module]) == 1}
    norms = {module for module in names if _is_fixed(module) and len(names[module]) == 1}
    given: dict[int, tuple[nn.Module, torch.Tensor]] = {}
    taken: list[tuple[nn.Module, torch.Tensor]] = []
    uses, calls = _Uses(given), Counter[nn.Module]()

    def after(conv: nn.Module, _: Any, output: torch.Tensor) -> None:
        given[id(output)] = (conv, output)
        calls[conv] += 1

    def before(norm: nn.Module, inputs: tuple[torch.Tensor]) -> None:
        taken.append((norm, inputs[0]))
        calls[norm] += 1

    hooks = [one.register_forward_hook(after) for one in convolutions]
    hooks += [one.register_forward_pre_hook(before) for one in norms]
    with uses, torch.no_grad():
        network(images)
    for hook in hooks:
        hook.remove()
    found = [(given[id(one)][0], norm, uses.of[id(one)]) for norm, one in taken if id(one) in given]
    return [(names[conv][0], names[norm][0]) for conv, norm, used in found if used == calls[conv] == calls[norm] == 1]


class _Uses(TorchFunctionMode):
    """Counts the operations that compute with each of the tensors whose ids are the keys of `watched`."""

    def __init__(self, watched: Container[int]) -> None:
        super().__init__()
        self.watched = watched
        self.of: Counter[int] = Counter()

    def __torch_function__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if operation.__name__ not in ASKING:
            for one in [*args, *(kwargs or {}).values()]:
                tensors = one if isinstance(one, list | tuple) else [one]
                self.of.update(id(tensor) for tensor in tensors if id(tensor) in self.watched)
        return operation(*args, **(kwargs or {}))


def _is_plain(module: nn.Module) -> bool:
    """Return whether this is a convolution that `FoldedConv` computes."""
    if type(module).__name__ == "Conv2dSame":
        return _is_square(module)
    return type(module) is nn.Conv2d and module.padding_mode == "zeros"


def _is_square(conv: nn.Conv2d) -> bool:
    pairs = (conv.kernel_size, conv.stride, conv.padding)
    return conv.dilation == (1, 1) and all(isinstance(pair, tuple) and pair[0] == pair[1] for pair in pairs)


def _is_fixed(module: nn.Module) -> bool:
    """Return whether this is a batch norm with fixed statistics, and with at most an activation behind it."""
    is_norm = type(module).__name__ in ("BatchNorm2d", "BatchNormAct2d") and not module.training
    has_all = is_norm and module.affine and module.track_running_stats
    return has_all and isinstance(getattr(module, "drop", nn.Identity()), nn.Identity)


class _InFloat32(nn.Module):
    """`layer` outside autocast."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        with torch.autocast(features.device.type, enabled=False):
            return self.layer(features.float())


class FoldedConv(nn.Module):
    """A convolution, the batch norm behind it with its statistics fixed, and that norm's activation."""

    def __init__(self, conv: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        self.conv, self.norm = conv, norm
        self.pads_same = type(conv).__name__ == "Conv2dSame"  # TensorFlow's padding, which depends on the input's size
        self.is_depthwise = conv.groups == conv.in_channels == conv.out_channels > 1 and _is_square(conv)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        conv, norm = self.conv, self.norm
        scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
        kernel = (conv.weight * scale[:, None, None, None]).bfloat16().contiguous(memory_format=torch.channels_last)
        bias = norm.bias - norm.running_mean * scale
        bias = (bias if conv.bias is None else bias + conv.bias * scale).bfloat16()
        images, padding = images.bfloat16(), conv.padding
        if self.pads_same:
            images, padding = _pad_same(images, conv.kernel_size[0], conv.stride[0]), (0, 0)
        if self.is_depthwise:
            if conv.stride[0] > 1:
                images, padding = functional.pad(images, [padding[1]] * 2 + [padding[0]] * 2), (0, 0)
            images = Depthwise.apply(images, kernel, bias, conv.stride[0], padding[0])
        else:
            images = functional.conv2d(images, kernel, bias, conv.stride, padding, conv.dilation, conv.groups)
        return norm.act(images) if hasattr(norm, "act") else images


class Depthwise(torch.autograd.Function):
    """A depthwise convolution whose gradient with respect to its input is a depthwise one again.

    On a CPU, oneDNN's own backward in bfloat16 is up to fifty times slower than its forward where the stride is 2, and
    slow for 5 × 5 kernels, whose gradient is taken in float32 here. With a stride, the images come padded.
    """

    @staticmethod
    def forward(ctx, images, kernel, bias, stride, padding):
        ctx.save_for_backward(images, kernel)
        ctx.stride, ctx.padding = stride, padding
        return functional.conv2d(images, kernel, bias, stride, padding, 1, images.shape[1])

    @staticmethod
    def backward(ctx, grad):
        images, kernel = ctx.saved_tensors
        side, stride, padding = kernel.shape[-1], ctx.stride, ctx.padding
        of_images = of_kernel = of_bias = None
        if ctx.needs_input_grad[0]:
            spread = grad if stride == 1 else _spread(grad, images.shape, side, stride)
            around = side - 1 - padding if stride == 1 else 0
            of_images = functional.conv2d(spread, kernel.flip(2, 3), None, 1, around, 1, images.shape[1])
        if ctx.needs_input_grad[1]:
            wide = torch.float32 if side > 3 else grad.dtype
            of_kernel = torch.ops.aten.convolution_backward(
                grad.to(wide), images.to(wide), kernel.to(wide), None, [stride] * 2, [padding] * 2, [1, 1], False,
                [0, 0], images.shape[1], [False, True, False])[1].to(kernel.dtype)  # fmt: skip
        if ctx.needs_input_grad[2]:
            of_bias = grad.sum((0, 2, 3), dtype=torch.float32).to(kernel.dtype)
        return of_images, of_kernel, of_bias, None, None


def _spread(grad: torch.Tensor, shape: torch.Size, side: int, stride: int) -> torch.Tensor:
    """`grad` with stride - 1 zeros between its pixels and side - 1 before them, for padded images of `shape`."""
    height, width = shape[2] + side - 1, shape[3] + side - 1
    spread = torch.empty((*shape[:2], height, width), dtype=grad.dtype, device=grad.device,
                         memory_format=torch.channels_last).zero_()  # fmt: skip
    rows, columns = (slice(side - 1, side - 1 + stride * n, stride) for n in grad.shape[2:])
    spread[:, :, rows, columns] = grad
    return spread


def _pad_same(images: torch.Tensor, side: int, stride: int) -> torch.Tensor:
    """Zeros around `images` so that ceil(size / stride) outputs fit, the odd one at the end, as TensorFlow pads."""
    pads = []
    for size in (images.shape[3], images.shape[2]):
        whole = max((math.ceil(size / stride) - 1) * stride + side - size, 0)
        pads += [whole // 2, whole - whole // 2]
    return functional.pad(images, pads)
