"""A sheet of pictures of each class as they were read and as they are stored, to look at before anything trains."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from study.data.dataset import Dataset
from study.data.folder import FolderSettings
from study.data.pictures import opened
from study.files import atomic_write

CLASSES, PER_CLASS, TILE, LINE = 12, 4, 128, 24  # at most; the last two in pixels
FRAME = (230, 60, 40)


def write_sheet(dataset: Dataset, settings: FolderSettings, path: Path) -> None:
    """Write a PNG: a row per class, evenly spaced where there are many; of each picture the original and the square.

    In the original, a frame shows what the square keeps of it.
    """
    shown = np.linspace(0, dataset.classes - 1, min(CLASSES, dataset.classes)).round().astype(int)
    sheet = Image.new("RGB", (PER_CLASS * (2 * TILE + LINE), len(shown) * (TILE + LINE)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for place, label in enumerate(shown.tolist()):
        rows, top = np.flatnonzero(dataset.fine == label), place * (TILE + LINE)
        draw.text((2, top + 4), f"{label + 1}: {dataset.fine_names[label]}, {len(rows)} pictures", "black", font)
        for column, row in enumerate(rows[np.linspace(0, len(rows) - 1, min(PER_CLASS, len(rows))).astype(int)]):
            left = column * (2 * TILE + LINE)
            sheet.paste(_original(settings.folder / dataset.sources[row], settings.fit), (left, top + LINE))
            square = Image.fromarray(np.asarray(dataset.images[row])).resize((TILE, TILE), Image.Resampling.BICUBIC)
            sheet.paste(square, (left + TILE, top + LINE))
    with atomic_write(path) as temporary:
        sheet.save(temporary, optimize=True)


def _original(path: Path, fit: str) -> Image.Image:
    """The picture within a square tile, framed where it is cropped."""
    with opened(path, TILE) as image:
        small = ImageOps.contain(image, (TILE - 4, TILE - 4))
    if fit == "crop":
        side = min(small.size)
        left, top = ((length - side) // 2 for length in small.size)
        ImageDraw.Draw(small).rectangle((left, top, left + side - 1, top + side - 1), outline=FRAME, width=2)
    tile = Image.new("RGB", (TILE, TILE), "white")
    tile.paste(small, ((TILE - small.width) // 2, (TILE - small.height) // 2))
    return tile
