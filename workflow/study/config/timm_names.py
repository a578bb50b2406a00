"""The names of timm's networks: a list made from its registry at lock time, because importing timm takes seconds."""

import functools
from pathlib import Path

from study.errors import nearest

LIST = Path(__file__).with_suffix(".txt")  # a line each: architecture, then its tags


@functools.cache
def _tags() -> dict[str, list[str]]:
    """Return {architecture: its tags, most of which stand for one set of pretrained weights}."""
    lines = LIST.read_text(encoding="utf-8").splitlines()
    return {architecture: tags for architecture, *tags in map(str.split, lines)}


def check_timm(name: str) -> None:
    """Raise ValueError unless `name` is an architecture of timm with one of its tags, e.g. efficientnet_b0.ra_in1k.

    The tag is required where there are any: what a bare name stands for can change from one timm to the next.
    """
    known = _tags()
    architecture, _, tag = name.partition(".")
    if architecture not in known:
        full = [f"{one}.{each}" for one, tags in known.items() for each in tags]
        raise ValueError(f"timm has no architecture {name!r}{nearest(name, [*known, *full])}")
    tags = known[architecture]
    if not tags and name != architecture:
        raise ValueError(f"timm's {architecture} has no tags; write timm/{architecture}")
    if tags and tag not in tags:
        examples = ", ".join(f"{architecture}.{one}" for one in tags[:6])
        raise ValueError(f"architecture timm/{name} needs one of timm's tags: {examples}")


def listing() -> str:
    """Return the content of the list for the installed timm."""
    import timm

    tags: dict[str, list[str]] = {name: [] for name in timm.list_models()}
    for full in timm.list_pretrained():
        architecture, _, tag = full.partition(".")
        if tag:
            tags[architecture].append(tag)
    return "".join(f"{' '.join([name, *tags[name]])}\n" for name in sorted(tags))


if __name__ == "__main__":
    LIST.write_text(listing(), encoding="utf-8")
