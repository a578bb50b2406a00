"""The headings of the story: each sentence worked out by hand from small tables."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from study.files import write_json
from study.findings import compare, topics
from study.findings.results import Results
from study.fingerprints import training_code_sha256

NAN = float("nan")
NAMES = ["sweet_pepper", "oak", "cup"]


def sources_of(baseline="cnn", superclasses=True, **tables):
    """A study of a CNN and a B0 with these tables; B0 is the better one by validation."""
    models = pd.DataFrame([
        ("cnn", "val_accuracy", 0.40), ("b0", "val_accuracy", 0.80),
        ("cnn", "test_accuracy", 0.38), ("b0", "test_accuracy", 0.784),
    ], columns=["model", "metric", "mean"])  # fmt: skip
    runs = pd.DataFrame({"model": ["cnn", "b0"], "seed": [0, 0], "outcome": ["finished"] * 2})
    contrasts = contrast("b0", "cnn", 0.404, 0.39, 0.418)
    config = {"baseline": baseline, "models": {"cnn": {"label": "CNN"}, "b0": {"label": "B0"}}}
    dataset = SimpleNamespace(fine_names=NAMES, fine_to_coarse=np.zeros(3, int) if superclasses else None)
    return Results(Path(), Path(), config, {"models": models, "runs": runs, "contrasts": contrasts} | tables, dataset)


def contrast(model, baseline, difference, low, high, lowest=0.35, highest=0.45):
    row = (model, baseline, "test_accuracy", difference, low, high, lowest, highest, 3e-5, 1e-5)
    columns = [
        "model",
        "baseline",
        "metric",
        "difference",
        "low",
        "high",
        "lowest",
        "highest",
        "var_seeds",
        "var_images",
    ]
    return pd.DataFrame([row], columns=columns)


def test_the_answer_is_how_much_better_the_best_model_is():
    assert topics.answer(sources_of()) == (
        "B0 classifies 40.4 percentage points more of the test images correctly than CNN"
    )


def test_a_contrast_that_the_study_states_the_other_way_round_is_turned():
    turned = sources_of(baseline="b0", contrasts=contrast("cnn", "b0", -0.404, -0.418, -0.39, -0.45, -0.35))
    two = compare.compared(turned)
    assert (two.model, two.other, two.difference, two.low, two.high) == ("b0", "cnn", 0.404, 0.39, 0.418)
    assert (two.lowest, two.highest) == (0.35, 0.45)
    assert topics.answer(turned).startswith("B0 classifies 40.4 percentage points more")


def test_an_interval_that_includes_zero_is_no_clear_difference():
    said = topics.answer(sources_of(contrasts=contrast("b0", "cnn", 0.004, -0.01, 0.018)))
    assert said == "B0 and CNN do not differ clearly: +0.4 points, 95 % interval −1.0 to +1.8"


def test_with_too_few_seeds_the_range_of_single_runs_decides_and_is_named():
    few = contrast("b0", "cnn", 0.004, NAN, NAN, -0.002, 0.01)
    assert topics.answer(sources_of(contrasts=few)) == (
        "B0 and CNN do not differ clearly: +0.4 points, −0.2 to +1.0 between single runs"
    )
    assert topics.certainty(sources_of(contrasts=few)) == (
        "Fewer than 3 seeds allow no interval: single runs differ by −0.2 to +1.0 points"
    )


def test_a_model_that_is_alone_is_compared_with_nothing():
    runs = pd.DataFrame({"model": ["cnn", "b0"], "seed": [0, 0], "outcome": ["diverged", "finished"]})
    alone = sources_of(runs=runs)
    assert compare.compared(alone) is None
    assert topics.answer(alone) == "B0 classifies 78.4 % of the test images correctly"
    none = alone.tables["models"].assign(mean=NAN)
    assert topics.answer(sources_of(models=none, runs=runs.assign(outcome="diverged"))).startswith("No run finished")


def ladder(*steps):
    return pd.DataFrame(steps, columns=["change", "difference", "low", "high"])


def test_the_largest_step_is_named_with_its_part_of_all_points():
    table = ladder(("start", NAN, NAN, NAN), ("weights", 0.3, 0.28, 0.32), ("cosine", 0.01, -0.01, 0.03))
    assert topics.steps(sources_of(ladder=table)) == (
        "“weights” adds most: +30.0 points of the +31.0 that all 2 steps add up to; 1 of 2 steps has no clear effect"
    )
    assert topics.steps(sources_of(ladder=table.assign(low=NAN, high=NAN))).endswith("all 2 steps add up to")
    assert topics.steps(sources_of(ladder=ladder(("a", NAN, NAN, NAN), ("b", -0.1, NAN, NAN)))) == (
        "No step adds accuracy to the one above it"
    )
    assert "can be compared" in topics.steps(sources_of(ladder=ladder(("a", NAN, NAN, NAN))))


def differences(*rows, model="b0", baseline="cnn"):
    frame = pd.DataFrame(rows, columns=["class", "difference", "p", "verdict"])
    return frame.assign(model=model, baseline=baseline, low=NAN, high=NAN)


def test_classes_are_counted_by_verdict_and_the_worst_are_named():
    rows = [("sweet_pepper", 0.3, 0.001, "better"), ("oak", -0.2, 0.01, "worse"), ("cup", 0.01, 0.5, "unclear")]
    told = sources_of(class_differences=differences(*rows))
    assert topics.classes(told) == "B0 is better than CNN in 1 of 3 classes, worse in 1, and in 1 the data cannot tell"
    assert topics.worst_classes(told) == "B0 is furthest behind, in points, in oak (−20.0)."
    opposite = [(name, -value, p, {"better": "worse", "worse": "better"}.get(verdict, verdict))
                for name, value, p, verdict in rows]  # fmt: skip
    turned = sources_of(class_differences=differences(*opposite, model="cnn", baseline="b0"))
    assert topics.classes(turned) == topics.classes(told)
    assert topics.worst_classes(turned) == topics.worst_classes(told)


def test_classes_without_verdicts_are_counted_by_sign():
    rows = [("sweet_pepper", 0.3, NAN, "not tested"), ("oak", -0.2, NAN, "not tested"), ("cup", 0.0, NAN, "not tested")]
    assert topics.classes(sources_of(class_differences=differences(*rows))) == (
        "B0 is ahead of CNN in 1 of 3 classes and behind in 1; too few seeds to test single classes"
    )
    assert topics.worst_classes(sources_of(class_differences=differences(rows[0]))) == ""


def test_where_no_class_has_a_verdict_the_finding_says_so():
    rows = [("sweet_pepper", 0.3, 0.2, "unclear"), ("oak", -0.2, 0.3, "unclear")]
    assert topics.classes(sources_of(class_differences=differences(*rows))) == (
        "B0 is ahead of CNN in 1 of 2 classes, but surely in none"
    )


@pytest.mark.parametrize("superclasses", [True, False])
def test_the_most_frequent_mistake_is_the_largest_share_of_its_class(superclasses):
    confusion = pd.DataFrame(
        [("b0", 0, 0, 6), ("b0", 0, 1, 4), ("b0", 1, 1, 95), ("b0", 1, 2, 5)],
        columns=["model", "true_id", "predicted_id", "count"],
    )
    errors = pd.DataFrame({"model": ["b0"], "within_superclass": [0.45], "expected_by_chance": [0.04]})
    said = topics.confusions(sources_of(superclasses=superclasses, confusion=confusion, errors=errors))
    start = "B0 most often takes sweet pepper for oak: 40 % of its images"
    more = "; 45 % of its errors stay within the superclass (4 % by chance)" if superclasses else ""
    assert said == start + more


def test_a_remark_where_temperature_scaling_made_things_worse_and_none_elsewhere():
    models = pd.DataFrame(
        [("cnn", "test_ece", 0.062), ("cnn", "test_ece_scaled", 0.082), ("b0", "test_ece", 0.048),
         ("b0", "test_ece_scaled", 0.035)], columns=["model", "metric", "mean"])  # fmt: skip
    assert topics.calibrations(sources_of(models=models)) == [
        "Temperature scaling made the probabilities of CNN worse on the test images: ECE 6.2 % before, 8.2 % after."
    ]
    same = models.assign(mean=[0.0620, 0.0621, 0.048, 0.035])
    assert topics.calibrations(sources_of(models=same)) == []


@pytest.mark.parametrize(
    ("seconds", "clock", "said"),
    [
        ((100, 250), "wall", "B0 takes 2.5 times as long to train as CNN"),
        ((100, 50), "wall", "B0 trains 2.0 times as fast as CNN"),
        ((100, 105), "wall", "B0 and CNN take about the same time to train"),
        ((100, 250), "CPU", "B0 needs 2.5 times as much CPU time to train as CNN"),
        ((100, 50), "CPU", "CNN needs 2.0 times as much CPU time to train as B0"),
        ((100, 105), "CPU", "B0 and CNN need about the same CPU time to train"),
    ],
)
def test_the_cost_of_the_better_model_against_the_other(seconds, clock, said):
    costs = pd.DataFrame({"model": ["cnn", "b0"], "seed": [0, 0], "run_seconds": seconds, "clock": clock})
    assert topics.costs(sources_of(costs=costs, provenance=on_gpus("A", "B"))) == said


def test_runs_that_shared_a_gpu_are_not_ranked_by_their_time():
    costs = pd.DataFrame({"model": ["cnn", "b0"], "seed": [0, 0], "run_seconds": (100, 250), "clock": "wall"})
    said = topics.costs(sources_of(costs=costs, provenance=on_gpus("A", "A")))
    assert said == "What a run of each model took while others shared its GPU"


def on_gpus(*gpus):
    """The provenance of runs that went on at the same time."""
    hours = {"started": "2026-01-01T12:00:00+00:00", "finished": "2026-01-01T13:00:00+00:00"}
    return pd.DataFrame({"device": "cuda", "visible_gpu": gpus} | hours)


def test_methods_say_how_many_runs_finished_and_whether_older_code_made_any(tmp_path):
    made = pd.DataFrame({"model": ["cnn", "b0"], "seed": [0, 0]})

    def said(codes, **tables):
        for model, code in zip(made["model"], codes, strict=True):
            write_json(tmp_path / "runs" / model / "seed-0" / "run.json", {"code_sha256": code})
        return topics.methods(dataclasses.replace(sources_of(provenance=made, **tables), study=tmp_path))

    present = training_code_sha256()
    assert said([present, present]) == "All 2 runs finished; one command repeats them"
    runs = made.assign(outcome=["diverged", "finished"])
    assert said(["2" * 64] * 2, runs=runs) == (
        "1 of 2 runs finished, all of them trained by older code; one command repeats them"
    )
    assert said([present, "2" * 64]) == (
        "All 2 runs finished, some of them trained by older code; one command repeats them"
    )
