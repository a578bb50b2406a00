"""The pair that answers the question, the answer in words, and what a reader must know before it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from small_results import B0, CNN, NAN, contrast, outcomes, results_of

from study.config.record import Pair
from study.findings import text
from study.findings.compare import headline, shown_pairs
from study.findings.headline import answer
from study.findings.limits import how_to_read
from study.findings.runs import lost_runs, notice, original_report
from study.reporting.style import PRETRAINED, RANDOM, colours

FAST = CNN | {"label": "Fast", "architecture": "fast"}
FROZEN = B0 | {"label": "B0, frozen", "regime": "frozen"}
VIT = B0 | {"label": "ViT", "architecture": "vit", "origin": "unverified"}
MANY = {
    "cnn": (CNN, 0.40, 0.38),
    "fast": (FAST, 0.75, 0.74),
    "frozen": (FROZEN, 0.70, 0.72),
    "b0": (B0, 0.83, 0.82),
    "vit": (VIT, 0.88, 0.87),
}


def pair_of(results):
    two = headline(results)
    return two and (two.model, two.other)


def every_contrast(*pairs):
    """contrasts.csv with a clear difference for each pair: that of the test accuracies of MANY."""
    rows = [(model, other, MANY[model][2] - MANY[other][2]) for model, other in pairs]
    return pd.concat([contrast(*pair, gain, gain - 0.01, gain + 0.01) for *pair, gain in rows])


def test_the_headline_is_the_best_of_known_origin_against_the_best_from_random_weights():
    assert pair_of(results_of(MANY)) == ("b0", "fast")


@pytest.mark.parametrize(
    ("models", "baseline", "pair"),
    [
        (("cnn", "fast"), "cnn", ("fast", "cnn")),  # none is pretrained: the best against the baseline
        (("cnn", "fast"), "fast", ("fast", "cnn")),  # which is the best itself: against the next best
        (("frozen", "b0"), "b0", ("b0", "frozen")),
        (("cnn", "fast", "vit"), "cnn", ("fast", "cnn")),  # no headline rests on weights of unverified origin
        (("b0",), "b0", None),
    ],
)
def test_where_one_kind_is_missing_the_best_is_compared_with_the_baseline(models, baseline, pair):
    assert pair_of(results_of({name: MANY[name] for name in models}, baseline=baseline)) == pair


def test_the_config_can_name_the_headline_and_it_waits_for_its_runs():
    named = {"model": "frozen", "baseline": "cnn"}
    assert pair_of(results_of(MANY, headline=named)) == ("frozen", "cnn")
    runs = outcomes(*((name, 0, "missing" if name == "frozen" else "finished") for name in MANY))
    said = answer(results_of(MANY, headline=named, runs=runs))
    assert said.claim == "ViT classifies 87.0 % of the test images correctly"
    assert said.details == ["The study's headline cannot be given before both of its models have a finished run."]


@pytest.mark.parametrize("stored", [("b0", "fast"), ("fast", "b0")])
def test_tables_show_the_headline_where_the_study_does_not_ask_for_it(stored):
    results = results_of(MANY, contrasts=every_contrast(("b0", "cnn"), stored))
    results.config.contrasts[:] = [Pair("b0", "cnn")]
    assert shown_pairs(results) == [("b0", "cnn"), stored]
    results.config.contrasts[:] = [Pair("fast", "b0")]
    assert shown_pairs(results) == [("fast", "b0")]


def test_the_answer_names_both_models_what_else_differs_and_what_is_set_apart():
    contrasts = every_contrast(("b0", "fast"), ("b0", "cnn"), ("vit", "fast"))
    found = answer(results_of(MANY, contrasts=contrasts))
    assert found.claim == (
        "With ImageNet weights of known origin, the best model trained here is 8.0 percentage points more accurate "
        "than the best from random weights"
    )
    assert (found.number, found.pair, found.span) == ("+8.0", "B0 − Fast", "95 % interval +7.0 to +9.0")
    assert found.details == [
        "That is 82.0 % for B0 (3 seeds), against 74.0 % for Fast (3 seeds): +8.0 points (95 % interval +7.0 to +9.0).",
        "The two differ not only in their weights, but also in network and recipe: 4 epochs, 224 px, against 4 epochs, "
        "32 px.",
        "Set apart, because where their weights are from is not verified: ViT 87.0 % (+13.0 points).",
        "The gain over the baseline, the CNN, is +44.0 points (95 % interval +43.0 to +45.0).",
    ]


@pytest.mark.parametrize(
    ("compute", "said"),
    [
        (30.0, "weights, which had 3.0 times as much training compute (pretraining left out)"),
        (4.0, "weights, but had 2.5 times as much training compute (pretraining left out)"),
        (10.5, "the best from random weights"),
        (NAN, "the best from random weights"),
    ],
)
def test_unequal_training_compute_is_told_where_the_study_knows_it(compute, said):
    costs = pd.DataFrame({"model": ["b0", "cnn"], "seed": 0, "compute": [10.0, compute]})
    assert answer(results_of(costs=costs)).claim.endswith(said)


def test_a_pair_that_the_config_names_is_called_by_its_names():
    contrasts = every_contrast(("frozen", "cnn"))
    found = answer(results_of(MANY, headline={"model": "cnn", "baseline": "frozen"}, contrasts=contrasts))
    assert found.claim == "The CNN is 34.0 percentage points less accurate than frozen B0"
    assert found.number == "−34.0"


@pytest.mark.parametrize(
    ("pair", "ratios", "said"),
    [
        (("b0", "cnn"), (0.64, 0.62, 0.67), "+7.0 to +9.0), or 36 % fewer errors (33 to 38 %)."),
        (("cnn", "b0"), (2, 1.6, 2.5), "+7.0 to +9.0), or 50 % fewer errors (38 to 60 %)."),  # 1 / 2.5 to 1 / 1.6
        (("b0", "cnn"), (1.25, 1.1, 1.4), "+7.0 to +9.0), or 25 % more errors (10 to 40 %)."),
        (("b0", "cnn"), (0.98, 0.95, 1.01), "+7.0 to +9.0)."),
    ],
)
def test_points_are_told_as_errors_too_where_the_interval_tells_which_way(pair, ratios, said):
    ends = (0.08, 0.07, 0.09) if pair[0] == "b0" else (-0.08, -0.09, -0.07)
    found = answer(results_of(contrasts=contrast(*pair, *ends, ratios=ratios)))
    assert found.details[0].endswith(said)


@pytest.mark.parametrize(
    ("difference", "low", "high", "claim"),
    [
        (-0.3, -0.32, -0.28, "With ImageNet weights, the best model trained here is 30.0 percentage points more "
         "accurate than the best from random weights"),  # the table has the model from random weights first
        (0.04, 0.01, 0.07, "With ImageNet weights, the best model trained here is 4.0 percentage points less accurate "
         "than the best from random weights"),
        (0.002, -0.01, 0.014, "The best models with ImageNet weights and from random weights do not differ clearly"),
    ],
)  # fmt: skip
def test_a_contrast_that_is_stored_the_other_way_round_is_turned(difference, low, high, claim):
    found = answer(results_of(contrasts=contrast("cnn", "b0", difference, low, high)))
    assert found.claim == claim
    assert (
        f"{text.points(-difference)} points (95 % interval {text.points(-high)} to {text.points(-low)})"
        in (found.details[0])
    )


def test_with_few_seeds_the_range_between_single_runs_decides_and_is_named():
    few = contrast("b0", "cnn", 0.004, NAN, NAN, -0.002, 0.01)
    found = answer(results_of(contrasts=few))
    assert found.claim.endswith("do not differ clearly")
    assert found.span == "−0.2 to +1.0 between single runs, too few for an interval"
    assert "(−0.2 to +1.0 between single runs, too few for an interval)" in found.details[0]
    single = contrast("b0", "cnn", 0.004, NAN, NAN, 0.004, 0.004)
    assert answer(results_of(contrasts=single)).span == "one run each, too few for an interval"


def test_a_model_that_is_alone_is_compared_with_nothing():
    runs = outcomes(("cnn", 0, "diverged"), ("b0", 0, "finished"))
    alone = results_of(runs=runs)
    assert headline(alone) is None
    assert answer(alone) == (
        "B0 classifies 78.4 % of the test images correctly",
        ["It is the only model with a finished run, so there is nothing to compare it with."],
        "78.4 %",
        "of the test images",
        "B0",
        "95 % interval over test images 77.4 to 79.4 %",
    )
    only = answer(results_of({"b0": (B0, 0.8, 0.784)}, baseline="b0"))
    assert only.details == ["It is the only model, so there is nothing to compare it with."]


def test_without_a_finished_run_there_is_no_answer():
    nothing = results_of({"cnn": (CNN, NAN, NAN), "b0": (B0, NAN, NAN)}, runs=outcomes(("cnn", 0, "diverged")))
    assert answer(nothing) == ("No run finished, so there is no answer yet", [], "", "", "", "")


def test_lost_runs_are_named():
    lost = outcomes(("cnn", 0, "diverged"), ("b0", 0, "diverged"), ("b0", 1, "diverged"), ("b0", 2, "finished"))
    assert lost_runs(results_of(runs=lost)) == [
        "The only run of the CNN diverged, so it has no accuracy.",
        "2 of 3 runs of B0 diverged (seeds 0 and 1) and are excluded from every mean.",
    ]
    both = outcomes(*((name, seed, "missing") for name in ("cnn", "b0") for seed in range(3)))
    assert lost_runs(results_of(runs=both)) == [
        "All 3 runs of each of these models are missing, so they have no accuracy: the CNN; B0."
    ]
    missing = outcomes(("cnn", 0, "missing"), ("cnn", 1, "missing"), ("b0", 0, "missing"), ("b0", 1, "finished"))
    assert lost_runs(results_of(runs=missing)) == [
        "All 2 runs of the CNN are missing, so it has no accuracy.",
        "1 of 2 runs of B0 is missing (seed 0) and is excluded from every mean.",
    ]


def test_a_comparison_of_what_is_there_says_so_on_top():
    assert notice(outcomes(("cnn", 0, "diverged"), ("b0", 0, "finished"))) == ""
    assert notice(outcomes(("cnn", 0, "missing"), ("b0", 0, "finished"))).startswith(
        "Incomplete: 1 of 2 runs of this study is missing."
    )


def test_the_report_whose_question_it_is_stands_beside_its_number_alone():
    entry = {"label": "B0, original report", "source": "original report", "accuracy": 0.8118}
    results = results_of()
    results.config.literature.extend([entry, entry | {"source": "a paper", "accuracy": 0.9}])
    (said,) = original_report(results)
    assert said.endswith("fine-tuned B0, which reached 81.18 % on the test images.")
    assert original_report(results_of()) == []


def test_how_to_read_warns_of_few_seeds_only_where_there_are_few():
    def warns(*seeds):
        models = pd.DataFrame({"metric": "test_accuracy", "n_seeds": seeds})
        return any("With fewer than 3 seeds there is no" in said for said in how_to_read(results_of(models=models)))

    assert warns(2)
    assert not warns(3, 0)


def test_what_was_chosen_on_validation_images_is_said_of_runs_and_of_the_answer():
    results = results_of(models=pd.DataFrame({"metric": "test_accuracy", "n_seeds": [3]}))
    assert how_to_read(results)[-1] == "Every choice, such as the epoch, was made on the validation images."
    results.config.recipes["r"] = {"best_epoch": "val_loss", "regression": {"l2": [0.1]}}
    assert how_to_read(results)[-1].endswith("but a regression's penalty by cross-validation on training images.")
    results.config.recipes["r"] = {"best_epoch": "last"}
    assert how_to_read(results)[-1].endswith("The answer compares the models that are best on validation images.")
    named = replace(results, config=replace(results.config, headline=Pair("b0", "cnn")))
    assert how_to_read(named)[-1] == "Every run keeps its last epoch: none was chosen on validation or test images."


def test_a_small_deviation_has_a_second_decimal():
    said = [text.mean_and_sd(0.5, sd) for sd in (np.nan, 0.012, 0.001, 0.00046, 0.0)]
    assert said == ["50.0", "50.0 ± 1.2", "50.0 ± 0.1", "50.0 ± 0.05", "50.0 ± 0.00"]


def test_seeds_are_named_as_a_range_where_they_are_one():
    said = [text.seeds(seeds) for seeds in ([3], [1, 0], [2, 0, 1], [7, 0, 3])]
    assert said == ["seed 3", "seeds 0 and 1", "seeds 0 to 2", "seeds 0, 3 and 7"]


def luminance(colour):
    """Relative luminance of "#rrggbb", as WCAG 2 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return np.dot(linear, (0.2126, 0.7152, 0.0722))


def test_a_hue_says_random_or_pretrained_and_the_headline_is_stronger():
    found = colours(results_of(MANY))
    assert found["b0"] == PRETRAINED[0] and found["fast"] == RANDOM[0]
    assert found["frozen"] == found["vit"] == PRETRAINED[1] and found["cnn"] == RANDOM[1]
    for colour in (*PRETRAINED, *RANDOM):
        on_white, on_dark = (
            1.05 / (luminance(colour) + 0.05),
            (luminance(colour) + 0.05) / (luminance("#15181c") + 0.05),
        )
        assert min(on_white, on_dark) > 3, colour
