"""config.json, read: those of published studies, of older versions too, and what is said of one that is not one."""

import json
from pathlib import Path

import pytest
from configs import COMPUTE, raw

from study.config.planning import study_record
from study.config.record import Pair, StudyRecord, read_record
from study.config.study import load_config
from study.errors import StudyError
from study.paths import RunKey

PUBLISHED = sorted((Path(__file__).parents[2] / "reference").glob("*/config.json"))


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.parent.name)
def test_a_published_record_is_read_whole(path):
    record, given = read_record(path), json.loads(path.read_text())
    cells = {**record.grid, **(record.labels or {})}
    assert [key.model for key in cells] == [cell["model"] for cell in given["grid"] + given.get("labels", [])]
    assert list(cells.values()) == [cell["settings_sha256"] for cell in given["grid"] + given.get("labels", [])]
    assert [pair._asdict() for pair in record.contrasts] == given["contrasts"]
    for name, model in given["models"].items():
        assert {key: getattr(record.models[name], key) for key in model} == model


def test_what_is_written_today_is_read():
    labels = {"models": ["scratch_cnn"], "images_per_class": [5], "seeds": {1: [7]}}
    config = load_config(
        raw() | {"labels": labels, "headline": {"model": "efficientnet_b0", "baseline": "scratch_cnn"}}
    )
    record = StudyRecord.from_json(study_record(config, COMPUTE))
    assert list(record.labels) == [RunKey("scratch_cnn", 7, 5)] and record.curves is None
    assert record.headline == Pair("efficientnet_b0", "scratch_cnn") and record.compute == COMPUTE
    assert record.recipe_of("scratch_cnn")["epochs"] == config.recipes[config.models["scratch_cnn"].recipe].epochs


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"grid": None}, "'grid'"), ({"new": 1}, "unexpected keyword argument 'new'"), ({"dataset": {}}, "missing")],
)
def test_what_is_no_record_is_refused_in_one_sentence(tmp_path, change, reason):
    given = study_record(load_config(raw()), COMPUTE) | change
    path = tmp_path / "config.json"
    path.write_text(json.dumps({key: value for key, value in given.items() if value is not None or key != "grid"}))
    with pytest.raises(StudyError) as caught:
        read_record(path)
    assert str(caught.value).startswith(f"{path} is not a study's record of this version (") and reason in str(
        caught.value
    )
