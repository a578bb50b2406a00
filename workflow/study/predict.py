"""Name the class of any image with a model that the study trained."""

import json
from pathlib import Path

import numpy as np
import safetensors
import torch
from PIL import Image, ImageOps

from study.config.specs import InputSpec, NetworkSpec
from study.errors import StudyError
from study.models import network as networks
from study.training.inputs import ImageInputs


def predict_images(model: Path, images: list[Path], top: int, trust_code: bool) -> None:
    """Print, per image, its `top` classes with probabilities. Raises StudyError for a file that is not an image.

    An image is cropped to its central square and reduced to 32×32 pixels first, because that is what the model saw.
    """
    network, spec, classes = load_model(model, trust_code)
    pixels = torch.from_numpy(np.stack([_read_image(path) for path in images])).permute(0, 3, 1, 2)
    with torch.inference_mode():
        logits = network(ImageInputs(pixels, spec).batch(torch.arange(len(images))))
    for path, row in zip(images, logits.softmax(1), strict=True):
        best = row.topk(min(top, len(classes)))
        named = ", ".join(f"{classes[i]} {100 * p:.1f} %" for p, i in zip(best.values, best.indices, strict=True))
        print(f"{path}: {named}")


def load_model(path: Path, trust_code: bool = False) -> tuple[torch.nn.Module, InputSpec, list[str]]:
    """Return (network in evaluation mode, its input, class names) from a run's model.safetensors.

    The file of a user's own network holds that network's source, which is run only with `trust_code`.
    """
    try:
        with safetensors.safe_open(path, "pt") as stored:
            about = json.loads(stored.metadata()["study"])
            spec = NetworkSpec.from_json(about["network"], str(path))
            tensors = {key: stored.get_tensor(key) for key in stored.keys()}  # noqa: SIM118
    except (OSError, safetensors.SafetensorError, KeyError, TypeError, ValueError, AttributeError) as error:
        kind = type(error).__name__
        raise StudyError(f"{path} is not a model of this study ({kind}); name a run's model.safetensors.") from None
    if not tensors:
        raise StudyError(f"{path} is of a run that diverged and holds no network; name another run's.")
    if spec.source is not None and not trust_code:
        raise StudyError(f"{path} holds code of its own, for its network; if you trust who made it, add --trust-code.")
    try:
        network = networks.build(spec, len(about["classes"]))
        network.load_state_dict(tensors)
        return network.eval(), spec.input, about["classes"]
    except (KeyError, TypeError, AttributeError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise StudyError(
            f"{path} does not hold the network that it describes ({reason}); name another run's."
        ) from None


def _read_image(path: Path) -> np.ndarray:
    try:
        with Image.open(path) as image:
            return np.asarray(ImageOps.fit(image.convert("RGB"), (32, 32), Image.Resampling.BICUBIC))
    except OSError as error:
        kind = type(error).__name__
        raise StudyError(f"{path} cannot be read as an image ({kind}); name a PNG or JPEG file.") from None
