"""Pooled features of a frozen backbone, computed once for every image; the heads of all seeds train on them."""

import functools
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from timm.models.efficientnet import EfficientNet
from torch import nn
from torch.nn import functional

from study.config.specs import FeaturesSpec
from study.data.dataset import read_dataset
from study.errors import StudyError
from study.files import atomic_write, canonical_json, file_digest
from study.models import network as networks
from study.models.folded import FoldedNetwork, foldable
from study.training import device as devices
from study.training.compiling import compiled
from study.training.inputs import ImageInputs, as_tensor
from study.training.progress import show

BATCH = 100
FIRST = ("conv_stem", "bn1", "blocks.0")  # layers of timm's EfficientNets
AGREEMENT = 0.999  # cosine between features in bfloat16 and in float32


def compute_features(spec: FeaturesSpec, dataset: Path, weights: Path, target: Path) -> None:
    """Write float32 [N, F] for all rows of `dataset` to `target` (npz: features, record).

    Test images pass through the backbone here too, but nothing is chosen by them: neither labels nor heads are near.
    """
    device = devices.prepare(spec.compute)
    data = read_dataset(dataset)
    backbone = networks.build_backbone(spec.network, weights).eval().to(device, memory_format=torch.channels_last)
    inputs = ImageInputs(as_tensor(data.images), spec.network.input)
    inputs.to(device)
    start = time.perf_counter()
    forward, compiled = _forward(backbone, inputs, spec, device)
    rows = []
    with torch.inference_mode():
        ids = torch.arange(len(data.images), device=device)
        for batch in show(ids.split(BATCH), f"features of {spec.network.architecture}"):
            rows.append(forward(inputs.batch(batch)).float().cpu())
    features = torch.cat(rows).numpy()
    if not np.isfinite(features).all():
        raise StudyError(
            f"The features of {spec.network.architecture} are not finite; check weights and normalisation."
        )
    record = {
        "spec_sha256": spec.sha256(),
        "weights_sha256": file_digest(weights),
        "seconds": time.perf_counter() - start,
        "compiled": compiled,
        "peak_memory_mb": devices.peak_memory_mb(device),
    }
    with atomic_write(target) as temporary:
        np.savez(temporary, features=features, record=np.array(canonical_json(record)))


def _forward(backbone: nn.Module, inputs: ImageInputs, spec: FeaturesSpec, device: torch.device) -> tuple[Any, bool]:
    """A function from images to features, in the precision of `spec`; and whether the backbone in it is compiled."""

    def under_autocast(network: Any, images: torch.Tensor) -> torch.Tensor:
        with devices.autocast(spec.compute):
            return network(images)

    def attempt(candidate: Any) -> None:
        with torch.inference_mode():
            under_autocast(candidate, inputs.batch(torch.arange(BATCH, device=device)))

    if device.type == "cpu" and spec.compute.precision == "bfloat16":
        folded = _folded(backbone, inputs.batch(torch.arange(2)))
        return (folded if _agrees(folded, backbone, inputs, spec) else backbone), False
    network, is_compiled = compiled(backbone, attempt) if spec.compute.compile else (backbone, False)
    return functools.partial(under_autocast, network), is_compiled


def _folded(backbone: nn.Module, images: torch.Tensor) -> nn.Module:
    """Return `backbone` with folded batch norms for bfloat16, an EfficientNet's stem and first stage in float32.

    Small images that were enlarged are smooth, so kernels that take differences lose most of bfloat16's few digits
    there: with EfficientNet-Lite0 at 224 px the cosine is 0.9970 without the two, and 0.9994 with them.
    """
    network, flatten = backbone
    first = FIRST if isinstance(network, EfficientNet) else ()
    pairs = [(conv, norm) for conv, norm in foldable(network, images) if not conv.startswith(first)]
    folded = FoldedNetwork(network, pairs).eval()
    for name in first:
        layer = folded.network.get_submodule(name)
        layer.forward = torch.autocast(images.device.type, enabled=False)(layer.forward)
    return nn.Sequential(folded, flatten)


@torch.inference_mode()
def _agrees(folded: Any, backbone: nn.Module, inputs: ImageInputs, spec: FeaturesSpec) -> bool:
    """Return whether `folded`, in bfloat16, gives the features of `backbone` in float32 for a batch; else say so."""
    images = inputs.batch(torch.arange(min(BATCH, len(inputs.images))))
    cosine = functional.cosine_similarity(folded(images).float(), backbone(images)).mean().item()
    if cosine > AGREEMENT:
        return True
    print(
        f"The features of {spec.network.architecture} differ in bfloat16 (cosine {cosine:.4f}): they are computed in "
        "float32.",
        file=sys.stderr,
    )
    return False
