"""What the interactive panels show: the pictures they choose, and numbers that agree with the tables and the runs."""

import re

import numpy as np
import pandas as pd
import pytest
from study_factory import make_study

from study.analysis.contrasts import contrast
from study.analysis.power import variances
from study.analysis.tables import write_tables
from study.data.dataset import TEST
from study.findings import topics
from study.findings.results import read_results
from study.reporting.certainty import SEEDS, foreseen
from study.reporting.costs import front_section
from study.reporting.panels import by_level, cells, first_pair, pairs, shared, study
from study.reporting.pictures import COLUMNS, choose_images, pictures, rule, sprite

ACCURACIES = {"scratch_cnn": 0.4, "lite0_finetune": 0.8, "lite0_frozen": 0.6}


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = make_study(tmp_path_factory.mktemp("results") / "fake", ACCURACIES, diverged=[("lite0_frozen", 1)])
    write_tables(folder, folder / "tables")
    return read_results(folder, folder / "tables")


def small(tmp_path, accuracies, seeds, dataset="synthetic"):
    folder = make_study(tmp_path / "small", accuracies, seeds, dataset=dataset)
    write_tables(folder, folder / "tables")
    return read_results(folder, folder / "tables")


def test_pictures_are_of_the_most_frequent_mistakes_first_and_of_every_kind_one():
    fine = np.array([0, 0, 0, 1, 1, 2], np.uint8)
    named = np.array([[1, 1, 0, 1, 2, 2], [1, 0, 0, 1, 2, 0], [1, 1, 0, 1, 0, 2]], np.uint8)
    # 0 taken for 1: image 0 by three runs, image 1 by two; 1 for 2: image 4 by two; 1 for 0: image 4 by one; 2 for 0:
    # image 5 by one. So first of all 0 (5 mistakes of its kind), 4 (2), 5 (1, the later class), then 1, a second image.
    chosen = [choose_images(named, fine, limit).tolist() for limit in (1, 2, 3, 9)]
    assert chosen == [[0], [0, 4], [0, 4, 5], [0, 1, 4, 5]]
    assert choose_images(named[:0], fine).tolist() == []
    assert choose_images(fine[None], fine).tolist() == []


def test_the_page_says_which_images_have_a_picture():
    assert rule(0, 0, 100) == "No run gets a test image wrong, so there are no pictures."
    assert rule(7, 7, 1000) == "The pictures are all 7 of the 1,000 test images that at least one run gets wrong."
    assert rule(2500, 4312, 10000) == (
        "4,312 of the 10,000 test images are misclassified by at least one run; 2,500 are shown, the most frequent "
        "mistakes first."
    )


def test_every_tile_is_where_the_script_looks_for_it():
    colours = np.arange(COLUMNS + 3) * 4
    images = np.broadcast_to(colours.astype(np.uint8)[:, None, None, None], (len(colours), 32, 32, 3))
    whole = sprite(images)
    assert whole.shape == (64, 32 * COLUMNS, 3)
    for place, colour in enumerate(colours):
        x, y = 32 * (place % COLUMNS), 32 * (place // COLUMNS)
        assert (whole[y : y + 32, x : x + 32] == colour).all()


def test_pictures_come_with_every_models_answers(sources):
    found = pictures(sources)
    test = sources.dataset.ids(TEST)
    for place in (0, 57, len(found["images"]) - 1):
        image = found["images"][place]
        assert found["true"][place] == sources.dataset.fine[image]
        for model, answers in zip(sources.models, found["answers"][place], strict=True):
            seeds, named = sources.predicted(model)
            own = named[:, np.searchsorted(test, image)]
            counts = pd.Series(own).value_counts().to_dict()
            if len(counts) == 1:
                assert answers == list(counts)
                continue
            assert dict(zip(answers[::2], answers[1::2], strict=True)) == counts
            assert answers[1] == max(answers[1::2])
            assert sum(answers[1::2]) == len(seeds)
    wrong = np.any(
        [(sources.predicted(model)[1] != sources.dataset.fine[test]).any(axis=0) for model in ACCURACIES], axis=0
    )
    assert len(found["images"]) == wrong.sum() == sum(found["wrong"])
    assert found["true"] == sorted(found["true"])
    assert found["test"] == [10] * 100


def test_classes_have_the_verdicts_of_the_table_and_those_of_pairs_that_it_lacks(sources):
    found = by_level(sources, "class")
    assert list(found["pairs"]) == ["0-1", "0-2", "1-2"]
    table = sources.rows("class_differences", model="lite0_finetune", baseline="scratch_cnn")
    assert found["pairs"]["0-1"]["difference"] == pytest.approx(table["difference"].tolist(), abs=1e-4)
    assert found["pairs"]["0-1"]["low"] == pytest.approx(table["low"].tolist(), abs=1e-4)
    assert [study(sources)["verdicts"][place] for place in found["pairs"]["0-1"]["verdict"]] == table[
        "verdict"
    ].tolist()
    accuracies = np.array(found["accuracy"], float)
    assert found["pairs"]["1-2"]["difference"] == pytest.approx((accuracies[2] - accuracies[1]).tolist(), abs=1e-4)
    # lite0_frozen has two seeds only, so nothing is said for sure of it.
    assert {study(sources)["verdicts"][place] for place in found["pairs"]["1-2"]["verdict"]} == {"not tested"}
    assert found["pairs"]["1-2"]["low"] == [None] * 100
    assert len(by_level(sources, "superclass")["accuracy"][0]) == 20


def test_the_first_pair_is_the_headline_or_the_only_model_twice(sources, tmp_path):
    assert first_pair(sources) == ("scratch_cnn", "lite0_finetune")
    assert [model["seeds"] for model in study(sources)["models"]] == [3, 3, 2]
    assert first_pair(small(tmp_path, {"only": 0.5}, (0,))) == ("only", "only")


def test_with_many_models_only_the_asked_pairs_are_compared(sources, monkeypatch):
    monkeypatch.setattr("study.reporting.panels.ALL_PAIRS", 2)
    assert pairs(sources) == [("lite0_finetune", "scratch_cnn"), ("lite0_frozen", "scratch_cnn")]


def test_one_seed_one_model_no_superclasses(tmp_path):
    few = small(tmp_path, {"only": 0.5}, (0,), dataset="cifar10")
    data = shared(few, "class", "mistakes")
    assert data["study"]["superclasses"] == data["study"]["coarse"] == []
    assert data["class"]["pairs"] == foreseen(few) == {}
    flat = np.array(cells(few)[0]).reshape(-1, 2)
    table = few.tables["confusion"]
    assert flat[:, 1].tolist() == table["count"].tolist()
    assert flat[:, 0].cumsum().tolist() == (10 * table["true_id"] + table["predicted_id"]).tolist()
    assert len(data["pictures"]["answers"][0]) == 1


def test_how_sure_says_of_the_studys_own_seeds_what_the_study_says(sources):
    found = foreseen(sources)
    true = sources.dataset.fine[sources.dataset.ids(TEST)]
    right = [sources.predicted(model)[1] == true for model in ("lite0_finetune", "scratch_cnn")]
    own, place = contrast(*right), SEEDS.index(3)
    assert found["0-1"]["half"][place] == pytest.approx((own.high - own.low) / 2, abs=1e-5)
    measured = variances(*right)
    share = max(0, measured.difference) / 1000 / (own.var_images + own.var_seeds)
    assert found["0-1"]["images"][place] == pytest.approx(share, abs=1e-3)
    assert found["0-1"]["seeds"] == [3, 3] and found["1-2"]["seeds"] == [3, 2]
    for pair in found.values():
        assert pair["half"][0] is None and pair["power"][0][0] is None  # two seeds: no interval
        assert pair["half"][1:] == sorted(pair["half"][1:], reverse=True)
        assert pair["floor"] <= pair["half"][-1]
        assert np.all(np.diff([power[-1] for power in pair["power"]]) >= 0)  # 1, 2 and 5 points at 20 seeds


def test_certainty_is_half_the_interval_and_what_would_narrow_it_as_the_panel_says(sources):
    row = sources.rows("contrasts", model="lite0_finetune", baseline="scratch_cnn", metric="test_accuracy").iloc[0]
    images = 100 * foreseen(sources)["0-1"]["images"][SEEDS.index(3)]
    said = re.fullmatch(
        r"The difference is known to within ±([\d.]+) points; (\d+) % of its variance comes from having only [\d,]+ "
        r"test images, which more seeds do not change",
        topics.certainty(sources),
    )
    numbers = [float(number) for number in said.groups()]
    assert numbers == pytest.approx([50 * (row["high"] - row["low"]), images], abs=0.51)
    assert numbers[0] == round(50 * (row["high"] - row["low"]), 1)


def test_the_front_has_every_models_accuracy(sources):
    data = front_section(sources)["data"]
    assert data["accuracy"] == pytest.approx(sources.tables["front"]["accuracy"].tolist())
    assert all(set(cost["front"]) <= {0, 1, 2} for cost in data["costs"])
