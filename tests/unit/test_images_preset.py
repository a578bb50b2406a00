"""The preset for a folder of pictures: few are seen often, many once an epoch, and its time is told at the start."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from study.analysis.costs import images_seen
from study.analysis.runs import Run
from study.config.planning import spec_of, study_record
from study.config.record import StudyRecord
from study.config.specs import ComputeSpec
from study.config.study import load_config
from study.config.yaml_files import merge_files
from study.errors import StudyError
from study.findings.runs import budget
from study.orchestration.overview import describe
from study.paths import DEFAULT_CONFIG, RunKey, StudyPaths

PRESET = DEFAULT_CONFIG.with_name("workflow") / "presets" / "images.yaml"
COMPUTE = ComputeSpec(device="cpu", threads=1, precision="float32")


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """The config of the preset on a folder of 60 pictures in three classes of unequal size."""
    folder = tmp_path_factory.mktemp("pictures")
    for name, count in (("cats", 40), ("dogs", 10), ("owls", 10)):
        (folder / name).mkdir()
        for number in range(count):
            Image.fromarray(np.full((20, 20, 3), number, np.uint8)).save(folder / name / f"{number}.png")
    merged = merge_files([DEFAULT_CONFIG, PRESET])
    return merged | {"dataset": merged["dataset"] | {"name": "folder", "folder": str(folder)}}


def test_few_pictures_are_seen_often_and_many_once_an_epoch(raw):
    config = load_config(raw)
    seen = {name: config.recipe_of(name).budget(50) for name in config.grid.models}
    assert seen == {"scratch_fast": 12_000, "efficientnet_lite0_frozen": 50, "efficientnet_lite0_fast": 6_000}
    many = {name: config.recipe_of(name).budget(50_000) for name in config.grid.models}
    assert many == {"scratch_fast": 600_000, "efficientnet_lite0_frozen": 50_000, "efficientnet_lite0_fast": 200_000}
    recipes = [spec_of(config, RunKey(name, 0), COMPUTE).recipe for name in config.grid.models]
    assert {recipe.class_weights for recipe in recipes} == {"balanced"}
    assert [recipe.best_epoch for recipe in recipes] == ["val_macro_accuracy", "last", "val_macro_accuracy"]


def test_the_report_counts_the_images_that_were_seen(raw):
    record = StudyRecord.from_json(study_record(load_config(raw), COMPUTE))

    def seen(train: int, epochs: int) -> float:
        return images_seen(record, Run("scratch_fast", 0, {"epochs": epochs, "data": {"train": train}}, pd.DataFrame()))

    assert (seen(48, 12), seen(48, 6), seen(5000, 12)) == (12_000, 6_000, 60_000)
    assert budget(record.recipe_of("efficientnet_lite0_fast")) == "4 epochs, at least 6,000 images seen"
    assert record.duplicate_features == "efficientnet_lite0_frozen"


def test_the_time_is_judged_before_anything_has_run(raw, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where no check of the machine is
    config = load_config(raw)
    said = describe(config, COMPUTE, StudyPaths(tmp_path / "results" / "images"))
    seconds = 3 * (12_000 * 0.0044 + 48 * 0.01 + 6_000 * 0.0055)
    assert f"about {seconds / 60:.0f} minutes if run one after the other, judged by a core of another machine" in said
    with pytest.raises(StudyError, match="seconds_per_image: there is no model 'resnet'"):
        load_config(raw | {"seconds_per_image": {"resnet": 1}})
