"""What a recipe does to a training image, in words with units."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from study.findings import text


class Change(NamedTuple):
    """One thing that happens to a training image: its `kind`, its `amount` as a share of the image, and the words."""

    kind: str
    amount: float
    words: str


def changes(augmentation: Mapping[str, Any] | None, side: int) -> list[Change]:
    """The changes that `augmentation` of a recipe makes to images of `side` pixels, in the order of its settings."""
    given = {name: value for name, value in (augmentation or {}).items() if value}
    made = {
        "horizontal_flip": lambda chance: Change("mirror", 1, f"mirrored left to right {_chance(chance)}"),
        "alternating_flip": lambda _: Change("mirror", 1, "mirrored left to right in every other epoch"),
        "vertical_flip": lambda chance: Change("turn", 1, f"mirrored upside down {_chance(chance)}"),
        "shift": lambda most: Change(
            "shift", _share(most, side), f"moved by up to {_pixels(most, side)} each way, its edges mirrored"
        ),
        "crop": lambda crop: Change(
            "crop", crop["scale"],
            f"cut to a random part of {text.published(crop['scale'])} to 100 % of its area, with sides of at most "
            f"{crop['ratio']:g} to 1, and resized",
        ),
        "cutout": lambda length: Change(
            "cutout", _share(length, side), f"blanked in a random square of {_pixels(length, side)}"
        ),
        "mixup": lambda alpha: Change(
            "mixup", 0.5, f"blended with another, and so are their labels (mixup, α = {alpha:g})"
        ),
        "cutmix": lambda alpha: Change(
            "cutmix", 0.5, f"with a part of another pasted in, and the labels mixed by area (CutMix, α = {alpha:g})"
        ),
    }  # fmt: skip
    return [make(given[name]) for name, make in made.items() if name in given]


def said(augmentation: Mapping[str, Any] | None, side: int) -> str:
    """All changes in a line."""
    return "; ".join(change.words for change in changes(augmentation, side)) or "not altered"


def _chance(probability: float) -> str:
    return f"with a chance of {text.published(probability)} %"


def _share(length: float, side: int) -> float:
    return length if isinstance(length, float) else length / side


def _pixels(length: float, side: int) -> str:
    if isinstance(length, float):
        return f"{text.published(length)} % of its side"
    return f"{length} of its {side} pixels"
