"""The answer in words, and what a reader must know before it: runs that were lost, or are missing."""

import numpy as np
import pandas as pd

from study.findings import text
from study.findings.headline import answer, how_to_read
from study.findings.runs import lost_runs, notice


def config_of(**regimes):
    return {
        "baseline": next(iter(regimes)),
        "models": {name: {"label": name.upper(), "regime": regime} for name, regime in regimes.items()},
    }


def models_table(**rows):
    """models.csv of name=(seeds, test mean, validation mean); the interval is the mean ± one point from 3 seeds on."""
    table = []
    for model, (seeds, test, val) in rows.items():
        half = 0.01 if seeds >= 3 else np.nan
        entry = {"model": model, "n_seeds": seeds}
        table.append(entry | {"metric": "test_accuracy", "mean": test, "ci_low": test - half, "ci_high": test + half})
        table.append(entry | {"metric": "val_accuracy", "mean": val, "ci_low": np.nan, "ci_high": np.nan})
    return pd.DataFrame(table)


def contrasts_table(*rows):
    columns = ["model", "difference", "low", "high", "n_seeds", "n_seeds_baseline"]
    table = pd.DataFrame(rows, columns=columns).assign(metric="test_accuracy", baseline="cnn")
    few = table[["n_seeds", "n_seeds_baseline"]].min(axis=1) < 3
    single = table[["low", "high"]].set_axis(["lowest", "highest"], axis=1)
    return table.assign(low=table["low"].mask(few), high=table["high"].mask(few)).join(single)


TWO = config_of(cnn="scratch", b0="finetune")


def test_answer_says_how_much_better_the_best_model_is():
    models = models_table(cnn=(5, 0.36, 0.37), b0=(5, 0.82, 0.83))
    assert answer(TWO, models, contrasts_table(("b0", 0.46, 0.445, 0.475, 5, 5))) == (
        "Of 2 models, B0 (pretrained and fine-tuned) has the highest validation accuracy; it classifies 82.0 % of the "
        "test images correctly (mean of 5 seeds, 95 % interval over seeds 81.0 to 83.0 %), 46.0 "
        "percentage points more than the "
        "baseline CNN (95 % interval +44.5 to +47.5)."
    )


def test_answer_chooses_by_validation_and_not_by_test():
    models = models_table(cnn=(3, 0.70, 0.68), b0=(3, 0.69, 0.71))
    assert answer(TWO, models, contrasts_table(("b0", -0.01, -0.018, -0.002, 3, 3))) == (
        "Of 2 models, B0 (pretrained and fine-tuned) has the highest validation accuracy; it classifies 69.0 % of the "
        "test images correctly (mean of 3 seeds, 95 % interval over seeds 68.0 to 70.0 %), 1.0 "
        "percentage points fewer than the "
        "baseline CNN (95 % interval −1.8 to −0.2)."
    )


def test_answer_sees_no_clear_difference_where_the_interval_includes_0():
    models = models_table(cnn=(3, 0.70, 0.70), b0=(3, 0.71, 0.71))
    assert answer(TWO, models, contrasts_table(("b0", 0.01, -0.005, 0.025, 3, 3))).endswith(
        ", with no clear difference to the baseline CNN (+1.0 percentage points, 95 % interval −0.5 to +2.5, which "
        "includes 0)."
    )


def test_answer_with_few_seeds_says_why_there_is_no_interval():
    contrast = contrasts_table(("b0", 0.46, 0.445, 0.475, 2, 2))
    said = answer(TWO, models_table(cnn=(2, 0.36, 0.37), b0=(2, 0.82, 0.83)), contrast)
    assert "(mean of 2 seeds; a confidence interval over seeds needs at least 3)" in said
    assert said.endswith(
        "than the baseline CNN (+44.5 to +47.5 between single runs; too few seeds for a confidence interval)."
    )
    assert "(1 seed; a confidence interval over seeds needs at least 3)" in answer(
        TWO, models_table(cnn=(1, 0.36, 0.37), b0=(1, 0.82, 0.83)), contrast
    )


def test_answer_when_the_baseline_is_best():
    models = models_table(cnn=(3, 0.70, 0.72), b0=(3, 0.65, 0.66))
    assert answer(TWO, models, contrasts_table(("b0", -0.05, -0.07, -0.03, 3, 3))) == (
        "Of 2 models, CNN (trained from scratch) has the highest validation accuracy; it classifies 70.0 % of the test "
        "images correctly (mean of 3 seeds, 95 % interval over seeds 69.0 to 71.0 %), 5.0 "
        "percentage points more than the next "
        "best, B0 (95 % interval +3.0 to +7.0). It is the baseline."
    )


def test_answer_of_one_model():
    said = answer(config_of(cnn="scratch"), models_table(cnn=(3, 0.36, 0.37)), contrasts_table())
    assert said == (
        "CNN (trained from scratch) classifies 36.0 % of the test images correctly (mean of 3 seeds, 95 % interval "
        "over seeds 35.0 to 37.0 %). It is the only model, so there is nothing to compare it with."
    )


def test_answer_without_finished_runs():
    nothing = (0, np.nan, np.nan)
    models = models_table(cnn=nothing, b0=(3, 0.82, 0.83))
    assert answer(TWO, models, contrasts_table()).endswith(
        "It is the only model with a finished run, so there is nothing to compare it with."
    )
    assert answer(TWO, models_table(cnn=nothing, b0=nothing), contrasts_table()) == ("No answer yet: no run finished.")
    three = config_of(cnn="scratch", b0="finetune", b1="frozen")
    models = models_table(cnn=nothing, b0=(3, 0.82, 0.83), b1=(3, 0.72, 0.73))
    missing = contrasts_table(("b0", np.nan, np.nan, np.nan, 3, 0), ("b1", np.nan, np.nan, np.nan, 3, 0))
    assert answer(three, models, missing).endswith(
        ", but there is no finished run of the baseline CNN to compare with."
    )


def test_regime_is_named_once():
    assert text.model_name("Lite0", "frozen") == "Lite0 (frozen pretrained backbone with a trained head)"
    assert text.model_name("Lite0, frozen", "frozen") == "Lite0, frozen"
    assert text.model_name("Lite0", "finetune") == "Lite0 (pretrained and fine-tuned)"


def test_answer_takes_the_difference_to_the_baseline_and_to_no_other():
    three = config_of(cnn="scratch", b0="finetune", b1="frozen")
    models = models_table(cnn=(3, 0.36, 0.37), b0=(3, 0.82, 0.83), b1=(3, 0.72, 0.73))
    other = contrasts_table(("b0", 0.10, 0.09, 0.11, 3, 3)).assign(baseline="b1")
    assert answer(three, models, other).endswith(", and the study does not compare it with the baseline CNN.")
    both = pd.concat([other, contrasts_table(("b0", 0.46, 0.445, 0.475, 3, 3))])
    assert answer(three, models, both).endswith("46.0 percentage points more than the baseline CNN (95 % interval "
                                                "+44.5 to +47.5).")  # fmt: skip


def outcomes(*runs):
    return pd.DataFrame(runs, columns=["model", "seed", "outcome"])


def test_lost_runs_are_named():
    lost = outcomes(("cnn", 0, "diverged"), ("b0", 0, "diverged"), ("b0", 1, "diverged"), ("b0", 2, "finished"))
    assert lost_runs(TWO, lost) == [
        "The only run of CNN diverged, so it has no accuracy.",
        "2 of 3 runs of B0 diverged (seed 0 and 1) and are in no mean.",
    ]
    missing = outcomes(("cnn", 0, "missing"), ("cnn", 1, "missing"), ("b0", 0, "missing"), ("b0", 1, "finished"))
    assert lost_runs(TWO, missing) == [
        "All 2 runs of CNN are missing, so it has no accuracy.",
        "1 of 2 runs of B0 is missing (seed 0) and is in no mean.",
    ]


def test_a_comparison_of_what_is_there_says_so_on_top():
    assert notice(outcomes(("cnn", 0, "diverged"), ("b0", 0, "finished"))) == ""
    assert notice(outcomes(("cnn", 0, "missing"), ("b0", 0, "finished"))).startswith(
        "Incomplete: 1 of 2 runs of this study is missing."
    )


def test_how_to_read_warns_of_few_seeds_only_where_there_are_few():
    few = "With fewer than 3 seeds there is no confidence interval"
    assert any(few in sentence for sentence in how_to_read(models_table(cnn=(2, 0.3, 0.3))))
    assert not any(few in sentence for sentence in how_to_read(models_table(cnn=(3, 0.3, 0.3), b0=(0, 0.3, 0.3))))


def test_a_small_deviation_has_a_second_decimal():
    said = [text.mean_and_sd(0.5, sd) for sd in (np.nan, 0.012, 0.001, 0.00046, 0.0)]
    assert said == ["50.0", "50.0 ± 1.2", "50.0 ± 0.1", "50.0 ± 0.05", "50.0 ± 0.00"]
