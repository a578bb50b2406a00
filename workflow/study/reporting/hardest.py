"""The images themselves: the hardest ones, those with a near-duplicate in train, and what leaving some out changes."""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from study.reporting import text
from study.reporting.markup import Column, Picture, prose, table
from study.reporting.sources import Sources

HARDEST, DUPLICATES = 100, 60  # shown, for pictures take room; the table of all is a click away
SUBSETS = {
    "all": "all test images",
    "without_near_duplicates": "without near-duplicates of train",
    "without_suspect_labels": "without suspect labels",
}
whole = partial(text.number, digits=0)


def picture(sources: Sources, image: int, below: str = "") -> Picture:
    """An image of the dataset, with its class as the text for who cannot see it."""
    name = text.words(sources.dataset.fine_names[sources.dataset.fine[image]])
    return Picture(int(image), f"Image {image}, labelled {name}", below)


def hardest_page(sources: Sources) -> list[dict[str, Any]]:
    """The test images that the fewest runs get right, enlarged."""
    frame = sources.tables["hardest"].head(HARDEST).copy()
    frame["pictures"] = [[picture(sources, image)] for image in frame["image_id"]]
    frame[["class", "most_named"]] = frame[["class", "most_named"]].map(lambda name: text.words(str(name)))
    models = sources.tables["runs"].query("outcome == 'finished'")["model"].nunique()
    columns = [
        Column("pictures", "Image", pictures=True),
        Column("class", "Labelled"),
        Column("most_named", "Most often named"),
        Column("most_named_share", "by (%, mean over models)", partial(text.percent, digits=0)),
        Column("correct_share", "Right (%, mean over models)", text.percent),
        Column("models_all_wrong", f"Models that always err (of {models})", whole),
        Column("test_position", "Place in the test file", whole),
    ]
    note = (
        f"The {text.counted(len(frame), 'test image')} that the models get right least often; right is the mean over "
        "models of the share of a model's seeds. An image that every run names alike, and not as it is labelled, may "
        "be labelled wrongly: look at it. The place counts from 0 in the official test file."
    )
    return [table("Hardest images", frame, columns, sources.csv("hardest"), note)]


def duplicates_page(sources: Sources) -> list[dict[str, Any]]:
    """Test images beside the training or validation image that they nearly repeat."""
    every = sources.tables["near_duplicates"].sort_values("distance", kind="stable")
    frame = every.head(DUPLICATES).copy()
    for key, title in (("image_id", "test"), ("train_image_id", "train")):
        frame[title] = [[picture(sources, image)] for image in frame[key]]
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
        f"below {sources.near:g} for a near-duplicate, about 1.4 for two unrelated ones.{shown}"
    )
    return [
        prose("In short", [found, "The page Sensitivity says what leaving them out changes."]),
        table("Near-duplicates", frame, columns, sources.csv("near_duplicates"), note),
    ]


def is_true(value: Any) -> bool:
    """A truth value as a table holds it: 1, True or true."""
    return str(value).lower() in ("1", "1.0", "true")


def sensitivity_page(sources: Sources) -> list[dict[str, Any]]:
    """Test accuracy with and without the images in doubt."""
    frame: pd.DataFrame = sources.tables["sensitivity"].copy()
    frame.loc[frame["subset"] == "all", "difference"] = np.nan
    frame["subset"] = frame["subset"].map(lambda name: SUBSETS.get(name, text.words(name)))
    points = partial(text.points, digits=2)
    fine = partial(text.percent, digits=2)
    columns = [
        Column("label", "Model"),
        Column("subset", "Test images"),
        Column("n_images", "Images", whole),
        Column("accuracy", "Accuracy (%)", fine),
        Column("low", "95 % low, images", fine),
        Column("high", "95 % high, images", fine),
        Column("difference", "Change (points)", points),
        Column("n_seeds", "Seeds", whole),
    ]
    note = (
        "Mean over seeds, with the 95 % Wilson interval for the number of images. A near-duplicate is a test image "
        f"whose nearest training or validation image is nearer than {sources.near:g} (see Methods); suspect labels are "
        "those of a "
        "list that the config may name. If the order of the models or the size of a gap changed here, the answer would "
        "rest on the images left out."
    )
    return [table("Sensitivity to the test images", frame, columns, sources.csv("sensitivity"), note)]
