"""Claims: every verdict by hand, what cannot be tested, mistakes in the config, and what the pages make of them."""

import copy
import json
import re
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
import yaml
from configs import COMPUTE
from hypothesis import given
from hypothesis import strategies as st
from records import record_of
from study_factory import labels_of, make_study
from written_pages import views

from study.analysis.claims import BY_CLASS, Measured, claims_table, judge, measure, one_more_run
from study.analysis.runs import Run
from study.analysis.scores import METRICS
from study.analysis.tables import write_tables
from study.analysis.uncertainty import wilson
from study.config.claims import Claim
from study.config.planning import study_record
from study.config.study import load_config
from study.errors import StudyError
from study.reporting.claims import MARKS
from study.reporting.pages import draw_figures, write_pages

ROOT = Path(__file__).parents[2]
CLASSES = np.arange(100)
HOSTILE = '<b>x</b> & "y" $1$'


def raw():
    return yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))


def claim_of(metric="test_accuracy", judgement="at_least", expected=0.5, **other):
    given = {"id": "c", "text": HOSTILE, "source": HOSTILE, "model": "scratch_cnn", "baseline": None, "rounding": 0.0}
    return given | {"metric": metric, "judgement": judgement, "expected": expected} | other


def run_of(predicted=(), **numbers):
    return Run("m", 0, {}, pd.DataFrame(), numbers, np.array(predicted, np.uint8))


# --- what is measured -------------------------------------------------------------------------------------------------


def test_one_more_run_by_hand():
    # 0.80, 0.82, 0.84: SD 0.02, t(2) = 4.302653, half = 4.302653 * 0.02 * sqrt(4 / 3) = 0.099366
    found = one_more_run(np.array([0.80, 0.82, 0.84]))
    assert found.value == pytest.approx(0.82)
    assert (found.low, found.high) == (pytest.approx(0.720634, abs=1e-6), pytest.approx(0.919366, abs=1e-6))
    # another draw of 5,000 validation images: 1.959964^2 * 2 * 0.82 * 0.18 / 5000 = 0.00022680 under the root
    wider = one_more_run(np.array([0.80, 0.82, 0.84]), 5000)
    assert wider.high - 0.82 == pytest.approx(np.sqrt(0.099366**2 + 0.00022680), abs=1e-6)
    assert np.isnan(one_more_run(np.array([0.80, 0.82])).low)


def test_one_more_run_lies_in_its_interval_19_times_of_20():
    draws = np.random.default_rng(0).normal(0.8, 0.01, (4000, 4))
    found = [one_more_run(draw[:3]) for draw in draws]
    inside = np.mean([one.low <= draw[3] <= one.high for one, draw in zip(found, draws, strict=True)])
    assert abs(inside - 0.95) < 0.015


def test_the_gap_by_hand():
    runs = [run_of(train_val_gap=gap) for gap in (0.10, 0.12, 0.14)]
    found = measure(claim_of("train_val_gap"), {"scratch_cnn": runs}, labels_of([0]))
    # 0.12, and t(2) * 0.02 / sqrt(3) = 0.049683
    assert (found.value, found.low) == (pytest.approx(0.12), pytest.approx(0.070317, abs=1e-6))
    few = measure(claim_of("train_val_gap"), {"scratch_cnn": runs[:2]}, labels_of([0]))
    assert np.isnan(few.low) and few.n_seeds == 2


def test_two_seeds_are_too_few_for_a_direction():
    runs = [run_of(test_accuracy=accuracy) for accuracy in (0.4, 0.6)]
    found = measure(claim_of(), {"scratch_cnn": runs}, labels_of(np.repeat(CLASSES, 2)))
    assert (found.value, np.isnan(found.low)) == (0.5, True)
    said = "Its interval needs 3 finished seeds; 2 have finished."
    assert judge(claim_of(expected=0.3), found) == ("inconclusive", said)


def test_the_classes_differ_by_more_than_their_few_images_explain():
    # Of 10 images a class, 50 classes have 2 right and 50 have 8: an SD of 30 points, of which the images explain 13.
    fine = np.repeat(CLASSES, 10)
    right = np.tile(np.arange(10), 100) < np.where(fine < 50, 2, 8)
    predicted = np.where(right, fine, (fine + 1) % 100)
    found = measure(claim_of("class_sd"), {"scratch_cnn": [run_of(predicted)] * 3}, labels_of(fine))
    # every class has the variance 0.2 · 0.8 / 9, so tau² is that of the accuracies less this
    assert found.value == pytest.approx(np.sqrt(0.09 * 100 / 99 - 0.16 / 9))
    assert 0.2 < found.low < found.value < found.high < 0.4
    assert judge(claim_of("class_sd", expected=0.05), found)[0] == "reproduced"


def test_every_metric_of_the_config_can_be_measured():
    assert (METRICS.keys() | BY_CLASS.keys()).issuperset(get_args(Claim.model_fields["metric"].annotation))


def test_errors_within_the_superclass_and_none_at_all():
    dataset = labels_of([7, 7, 7, 20])
    found = measure(claim_of("within_superclass"), {"scratch_cnn": [run_of([9, 8, 7, 30])]}, dataset)
    assert (found.value, found.low) == (pytest.approx(2 / 3), pytest.approx(wilson(2, 3)[0]))
    none = measure(claim_of("within_superclass"), {"scratch_cnn": [run_of([7, 7, 7, 20])]}, dataset)
    assert judge(claim_of("within_superclass"), none) == ("inconclusive", "The finished runs have no such number.")


def test_a_difference_is_that_of_the_contrasts_and_of_any_two_models(tmp_path):
    study = make_study(tmp_path / "real", {"scratch_cnn": 0.4, "b0": 0.7, "b3": 0.75})
    set_claims(study, [
        claim_of(model="b0", baseline="scratch_cnn"),
        claim_of(model="b3", baseline="b0"),
        claim_of(model="b0", baseline="b3"),
    ])  # fmt: skip
    write_tables(study, study / "tables")
    claims = pd.read_csv(study / "tables" / "claims.csv")
    contrast = pd.read_csv(study / "tables" / "contrasts.csv").iloc[0]
    assert claims.loc[0, ["measured", "low", "high"]].tolist() == contrast[["difference", "low", "high"]].tolist()
    assert claims.loc[1, ["measured", "low", "high"]].tolist() == [
        -x for x in claims.loc[2, ["measured", "high", "low"]]
    ]
    assert 0 < claims.loc[1, "measured"] < 0.15


# --- verdicts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("judgement", "low", "high", "verdict"),
    [
        ("at_least", 0.51, 0.60, "reproduced"),
        ("at_least", 0.40, 0.49, "not reproduced"),
        ("at_least", 0.45, 0.55, "inconclusive"),
        ("at_least", 0.50, 0.55, "inconclusive"),
        ("at_most", 0.40, 0.49, "reproduced"),
        ("at_most", 0.51, 0.60, "not reproduced"),
        ("at_most", 0.45, 0.55, "inconclusive"),
        ("equals", 0.45, 0.55, "compatible"),
        ("equals", 0.51, 0.60, "not reproduced"),
        ("equals", 0.40, 0.49, "not reproduced"),
        ("at_least", np.nan, np.nan, "inconclusive"),
        ("equals", np.nan, np.nan, "inconclusive"),
    ],
)
def test_verdicts(judgement, low, high, verdict):
    found = Measured(0.5, low, high, 3, "seeds only")
    assert judge(claim_of(judgement=judgement), found)[0] == verdict


def test_a_number_within_the_interval_of_few_seeds_is_compatible_and_the_width_is_said():
    found = Measured(0.37, 0.36, 0.38, 4, "")
    verdict, reason = judge(claim_of(judgement="equals", expected=0.375), found)
    assert (verdict, reason) == (
        "compatible",
        "The published number lies inside the 95 % prediction interval for one more run, which is 2.0 points wide with "
        "4 seeds; 5 would say more.",
    )
    assert judge(claim_of(judgement="equals", expected=0.375), found._replace(n_seeds=5))[0] == "reproduced"


def test_an_untested_claim_has_the_number_of_its_model_and_no_verdict():
    config = record_of(
        models={"scratch_cnn": {"label": "CNN"}},
        claims=[
            claim_of() | {"untested": "Nobody knows how."},
            claim_of(model=None) | {"untested": "Nobody knows."},
        ],
    )
    runs = [run_of(test_accuracy=accuracy) for accuracy in (0.6, 0.61, 0.62)]
    table = claims_table(config, {"scratch_cnn": runs}, labels_of([0]))
    assert table["verdict"].tolist() == ["not tested here"] * 2
    assert (table.loc[0, "measured"], table.loc[0, "reason"]) == (pytest.approx(0.61), "Nobody knows how.")
    assert np.isnan(table.loc[1, "measured"])


def test_a_rounded_number_is_reproduced_where_any_it_may_stand_for_is():
    found = Measured(0.37, 0.364, 0.376, 5, "")
    assert judge(claim_of(judgement="equals", expected=0.36, rounding=0.005), found)[0] == "reproduced"
    assert judge(claim_of(judgement="equals", expected=0.36, rounding=0.003), found)[0] == "not reproduced"
    assert judge(claim_of(judgement="equals", expected=0.38, rounding=0.005), found)[0] == "reproduced"


@pytest.mark.parametrize(("seeds", "said"), [(1, "1 has finished."), (2, "2 have finished.")])
def test_what_is_missing_is_said(seeds, said):
    few = Measured(0.37, np.nan, np.nan, seeds, "")
    assert judge(claim_of(judgement="equals"), few)[1] == f"Its interval needs 3 finished seeds; {said}"


@given(st.floats(-1, 1), st.floats(0, 1), st.floats(0, 1), st.floats(-1, 1))
def test_swapping_the_direction_swaps_the_verdict(value, below, above, expected):
    found = Measured(value, value - below, value + above, 5, "seeds only")
    one, other = (judge(claim_of(judgement=way, expected=expected), found)[0] for way in ("at_least", "at_most"))
    swapped = {"reproduced": "not reproduced", "not reproduced": "reproduced", "inconclusive": "inconclusive"}
    assert other == swapped[one]


def test_what_is_not_tested_says_why():
    models = {"scratch_cnn": {"label": "CNN"}, "b0": {"label": "B0"}}
    claims = [
        claim_of(model=None),
        claim_of(model="b3"),
        claim_of(model="b0"),
        claim_of(baseline="b3"),
        claim_of(baseline="b0"),
        claim_of(),
    ]
    runs = [run_of(test_accuracy=accuracy) for accuracy in (0.6, 0.61, 0.62)]
    table = claims_table(record_of(models=models, claims=claims), {"scratch_cnn": runs, "b0": []}, labels_of([0]))
    assert table["verdict"].tolist() == ["not tested here"] * 5 + ["reproduced"]
    assert table["reason"].tolist()[:5] == [
        "There is no model of this kind in config.yaml yet.",
        "b3 is not in the grid.",
        "No run of B0 finished.",
        "b3 is not in the grid.",
        "No run of B0 finished.",
    ]
    claims = [claim_of("within_superclass"), claim_of()]
    without = record_of(models=models, claims=claims, dataset={"superclasses": 0})
    table = claims_table(without, {"scratch_cnn": runs, "b0": []}, labels_of([0], superclasses=0))
    assert table["verdict"].tolist() == ["not tested here", "reproduced"]
    assert table.loc[0, "reason"] == "Real has no superclasses."


# --- the config -------------------------------------------------------------------------------------------------------


def test_the_claims_of_config_yaml_reach_the_record():
    record = study_record(load_config(raw()), COMPUTE)
    first = record["claims"][0]
    assert (first["model"], first["judgement"], first["expected"]) == ("scratch_cnn", "equals", 0.36)
    assert [entry["accuracy"] for entry in record["literature"]][:1] == [0.881]
    bare = {key: value for key, value in raw().items() if key not in ("claims", "literature")}
    assert study_record(load_config(bare), COMPUTE)["claims"] == []


MISTAKES = [
    ({"model": "eficientnet_b0"}, "claims: scratch_validation: model: there is no model 'eficientnet_b0'; did you mean "
                                  "'efficientnet_b0'?"),
    ({"metric": "test_acuracy"}, "claims: 0: metric is 'test_acuracy', but must be 'test_accuracy', "
                                 "'val_accuracy', 'train_val_gap', 'class_sd' or 'within_superclass'."),
    ({"equals": None}, "claims: 0: a claim has one of equals, at_least and at_most, not none."),
    ({"at_most": 0.4}, "claims: 0: a claim has one of equals, at_least and at_most, not equals and at_most."),
    ({"equals": 36}, "claims: 0: equals is 36, but must be at most 1."),
    ({"metric": "class_sd"}, "claims: 0: equals judges test_accuracy or val_accuracy of one model; use at_least or "
                                 "at_most."),
    ({"equals": None, "at_least": 0.1}, "claims: 0: rounding belongs to equals; remove it, or move the threshold."),
    ({"equals": None, "rounding": 0, "at_least": 0.1, "metric": "test_accuracy", "baseline": "scratch_cnn"},
     "claims: 0: baseline and model are both 'scratch_cnn'; name another baseline."),
    ({"equals": None, "rounding": 0, "at_least": 0.1, "metric": "class_sd", "baseline": "efficientnet_b0"},
     "claims: 0: a difference to a baseline is one of test_accuracy, not of class_sd."),
    ({"id": "b0_test"}, "claims: id: 'b0_test' is listed twice; remove one."),
    ({"at_leest": 0.1}, "claims: 0 has an unknown key 'at_leest'; did you mean 'at_least'?"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "expected"), MISTAKES)
def test_a_mistake_is_told_in_one_sentence(changes, expected):
    config = raw()
    config["claims"][0] |= changes
    with pytest.raises(StudyError) as caught:
        load_config(config)
    assert str(caught.value) == f"config: {expected}"


def test_a_published_number_needs_its_source_and_is_a_fraction():
    for change, expected in (
        ({"accuracy": 88.1}, "literature: 0: accuracy is 88.1, but must be at most 1."),
        ({"source": ""}, "literature: 0: source is '', but must not be empty."),
    ):
        config = copy.deepcopy(raw())
        config["literature"][0] |= change
        with pytest.raises(StudyError, match=re.escape(expected)):
            load_config(config)


# --- the report -------------------------------------------------------------------------------------------------------


def set_claims(study, claims, literature=(), synthetic=False):
    config = json.loads((study / "config.json").read_text())
    config |= {"claims": list(claims), "literature": list(literature)}
    config["dataset"]["synthetic"] = synthetic
    (study / "config.json").write_text(json.dumps(config))


PUBLISHED = {
    "label": HOSTILE,
    "accuracy": 0.8118,
    "model_kind": "finetune",
    "training_images": None,
    "selection": "not said",
    "source": "<i>paper</i>",
    "note": "One run.",
}


def report(folder, claims, synthetic):
    """Text of the accuracy figure, the page of models and the page of claims, if any, of a study with `claims`."""
    study = make_study(folder, {"scratch_cnn": 0.4, "lite0_finetune": 0.8})
    set_claims(study, claims, [PUBLISHED], synthetic)
    write_tables(study, study / "tables")
    draw_figures(study, study / "tables", study / "figures")
    write_pages(study, study / "tables", study / "figures", study / "pages")
    shown = views(study)
    told = [shown.get(name, "") for name in ("story", "which_model_is_better", "claims_reproduced_or_not")]
    return [re.sub(r"data:[^\"]*", "", one) for one in ((study / "figures/accuracy.svg").read_text(), *told)]


def test_pages_show_mark_and_word_and_escape_what_they_are_given(tmp_path):
    claims = [claim_of(expected=value) for value in (0.1, 0.9, 0.4)]
    claims += [claim_of(judgement="equals", expected=0.4), claim_of(model=None)]
    figure, story, models, page = report(tmp_path / "real", claims, synthetic=False)
    for verdict, mark in MARKS.items():
        assert f"{mark}\u00a0{verdict}" in page
        assert f"1 {verdict}" in story
    for text in (story, models, page):
        assert "<b>x" not in text and "&lt;b&gt;x&lt;/b&gt; &amp; &#34;y&#34; $1$" in text
    assert "From the literature, not measured here" in models
    assert "&lt;i&gt;paper&lt;/i&gt;" in models and "81.18" in models
    assert "<b>x" not in figure


def test_where_no_claim_is_tested_for_one_reason_it_is_said_once(tmp_path):
    _, story, _, page = report(tmp_path / "untested", [claim_of(model=None), claim_of(model=None)], synthetic=True)
    assert "2 claims: not tested here. There is no model of this kind" in story
    assert page.count("not tested here") == 1  # the same in every row, so it is said once


def test_a_study_without_claims_says_nothing_of_them(tmp_path):
    _, story, models, page = report(tmp_path / "none", [], synthetic=False)
    assert "laim" not in story + models
    assert page == ""  # there is no such page
