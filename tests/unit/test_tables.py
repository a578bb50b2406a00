import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from analysed import CLAIM, analyse, edit_json, edit_predictions
from runs import scratch_spec
from scipy import stats
from sklearn.metrics import accuracy_score, confusion_matrix
from study_factory import make_study, superclass_of

from study.analysis.contrasts import contrast
from study.analysis.registry import TEXT
from study.analysis.tables import write_tables
from study.config.specs import WeightsSpec
from study.errors import StudyError
from study.files import write_json
from study.findings.results import best_model, read_table


def labels_and_predictions(study, model):
    """True and predicted classes of the test images as the files have them: int [T], int [seeds, T]."""
    files = [np.load(path) for path in sorted((study / "runs" / model).glob("*/predictions.npz"))]
    fine = np.load(study / "dataset.npz")["fine"][files[0]["test_ids"]]
    return fine, np.array([file["test_logits"].argmax(axis=1) for file in files])


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return make_study(tmp_path_factory.mktemp("results") / "demo")


@pytest.fixture(scope="module")
def analysed(study):
    return analyse(study)


def test_runs_hold_every_run_with_its_accuracies(study, analysed):
    runs = analysed["runs"]
    assert list(zip(runs["model"], runs["seed"], strict=True)) == [
        (model, seed) for model in ("scratch_cnn", "lite0_finetune", "lite0_frozen") for seed in (0, 1, 2)
    ]
    fine, predicted = labels_and_predictions(study, "lite0_finetune")
    own = runs[runs["model"] == "lite0_finetune"]
    assert own["test_accuracy"].tolist() == pytest.approx([accuracy_score(fine, seed) for seed in predicted])
    assert own["test_superclass"].tolist() == pytest.approx(
        [accuracy_score(superclass_of(fine), superclass_of(seed)) for seed in predicted]
    )
    assert own["train_accuracy"].tolist() == pytest.approx([0.8 * 3 / 4 + 0.05] * 3)  # the history's, at epoch 3 of 4
    assert (own["test_top5"] > own["test_accuracy"]).all()


def test_models_hold_means_over_seeds_and_both_intervals(study, analysed):
    models = analysed["models"].set_index(["model", "metric"])
    fine, predicted = labels_and_predictions(study, "scratch_cnn")
    accuracies = (predicted == fine).mean(axis=1)
    over_seeds = stats.ttest_1samp(accuracies, 0).confidence_interval(0.95)
    row = models.loc[("scratch_cnn", "test_accuracy")]
    expected = [3, accuracies.mean(), accuracies.std(ddof=1), over_seeds.low, over_seeds.high]
    measured = row[["n_seeds", "mean", "sd", "ci_low", "ci_high"]].astype(float).tolist()
    assert measured == pytest.approx(expected, abs=1e-6)
    assert (row["min"], row["max"]) == pytest.approx((accuracies.min(), accuracies.max()))
    assert 0.05 < row["test_high"] - row["test_low"] < 0.07  # 2 · 1.96 · sqrt(0.4 · 0.6 / 1000) = 0.061
    assert models.loc[("scratch_cnn", "test_nll"), ["test_low", "test_high"]].isna().all()
    assert models.loc[("scratch_cnn", "val_accuracy"), ["test_low", "test_high"]].isna().all()


def test_contrasts_are_of_the_same_images_and_keep_small_variances(study, analysed):
    contrasts = analysed["contrasts"].query("baseline == 'scratch_cnn'")
    fine, model = labels_and_predictions(study, "lite0_frozen")
    _, baseline = labels_and_predictions(study, "scratch_cnn")
    expected = contrast(superclass_of(model) == superclass_of(fine), superclass_of(baseline) == superclass_of(fine))
    row = contrasts.set_index(["model", "metric"]).loc[("lite0_frozen", "test_superclass")]
    assert (row["difference"], row["low"], row["high"]) == pytest.approx(expected[:3], abs=1e-6)
    assert (row["var_seeds"], row["var_images"]) == pytest.approx((expected.var_seeds, expected.var_images), rel=1e-6)
    assert row["method"] == "seeds and images"
    assert row[["p", "probability_of_improvement"]].tolist() == pytest.approx(
        [expected.p, expected.probability_of_improvement], rel=1e-6
    )


def test_every_pair_is_compared_the_contrasts_of_the_config_first(analysed):
    contrasts = analysed["contrasts"].query("metric == 'test_accuracy'")
    assert contrasts[["model", "baseline", "asked"]].to_numpy().tolist() == [
        ["lite0_finetune", "scratch_cnn", 1],
        ["lite0_frozen", "scratch_cnn", 1],
        ["lite0_frozen", "lite0_finetune", 0],
    ]
    assert contrasts["p"].notna().all()


def test_a_contrast_that_is_asked_for_the_other_way_round_stands_once(tmp_path):
    study = make_study(tmp_path / "demo", {"cnn": 0.5, "vit": 0.7})
    edit_json(study / "config.json", contrasts=[{"model": "cnn", "baseline": "vit"}])
    contrasts = analyse(study)["contrasts"]
    assert contrasts.groupby(["model", "baseline"])["asked"].max().to_dict() == {("cnn", "vit"): 1}


def test_holm_adjusts_the_comparisons_of_test_accuracy_for_each_other(analysed):
    contrasts = analysed["contrasts"]
    asked = contrasts[(contrasts["metric"] == "test_accuracy") & (contrasts["asked"] == 1)]
    low, high = sorted(asked["p"])
    assert sorted(asked["p_holm"]) == pytest.approx(sorted([min(1, 2 * low), max(min(1, 2 * low), high)]), rel=1e-6)
    assert (asked["p"] < 0.001).all()  # written with all their digits
    assert contrasts["p_holm"].notna().sum() == 2


def test_classes_count_each_image_once_whatever_the_seeds(study, analysed):
    classes = analysed["classes"].set_index(["model", "class_id"])
    assert len(classes) == 300
    fine, predicted = labels_and_predictions(study, "scratch_cnn")
    row = classes.loc[("scratch_cnn", 42)]
    assert row["accuracy"] == pytest.approx((predicted[:, fine == 42] == 42).mean(), abs=1e-6)
    assert row[["class", "superclass_id", "superclass", "n_images", "n_seeds"]].tolist() == [
        *["class_42", 2, "superclass_02", 10, 3]
    ]
    assert row["high"] - row["low"] > 0.4  # of 10 images; as 30 it would be 0.33


def test_superclasses_weigh_their_images_equally(analysed):
    tables = analysed
    models = tables["models"].set_index(["model", "metric"])["mean"]
    by_model = tables["superclasses"].groupby("model")["accuracy"].mean()
    for model, mean in by_model.items():
        assert mean == pytest.approx(models[(model, "test_superclass")], abs=1e-6)
    assert (tables["superclasses"]["n_images"] == 50).all()


def test_confusion_sums_over_seeds(study, analysed):
    fine, predicted = labels_and_predictions(study, "lite0_frozen")
    expected = sum(confusion_matrix(fine, seed, labels=range(100)) for seed in predicted)
    confusion = analysed["confusion"].query("model == 'lite0_frozen'")
    measured = np.zeros((100, 100), int)
    measured[confusion["true_id"], confusion["predicted_id"]] = confusion["count"]
    assert (measured == expected).all()
    assert (confusion["count"] > 0).all()


def test_data_without_superclasses_have_no_table_column_metric_or_count_of_them(tmp_path):
    study = make_study(tmp_path / "seven", {"cnn": 0.5, "vit": 0.7}, dataset="synthetic7")
    edit_json(study / "config.json", claims=[CLAIM])
    tables = analyse(study)
    assert {path.stem for path in (study / "tables").iterdir()} == set(tables)
    assert not {"superclasses", "superclass_differences"} & set(tables)
    for name, table in tables.items():
        assert "superclass" not in table.to_csv(), name
    assert len(tables["classes"]) == 2 * 7
    assert tables["contrasts"]["metric"].tolist() == ["test_accuracy", "test_top5"]
    fine, predicted = labels_and_predictions(study, "vit")
    assert tables["confusion"].query("model == 'vit'")["count"].sum() == len(fine) * len(predicted) == 210


def test_learning_keeps_small_learning_rates_and_marks_the_chosen_epoch(analysed):
    learning = analysed["learning"]
    assert len(learning) == 9 * 4
    assert learning["learning_rate"].unique().tolist() == [1e-7, 2e-7, 3e-7, 4e-7]
    assert learning.loc[learning["chosen"] == 1, "epoch"].tolist() == [3] * 9
    assert not {"seconds", "images_per_second"} & set(learning.columns)


def test_tables_are_the_same_bytes_again_whatever_the_order_of_the_grid(study, analysed, tmp_path):
    config = json.loads((study / "config.json").read_text())
    first = {path.name: path.read_bytes() for path in (study / "tables").iterdir()}
    try:
        edit_json(study / "config.json", grid=config["grid"][::-1])
        write_tables(study, tmp_path)
    finally:
        edit_json(study / "config.json", grid=config["grid"])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == first
    assert sorted(first) == sorted(f"{name}.csv" for name in analysed)
    assert not any(b"\r" in data or b"-0.000000" in data for data in first.values())


def test_the_order_of_the_images_in_a_file_means_nothing(study, analysed, tmp_path):
    shuffled = make_study(tmp_path / "demo")

    def shuffle(arrays):
        order = np.random.default_rng(1).permutation(len(arrays["test_ids"]))
        arrays |= {name: arrays[name][order] for name in ("test_ids", "test_logits")}

    edit_predictions(shuffled, "scratch_cnn", 1, shuffle)
    write_tables(shuffled, tmp_path / "tables")
    for name in ("runs", "contrasts", "confusion"):
        assert (tmp_path / "tables" / f"{name}.csv").read_bytes() == (study / "tables" / f"{name}.csv").read_bytes()


def test_diverged_runs_are_rows_but_not_in_means(tmp_path):
    study = make_study(tmp_path / "demo", {"cnn": 0.5, "vit": 0.7}, range(4), {("vit", 1)})
    tables = analyse(study)
    run = tables["runs"].set_index(["model", "seed"]).loc[("vit", 1)]
    assert run["outcome"] == "diverged"
    assert run[["chosen_epoch", "train_accuracy", "val_accuracy", "test_accuracy", "test_ece"]].isna().all()
    assert len(tables["costs"]) == 8
    row = tables["models"].set_index(["model", "metric"]).loc[("vit", "test_accuracy")]
    finished = tables["runs"].query("model == 'vit' and seed != 1")["test_accuracy"]
    assert (row["n_seeds"], row["mean"]) == (3, pytest.approx(finished.mean(), abs=1e-6))
    assert tables["contrasts"].loc[0, ["n_seeds", "n_seeds_baseline"]].tolist() == [3, 4]


@pytest.mark.parametrize("dead", ["cnn", "vit"])
def test_a_model_that_always_diverged_still_appears(tmp_path, dead):
    study = make_study(tmp_path / "demo", {"cnn": 0.5, "vit": 0.7}, (0, 1), {(dead, 0), (dead, 1)})
    tables = analyse(study)
    rows = tables["models"][tables["models"]["model"] == dead]
    assert len(rows) == 15
    assert (rows["n_seeds"] == 0).all()
    assert rows.drop(columns=["model", "label", "metric", "n_seeds"]).isna().all(axis=None)
    assert tables["contrasts"]["method"].unique().tolist() == ["not tested here (no finished seed)"]
    for name in ("classes", "confusion", "errors", "calibration"):
        assert dead not in set(tables[name]["model"])
    assert best_model(tables["models"]) == ({"cnn", "vit"} - {dead}).pop()


def test_a_study_without_a_finished_run_or_a_contrast_gets_its_tables(tmp_path):
    tables = analyse(make_study(tmp_path / "demo", {"cnn": 0.5}, (0,), {("cnn", 0)}))
    assert len(tables["runs"]) == 1
    for name in ("contrasts", "classes", "superclasses", "confusion", "errors", "calibration"):
        assert tables[name].empty
    assert list(tables["classes"].columns[:3]) == ["model", "class_id", "class"]


def test_one_seed_has_no_interval_over_seeds(tmp_path):
    tables = analyse(make_study(tmp_path / "demo", {"cnn": 0.5, "vit": 0.7}, (3,)))
    row = tables["models"].iloc[0]
    assert row[["sd", "ci_low", "ci_high"]].isna().all()
    assert row["test_low"] < row["mean"] < row["test_high"]
    assert tables["contrasts"]["method"].unique().tolist() == ["no interval: fewer than 3 seeds"]
    assert tables["contrasts"][["p", "p_holm"]].isna().all(axis=None)


def test_the_best_model_is_chosen_on_validation(tmp_path):
    study = make_study(tmp_path / "demo", {"cnn": 0.5, "vit": 0.7}, (0, 1, 2))

    def spoil(arrays):
        arrays["val_logits"] = -arrays["val_logits"]

    assert best_model(analyse(study)["models"]) == "vit"
    for seed in (0, 1, 2):
        edit_predictions(study, "vit", seed, spoil)
    models = analyse(study)["models"]
    assert best_model(models) == "cnn"
    cnn, vit = models.loc[models["metric"] == "test_accuracy", "mean"]
    assert vit > cnn


def test_the_registry_names_every_column_of_text(study, analysed):
    for name in analysed:
        cells = pd.read_csv(study / "tables" / f"{name}.csv", dtype=str, keep_default_na=False)
        numbers = cells.apply(lambda column: pd.to_numeric(column.where(column != ""), errors="coerce"))
        found = {column for column in cells if ((cells[column] != "") & numbers[column].isna()).any()}
        assert found <= set(TEXT[name]), name
        assert set(TEXT[name]) <= set(cells), name


def test_a_model_that_is_called_by_a_number_is_read_as_text(tmp_path):
    study = make_study(tmp_path / "demo", {"007": 0.5, "12": 0.7})
    analyse(study)
    for name in ("runs", "contrasts", "class_differences", "heterogeneity", "agreement"):
        table = read_table(study / "tables" / f"{name}.csv")
        assert {"007", "12"} <= set(table[TEXT[name][0]]) | set(table[TEXT[name][1]]), name


def test_missing_runs_are_rows_where_the_config_allows_them(tmp_path):
    study = make_study(tmp_path / "demo", {"cnn": 0.5, "vit": 0.7, "gone": 0.9}, range(4), {("vit", 2)})
    for seed in range(4):
        shutil.rmtree(study / "runs" / "gone" / f"seed-{seed}")
    shutil.rmtree(study / "runs" / "vit" / "seed-1")
    with pytest.raises(StudyError, match=r"vit/seed-1/run\.json is missing: vit seed 1 is in the grid but"):
        write_tables(study, tmp_path / "tables")
    ladder = [{"model": name, "label": name, "change": "x"} for name in ("gone", "vit")]
    edit_json(study / "config.json", allow_missing=True, ladder=ladder, claims=[CLAIM | {"model": "gone"}])
    tables = analyse(study)
    assert tables["runs"].query("model == 'vit'")["outcome"].tolist() == ["finished", "missing", "diverged", "finished"]
    assert tables["runs"].query("model == 'gone'")["outcome"].tolist() == ["missing"] * 4
    assert len(tables["costs"]) == 12 and tables["costs"].query("model == 'gone'")["train_seconds"].isna().all()
    models = tables["models"].set_index(["model", "metric"])["n_seeds"]
    assert (models["vit", "test_accuracy"], models["gone", "test_accuracy"]) == (2, 0)
    contrasts = tables["contrasts"].query("asked == 1").set_index(["model", "metric"])["method"]
    assert contrasts["gone", "test_accuracy"] == "not tested here (no finished seed)"
    assert tables["ladder"]["n_seeds"].tolist() == [0, 2]
    assert tables["claims"]["verdict"].tolist() == ["not tested here"]
    assert "gone" not in set(tables["classes"]["model"]) | set(tables["front"]["model"])
    assert set(tables["learning"]["model"]) == {"cnn", "vit"}


def test_runs_tell_whether_they_were_trained_with_the_configs_settings(tmp_path):
    study = make_study(tmp_path / "demo", {"cnn": 0.5}, range(4))
    asked = scratch_spec(epochs=4)
    on_another_machine = replace(asked, compute=replace(asked.compute, threads=8))
    of_another_recipe = scratch_spec(epochs=2)
    for seed, spec in enumerate([on_another_machine, of_another_recipe, asked]):
        folder = study / "runs" / "cnn" / f"seed-{seed}"
        write_json(folder / "spec.json", spec.to_json())
        if seed < 2:  # the spec of seed 2 is not the one that its run.json names, and seed 3 has none
            edit_json(folder / "run.json", spec_sha256=spec.sha256())
    (study / "runs" / "cnn" / "seed-3" / "spec.json").unlink()
    grid = [{"model": "cnn", "seed": seed, "settings_sha256": asked.settings_sha256()} for seed in range(4)]
    edit_json(study / "config.json", grid=grid)
    tables = analyse(study)
    assert tables["runs"]["as_configured"].fillna("").tolist() == ["yes", "no", "", ""]


def test_the_weights_are_a_setting_and_the_hash_of_their_file_is_not():
    asked = WeightsSpec(source="hub", id="b0-1")
    one, fetched, other = (
        replace(scratch_spec(), weights=weights).settings_sha256()
        for weights in (asked, replace(asked, sha256="7"), replace(asked, source="package:b0"))
    )
    assert one == fetched != other


def test_the_gaps_are_differences_of_the_runs_own_accuracies(study, analysed):
    runs, models = analysed["runs"], analysed["models"].set_index(["model", "metric"])["mean"]
    assert (runs["train_val_gap"] + runs["val_accuracy"]).tolist() == pytest.approx(runs["train_accuracy"].tolist())
    assert (runs["val_test_gap"] + runs["test_accuracy"]).tolist() == pytest.approx(runs["val_accuracy"].tolist())
    mean = runs.query("model == 'lite0_frozen'")["val_test_gap"].mean()
    assert models["lite0_frozen", "val_test_gap"] == pytest.approx(mean, abs=1e-6)
