"""Two models class by class: how much better is one, surely better, surely much the same, or neither?

A class has few test images (100 in CIFAR-100), and many classes are looked at together: both make a plain interval say
too much.

*Few images.* A difference is `contrast`'s, on the class's images and two more, of which only the model gets one right
and only the baseline the other. That is the adjusted Wald interval of Bonett & Price 2012 ("Adjusted Wald confidence
interval for a difference of binomial proportions based on paired data"), carried over to several seeds. Without it
the interval of a class that both models get wholly right would be a point, as if its images proved it for all. The
interval is centred on the slightly shrunken difference; the difference itself is not shrunken. What it covers is
simulated in docs/coverage.md.

*Many classes.* p_holm adjusts p for the number of classes (or superclasses) of the pair, and `better` and `worse`
are those below 5 %: the chance of any false one among all of them is below 5 %. `equivalent` are others where two
one-sided tests (Schuirmann 1987) find the difference above minus the margin of config.yaml and below plus the margin,
each at 5 % over the number of classes (Bonferroni): an interval that is wider than low and high lies within the margin.
A class may be neither, as not seeing a difference is not seeing that there is none. Where the interval of the typical
class (the median) is wider than the margin to either side, no class is called equivalent: none could be but by luck,
as with 100 images a class and a margin of 5 points.

*By luck the smallest.* `shrunken`, with the SD `shrunken_sd`, is the difference by empirical Bayes, and
`gain_probability` that of its being above 0; see `study.analysis.heterogeneity`. Rank classes by these.

With fewer than 3 seeds of either model nothing is known about other seeds: there is neither interval nor p, and the
verdict is `not tested`.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from study.analysis.classes import Grouping, by_class, by_superclass
from study.analysis.contrasts import Contrast, every_pair, holm, small_contrast
from study.analysis.heterogeneity import estimates, gain_probability, shrunken
from study.analysis.runs import Finished, correctness
from study.analysis.uncertainty import MIN_SEEDS
from study.config.record import StudyRecord
from study.data.dataset import Labels

VERDICTS = BETTER, WORSE, EQUIVALENT, UNCLEAR, NOT_TESTED = "better", "worse", "equivalent", "unclear", "not tested"
ERROR = 0.05
COUNTS = ["n_images", "n_seeds", "n_seeds_baseline"]
MEASURED = ["difference", "low", "high", "p", "p_holm", "verdict", "shrunken", "shrunken_sd", "gain_probability"]


def class_differences_table(config: StudyRecord, finished: Finished, dataset: Labels) -> pd.DataFrame:
    """One row per pair of models and class; a pair with a model that has no finished run has none."""
    return _table(config, finished, by_class(dataset))


def superclass_differences_table(config: StudyRecord, finished: Finished, dataset: Labels) -> pd.DataFrame:
    """As `class_differences_table`; an image counts as right if the top class belongs to its superclass."""
    return _table(config, finished, by_superclass(dataset))


def widened(result: Contrast, comparisons: int) -> tuple[float, float]:
    """The interval (low, high) that must lie within the margin for equivalence: of level 1 - 2 · 5 % / comparisons."""
    centre = (result.low + result.high) / 2
    standard_error = np.sqrt(result.var_images + np.nan_to_num(result.var_seeds))
    half = float(stdtrit(result.df, 1 - ERROR / comparisons)) * standard_error
    return centre - half, centre + half


def verdict(result: Contrast, p_holm: float, comparisons: int, margin: float) -> str:
    """better, worse, equivalent, unclear or not tested, as the module says; `margin` is a fraction, 0 for none."""
    if np.isnan(p_holm):
        return NOT_TESTED
    if p_holm < ERROR:
        return BETTER if result.difference > 0 else WORSE
    low, high = widened(result, comparisons)
    return EQUIVALENT if margin and -margin <= low and high <= margin else UNCLEAR


def reachable(results: Sequence[Contrast], comparisons: int, margin: float) -> float:
    """`margin` where the typical group's interval for equivalence could lie within it, else 0."""
    ends = np.array([widened(one, comparisons) for one in results if np.isfinite(one.low)]).reshape(-1, 2)
    return margin if len(ends) and np.median(ends[:, 1] - ends[:, 0]) / 2 <= margin else 0.0


def _table(config: StudyRecord, finished: Finished, grouping: Grouping) -> pd.DataFrame:
    """Rows by pair of models and group."""
    right = {model: correctness(runs, grouping.true, grouping.of_class) for model, runs in finished.items()}
    groups = [np.flatnonzero(grouping.true == number) for number in range(grouping.size)]
    parts = []
    for model, baseline in every_pair(config):
        if not (len(right[model]) and len(right[baseline])):
            continue
        results = [small_contrast(right[model][:, images], right[baseline][:, images]) for images in groups]
        p = np.array([result.p for result in results])
        p_holm = holm(p)
        part = pd.DataFrame({"model": model, "baseline": baseline} | grouping.columns)
        part["n_images"] = [len(images) for images in groups]
        part["n_seeds"], part["n_seeds_baseline"] = len(right[model]), len(right[baseline])
        for name in ("difference", "low", "high"):
            part[name] = np.clip([getattr(result, name) for result in results], -1, 1)
        part["p"], part["p_holm"] = p, p_holm
        margin = reachable(results, len(groups), config.equivalence_margin)
        part["verdict"] = [
            verdict(result, adjusted, len(groups), margin) for result, adjusted in zip(results, p_holm, strict=True)
        ]
        means, sds = np.full((2, len(groups)), np.nan)
        if min(len(right[model]), len(right[baseline])) >= MIN_SEEDS:
            means, sds = shrunken(*estimates([right[model], right[baseline]], groups))
        part["shrunken"], part["shrunken_sd"], part["gain_probability"] = means, sds, gain_probability(means, sds)
        parts.append(part)
    columns = ["model", "baseline", *grouping.columns, *COUNTS, *MEASURED]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
