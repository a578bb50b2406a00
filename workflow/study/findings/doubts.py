"""Whether a gain has other reasons: near-duplicates, classes that ImageNet has too, weights that saw the images."""

import pandas as pd

from study.analysis import duplicates, look_alikes
from study.findings import text
from study.findings.compare import headline, with_pair
from study.findings.results import Results, best_model
from study.paths import NEAR_DUPLICATES_TABLE

SUBSETS = {
    "without_near_duplicates": "in which the search finds near-duplicates of training or validation images",
    "without_known_duplicates": "that the config lists as near-duplicates",
}
MANY = 0.01  # of the test images, from which on the first screen says so
ENDS = ["value", "low", "high"]


def near_duplicate(results: Results) -> str:
    """What counts as a near-duplicate in this study, in a sentence."""
    if results.config.duplicate_features or results.tables[NEAR_DUPLICATES_TABLE]["likeness"].notna().any():
        return (
            "A near-duplicate is a test image with a training or validation image that a pretrained network finds "
            "similar and that agrees with it once the two are laid upon each other, mirrored, enlarged and shifted as "
            f"fits best: together, a chance of at least {text.percent(look_alikes.THRESHOLD, 0)} % to be one, by a "
            f"list judged by eye. Pairs whose pixels alone are nearer than {duplicates.SURE:g} are added."
        )
    return (
        "A near-duplicate is a test image whose distance to the nearest training or validation image is below "
        f"{duplicates.THRESHOLD:g}: that of their cosine transforms without the lowest frequencies, scaled to length "
        "1, either way round; 0 for the same picture, about 1.4 for unrelated ones."
    )


def leaks(results: Results) -> list[str]:
    """Those of `without_duplicates` that the first screen says: of many images, or of some that move the headline."""
    two, rows, said = headline(results), results.tables["sensitivity"], []
    images = rows.groupby("subset")["n_images"].max()
    for subset in images.index.intersection(list(SUBSETS)):
        moved = False
        if two is not None:
            changed = with_pair(results, "sensitivity_contrasts", two.model, two.other)
            shift = changed.loc[changed["subset"] == subset, "shift"].abs().max()
            moved = shift > (two.ends[1] - two.ends[0]) / 2
        left_out = images["all"] - images[subset]
        if moved or left_out > MANY * images["all"]:
            share = text.percent(left_out / images["all"])
            begun = f"Leak: {share} % of the test images repeat training or validation images, or seem to."
            said += [f"{begun} {one}" for one in _without(results, subset, "them")]
    return said


def without_duplicates(results: Results) -> list[str]:
    """What leaving near-duplicates out does to the model of the headline, or the best, and to the headline's gain."""
    return [sentence for subset in SUBSETS for sentence in _without(results, subset)]


def _without(results: Results, subset: str, known_as: str = "") -> list[str]:
    two = headline(results)
    best = best_model(results.tables["models"]) if two is None else two.model
    found = results.rows("sensitivity", model=best, subset=subset)
    if found.empty:
        return []
    row = found.iloc[0]
    images = results.rows("sensitivity", model=best, subset="all")["n_images"].iloc[0]
    if row["n_images"] == images:
        return ["The search finds no near-duplicates of training or validation images among the test images."]
    left_out = known_as or f"the {text.counted(images - row['n_images'], 'test image')} {SUBSETS[subset]}"
    if not row["n_images"]:
        return [f"Without {left_out}, no test image is left: nothing here was tested on images that are new."]
    sentence = (
        f"Without {left_out}, {results.names[best]} has {text.percent(row['accuracy'])} % "
        f"({text.points(row['difference'])} points)"
    )
    if two is not None:
        other = results.rows("sensitivity", model=two.other, subset=subset)["accuracy"].iloc[0]
        sentence += (
            f", and its difference to {results.names[two.other]} is {text.points(row['accuracy'] - other)} points "
            f"instead of {text.points(two.difference)}"
        )
    return [sentence + "."]


def seen_before(results: Results) -> list[str]:
    """That nobody here can know whether weights have seen the images, where these are the user's own."""
    pretrained = [model for model in results.config.models.values() if model.weights]
    if not (results.is_own and pretrained):
        return []
    return [
        "Whether the images were among those that the pretrained weights learned from cannot be known here: what the "
        "weights learned from is not at hand to be searched. If the images are from the internet, or from a public "
        "collection such as ImageNet, the weights may have seen them, and then images that are new may gain less."
    ]


def overlap(results: Results) -> list[str]:
    """The gain of the headline's model in classes that ImageNet has too, and in the others."""
    two = headline(results)
    rows = pd.DataFrame() if two is None else results.rows("overlap", model=two.model, baseline=two.other)
    if rows.empty:
        return []
    by = rows.set_index("gain")
    inside, outside, apart, equal = (
        by.loc[name] for name in ("with_counterpart", "without_counterpart", "difference", "difference_adjusted")
    )
    return [
        f"{int(apart['n_with'])} of the {int(apart['n_with'] + apart['n_without'])} classes have a counterpart among "
        f"ImageNet's 1,000. In these {results.names[two.model]} gains {text.points(inside['value'])} points over "
        f"{results.names[two.other]}, in the others {text.points(outside['value'])}. The difference is "
        f"{_difference(*apart[ENDS])} and {_difference(*equal[ENDS])} between classes in which "
        f"{results.names[two.other]} is equally good. The two groups may differ in more than that."
    ]


def contamination(results: Results) -> list[str]:
    """Whether weights of unverified origin look as if they had seen the images; models of one verdict in a sentence."""
    found: dict[str, list[str]] = {}
    for row in results.tables["contamination"].itertuples():
        verdict = "No sign that" if row.low <= 0 else "There are too few seeds to tell whether"
        verdict = "It may be that" if row.low > 0 else verdict
        said = f"{_difference(row.difference, row.low, row.high)} for {results.names[row.model]}"
        found.setdefault(verdict, []).append(said)
    return [
        f"{verdict} weights of unverified origin have seen the training images, of which the validation images are a "
        f"part: the gain over {results.names[results.tables['contamination']['reference'].iloc[0]]}, whose weights "
        f"have a known origin, on validation minus that on test is, in points, {'; '.join(differences)}."
        for verdict, differences in found.items()
    ]


def _difference(value: float, low: float, high: float) -> str:
    interval = "" if pd.isna(low) else f", 95 % interval {text.points(low)} to {text.points(high)},"
    return f"{text.points(value)}{interval}"
