"""What the config says of the comparison: mistakes in one sentence, and what config.json gets of it."""

import copy
from pathlib import Path

import pytest
import yaml
from configs import COMPUTE

from study.config.comparison import read_test_images
from study.config.planning import study_record
from study.config.study import load_config
from study.errors import StudyError
from study.files import file_digest
from study.orchestration.start import compared_runs
from study.paths import StudyPaths

CONFIG = yaml.safe_load((Path(__file__).parents[2] / "config.yaml").read_text(encoding="utf-8"))
PAIR = {"model": "efficientnet_b0", "baseline": "scratch_cnn"}


def config(**changes):
    return copy.deepcopy(CONFIG) | changes


def refusal(**changes):
    with pytest.raises(StudyError) as caught:
        load_config(config(**changes))
    return str(caught.value)


def record(**changes):
    return study_record(load_config(config(**changes)), COMPUTE)


def test_without_a_list_every_other_model_is_compared_with_the_baseline():
    assert record()["contrasts"] == [PAIR]
    grid = {"models": ["efficientnet_b3", "scratch_cnn", "efficientnet_b0"], "seeds": [0]}
    assert record(grid=grid)["contrasts"] == [PAIR | {"model": "efficientnet_b3"}, PAIR]
    swapped = {"model": "scratch_cnn", "baseline": "efficientnet_b0"}
    assert record(contrasts=[swapped])["contrasts"] == [swapped]
    assert record(contrasts=[])["contrasts"] == []


def test_the_record_has_the_headline_and_which_weights_are_of_unverified_origin():
    assert record()["headline"] is None
    assert record(headline=PAIR)["headline"] == PAIR
    models = copy.deepcopy(CONFIG["models"])
    models["efficientnet_b0"]["origin"] = "unverified"
    found = record(models=models)["models"]
    assert found["efficientnet_b0"]["origin"] == "unverified" and "origin" not in found["scratch_cnn"]


def test_an_origin_is_one_of_weights():
    models = copy.deepcopy(CONFIG["models"])
    models["scratch_cnn"]["origin"] = "unverified"
    assert refusal(models=models) == (
        "config: models: scratch_cnn: origin speaks of pretrained weights, and this model has none; remove it."
    )


def test_claims_literature_and_ladder_stay_with_the_data_that_they_are_about():
    keys = ("claims", "literature", "ladder")
    assert all(record()[key] for key in keys)
    ten = CONFIG["dataset"] | {"name": "cifar10"}
    assert [record(dataset=ten)[key] for key in keys] == [[], [], []]
    claim, step = CONFIG["claims"][0] | {"dataset": "cifar10"}, {"model": "scratch_cnn", "change": "start"}
    own = record(dataset=ten, claims=[claim], ladder=[step])
    assert [one["id"] for one in own["claims"]] == [claim["id"]] and own["ladder"][0]["change"] == "start"
    wrong = claim | {"dataset": "cifar1000"}
    assert refusal(claims=[wrong]).startswith("config: claims: 0: dataset is 'cifar1000', but must be 'cifar10'")


def test_the_record_has_margin_and_ladder():
    ladder = [{"model": "scratch_cnn", "change": "start"}, {"model": "efficientnet_b3", "change": "not in the grid"}]
    found = record(ladder=ladder, equivalence_margin=0.1)
    assert found["equivalence_margin"] == 0.1
    assert found["ladder"][1] == ladder[1] | {"label": "EfficientNet-B3, fine-tuned"}
    assert (record()["equivalence_margin"], record()["suspect_labels"]) == (0.05, None)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"headline": PAIR | {"model": "efficientnet_b3"}},
            "headline: model: there is no model of the grid 'efficientnet_b3'; did you mean 'efficientnet_b0'?",
        ),
        (
            {"contrasts": [PAIR | {"model": "efficientnet_b3"}]},
            "contrasts: 1: model: there is no model of the grid 'efficientnet_b3'; did you mean 'efficientnet_b0'?",
        ),
        (
            {"contrasts": [PAIR | {"baseline": "efficientnet_b0"}]},
            "contrasts: 0: baseline and model are both 'efficientnet_b0'; name another baseline.",
        ),
        ({"contrasts": [PAIR, PAIR]}, "contrasts: 'efficientnet_b0 minus scratch_cnn' is listed twice; remove one."),
        (
            {"ladder": [{"model": "scratch_cn", "change": "x"}]},
            "ladder: 1: model: there is no model 'scratch_cn'; did you mean 'scratch_cnn'?",
        ),
        (
            {"ladder": [{"model": "scratch_cnn", "change": "x"}] * 2},
            "ladder: 'scratch_cnn' is listed twice; remove one.",
        ),
        (
            {"duplicate_features": "efficientnet_lite0_127"},
            "duplicate_features: there is no model 'efficientnet_lite0_127'; did you mean 'efficientnet_lite0_128'?",
        ),
        (
            {"duplicate_features": "efficientnet_b0"},
            "duplicate_features: efficientnet_b0 is not frozen; name a frozen model.",
        ),
        ({"equivalence_margin": 0}, "equivalence_margin is 0, but must be more than 0."),
        ({"allow_missing": "yes"}, "allow_missing is 'yes', but must be true or false."),
        (
            {"suspect_labels": "nowhere.txt"},
            "suspect_labels: nowhere.txt cannot be read as text (FileNotFoundError); correct it, or set it to null.",
        ),
    ],
)
def test_mistakes_are_told_in_one_sentence(changes, expected):
    assert refusal(**changes) == f"config: {expected}"


def test_a_switch_on_the_command_line_is_text():
    assert record(allow_missing="true")["allow_missing"] is True
    assert record(allow_missing="false")["allow_missing"] is False


@pytest.mark.parametrize("text", ["3\n9999\n0\n", "# found by eye\n9999  # x\n\n0\n 3\n3\n"])
def test_a_list_of_suspects(tmp_path, text):
    path = tmp_path / "list.txt"
    path.write_text(text)
    assert record(suspect_labels=str(path))["suspect_labels"] == {
        "file": "list.txt", "sha256": file_digest(path), "images": [0, 3, 9999]}  # fmt: skip


def test_a_list_of_known_duplicates_may_be_a_table_of_pairs_with_names_of_columns(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text("TestID,TrainID,Distance,Judgment\n1100,24083,0.0,0\n7,29363,1.5,2\n7,3,1.6,2\n")
    assert record(known_duplicates=str(path))["known_duplicates"]["images"] == [7, 1100]
    assert record()["known_duplicates"] is None
    path.write_text("TestID,TrainID\n24083,1100\n")
    expected = f"config: known_duplicates: {path}, line 2: '24083' is not a whole number from 0 to 9999."
    assert refusal(known_duplicates=str(path)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1\n10000\n", "line 2: '10000' is not a whole number from 0 to 9999"),
        ("1\n-1\n", "line 2: '-1' is not a whole number from 0 to 9999"),
        ("1.5\n", "line 1: '1.5' is not a whole number"),
        ("1\nposition\n", "line 2: 'position' is not a whole number"),
        ("\n# nothing\n", "lists 0 of 10000 test images"),
    ],
)
def test_a_bad_list_is_refused_with_its_line(tmp_path, text, expected):
    path = tmp_path / "list.txt"
    path.write_text(text)
    message = refusal(suspect_labels=str(path))
    assert message.startswith("config: suspect_labels: ") and message.endswith(".") and expected in message


def test_a_list_that_is_no_text_or_of_every_image(tmp_path):
    path = tmp_path / "list.bin"
    path.write_bytes(b"\xff\xfe\x00")
    assert "cannot be read as text" in refusal(suspect_labels=str(path))
    assert "cannot be read" in refusal(suspect_labels=str(tmp_path))
    path.write_text("0\n1\n")
    with pytest.raises(ValueError, match="lists 2 of 2 test images"):
        read_test_images("suspect_labels", str(path), 2)


def test_runs_that_are_compared(tmp_path):
    whole, part = load_config(config()), load_config(config(allow_missing=True))
    study = StudyPaths(tmp_path)
    assert len(compared_runs(whole, study, {})) == 10
    with pytest.raises(StudyError, match="no run of study cifar100 is in"):
        compared_runs(part, study, {})
    folder = tmp_path / "runs" / "efficientnet_b0" / "seed-3"
    folder.mkdir(parents=True)
    assert len(compared_runs(whole, study, {})) == 10
    (folder / "run.json").write_text("{}")
    assert compared_runs(part, study, {}) == [folder]
