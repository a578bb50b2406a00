import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss
from study_factory import make_study

from study.analysis import metrics
from study.analysis.calibration import calibration_table
from study.analysis.evidence import best_classes
from study.analysis.metrics import MAX_TEMPERATURE, MIN_TEMPERATURE, fit_temperature, scaled
from study.analysis.runs import load_runs
from study.analysis.tables import write_tables
from study.analysis.uncertainty import wilson
from study.config.record import read_record
from study.data.dataset import TEST, read_labels


def random_case(seed, images=300, classes=100, sharpness=3.0):
    """Logits float32 [images, classes] and true classes whose probabilities they do not get right."""
    rng = np.random.default_rng(seed)
    fine = rng.integers(0, classes, images).astype(np.uint8)
    logits = rng.normal(0, sharpness, (images, classes))
    logits[np.arange(images), fine] += sharpness * rng.normal(1, 1, images)
    return logits.astype(np.float32), fine


def test_brier_score_is_that_of_sklearn():
    logits, fine = random_case(1)
    probabilities = softmax(logits.astype(np.float64), axis=1)
    expected = brier_score_loss(fine, probabilities, labels=range(100), scale_by_half=False)
    assert metrics.brier_score(logits, fine) == pytest.approx(expected)


def test_brier_score_by_hand_goes_from_0_to_2():
    # 0.3² + 0.2² + 0.1² and, for the second class, 0.7² + 0.8² + 0.1²
    logits = np.log([[0.7, 0.2, 0.1], [0.7, 0.2, 0.1]])
    assert metrics.brier_score(logits, np.array([0, 1], np.uint8)) == pytest.approx((0.14 + 1.14) / 2)
    sure = np.eye(3, dtype=np.float32) * 1e4
    assert metrics.brier_score(sure, np.array([0, 1, 2])) == 0
    assert metrics.brier_score(sure, np.array([1, 2, 0])) == 2


def test_summed_superclass_can_outvote_the_top_class():
    logits = np.log([[0.4, 0.3, 0.3], [0.7, 0.2, 0.1]])
    superclass_of = np.array([0, 1, 1])
    assert logits.argmax(axis=1).tolist() == [0, 0]
    assert metrics.summed_superclass(logits, superclass_of).tolist() == [1, 0]


def test_temperature_by_hand():
    # Sure at 9 : 1 but right 3 times of 4, that is 3 : 1; log 9 is twice log 3.
    logits = np.tile([np.log(9), 0.0], (4, 1)).astype(np.float32)
    assert fit_temperature(logits, np.array([0, 0, 0, 1], np.uint8)) == pytest.approx(2, rel=1e-4)
    assert fit_temperature(4 * logits, np.array([0, 0, 0, 1], np.uint8)) == pytest.approx(8, rel=1e-4)


def test_probabilities_that_are_right_need_no_temperature():
    logits = np.log(np.tile([0.5, 0.3, 0.2], (10, 1)))
    assert fit_temperature(logits, np.repeat([0, 1, 2], [5, 3, 2])) == pytest.approx(1, rel=1e-4)


def test_temperature_where_there_is_none_to_find():
    fine = np.arange(10) % 3
    assert fit_temperature(np.zeros((10, 3), np.float32), fine) == 1
    assert fit_temperature(np.eye(3, dtype=np.float32)[fine], fine) == 1
    assert fit_temperature(np.eye(3, dtype=np.float32)[(fine + 1) % 3], fine) == pytest.approx(
        MAX_TEMPERATURE, rel=1e-3
    )


def test_no_temperature_on_a_grid_is_better_than_the_fitted_one():
    logits, fine = random_case(2)
    fitted = metrics.negative_log_likelihood(scaled(logits, fit_temperature(logits, fine)), fine)
    grid = np.geomspace(MIN_TEMPERATURE, MAX_TEMPERATURE, 200)
    assert fitted <= min(metrics.negative_log_likelihood(scaled(logits, one), fine) for one in grid) + 1e-9


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 40), st.integers(2, 12), st.sampled_from([0.01, 1.0, 30.0]))
def test_fitting_never_harms_on_validation_and_changes_no_prediction(seed, images, classes, sharpness):
    logits, fine = random_case(seed, images, classes, sharpness)
    temperature = fit_temperature(logits, fine)
    after = scaled(logits, temperature)
    assert metrics.negative_log_likelihood(after, fine) <= metrics.negative_log_likelihood(scaled(logits, 1), fine)
    assert (best_classes(after, classes) == best_classes(logits, classes)).all()


def test_scaling_keeps_apart_what_float32_would_join():
    logits = np.array([[1.0, np.nextafter(np.float32(1), np.float32(2))]], np.float32)
    assert scaled(logits, 3.0).argmax() == 1


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = make_study(tmp_path_factory.mktemp("results") / "demo", diverged=[("lite0_frozen", 1)])
    write_tables(folder, folder / "tables")
    return folder


@pytest.fixture(scope="module")
def loaded(study):
    """The dataset's labels, and the finished runs by model."""
    dataset = read_labels(study / "dataset.npz")
    runs = list(load_runs(study, read_record(study / "config.json"), dataset))
    return dataset, {name: [run for run in runs if run.model == name and run.numbers] for name in
                     dict.fromkeys(run.model for run in runs)}  # fmt: skip


def table(study, name):
    return pd.read_csv(study / "tables" / f"{name}.csv")


def confidences(study, run):
    """The probability of the top class of each test image before and after the temperature, float64 [2, T]."""
    with np.load(study / "runs" / run.model / f"seed-{run.seed}" / "predictions.npz") as stored:
        logits = stored["test_logits"]
    return [softmax(scaled(logits, one), axis=1).max(axis=1) for one in (1, run.numbers["temperature"])]


def test_the_temperature_of_a_run_sees_validation_images_only(study, loaded):
    dataset, _ = loaded
    with np.load(study / "runs" / "scratch_cnn" / "seed-2" / "predictions.npz") as stored:
        val, test = stored["val_logits"], stored["test_logits"]
        expected = fit_temperature(val, dataset.fine[stored["val_ids"]])
        fine = dataset.fine[stored["test_ids"]]
    row = table(study, "runs").set_index(["model", "seed"]).loc[("scratch_cnn", 2)]
    assert row["temperature"] == pytest.approx(expected, abs=1e-6)
    for suffix, logits in (("", test), ("_scaled", test / np.float64(expected))):
        measured = row[[f"test_{name}{suffix}" for name in ("nll", "ece", "brier")]].tolist()
        assert measured == pytest.approx(
            [
                metrics.negative_log_likelihood(logits, fine),
                metrics.expected_calibration_error(
                    metrics.confidence_bins(metrics.top_confidence(logits), logits.argmax(axis=1) == fine)
                ),
                metrics.brier_score(logits, fine),
            ],
            abs=1e-6,
        )


def test_calibration_bins_are_those_of_sklearn(study, loaded):
    dataset, finished = loaded
    fine = dataset.fine[dataset.ids(TEST)]
    bins = table(study, "calibration").query("model == 'lite0_finetune'")
    for scale in (0, 1):
        own = bins[(bins["scaled"] == scale) & (bins["n_images"] > 0)]
        right = np.concatenate([run.predicted == fine for run in finished["lite0_finetune"]])
        confidence = np.concatenate([confidences(study, run)[scale] for run in finished["lite0_finetune"]])
        accuracy, mean = calibration_curve(right, confidence, n_bins=15)
        assert own["accuracy"].tolist() == pytest.approx(accuracy.tolist(), abs=1e-6)
        assert own["confidence"].tolist() == pytest.approx(mean.tolist(), abs=1e-6)
        assert own["confidence"].between(own["bin_low"], own["bin_high"]).all()


def test_calibration_counts_each_image_once_whatever_the_seeds(study):
    bins = table(study, "calibration")
    assert set(bins["n_seeds"][bins["model"] == "lite0_frozen"]) == {2}
    for _, own in bins.groupby(["model", "scaled"]):
        assert own["n_images"].sum() == pytest.approx(1000, abs=1e-4)
        low, high = wilson(own["accuracy"] * own["n_images"], own["n_images"])
        assert own["low"].tolist() == pytest.approx(low.tolist(), abs=1e-5, nan_ok=True)
        assert own["high"].tolist() == pytest.approx(high.tolist(), abs=1e-5, nan_ok=True)


def test_the_gaps_of_one_seeds_bins_are_its_ece(tmp_path):
    study = make_study(tmp_path / "one", {"cnn": 0.5}, (0,))
    write_tables(study, tmp_path / "tables")
    bins = pd.read_csv(tmp_path / "tables" / "calibration.csv")
    run = pd.read_csv(tmp_path / "tables" / "runs.csv").iloc[0]
    gaps = (bins["n_images"] * (bins["accuracy"] - bins["confidence"]).abs()).groupby(bins["scaled"]).sum() / 1000
    assert gaps.tolist() == pytest.approx([run["test_ece"], run["test_ece_scaled"]], abs=1e-5)


def test_the_order_of_seeds_means_nothing(loaded):
    _, finished = loaded
    turned = {model: runs[::-1] for model, runs in finished.items()}
    pd.testing.assert_frame_equal(calibration_table(turned), calibration_table(finished))
