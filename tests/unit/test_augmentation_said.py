"""What a recipe does to an image in words, and what differs between two recipes."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from small_results import B0, CNN, results_of

from study.findings.augmentation import changes, said
from study.reporting.images import two_labels_page
from study.reporting.recipes import settings_of


@pytest.mark.parametrize(
    ("setting", "kind", "amount", "words"),
    [
        ({"horizontal_flip": 0.5}, "mirror", 1, "mirrored left to right with a chance of 50 %"),
        ({"shift": 4}, "shift", 0.125, "moved by up to 4 of its 32 pixels each way, its edges mirrored"),
        ({"shift": 0.0625}, "shift", 0.0625, "moved by up to 6.25 % of its side each way, its edges mirrored"),
        ({"cutout": 8}, "cutout", 0.25, "blanked in a random square of 8 of its 32 pixels"),
        ({"crop": {"scale": 0.6, "ratio": 1.25}}, "crop", 0.6,
         "cut to a random part of 60 to 100 % of its area, with sides of at most 1.25 to 1, and resized"),
        ({"mixup": 0.2}, "mixup", 0.5, "blended with another, and so are their labels (mixup, α = 0.2)"),
    ],
)  # fmt: skip
def test_a_change_is_said_with_its_unit(setting, kind, amount, words):
    off = {"horizontal_flip": 0.0, "shift": 0, "crop": None, "cutmix": 0.0, "alternating_flip": False}
    assert changes(off | setting, 32) == [(kind, amount, words)]


def test_changes_stand_in_one_line_and_none_is_said():
    both = {"alternating_flip": True, "cutout": 0.5}
    assert said(both, 32) == (
        "mirrored left to right in every other epoch; blanked in a random square of 50 % of its side"
    )
    assert said({"shift": 0}, 32) == said(None, 32) == "not altered"


def test_settings_name_the_start_and_the_augmentation_in_words():
    recipe = {"epochs": 4, "augmentation": {"horizontal_flip": 1.0}, "schedule": {"shape": "linear"}}
    results = results_of({"cnn": (CNN | {"recipe": "r"}, 0.4, 0.4), "b0": (B0 | {"recipe": "r"}, 0.8, 0.8)})
    results.dataset.meta = {}
    results = dataclasses.replace(results, config=dataclasses.replace(results.config, recipes={"r": recipe}))
    assert settings_of(results, "b0") == {
        "architecture": "b0", "starts from": "pretrained weights", "image size of the network": "224 px", "epochs": "4",
        "schedule: shape": "linear", "a training image is": "mirrored left to right with a chance of 100 %",
    }  # fmt: skip
    assert settings_of(results, "cnn")["starts from"] == "random weights"


def test_pairs_with_two_labels_are_surely_one_picture_the_most_alike_first_and_names_stay_text():
    nan = float("nan")
    rows = [(6, 1, 0.1, nan, 1), (7, 2, 0.8, 0.95, 0), (8, 3, 0.2, nan, 0), (5, 1, 0.2, 0.94, 0), (4, 1, 0.6, nan, 0)]
    table = pd.DataFrame(rows, columns=["image_id", "train_image_id", "distance", "likeness", "same_class"])
    results = results_of(near_duplicates=table)
    results.dataset.fine = np.array([0, 0, 1, 2, 0, 0, 0, 2, 1])
    results.dataset.fine_names = ["a", "<b>", "c_d"]
    (section,) = two_labels_page(results)
    assert [one.image for one in section["groups"][0]["pictures"]] == [8, 3, 7, 2]
    assert section["note"].startswith("2 test images nearly repeat a training or validation image of another class")
    assert "&lt;b&gt; <small>in test,</small> c d <small>in training</small>" in section["html"]
    assert two_labels_page(results_of(near_duplicates=table.iloc[:1])) == []
