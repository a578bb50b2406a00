"""What timm knows of its networks: a table made from its registry at lock time, as importing timm takes seconds."""

import csv
import functools
from dataclasses import dataclass
from pathlib import Path

from study.errors import nearest

NORMALISATIONS = {
    # mean and standard deviation per RGB channel of pixels scaled to [0, 1]
    "cifar100": ([0.5071, 0.4865, 0.4409], [0.2673, 0.2564, 0.2762]),  # of CIFAR-100's training images
    "imagenet": ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),  # torchvision and timm
    "half": ([0.5, 0.5, 0.5], [0.5, 0.5, 0.5]),  # TensorFlow's EfficientNet-Lite and augreg ViT weights
    "none": ([0.0, 0.0, 0.0], [1.0, 1.0, 1.0]),
}

TABLE = Path(__file__).with_suffix(".csv")


@dataclass(frozen=True)
class TimmNetwork:
    """A network of timm's: `size` in pixels that it was made for, and whether it `is_fixed`, so built for one size.

    `classifiers` is how many it has; `normalisation` is that of its pretraining, as the config writes it.
    """

    size: int
    is_fixed: bool
    classifiers: int
    normalisation: str | dict[str, list[float]]


@functools.cache
def _known() -> dict[str, dict[str, TimmNetwork]]:
    """Return {architecture: {tag: its network}}; a tag stands for a set of pretrained weights, "" for none."""
    known: dict[str, dict[str, TimmNetwork]] = {}
    with TABLE.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            colours = _read_normalisation(row["normalisation"])
            network = TimmNetwork(int(row["size"]), row["fixed"] == "1", int(row["classifiers"]), colours)
            known.setdefault(row["architecture"], {}).update(dict.fromkeys(row["tags"].split() or [""], network))
    return known


def _read_normalisation(text: str) -> str | dict[str, list[float]]:
    """Return the name that `text` is, or the six numbers in it as {mean, std}."""
    numbers = text.split()
    return {"mean": [*map(float, numbers[:3])], "std": [*map(float, numbers[3:])]} if len(numbers) == 6 else text


def timm_network(name: str) -> TimmNetwork | None:
    """Return what timm knows of `name`, an architecture with its tag; None for a name that `check_timm` refuses."""
    architecture, _, tag = name.partition(".")
    return None if name.endswith(".") else _known().get(architecture, {}).get(tag)


def has_weights(name: str) -> bool:
    """Return whether timm's hub has weights for `name`."""
    return "." in name and timm_network(name) is not None


def check_timm(name: str) -> None:
    """Raise ValueError unless `name` is an architecture of timm with one of its tags, e.g. efficientnet_b0.ra_in1k.

    The tag is required where there are any: what a bare name stands for can change from one timm to the next.
    """
    known = _known()
    architecture, _, tag = name.partition(".")
    if architecture not in known:
        full = [f"{one}.{each}" for one, tags in known.items() for each in tags if each]
        raise ValueError(f"timm has no architecture {name!r}{nearest(name, [*known, *full])}")
    tags = known[architecture]
    if "" in tags and name != architecture:
        raise ValueError(f"timm's {architecture} has no tags; write timm/{architecture}")
    if tag not in tags:
        examples = ", ".join(f"{architecture}.{one}" for one in sorted(tags)[:6])
        raise ValueError(f"architecture timm/{name} needs one of timm's tags: {examples}")


def listing() -> str:
    """Return the content of the table for the installed timm: a line for the tags of an architecture that agree."""
    import timm

    named = {(*mean, *std): name for name, (mean, std) in NORMALISATIONS.items()}
    tags: dict[str, list[str]] = {name: [] for name in timm.list_models()}
    for full in timm.list_pretrained():
        architecture, _, tag = full.partition(".")
        if tag:
            tags[architecture].append(tag)
    rows: dict[tuple[str, ...], list[str]] = {}
    for architecture in sorted(tags):
        for tag in tags[architecture] or [""]:
            config = timm.get_pretrained_cfg(f"{architecture}.{tag}" if tag else architecture)
            heads = [config.classifier] if isinstance(config.classifier, str) else config.classifier or []
            colours = named.get((*config.mean, *config.std), " ".join(map(str, (*config.mean, *config.std))))
            facts = (config.input_size[-1], int(config.fixed_input_size), len(heads), colours)
            rows.setdefault((architecture, *map(str, facts)), []).append(tag)
    lines = [["architecture", "size", "fixed", "classifiers", "normalisation", "tags"]]
    lines += [[*facts, " ".join(names)] for facts, names in rows.items()]
    return "".join(f"{','.join(line)}\n" for line in lines)


if __name__ == "__main__":
    TABLE.write_text(listing(), encoding="utf-8")
