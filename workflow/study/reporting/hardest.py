"""The test images that the models get wrong most often."""

from functools import partial
from typing import Any

from study.reporting import text
from study.reporting.markup import Column, table
from study.reporting.sources import Sources

SHOWN = 100  # because pictures take room; the file has more


def hardest_page(sources: Sources) -> list[dict[str, Any]]:
    """The test images that the fewest runs get right, enlarged."""
    frame = sources.tables["hardest"].head(SHOWN).copy()
    frame["pictures"] = [[sources.picture(image)] for image in frame["image_id"]]
    frame[["class", "most_named"]] = frame[["class", "most_named"]].map(lambda name: text.words(str(name)))
    models = sources.tables["runs"].query("outcome == 'finished'")["model"].nunique()
    columns = [
        Column("pictures", "Image", pictures=True),
        Column("class", "Labelled"),
        Column("most_named", "Most often named"),
        Column("most_named_share", "by (%, mean over models)", partial(text.percent, digits=0)),
        Column("correct_share", "Right (%, mean over models)", text.percent),
        Column("models_all_wrong", f"Models always wrong (of {models})", text.whole),
        Column("test_position", "Place among the test images", text.whole),
    ]
    note = (
        f"The {text.counted(len(frame), 'test image')} that the models get right least often; right is the mean over "
        "models of the share of a model's seeds. If every run names the same other class, the label may be wrong: "
        "look at the image. Places among the test images count from 0, in the order of the data."
    )
    return [table("Hardest images", frame, columns, sources.csv("hardest"), note)]
