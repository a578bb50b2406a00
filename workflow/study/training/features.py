"""Pooled features of a frozen backbone, computed once for every image; the heads of all seeds train on them."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from study.config.specs import FeaturesSpec
from study.data.dataset import read_dataset
from study.errors import StudyError
from study.files import atomic_write, canonical_json, file_digest
from study.models import network as networks
from study.training import device as devices
from study.training.compiling import compiled
from study.training.inputs import ImageInputs
from study.training.progress import show

BATCH = 100


def compute_features(spec: FeaturesSpec, dataset: Path, weights: Path, target: Path) -> None:
    """Write float32 [N, F] for all rows of `dataset` to `target` (npz: features, record).

    Test images pass through the backbone here too, but nothing is chosen by them: neither labels nor heads are near.
    """
    device = devices.prepare(spec.compute)
    data = read_dataset(dataset)
    backbone = networks.build_backbone(spec.network, weights).eval().to(device, memory_format=torch.channels_last)
    inputs = ImageInputs(torch.from_numpy(data.images).permute(0, 3, 1, 2).contiguous().to(device), spec.network.input)
    start = time.perf_counter()
    forward, compiled = _forward(backbone, inputs, spec, device)
    rows = []
    with torch.inference_mode():
        ids = torch.arange(len(data.images), device=device)
        for batch in show(ids.split(BATCH), f"features of {spec.network.architecture}"):
            with devices.autocast(spec.compute):
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
    """The backbone, compiled where the spec asks for it and a compiler is there, and whether it is."""
    if not spec.compute.compile:
        return backbone, False

    def attempt(candidate: Any) -> None:
        with torch.inference_mode(), devices.autocast(spec.compute):
            candidate(inputs.batch(torch.arange(BATCH, device=device)))

    return compiled(backbone, attempt)
