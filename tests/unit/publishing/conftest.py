"""A study and what is published of it."""

import shutil
from pathlib import Path

import pytest
from study_factory import make_study

from study.analysis.tables import write_tables
from study.files import read_json, write_json
from study.publishing.publish import publish

CLAIM = {"id": "c", "text": "t", "source": "s", "model": "lite0_frozen", "baseline": None, "metric": "test_accuracy",
         "judgement": "at_least", "expected": 0.5, "rounding": 0.0}  # fmt: skip


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """An analysed study, one of whose nine runs diverged."""
    folder = make_study(tmp_path_factory.mktemp("results") / "fake", diverged=[("lite0_frozen", 1)], dataset="cifar100")
    config = read_json(folder / "config.json")
    ladder = [{"model": model, "label": model, "change": "c"} for model in config["models"]]
    write_json(folder / "config.json", config | {"ladder": ladder, "claims": [CLAIM]})
    write_tables(folder, folder / "tables")
    return folder


@pytest.fixture(scope="module")
def once(study, tmp_path_factory):
    """The study published, only to be read."""
    folder = tmp_path_factory.mktemp("published") / "once"
    publish(study, folder)
    return folder


@pytest.fixture(scope="module")
def few(study, tmp_path_factory):
    """The study with two runs on five images of each class, published."""
    folder = Path(shutil.copytree(study, tmp_path_factory.mktemp("few") / "fake"))
    for run in ("scratch_cnn/seed-0", "scratch_cnn/seed-1"):
        shutil.copytree(folder / "runs" / run, folder / "runs" / run.replace("/", "/per-class-5/"))
    cells = [{"model": "scratch_cnn", "seed": seed, "images_per_class": 5, "settings_sha256": ""} for seed in (0, 1)]
    write_json(folder / "config.json", read_json(folder / "config.json") | {"labels": cells})
    publish(folder, folder.parent / "published")
    return folder.parent / "published"


@pytest.fixture
def published(once, tmp_path):
    """The study published, to be changed."""
    return Path(shutil.copytree(once, tmp_path / "published"))
