"""A network whose batch norms keep their statistics, with each folded into the convolution before it, in bfloat16.

Fixed statistics make batch norm an affine map of each channel, so that its scale and shift go into kernel and bias, and
no pass over the activations is left. Kernel, scale and shift stay the parameters that they were, and can be trained.
"""

import copy
import itertools
import math

import torch
from torch import nn
from torch.nn import functional


class FoldedNetwork(nn.Module):
    """The timm `network` in its folded form, on its very parameters; float [B, 3, S, S] to logits float32 [B, C]."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        tensors = [*network.parameters(), *network.buffers()]
        self.network = _fold(copy.deepcopy(network, {id(tensor): tensor for tensor in tensors}))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = self.network.forward_features(images.bfloat16())
        pooled = self.network.forward_head(features, pre_logits=True).float()
        return self.get_classifier()(pooled)

    def get_classifier(self) -> nn.Module:
        """The classifier, by timm's name for it."""
        return self.network.get_classifier()


class FoldedConv(nn.Module):
    """A convolution, the batch norm behind it with its statistics fixed, and that norm's activation."""

    def __init__(self, conv: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        self.conv, self.norm = conv, norm
        self.pads_same = type(conv).__name__ == "Conv2dSame"  # TensorFlow's padding, which depends on the input's size
        self.is_depthwise = conv.groups == conv.in_channels and conv.groups > 1

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


def _fold(network: nn.Module) -> nn.Module:
    """Replace every convolution and the batch norm that follows it, in place."""
    for module in list(network.modules()):
        if isinstance(module, FoldedConv):
            continue
        names = list(module._modules)
        for name, after in itertools.pairwise(names):
            conv, norm = module._modules[name], module._modules[after]
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                module._modules[name], module._modules[after] = FoldedConv(conv, norm), nn.Identity()
    return network
