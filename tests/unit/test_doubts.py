"""What else a gain may come from, in sentences worked out by hand from small tables."""

import pandas as pd
import pytest
from small_results import B0, CNN, NAN, contrast, outcomes, results_of

from study.findings.doubts import contamination, leaks, overlap, seen_before, without_duplicates
from study.findings.limits import in_short

MODELS = {"cnn": (CNN, 0.50, 0.50), "b0": (B0, 0.80, 0.80)}
GAIN = contrast("b0", "cnn", 0.3, 0.29, 0.31)


def sensitivity(**subsets):
    """sensitivity.csv: of each subset the number of images, and accuracies of the two models."""
    rows = [
        (model, subset, images, accuracy, accuracy - {"cnn": 0.5, "b0": 0.8}[model])
        for subset, (images, *accuracies) in {"all": (4, 0.5, 0.8), **subsets}.items()
        for model, accuracy in zip(("cnn", "b0"), accuracies, strict=True)
    ]
    return pd.DataFrame(rows, columns=["model", "subset", "n_images", "accuracy", "difference"])


def test_both_kinds_of_near_duplicates_are_left_out_in_turn():
    table = sensitivity(without_near_duplicates=(3, 0.48, 0.795), without_known_duplicates=(2, 0.46, 0.79))
    found, listed = without_duplicates(results_of(MODELS, contrasts=GAIN, sensitivity=table))
    assert found == (
        "Without the 1 test image in which the search finds near-duplicates of training or validation images, B0 has "
        "79.5 % (−0.5 points), and its difference to the CNN is +31.5 points instead of +30.0."
    )
    assert listed == (
        "Without the 2 test images that the config lists as near-duplicates, B0 has 79.0 % (−1.0 points), and its "
        "difference to the CNN is +33.0 points instead of +30.0."
    )


def leaking(shift, images):
    """The first screen's words on near-duplicates that move the gain by `shift`; `images` of 1,000 are none."""
    table = sensitivity(without_near_duplicates=(images, 0.48, 0.795)).replace({"n_images": 4}, 1000)
    moved = pd.DataFrame([("b0", "cnn", "without_near_duplicates", shift)],
                         columns=["model", "baseline", "subset", "shift"])  # fmt: skip
    return leaks(results_of(MODELS, contrasts=GAIN, sensitivity=table, sensitivity_contrasts=moved))


def test_the_first_screen_tells_of_near_duplicates_that_are_many_or_move_the_gain():
    # the interval of the gain is 2 points wide, and 10 images are 1 %
    assert leaking(0.0099, 990) == []
    (said,) = leaking(-0.0101, 990)
    assert said.startswith(
        "Leak: 1.0 % of the test images repeat training or validation images, or seem to. Without them, B0"
    )
    (said,) = leaking(0.0, 989)
    assert (
        "Leak: 1.1 %" in said
        and "B0 has 79.5 % (−0.5 points), and its difference to the CNN is +31.5 points instead" in said
    )
    (said,) = leaking(NAN, 0)
    assert said.endswith("no test image is left: nothing here was tested on images that are new.")


def test_of_own_images_nobody_knows_whether_weights_have_seen_them():
    results = results_of(MODELS)
    assert seen_before(results) == []
    results.dataset.meta["kind"] = "folder"
    (said,) = seen_before(results)
    assert said.startswith("Whether the images were among those that the pretrained weights learned from cannot be")
    assert seen_before(results_of({"cnn": MODELS["cnn"]})) == []


def overlap_table(low):
    rows = [("with_counterpart", 0.32, NAN), ("without_counterpart", 0.25, NAN), ("difference", 0.07, low),
            ("difference_adjusted", 0.05, low), ("difference_agreed", 0.06, low)]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["gain", "value", "low"]).assign(model="b0", baseline="cnn", high=0.1)
    return frame.assign(n_with=71, n_without=29)


def test_the_gain_in_classes_that_imagenet_has_too():
    (said,) = overlap(results_of(MODELS, contrasts=GAIN, overlap=overlap_table(0.02)))
    assert said == (
        "71 of the 100 classes have a counterpart among ImageNet's 1,000. In these B0 gains +32.0 points over the CNN, "
        "in the others +25.0. The difference is +7.0, 95 % interval +2.0 to +10.0, and +5.0, 95 % interval +2.0 to "
        "+10.0, between classes in which the CNN is equally good. The two groups may differ in more than that."
    )
    assert overlap(results_of(MODELS, contrasts=GAIN, overlap=overlap_table(0.02).head(0))) == []


def suspected(*ends):
    rows = [("b0", "cnn", 0.01, low, high) for low, high in ends]
    return pd.DataFrame(rows, columns=["model", "reference", "difference", "low", "high"])


def test_weights_of_unverified_origin_are_suspected_only_where_the_interval_is_above_0():
    told = contamination(results_of(MODELS, contamination=suspected((-0.005, 0.02), (0.005, 0.02), (-0.01, 0.03))))
    assert told == [
        "No sign that weights of unverified origin have seen the training images, of which the validation images are a "
        "part: the gain over the CNN, whose weights have a known origin, on validation minus that on test is, in "
        "points, +1.0, 95 % interval −0.5 to +2.0, for B0; +1.0, 95 % interval −1.0 to +3.0, for B0.",
        "It may be that weights of unverified origin have seen the training images, of which the validation images are "
        "a part: the gain over the CNN, whose weights have a known origin, on validation minus that on test is, in "
        "points, +1.0, 95 % interval +0.5 to +2.0, for B0.",
    ]
    (told,) = contamination(results_of(MODELS, contamination=suspected((NAN, NAN))))
    assert told.startswith("There are too few seeds to tell whether weights") and "is, in points, +1.0 for B0." in told
    assert contamination(results_of(MODELS, contamination=suspected())) == []


@pytest.mark.parametrize(
    ("other", "is_said"), [({}, True), ({"architecture": "b0"}, False), ({"weights": B0["weights"]}, False)]
)
def test_it_is_a_limit_that_the_two_differ_in_more_than_weights(other, is_said):
    models = MODELS | {"cnn": (CNN | other, 0.50, 0.50)}
    runs = outcomes(("b0", 0, "finished"), ("cnn", 0, "finished")).assign(epochs=4)
    said = in_short(results_of(models, contrasts=GAIN, sensitivity=sensitivity(), runs=runs))
    assert any(one.startswith("The two differ in network and recipe too") for one in said) == is_said
