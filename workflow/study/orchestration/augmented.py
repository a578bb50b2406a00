"""A sheet of training pictures as networks see them, augmented by their recipes, to look at before anything trains."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from study.config.specs import RunSpec, read_run_spec
from study.data.dataset import TRAIN, Dataset, read_dataset
from study.files import atomic_write
from study.training import streams
from study.training.augment import draw_mixing, is_mixed, mix
from study.training.inputs import ImageInputs, as_tensor

PICTURES, DRAWS = 3, 6
TILE, GAP, LINE = 144, 4, 20  # pixels; the gap is a part of the tile


def write_augmented(specs: Sequence[Path], dataset: Path, path: Path) -> None:
    """Write a PNG: for the run of each spec, pictures as they are stored, and how it would see them in some epochs."""
    data, band = read_dataset(dataset), PICTURES * TILE + 2 * LINE
    sheet = Image.new("RGB", ((1 + DRAWS) * TILE, len(specs) * band), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for top, spec in zip(range(0, sheet.height, band), map(read_run_spec, specs), strict=True):
        draw.text((2, top + 2), spec.model, "black", font)
        for column, (caption, images) in enumerate(_columns(spec, data)):
            draw.text((column * TILE + 2, top + LINE), caption, "black", font)
            for row, image in enumerate(images):
                tile = Image.fromarray(image).resize((TILE - GAP, TILE - GAP), Image.Resampling.BICUBIC)
                sheet.paste(tile, (column * TILE, top + 2 * LINE + row * TILE))
    with atomic_write(path) as temporary:
        sheet.save(temporary, optimize=True)


def _columns(spec: RunSpec, data: Dataset) -> list[tuple[str, np.ndarray]]:
    """What stands above each column, and its images uint8 [PICTURES, S, S, 3]."""
    rows = data.ids(TRAIN)
    ids = torch.from_numpy(rows[np.linspace(0, len(rows) - 1, PICTURES).astype(int)])
    recipe, draws = spec.recipe, streams.generator(spec.seed, 0, "sheet")
    inputs = ImageInputs(as_tensor(data.images), spec.network.input, recipe.augmentation, recipe.input_sizes)
    columns = [(f"stored, {data.images.shape[1]} px", np.asarray(data.images[ids.numpy()]))]
    for epoch in np.linspace(1, recipe.epochs, DRAWS).round().astype(int).tolist():
        inputs.begin_epoch(spec.seed, epoch)
        images = inputs.batch(ids, draws)
        if is_mixed(recipe.augmentation):
            rng = np.random.default_rng(streams.stream_seed(spec.seed, epoch, "mix"))
            images = mix(images, torch.tensor(draw_mixing(recipe.augmentation, inputs.training_size, rng)))
        pixels = (255 * (images * inputs.std + inputs.mean)).round().clamp(0, 255).byte()
        columns.append((f"epoch {epoch}, {inputs.training_size} px", pixels.permute(0, 2, 3, 1).numpy()))
    return columns
