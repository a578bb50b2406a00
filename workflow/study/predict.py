"""Name the class of any picture with a model that the study trained."""

import csv
import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import safetensors
import torch

from study.config.specs import InputSpec, NetworkSpec
from study.data.layouts import find_below
from study.data.pictures import read_picture
from study.errors import StudyError
from study.files import atomic_write
from study.models import network as networks
from study.training.inputs import ImageInputs

BATCH = 64  # images, so that thousands need no more memory than these
Answer = list[tuple[str, float]]  # (class, its probability), the most probable first


class TrainedModel(NamedTuple):
    """A network in evaluation mode, its input, the names of its classes; and how a picture becomes a stored square.

    That is of `image_size` pixels; see `study.data.pictures.read_picture` for `fit`.
    """

    network: torch.nn.Module
    input: InputSpec
    classes: list[str]
    image_size: int
    fit: str


def predict_images(model: Path, images: list[Path], top: int, trust_code: bool, table: Path | None = None) -> None:
    """Print, per image, its `top` classes with probabilities, and write them to the CSV file `table` if it is given.

    Of a folder, that is each picture below it. A picture is prepared as those were that the model saw: CIFAR's squares
    of 32 pixels, or as the folder's were. A file that cannot be read gets a sentence on standard error, and the others
    their answers: StudyError at the end. Where nobody reads on (`| head`), the table is still written.
    """
    trained, images = load_model(model, trust_code), _pictures(images)
    answers: dict[Path, Answer] = {}
    is_read = True
    for paths, pixels in _batches(images, trained):
        for path, answer in zip(paths, _answers(trained, pixels, top), strict=True):
            answers[path] = answer
            named = ", ".join(f"{name} {100 * probability:.1f} %" for name, probability in answer)
            is_read = is_read and _say(f"{_shown(path)}: {named}")
        if not is_read and table is None:
            return
    if table is not None:
        _write_table(table, answers)
    if refused := len({*images} - answers.keys()):
        raise StudyError(f"{refused} of {len({*images})} images could not be read, as said above.")


def _pictures(paths: list[Path]) -> list[Path]:
    """Return the paths, each folder replaced by the pictures below it. Raises StudyError if that has none."""
    found = []
    for path in paths:
        inside = find_below(path) if path.is_dir() else [path]
        if not inside:
            raise StudyError(f"{path} holds no pictures; name another folder.")
        found += inside
    return found


def _say(line: str) -> bool:
    """Print a line; return False if nobody reads standard output any more, and let nothing else go there."""
    try:
        print(line, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    return True


def _shown(path: Path) -> str:
    """Return the path as text; bytes of a name that is not UTF-8 as \\x and two digits."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _batches(images: list[Path], model: TrainedModel) -> Iterator[tuple[list[Path], torch.Tensor]]:
    """Yield paths and their pixels uint8 [B, 3, S, S]; of a file that cannot be read, print why."""
    paths, pixels = [], []
    for path in images:
        try:
            pixels.append(read_picture(path, model.image_size, model.fit))
            paths.append(path)
        except StudyError as error:
            print(f"Error: {error}", file=sys.stderr)
        if len(paths) == BATCH:
            yield paths, torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2)
            paths, pixels = [], []
    if paths:
        yield paths, torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2)


def _answers(model: TrainedModel, pixels: torch.Tensor, top: int) -> Iterable[Answer]:
    with torch.inference_mode():
        logits = model.network(ImageInputs(pixels, model.input).batch(torch.arange(len(pixels))))
    best = logits.float().softmax(1).topk(min(top, len(model.classes)))
    for probabilities, indices in zip(best.values.tolist(), best.indices.tolist(), strict=True):
        yield [(model.classes[index], probability) for index, probability in zip(indices, probabilities, strict=True)]


def _write_table(path: Path, answers: dict[Path, Answer]) -> None:
    """One row per image and class: image, rank from 1, class, probability."""
    with atomic_write(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(("image", "rank", "class", "probability"))
        for image, answer in answers.items():
            for rank, (name, probability) in enumerate(answer, 1):
                writer.writerow((_shown(image), rank, name, f"{probability:.6f}"))


def load_model(path: Path, trust_code: bool = False) -> TrainedModel:
    """Return the network in a run's model.safetensors, and what goes with it.

    The file of a user's own network holds that network's source, which is run only with `trust_code`.
    """
    if not path.is_file():
        raise StudyError(f"There is no model {path}; name a run's model.safetensors.")
    try:
        with safetensors.safe_open(path, "pt") as stored:
            about = json.loads(stored.metadata()["study"])
            spec = NetworkSpec.from_json(about["network"], str(path))
            kept = about.get("preparation", {})
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
        return TrainedModel(network.eval(), spec.input, about["classes"], **{"image_size": 32, "fit": "crop"} | kept)
    except (KeyError, TypeError, AttributeError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise StudyError(
            f"{path} does not hold the network that it describes ({reason}); name another run's."
        ) from None
