"""The study's answer in words, computed from the tables: every case has its own wording, none is typed by hand."""

from typing import Any

import numpy as np
import pandas as pd

from study.analysis.uncertainty import MIN_SEEDS
from study.findings import text
from study.findings.compare import pretrained_and_scratch
from study.findings.results import Results, best_model


def answer(config: dict[str, Any], models: pd.DataFrame, contrasts: pd.DataFrame) -> str:
    """One sentence: the best model by validation, its mean test accuracy, and its difference to the baseline.

    `models` and `contrasts` are the tables of those names; `config` is the study's config.json.
    """
    best = best_model(models)
    if best is None:
        return "No answer yet: no run finished."
    entries = config["models"]
    test = models[models["metric"] == "test_accuracy"].set_index("model")
    competing = int((test["n_seeds"] > 0).sum())
    name = text.model_name(entries[best]["label"], entries[best]["regime"])
    reached = (
        f"classifies {text.percent(test.loc[best, 'mean'])} % of the test images correctly ({_seeds(test.loc[best])})"
    )
    if len(entries) == 1:
        return f"{name} {reached}. It is the only model, so there is nothing to compare it with."
    if competing == 1:
        return f"{name} {reached}. It is the only model with a finished run, so there is nothing to compare it with."
    subject = f"Of {competing} models, {name} has the highest validation accuracy; it {reached}"
    baseline = config["baseline"]
    if best != baseline:
        return f"{subject}, {_difference(contrasts, best, baseline, 'the baseline ' + entries[baseline]['label'], 1)}."
    second = best_model(models[models["model"] != baseline])
    gap = _difference(contrasts, second, baseline, "the next best, " + entries[second]["label"], -1)
    return f"{subject}, {gap}. It is the baseline."


def pretrained_against_scratch(results: Results) -> list[str]:
    """A sentence on what pretraining is worth among the best; none where `answer` says it, or it is not known."""
    found = pretrained_and_scratch(results)
    if found is None or found.other == results.config["baseline"]:
        return []
    best = f"The best pretrained model, {results.labels[found.model]}"
    other = f"the best from random weights, {results.labels[found.other]}"
    if not found.is_clear:
        return [f"{best}, does not differ clearly from {other} ({text.points(found.difference)} points; {found.span})."]
    size, side = text.percent(abs(found.difference)), "ahead of" if found.difference > 0 else "behind"
    return [f"{best}, is {size} percentage points {side} {other} ({found.span})."]


def _seeds(test: pd.Series) -> str:
    """What the mean is over, and its interval over seeds."""
    seeds = int(test["n_seeds"])
    mean = "1 seed" if seeds == 1 else f"mean of {seeds} seeds"
    if seeds < MIN_SEEDS:
        return f"{mean}; a confidence interval over seeds needs at least {MIN_SEEDS}"
    return f"{mean}, 95 % interval over seeds {text.percent(test['ci_low'])} to {text.percent(test['ci_high'])} %"


def _difference(contrasts: pd.DataFrame, model: str, baseline: str, other: str, sign: int) -> str:
    """The contrast of `model` minus the baseline, turned round where `sign` is -1, as part of a sentence."""
    found = contrasts[
        (contrasts["model"] == model) & (contrasts["baseline"] == baseline) & (contrasts["metric"] == "test_accuracy")
    ]
    if found.empty:
        return "and the study does not compare it with " + other
    if np.isnan(found["difference"].iloc[0]):
        return "but there is no finished run of " + other + " to compare with"
    row = found.iloc[0]
    value = sign * row["difference"]
    few = np.isnan(row["low"])
    low, high = sorted(sign * row[end] for end in (("lowest", "highest") if few else ("low", "high")))
    span = f"{text.points(low)} to {text.points(high)}"
    span = f"{span} between single runs; too few seeds for a confidence interval" if few else f"95 % interval {span}"
    if low <= 0 <= high:
        size = f"{text.points(value)} percentage points"
        return f"with no clear difference to {other} ({size}, {span}, which includes 0)" if not few else (
            f"with no clear difference to {other} ({size}; {span})")  # fmt: skip
    size, direction = text.percent(abs(value)), "more" if value > 0 else "fewer"
    return f"{size} percentage points {direction} than {other} ({span})"


def how_to_read(models: pd.DataFrame) -> list[str]:
    """What the intervals cover and what they do not."""
    seeds = models.loc[models["metric"] == "test_accuracy", "n_seeds"]
    sentences = [
        "The 95 % interval of a mean is a t interval over seeds: it covers the mean of all possible seeds on these "
        "test images. The interval of a difference covers both seeds and test images; images are paired.",
        "Every choice, such as the epoch, was made on the validation split. The split is fixed, so no interval "
        "includes the effect of choosing another one.",
        "Each model was trained with one recipe; other hyper-parameters were not tested.",
    ]
    if ((seeds > 0) & (seeds < MIN_SEEDS)).any():
        sentences.insert(
            1,
            f"With fewer than {MIN_SEEDS} seeds there is no confidence interval: read the range between single runs "
            "instead.",
        )
    return sentences
