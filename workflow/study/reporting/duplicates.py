"""Test images that nearly repeat a training image."""

from functools import partial
from typing import Any

from study.analysis.duplicates import THRESHOLD
from study.reporting import text
from study.reporting.markup import Column, is_true, prose, table
from study.reporting.sources import Sources

SHOWN = 60  # because pictures take room; the file has all


def duplicates_page(sources: Sources) -> list[dict[str, Any]]:
    """Test images beside the training or validation image that they nearly repeat."""
    every = sources.tables["near_duplicates"].sort_values("distance", kind="stable")
    frame = every.head(SHOWN).copy()
    for key, title in (("image_id", "test"), ("train_image_id", "train")):
        frame[title] = [[sources.picture(image)] for image in frame[key]]
        frame[f"{title} class"] = [
            text.words(sources.dataset.fine_names[sources.dataset.fine[image]]) for image in frame[key]
        ]
    frame["same"] = ["yes" if is_true(value) else "no" for value in frame["same_class"]]
    columns = [
        Column("test", "Test image", pictures=True),
        Column("test class", "Class"),
        Column("train", "Nearest in train or validation", pictures=True),
        Column("train class", "its class"),
        Column("same", "Same class"),
        Column("distance", "Distance", partial(text.number, digits=3)),
    ]
    other = len(every) - int(every["same_class"].map(is_true).sum())
    found = (
        f"{text.counted(len(every), 'test image')} of {sources.n_test:,} "
        f"({text.percent(len(every) / max(sources.n_test, 1))} %) have a near-duplicate among the training and "
        f"validation images; {other:,} of the pairs are of different classes."
    )
    shown = f" The {len(frame)} nearest pairs are shown, the file has all." if len(every) > len(frame) else ""
    note = (
        f"Pictures enlarged without smoothing. Distance: 0 for the same picture, brighter, paler or mirrored too, "
        f"below {THRESHOLD:g} for a near-duplicate, about 1.4 for two unrelated ones.{shown}"
    )
    return [
        prose("In short", [found, "The page on accuracy without doubtful images shows what leaving them out changes."]),
        table("Near-duplicates", frame, columns, sources.csv("near_duplicates"), note),
    ]
