"""Build the network that a spec describes, with its weights; fit it with a trained head."""

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
    network = _timm(spec, spec.arguments | {"num_classes": classes})
    drawn = redrawn_names(network, spec)
    if weights is not None:
        missing = head_names(network, spec) | drawn
        load_backbone(network, safetensors.torch.load_file(weights), weights, missing)
    return network


def build_backbone(spec: NetworkSpec, weights: Path) -> nn.Module:
    """Return the timm network of `spec` without head: float images [B, 3, S, S] to pooled features [B, F]."""
    network = _timm(spec, spec.arguments | {"num_classes": 0})
    load_backbone(network, safetensors.torch.load_file(weights), weights, missing=set())
    return network


def _timm(spec: NetworkSpec, arguments: dict[str, Any]) -> nn.Module:
    import timm  # takes seconds, which a network from scratch need not wait for

    tag = spec.architecture.removeprefix("timm/")
    try:
        if timm.get_pretrained_cfg(tag).fixed_input_size:  # vision transformers are built for one input size
            arguments = {"img_size": spec.input.size, **arguments}
        return timm.create_model(tag, pretrained=False, **arguments)
    except (TypeError, RuntimeError) as error:
        raise StudyError(f"config: the arguments of {spec.architecture} do not fit it: {error}.") from None


def head_names(network: nn.Module, spec: NetworkSpec) -> set[str]:
    """Return the names of the tensors of the network's classifier.

    Raises StudyError for the few networks that have two.
    """
    name = network.default_cfg["classifier"]
    if not isinstance(name, str):
        raise StudyError(
            f"config: {spec.architecture} has several classifiers, which this study cannot fit; use another."
        )
    return {f"{name}.weight", f"{name}.bias"}


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


def load_backbone(network: nn.Module, stored: dict[str, torch.Tensor], path: Path, missing: set[str]) -> None:
    """Load the tensors `stored` in `path` into `network`.

    Exactly those in `missing` may be absent, and are left as they are; heads in the file go unused. Raises StudyError
    naming the first tensor that does not fit.
    """
    stored = _fit_positions(stored, network)
    wanted = network.state_dict()
    for key, tensor in wanted.items():
        if key in missing:
            continue
        if key not in stored:
            raise StudyError(f"{path} does not fit the network: it has no tensor {key}; name the right weights.")
        if stored[key].shape != tensor.shape:
            raise StudyError(
                f"{path} does not fit the network: {key} is {list(stored[key].shape)} in the file and "
                f"{list(tensor.shape)} in the network; name the right weights."
            )
    head = network.default_cfg["classifier"]
    extra = sorted(key for key in stored if key not in wanted and not key.startswith(f"{head}."))
    if extra:
        raise StudyError(f"{path} does not fit the network: it has no place for {extra[0]}; name the right weights.")
    network.load_state_dict({key: stored[key] for key in wanted if key not in missing}, strict=False)


def _fit_positions(stored: dict[str, torch.Tensor], network: nn.Module) -> dict[str, torch.Tensor]:
    """A vision transformer's position embeddings, interpolated where its input has another size than they had."""
    wanted = network.state_dict().get("pos_embed")
    if "pos_embed" not in stored or wanted is None or stored["pos_embed"].shape == wanted.shape:
        return stored
    from timm.layers import resample_abs_pos_embed

    grid, prefix = list(network.patch_embed.grid_size), network.num_prefix_tokens
    return stored | {"pos_embed": resample_abs_pos_embed(stored["pos_embed"], grid, num_prefix_tokens=prefix)}


def multiply_accumulates(network: nn.Module, size: int) -> int:
    """Multiply-accumulates of the forward pass of one image of `size` pixels: half the floating-point operations.

    torch's own counter sees matrix products, convolutions and attention, not activations and norms.
    """
    from torch.utils.flop_counter import FlopCounterMode

    example = torch.zeros(1, 3, size, size, device=next(network.parameters()).device)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network.eval()(example)
    return counter.get_total_flops() // 2


def count_parameters(network: nn.Module) -> int:
    """Number of parameters, trainable or not."""
    return sum(parameter.numel() for parameter in network.parameters())
