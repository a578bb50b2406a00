"""summary.json says what the tables say, and is as its schema says."""

import json
import shutil

import jsonschema
import pytest
from analysed import CLAIM, SCHEMA, analyse, edit_json
from study_factory import make_study

from study.analysis.tables import write_tables
from study.data.dataset import read_labels
from study.errors import StudyError


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return make_study(tmp_path_factory.mktemp("results") / "demo")


@pytest.fixture(scope="module")
def analysed(study):
    return analyse(study)


def test_the_summary_says_what_the_tables_say(study, analysed):
    tables, summary = analysed
    assert (summary["schema"], summary["study"], summary["synthetic"]) == (3, "demo", True)
    assert summary["dataset"]["fingerprint"] == read_labels(study / "dataset.npz").meta["fingerprint"]
    assert summary["dataset"]["images"] == {"train": 300, "validation": 200, "test": 1000}
    row = tables["models"].set_index(["model", "metric"]).loc[("lite0_frozen", "test_accuracy")]
    entry = summary["models"][2]
    assert [entry["model"], entry["label"], entry["regime"]] == ["lite0_frozen", "Lite0 frozen", "frozen"]
    for name in ("mean", "sd", "ci_low", "ci_high", "test_low", "test_high"):
        assert entry[name] == row[name]
    assert len(summary["contrasts"]) == 6
    assert summary["cost"]["by_model"]["lite0_frozen"]["features_seconds"] == 12.5
    assert summary["cost"]["by_model"]["scratch_cnn"]["features_seconds"] is None


def described(schema):
    """Every property of a schema has a description, at every depth."""
    for key, entry in schema.get("properties", {}).items():
        assert entry.get("description"), key
    for entry in [*schema.get("properties", {}).values(), schema.get("items"), schema.get("additionalProperties")]:
        if isinstance(entry, dict):
            described(entry)


def test_the_summary_is_as_its_schema_says(analysed, tmp_path):
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    described(schema)
    study = make_study(tmp_path / "demo", {"cnn": 0.5, "vit": 0.7}, range(2), {("vit", 0), ("vit", 1)})
    suspects = {"file": "list.txt", "sha256": "7" * 64, "images": [0, 1]}
    ladder = [{"model": "vit", "label": "ViT", "change": "x"}]
    edit_json(study / "config.json", suspect_labels=suspects, ladder=ladder, claims=[CLAIM])
    for summary in (analysed[1], analyse(study)[1]):
        jsonschema.validate(summary, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(analysed[1] | {"more": 1}, schema)


def test_missing_runs_are_listed_where_the_config_allows_them(tmp_path):
    study = make_study(tmp_path / "demo", {"cnn": 0.5, "vit": 0.7, "gone": 0.9}, range(4), {("vit", 2)})
    for seed in range(4):
        shutil.rmtree(study / "runs" / "gone" / f"seed-{seed}")
    shutil.rmtree(study / "runs" / "vit" / "seed-1")
    with pytest.raises(StudyError, match=r"vit/seed-1/run\.json is missing: vit seed 1 is in the grid but"):
        write_tables(study, tmp_path / "tables")
    ladder = [{"model": name, "label": name, "change": "x"} for name in ("gone", "vit")]
    edit_json(study / "config.json", allow_missing=True, ladder=ladder, claims=[CLAIM | {"model": "gone"}])
    tables, summary = analyse(study)
    jsonschema.validate(summary, json.loads(SCHEMA.read_text()))
    assert tables["runs"].query("model == 'vit'")["outcome"].tolist() == ["finished", "missing", "diverged", "finished"]
    assert summary["runs"] == {
        "grid": 12,
        "finished": 6,
        "allow_missing": True,
        "diverged": [{"model": "vit", "seed": 2}],
        "missing": [{"model": "vit", "seed": 1}, *({"model": "gone", "seed": seed} for seed in range(4))],
        "other_settings": [],
    }
    assert len(tables["costs"]) == 12 and tables["costs"].query("model == 'gone'")["train_seconds"].isna().all()
    models = tables["models"].set_index(["model", "metric"])["n_seeds"]
    assert (models["vit", "test_accuracy"], models["gone", "test_accuracy"]) == (2, 0)
    contrasts = tables["contrasts"].query("asked == 1").set_index(["model", "metric"])["method"]
    assert contrasts["gone", "test_accuracy"] == "not tested here (no finished seed)"
    assert tables["ladder"]["n_seeds"].tolist() == [0, 2]
    assert tables["claims"]["verdict"].tolist() == ["not tested here"]
    assert "gone" not in set(tables["classes"]["model"]) | set(tables["front"]["model"])
    assert set(tables["learning"]["model"]) == {"cnn", "vit"}
