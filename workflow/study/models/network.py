"""Build the network that a spec describes, with its weights; fit it with a trained head."""

from collections.abc import Set
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import nn

from study.config.specs import NetworkSpec
from study.errors import StudyError, nearest
from study.models.fast import ScratchFast
from study.models.own import build_own
from study.models.scratch import ScratchCNN, scratch_resnet18


def build(spec: NetworkSpec, classes: int, weights: Path | None = None) -> nn.Module:
    """Return the network of `spec` with `classes` outputs, its backbone from the safetensors file `weights` if given.

    The new head and the layers of `redraw` keep the random weights of torch's current generator, so seed it first.
    Raises StudyError if the file does not fit the backbone, or the network has no such layer.
    """
    if spec.architecture == "scratch_cnn":
        return ScratchCNN(**spec.arguments, input_size=spec.input.size, classes=classes)
    if spec.architecture == "scratch_resnet18":
        return scratch_resnet18(classes)
    if spec.architecture == "scratch_fast":
        return ScratchFast(**spec.arguments, classes=classes)
    if spec.architecture.startswith("file:"):
        return build_own(spec, classes)
    network = _timm(spec, classes)
    redrawn = redrawn_names(network, spec)
    if weights is not None:
        load_backbone(network, spec, safetensors.torch.load_file(weights), weights, redrawn)
    return network


def build_backbone(spec: NetworkSpec, weights: Path) -> nn.Module:
    """Return the timm network of `spec` without head: float images [B, 3, S, S] to pooled features [B, F]."""
    network = _timm(spec, 1)
    load_backbone(network, spec, safetensors.torch.load_file(weights), weights)
    network.set_submodule(_classifier_name(network, spec), nn.Identity())
    return nn.Sequential(network, nn.Flatten())


def _timm(spec: NetworkSpec, classes: int) -> nn.Module:
    try:
        return _create(spec, {"num_classes": classes, **_size_argument(spec)})
    except Exception as error:  # each network has its own checks
        reason = " ".join(str(error).split())
        if spec.input.size != _native_size(spec) and _size_argument(spec):
            raise StudyError(
                f"config: {spec.architecture} does not take images of {spec.input.size} px ({reason}); set input_size "
                f"to {_native_size(spec)}."
            ) from None
        raise StudyError(f"config: the arguments of {spec.architecture} do not fit it: {reason}.") from None


def _create(spec: NetworkSpec, arguments: dict[str, Any]) -> nn.Module:
    import timm  # takes seconds, which a network from scratch need not wait for

    return timm.create_model(spec.architecture.removeprefix("timm/"), **arguments, **spec.arguments)


def _size_argument(spec: NetworkSpec) -> dict[str, int]:
    """Return {"img_size": pixels} for the networks that are built for one input size, such as vision transformers."""
    import timm

    fixed = timm.get_pretrained_cfg(spec.architecture.removeprefix("timm/")).fixed_input_size
    return {"img_size": spec.input.size} if fixed else {}


def _native_size(spec: NetworkSpec) -> int:
    import timm

    return timm.get_pretrained_cfg(spec.architecture.removeprefix("timm/")).input_size[-1]


def classifier(network: nn.Module) -> nn.Module:
    """Return the layer of `network` that gives the logits: linear, or a 1 × 1 convolution."""
    if not hasattr(network, "default_cfg"):
        return network.get_classifier()
    return network.get_submodule(network.default_cfg["classifier"])  # timm's get_classifier may give more than it


def _classifier_name(network: nn.Module, spec: NetworkSpec) -> str:
    """Return timm's name for the classifier. Raises StudyError unless there is one, and it is linear."""
    name = network.default_cfg["classifier"]
    layer = network.get_submodule(name) if isinstance(name, str) else None
    is_linear = isinstance(layer, nn.Linear) or getattr(layer, "kernel_size", None) == (1, 1)
    if not is_linear or layer.bias is None:
        has = "several classifiers" if isinstance(name, tuple | list) else "no linear classifier"
        raise StudyError(
            f"config: {spec.architecture} has {has}, and this study trains networks with one; use another."
        )
    return name


def redrawn_names(network: nn.Module, spec: NetworkSpec) -> set[str]:
    """Return the names of the tensors of the layers in `redraw`: weights, and the statistics of batch norms.

    Raises StudyError for a name that is no layer with tensors.
    """
    tensors, found = network.state_dict(), set()
    for layer in spec.redraw:
        named = {key for key in tensors if key.startswith(f"{layer}.")}
        if not named:
            layers = [name for name, module in network.named_modules() if name and module.state_dict()]
            raise StudyError(
                f"config: redraw: {spec.architecture} has no layer {layer!r} with weights{nearest(layer, layers)}"
            )
        found |= named
    return found


def load_backbone(
    network: nn.Module,
    spec: NetworkSpec,
    stored: dict[str, torch.Tensor],
    path: Path,
    redrawn: Set[str] = frozenset(),
) -> None:
    """Load the tensors `stored` in `path` into `network`, but for its head and the tensors `redrawn`.

    timm resizes what depends on the input's size. Raises StudyError naming the first tensor that does not fit.
    """
    head = _classifier_name(network, spec)
    unused = {f"{head}.weight", f"{head}.bias", *redrawn}
    wanted = {key: tensor for key, tensor in network.state_dict().items() if key not in unused}
    problem = _misfit(stored, wanted)
    if problem and wanted.keys() <= stored.keys():
        stored = _resized(stored, spec)
        problem = _misfit(stored, wanted)
    extra = sorted(key for key in stored.keys() - wanted.keys() - unused if not key.startswith(f"{head}."))
    if extra and not problem:
        problem = f"it has no place for {extra[0]}"
    if problem:
        raise StudyError(f"{path} does not fit the network: {problem}; name the right weights.")
    network.load_state_dict({key: stored[key] for key in wanted}, strict=False)


def check_size(network: nn.Module, spec: NetworkSpec) -> None:
    """Raise StudyError unless weights of the network of `spec` at its native size can be loaded into `network`."""
    with torch.device("meta"):
        native = _create(spec, {"num_classes": 1})
    load_backbone(network, spec, native.to_empty(device="cpu").state_dict(), Path())


def _misfit(stored: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> str:
    """Return the first of the tensors `wanted` that `stored` does not have in its shape, in words; empty if none."""
    for key, tensor in wanted.items():
        if key not in stored:
            return f"it has no tensor {key}"
        if stored[key].shape != tensor.shape:
            return f"{key} is {list(stored[key].shape)} in the file and {list(tensor.shape)} in the network"
    return ""


def _resized(stored: dict[str, torch.Tensor], spec: NetworkSpec) -> dict[str, torch.Tensor]:
    """Return `stored` as timm fits it to the spec's input size, or as it is where it fits at no size.

    Raises StudyError if it fits at the native size, but timm cannot resize it.
    """
    size = _size_argument(spec)
    loading = {"pretrained": True, "pretrained_cfg_overlay": {"state_dict": {**stored}, "custom_load": False}}
    try:
        with torch.random.fork_rng(devices=[]):
            return _create(spec, {"num_classes": 1, **size, **loading}).state_dict()
    except Exception:  # each network has its own way to resize
        with torch.device("meta"):
            native = _create(spec, {"num_classes": 1})
        head, right = _classifier_name(native, spec), _native_size(spec)
        if size and not _misfit(stored, {k: v for k, v in native.state_dict().items() if not k.startswith(f"{head}.")}):
            raise StudyError(
                f"config: the weights of {spec.architecture} are for images of {right} px, and timm cannot fit them to "
                f"{spec.input.size} px; set input_size to {right}."
            ) from None
        return stored


def multiply_accumulates(network: nn.Module, size: int) -> int:
    """Multiply-accumulates of the forward pass of one image of `size` pixels: half the floating-point operations.

    torch's own counter sees matrix products, convolutions and attention, not activations and norms.
    """
    from torch.utils.flop_counter import FlopCounterMode

    example = torch.zeros(1, 3, size, size, device=next(network.parameters()).device)
    tensors = {name: one.detach() for name, one in [*network.named_parameters(), *network.named_buffers()]}
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        # the counter fails for parameters that want a gradient and are a module's input
        torch.func.functional_call(network.eval(), tensors, (example,))
    return counter.get_total_flops() // 2


def count_parameters(network: nn.Module) -> int:
    """Number of parameters, trainable or not."""
    return sum(parameter.numel() for parameter in network.parameters())
