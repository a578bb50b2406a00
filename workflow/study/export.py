"""A trained network as an ONNX file that takes pictures as they are stored: it resizes and normalises them itself."""

import contextlib
import io
import json
import logging
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import nn

from study.errors import StudyError
from study.files import atomic_write
from study.predict import TrainedModel, load_model
from study.training.inputs import ImageInputs

CHECKED = 8  # pictures of noise
AGREEMENT = 1e-3  # largest difference of a logit from torch's, as a share of the largest logit


class WithPreparation(nn.Module):
    """From squares uint8 [N, S, S, 3], RGB, to (logits, probabilities), both float [N, C].

    A bicubic resize maps rows to rows and columns to columns, so it is two products with constant matrices, which every
    runtime computes alike.
    """

    def __init__(self, model: TrainedModel) -> None:
        super().__init__()
        self.network = model.network
        side, size = model.image_size, model.input.size
        weights = torch.eye(side)
        if size != side:
            # in one direction, and without the clamp of `resize`: weights may be negative
            weights = nn.functional.interpolate(
                weights[None, None], (size, side), mode="bicubic", antialias=size < side
            )[0, 0]
        self.register_buffer("weights", weights)
        self.register_buffer("mean", torch.tensor(model.input.mean).view(3, 1, 1))
        self.register_buffer("std", torch.tensor(model.input.std).view(3, 1, 1))

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        pixels = images.permute(0, 3, 1, 2).float() / 255
        pixels = (self.weights @ pixels @ self.weights.T).clamp(0, 1)
        logits = self.network((pixels - self.mean) / self.std)
        return logits, logits.softmax(1)


def export(model: Path, target: Path, trust_code: bool = False) -> None:
    """Write the network of a run's model.safetensors to the ONNX file `target`, its preparation and classes within.

    Raises StudyError if the packages for it are missing, the network cannot be exported, or the file gives other
    answers than torch.
    """
    trained = load_model(model, trust_code)
    try:
        import onnx
        import onnxruntime
        import onnxscript  # noqa: F401 - torch needs it
    except ImportError as error:
        raise StudyError(
            f"An export needs the package {error.name}; pip install onnx onnxruntime onnxscript."
        ) from None
    shape = (CHECKED, trained.image_size, trained.image_size, 3)
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    whole = WithPreparation(trained).eval()
    with atomic_write(target) as temporary:
        try:
            onnx.save(_described(_converted(whole, images), trained), temporary)
        except Exception as error:  # each network has its own reasons
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise StudyError(f"{model} cannot be exported ({type(error).__name__}: {reason}).") from None
        session = onnxruntime.InferenceSession(temporary, providers=["CPUExecutionProvider"])
        found = session.run(["logits"], {"images": images})[0]
        wanted = _answers(trained, images)
        difference = np.abs(found - wanted).max()
        if not difference <= AGREEMENT * max(1, np.abs(wanted).max()):
            raise StudyError(f"{model}: the exported network differs from torch's by {difference:.2g} in a logit.")
    print(
        f"{target}: images uint8 [N, {trained.image_size}, {trained.image_size}, 3] to logits and probabilities "
        f"[N, {len(trained.classes)}]; largest difference from torch in a logit: {difference:.1g}"
    )


def _converted(whole: nn.Module, images: np.ndarray) -> "onnx.ModelProto":  # noqa: F821
    """Return `whole` as ONNX, for any number of images."""
    quiet = contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(action="ignore")
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with contextlib.ExitStack() as stack:
        for one in quiet:
            stack.enter_context(one)
        program = torch.onnx.export(
            whole, (torch.from_numpy(images),), input_names=["images"], output_names=["logits", "probabilities"],
            dynamic_shapes={"images": {0: torch.export.Dim("N")}}, dynamo=True, verbose=False,
        )  # fmt: skip
    return program.model_proto


def _described(model: "onnx.ModelProto", trained: TrainedModel) -> "onnx.ModelProto":  # noqa: F821
    """Return `model` with what a user must know in its metadata."""
    known = {"classes": trained.classes, "image_size": trained.image_size, "fit": trained.fit}
    for key, value in known.items():
        model.metadata_props.add(key=key, value=value if isinstance(value, str) else json.dumps(value))
    return model


@torch.inference_mode()
def _answers(trained: TrainedModel, images: np.ndarray) -> np.ndarray:
    """Torch's logits, by the very path of training."""
    inputs = ImageInputs(torch.from_numpy(images).permute(0, 3, 1, 2), trained.input)
    return trained.network(inputs.batch(torch.arange(len(images)))).numpy()
