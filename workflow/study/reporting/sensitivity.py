"""What leaving doubtful test images out changes."""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.duplicates import THRESHOLD
from study.reporting import text
from study.reporting.markup import Column, table
from study.reporting.sources import Sources

SUBSETS = {
    "all": "all test images",
    "without_near_duplicates": "without near-duplicates of training or validation images",
    "without_suspect_labels": "without suspect labels",
}


def sensitivity_page(sources: Sources) -> list[dict[str, Any]]:
    """Test accuracy with and without the images in doubt."""
    frame: pd.DataFrame = sources.tables["sensitivity"].copy()
    frame.loc[frame["subset"] == "all", "difference"] = np.nan
    frame["subset"] = frame["subset"].map(lambda name: SUBSETS.get(name, text.words(name)))
    points = partial(text.points, digits=2)
    columns = [
        Column("label", "Model"),
        Column("subset", "Test images"),
        Column("n_images", "Images", text.whole),
        Column("accuracy", "Accuracy (%)", text.percent),
        Column("low", "95 % low, images", text.percent),
        Column("high", "95 % high, images", text.percent),
        Column("difference", "Change (points)", points),
        Column("n_seeds", "Seeds", text.whole),
    ]
    note = (
        "Mean over seeds, with the 95 % Wilson interval for the number of images. A near-duplicate is a test image "
        f"whose nearest training or validation image is nearer than {THRESHOLD:g} (see Methods); suspect labels are "
        "those of a list that the config may name. If the order of the models or the size of a gap changed here, the "
        "answer would depend on the images left out."
    )
    return [table("Sensitivity to the test images", frame, columns, sources.csv("sensitivity"), note)]
