"""The pictures behind the confusion matrices: misclassified test images in one file, with every model's answers."""

import functools
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from study.data.dataset import TEST
from study.data.pictures import resized
from study.findings import text
from study.findings.results import Results
from study.reporting.markup import Picture, picture_uri

LIMITS = {32: 2500, 96: 1700}  # pictures in the sprite by their side in pixels; about 0.6 and 6 MB of photographs
WIDEST = 96  # pixels of a picture that stands alone
COLUMNS = 50
QUALITY = 70  # of WebP


def choose_images(named: np.ndarray, fine: np.ndarray, limit: int = LIMITS[32]) -> np.ndarray:
    """The misclassified images to show, as places int [<= limit], ascending.

    `named` [runs, images] is what every run takes an image for, `fine` [images] what it is. Of every kind of
    mistake (a class taken for another), the image comes first that most runs mistake that way, ties: the first; first
    images before second ones, and among them those of the most frequent mistakes.
    """
    run, place = np.nonzero(named != fine)
    mistakes = pd.DataFrame({"true": fine[place], "named": named[run, place], "place": place})
    found = mistakes.value_counts().rename("runs").reset_index()
    found = found.sort_values(["true", "named", "runs", "place"], ascending=[True, True, False, True])
    kinds = found.groupby(["true", "named"])
    found["rank"], found["frequency"] = kinds.cumcount(), kinds["runs"].transform("sum")
    queue = found.sort_values(["rank", "frequency", "true", "named"], ascending=[True, False, True, True])["place"]
    return np.sort(queue.unique()[:limit])


def rule(shown: int, wrong: int, test: int) -> str:
    """In a sentence, which of `test` images are in the sprite, of which `wrong` are misclassified by a run."""
    if not wrong:
        return "No run gets a test image wrong, so there are no pictures."
    if shown == wrong:
        return f"The pictures are all {wrong:,} of the {test:,} test images that at least one run gets wrong."
    return (
        f"{wrong:,} of the {test:,} test images are misclassified by at least one run; {shown:,} are shown, "
        "the most frequent mistakes first."
    )


@functools.cache  # several panels of several pages show them
def pictures(results: Results) -> dict[str, Any]:
    """What the scripts need: the sprite, and of each image its class and what each model's seeds take it for.

    `answers` [image][model] is flat: class, number of seeds, next class, …, the most frequent first; where all seeds
    agree, the class alone.
    """
    test = results.dataset.ids(TEST)
    fine = results.dataset.fine[test]
    named = {model: results.predicted(model)[1] for model in results.models}
    all_runs = np.concatenate(list(named.values()))
    side = next((side for side in LIMITS if side >= results.image_size), max(LIMITS))
    shown = choose_images(all_runs, fine, LIMITS[side])
    wrong = int((all_runs != fine).any(axis=0).sum())
    shown = shown[np.argsort(fine[shown], kind="stable")]
    return {
        "rule": rule(len(shown), wrong, len(test)),
        "columns": COLUMNS,
        "size": max(64, side),  # in pixels, as it is shown
        "uri": picture_uri(sprite(resized(results.dataset.images[test[shown]], side)), QUALITY) if len(shown) else "",
        "images": test[shown].tolist(),
        "true": fine[shown].tolist(),
        "answers": [[_answers(runs[:, place]) for runs in named.values()] for place in shown],
        "wrong": np.bincount(fine[(all_runs != fine).any(axis=0)], minlength=results.dataset.classes).tolist(),
        "test": np.bincount(fine, minlength=results.dataset.classes).tolist(),
    }


def alone(results: Results, image: int) -> str:
    """An image of the dataset as an address, of no more pixels than it takes to know what it shows."""
    pixels = resized(results.dataset.images[[image]], min(results.image_size, WIDEST))
    return picture_uri(pixels[0])


def enlarged(results: Results) -> str:
    """What a note says of small pictures, behind a comma."""
    return ", enlarged without smoothing" if results.image_size <= min(LIMITS) else ""


def files(results: Results, images: Iterable[int]) -> list[str]:
    """The files of the user's folder that images are from; nothing of other data."""
    sources = results.dataset.sources
    return ["" if sources is None else str(sources[image]) for image in images]


def picture(results: Results, image: int, below: str = "") -> Picture:
    """An image of the dataset, with its class as the text for readers who cannot see it."""
    name = text.words(results.dataset.fine_names[results.dataset.fine[image]])
    return Picture(int(image), f"Image {image}, labelled {name}", below)


def sprite(images: np.ndarray) -> np.ndarray:
    """Images uint8 [n, height, width, 3] as the tiles of one, COLUMNS to a row, the last row filled up with black."""
    count, height, width, _ = images.shape
    rows = -(-count // COLUMNS)
    tiles = np.zeros((rows * COLUMNS, height, width, 3), np.uint8)
    tiles[:count] = images
    return tiles.reshape(rows, COLUMNS, height, width, 3).swapaxes(1, 2).reshape(rows * height, COLUMNS * width, 3)


def _answers(named: np.ndarray) -> list[int]:
    classes, seeds = np.unique(named, return_counts=True)
    order = np.argsort(-seeds, kind="stable")
    return classes.tolist() if len(classes) == 1 else np.column_stack([classes[order], seeds[order]]).ravel().tolist()
