"""The headings of the story: each sentence worked out by hand from small tables."""

import pandas as pd
import pytest
from small_results import NAN, outcomes, results_of

from study.findings import text, topics


def ladder(*steps):
    return pd.DataFrame(steps, columns=["change", "difference", "low", "high"])


def test_the_largest_step_is_named_with_its_part_of_all_points():
    table = ladder(("start", NAN, NAN, NAN), ("weights", 0.3, 0.28, 0.32), ("cosine", 0.01, -0.01, 0.03))
    assert topics.steps(results_of(ladder=table)) == (
        "“weights” adds most: +30.0 points of the +31.0 that all 2 steps add up to; 1 of 2 steps has no clear effect"
    )
    assert topics.steps(results_of(ladder=table.assign(low=NAN, high=NAN))).endswith("all 2 steps add up to")
    assert topics.steps(results_of(ladder=ladder(("a", NAN, NAN, NAN), ("b", -0.1, NAN, NAN)))) == (
        "No step adds accuracy to the one above it"
    )
    assert "can be compared" in topics.steps(results_of(ladder=ladder(("a", NAN, NAN, NAN))))


def differences(*rows, model="b0", baseline="cnn"):
    columns = ["class", "difference", "shrunken", "shrunken_sd", "gain_probability"]
    frame = pd.DataFrame(rows, columns=columns).assign(class_id=range(len(rows)))
    return frame.assign(model=model, baseline=baseline, low=NAN, high=NAN, verdict="unclear")


def test_classes_are_counted_by_their_probability_to_gain_and_the_smallest_gains_are_named():
    rows = [("sweet_pepper", 0.3, 0.25, 0.05, 0.99), ("oak", -0.2, -0.1, 0.05, 0.02), ("cup", 0.01, 0.05, 0.1, 0.69)]
    told = results_of(class_differences=differences(*rows))
    assert topics.classes(told) == (
        "B0 is better than the CNN in 1 of 3 classes and worse in 1, each with a probability of at least 95 %; it is "
        "expected to be worse in 1.3"
    )
    assert topics.smallest_differences(told) == (
        "The smallest differences, in points with 95 % intervals, drawn towards the mean because the smallest of many "
        "are so by luck too: oak (−10.0 ± 10), cup (+5.0 ± 20) and sweet pepper (+25.0 ± 10)."
    )
    opposite = [(name, -raw, -drawn, sd, 1 - gain) for name, raw, drawn, sd, gain in rows]
    turned = results_of(class_differences=differences(*opposite, model="cnn", baseline="b0"))
    assert topics.classes(turned) == topics.classes(told)
    assert topics.smallest_differences(turned) == topics.smallest_differences(told)


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("B0, fine-tuned", "fine-tuned B0"),
        ("Fine-tuned B0", "fine-tuned B0"),
        ("B0 (altered, new), frozen", "frozen B0 (altered, new)"),
        ("B0, fine-tuned without augmentation", "B0 fine-tuned without augmentation"),
        ("B0 (altered), 8 epochs", "B0 (altered) after 8 epochs"),
        ("CNN, modern recipe", "the CNN with the modern recipe"),
        ("Fast network from scratch, 3 epochs", "the fast network from scratch after 3 epochs"),
        ("Network from scratch", "the network from scratch"),
        ("Keras CNN", "Keras CNN"),
        ("iBOT, large", "iBOT, large"),
    ],
)
def test_what_a_sentence_calls_a_model(label, said):
    assert text.running(label) == said
    assert text.opening(said) == (said[0].upper() + said[1:] if said[0] in "ft" else said)


@pytest.mark.parametrize("pair", [("b0", "cnn"), ("cnn", "b0")])
def test_it_is_told_whether_classes_differ_in_their_gain_beyond_chance(pair):
    row = dict(zip(("model", "baseline"), pair, strict=True)) | {"level": "class", "observed_sd": 0.066, "p": 1e-16}
    row |= {"n_groups": 100}
    row |= {"true_sd": 0.054, "low": 0.044, "high": 0.066}
    said = topics.how_much_classes_differ(results_of(heterogeneity=pd.DataFrame([row])))
    assert said == (
        "That some gain more than others is more than chance (p < 0.001): the standard deviation of the true gains is "
        "5.4 points (95 % interval 4.4 to 6.6), that of the measured ones 6.6."
    )
    said = topics.how_much_classes_differ(results_of(heterogeneity=pd.DataFrame([row | {"p": 0.24}])))
    assert said == "That some classes gain more than others may be chance (p = 0.240)."
    unknown = results_of(heterogeneity=pd.DataFrame([row | {"p": NAN}]))
    assert topics.how_much_classes_differ(unknown) == ""
    assert topics.how_much_classes_differ(results_of(heterogeneity=pd.DataFrame([row | {"n_groups": 4}]))) == ""


def test_classes_of_too_few_seeds_are_counted_by_sign():
    rows = [("sweet_pepper", 0.3, NAN, NAN, NAN), ("oak", -0.2, NAN, NAN, NAN), ("cup", 0.0, NAN, NAN, NAN)]
    told = results_of(class_differences=differences(*rows))
    assert topics.classes(told) == (
        "B0 is ahead of the CNN in 1 of 3 classes and behind in 1; too few seeds to test single classes"
    )
    assert topics.smallest_differences(told) == (
        "The smallest differences, in points: oak (−20.0), cup (+0.0) and sweet pepper (+30.0)."
    )


CONFUSION = pd.DataFrame(
    [("b0", 0, 0, 90), ("b0", 0, 1, 10), ("b0", 1, 1, 80), ("b0", 1, 0, 10), ("b0", 1, 2, 10), ("b0", 2, 2, 85),
     ("b0", 2, 1, 15)], columns=["model", "true_id", "predicted_id", "count"])  # fmt: skip


@pytest.mark.parametrize("superclasses", [True, False])
def test_the_most_confused_pair_is_counted_both_ways_round(superclasses):
    errors = pd.DataFrame({"model": ["b0"], "within_superclass": [0.45], "expected_by_chance": [0.04]})
    said = topics.confusions(results_of(superclasses=superclasses, confusion=CONFUSION, errors=errors))
    start = "B0 most often confuses oak with cup: 12 % of their images"  # 25 of 200
    more = "; 45 % of its errors stay within the superclass (4 % by chance)" if superclasses else ""
    assert said == start + more


def test_the_errors_that_remain_are_those_of_the_headlines_model():
    results = results_of(confusion=CONFUSION)
    results.tables["models"].loc[len(results.tables["models"])] = ("b0", "test_top5", 0.99, 0.98, 1.0)
    assert topics.remaining_errors(results) == (
        "B0 gets 15.0 % of the test images wrong; for 1.0 % the true class is not among its five best. 44 % of its "
        "errors are in the 1 hardest class. Most often confused: oak with cup and sweet pepper with oak."
    )


def test_a_remark_where_temperature_scaling_made_things_worse_and_none_elsewhere():
    models = pd.DataFrame(
        [("cnn", "test_ece", 0.062), ("cnn", "test_ece_scaled", 0.082), ("b0", "test_ece", 0.048),
         ("b0", "test_ece_scaled", 0.035)], columns=["model", "metric", "mean"])  # fmt: skip
    assert topics.calibrations(results_of(models=models)) == [
        "Temperature scaling made the probabilities of the CNN worse on the test images: ECE 6.2 % before, 8.2 % after."
    ]
    same = models.assign(mean=[0.0620, 0.0621, 0.048, 0.035])
    assert topics.calibrations(results_of(models=same)) == []


@pytest.mark.parametrize(
    ("seconds", "clock", "said"),
    [
        ((100, 250), "wall", "B0 takes 2.5 times as long to train as the CNN"),
        ((100, 50), "wall", "B0 trains 2.0 times as fast as the CNN"),
        ((100, 105), "wall", "B0 and the CNN take about the same time to train"),
        ((100, 250), "CPU", "B0 needs 2.5 times as much CPU time to train as the CNN"),
        ((100, 50), "CPU", "The CNN needs 2.0 times as much CPU time to train as B0"),
        ((100, 105), "CPU", "B0 and the CNN need about the same CPU time to train"),
    ],
)
def test_the_cost_of_the_better_model_against_the_other(seconds, clock, said):
    costs = pd.DataFrame({"model": ["cnn", "b0"], "seed": [0, 0], "run_seconds": seconds, "clock": clock})
    assert topics.costs(results_of(costs=costs, provenance=on_gpus("A", "B"))) == said


def test_runs_that_shared_a_gpu_are_not_ranked_by_their_time():
    costs = pd.DataFrame({"model": ["cnn", "b0"], "seed": [0, 0], "run_seconds": (100, 50), "clock": "wall"})

    def said(*compute):
        return topics.costs(results_of(costs=costs.assign(compute=compute), provenance=on_gpus("A", "A")))

    assert said(10.0, 25.0) == "B0 trains with 2.5 times the compute of the CNN, pretraining left out"
    assert said(10.0, NAN) == "What a run of each model costs, apart from its time"


def on_gpus(*gpus):
    """The provenance of runs that went on at the same time."""
    hours = {"started": "2026-01-01T12:00:00+00:00", "finished": "2026-01-01T13:00:00+00:00"}
    return pd.DataFrame({"device": "cuda", "visible_gpu": gpus} | hours)


def test_methods_say_how_many_runs_finished():
    assert topics.methods(results_of()) == "All 6 runs finished; one command runs the study again"
    runs = outcomes(("cnn", 0, "diverged"), ("b0", 0, "finished"))
    assert topics.methods(results_of(runs=runs)) == "1 of 2 runs finished; one command runs the study again"
