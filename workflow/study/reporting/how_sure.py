"""How sure would the study be with other numbers of seeds? Interval and power from the variances it measured."""

from typing import Any

import numpy as np

from study.analysis.power import Variances, foresee, power, variances
from study.analysis.uncertainty import MIN_SEEDS
from study.data.dataset import TEST
from study.reporting.charts import numbers
from study.reporting.comparing import Compared
from study.reporting.markup import chart
from study.reporting.panels import pair_key, pairs, shared
from study.reporting.sources import Sources

SEEDS = range(2, 21)
DIFFERENCES = (0.01, 0.02, 0.05)
ENDLESS = 1_000_000  # seeds: what is left comes from the test images
SHAKY = 5  # seeds; from fewer, a variance is known to a factor of about 3 at best


def how_sure_section(sources: Sources) -> dict[str, Any]:
    """Of every two models: half the interval, the images' share of its variance, and the power, by number of seeds."""
    data = {"seeds": list(SEEDS), "differences": list(DIFFERENCES), "min_seeds": MIN_SEEDS, "pairs": foreseen(sources)}
    images = len(sources.dataset.ids(TEST))
    note = (
        "What the 95 % interval of a difference would be with other numbers of seeds of each model, on the same "
        f"{images:,} test images: from the variances measured in this study, by the formula of its own intervals "
        "(workflow/study/analysis/contrasts.py and power.py). Power is the chance that the interval leaves out 0 if "
        f"the true difference is as large as said. From fewer than {SHAKY} seeds, the variances are rough estimates."
    )
    return chart("how_sure", "How sure with more seeds?", data, note, shared(sources))


def lasting_share(sources: Sources, two: Compared) -> float:
    """The share of the variance of a difference that only more test images reduce, not more seeds; NaN if unknown."""
    measured, total = _measured(sources, two.model, two.other), two.var_seeds + two.var_images
    if measured is None or not total > 0:
        return np.nan
    return measured.lasting / total


def _measured(sources: Sources, model: str, baseline: str) -> Variances | None:
    true = sources.dataset.fine[sources.dataset.ids(TEST)]
    return variances(*(sources.predicted(one)[1] == true for one in (model, baseline)))


def foreseen(sources: Sources) -> dict[str, Any]:
    """By pair, for every number of SEEDS; `seeds` are those that baseline and model had.

    `images` is the share of the variance that no seed takes away; `floor` is half the interval that it leaves.
    """
    found = {}
    for model, baseline in pairs(sources):
        measured = _measured(sources, model, baseline)
        if measured is None:
            continue
        steps = [foresee(measured, seeds) for seeds in SEEDS]
        totals = np.array([step.var_seeds + step.var_images for step in steps])
        with np.errstate(invalid="ignore", divide="ignore"):
            share = measured.lasting / totals
        found[pair_key(sources, model, baseline)] = {
            "seeds": [len(sources.predicted(one)[0]) for one in (baseline, model)],
            "half": numbers([step.half for step in steps], 5),
            "floor": round(foresee(measured, ENDLESS).half, 5),
            "images": numbers(share, 3),
            "power": [numbers([power(step, size) for step in steps], 3) for size in DIFFERENCES],
        }
    return found


def how_sure_page(sources: Sources) -> list[dict[str, Any]]:
    """What more seeds would do."""
    return [how_sure_section(sources)]
