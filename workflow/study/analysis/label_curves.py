"""Accuracy against labelled images per class, and what pretraining is worth in labels."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.inversion import Amount, Curve, amounts_for, amounts_to_reach, of_accuracy, of_log_likelihood
from study.analysis.runs import Run, correctness
from study.analysis.uncertainty import over_seeds, share_of
from study.config.record import StudyRecord
from study.data.dataset import TEST, TRAIN, Labels

TARGETS = np.arange(5, 100, 5) / 100  # accuracies
RESAMPLING = 0  # the seed, so that the same runs give the same bytes
CURVE = ["model", "label", "images_per_class", "n_seeds", "mean", "sd", "ci_low", "ci_high", "min", "max", "test_low",
         "test_high"]  # fmt: skip
Height = Callable[[np.ndarray, int], np.ndarray]
MEASURES = ("effective", "transferred", "multiplier")
SIDES = ["beyond", "low_beyond", "high_beyond"]
EFFECTIVE = ["model", "baseline", "same_network", "images_per_class", "n_seeds", "n_seeds_baseline", "accuracy",
             *(f"{name}{end}" for name in MEASURES for end in ("", "_low", "_high")),
             *SIDES]  # fmt: skip
NEEDED = ["model", "label", "accuracy", *(f"images_per_class{end}" for end in ("", "_low", "_high")), *SIDES]


def label_runs_table(config: StudyRecord, every_run: list[Run]) -> pd.DataFrame:
    """One row per run on few images per class; those on all are in runs.csv."""
    rows = [
        {
            "model": run.model,
            "label": config.models[run.model].label,
            "images_per_class": run.images_per_class,
            "seed": run.seed,
            "outcome": run.record["outcome"],
            "epochs": run.record.get("epochs"),
            "test_accuracy": run.numbers.get("test_accuracy", np.nan),
            "device_name": run.record.get("environment", {}).get("device_name"),
        }
        for model in _models(config)
        for run in every_run
        if run.model == model and run.images_per_class is not None
    ]
    return pd.DataFrame(rows).astype({"epochs": "Int64"})


def label_curve_table(config: StudyRecord, every_run: list[Run], dataset: Labels) -> pd.DataFrame:
    """Test accuracy at each number of images per class: mean, spread and intervals over seeds, as in models.csv.

    A seed draws the images too, so the interval over seeds is one over sets of images.
    """
    rows = []
    for model in _models(config):
        for amount, finished in _by_amount(model, every_run, dataset):
            values = np.array([run.numbers["test_accuracy"] for run in finished])
            shown = {"model": model, "label": config.models[model].label, "images_per_class": _shown(amount)}
            rows.append(shown | over_seeds(values, share_of(len(dataset.ids(TEST)))))
    return pd.DataFrame(rows, columns=CURVE)


def effective_data_table(config: StudyRecord, every_run: list[Run], dataset: Labels) -> pd.DataFrame:
    """For each model with pretrained weights: how many images per class each model without them needs to be as good.

    `effective` is that number, `transferred` what it is more than the model's own images per class, `multiplier` how
    many times as many (Hernandez et al. 2021, https://arxiv.org/abs/2102.01293, who compare the same network:
    `same_network`). Nothing is extrapolated: `beyond` is ">" where the number is more than the largest that the
    baseline was trained on, which then stands there, "<" where it is fewer than the smallest; so for the ends.
    """
    return _effective_table(config, every_run, dataset, of_accuracy)


def effective_data_by_nll_table(config: StudyRecord, every_run: list[Run], dataset: Labels) -> pd.DataFrame:
    """`effective_data_table` with the negative log-likelihood, `nll`, in place of accuracy.

    Between measured points its logarithm is a straight line over the logarithm of the amount. Log-probabilities are
    those of the evidence, rounded, so that the numbers are the same once the study is published.
    """
    return _effective_table(config, every_run, dataset, of_log_likelihood)


def _effective_table(config: StudyRecord, every_run: list[Run], dataset: Labels, height: Height) -> pd.DataFrame:
    weights = {name: config.models[name].weights for name in _models(config)}
    curves = {name: _curve(name, every_run, dataset, height) for name in weights}
    rows: list[dict[str, Any]] = []
    for model, baseline in (
        (one, other) for one in weights for other in weights if weights[one] and not weights[other]
    ):
        reached, by = curves[model], curves[baseline]
        if len(by.amounts) < 2 or not len(reached.amounts):
            continue
        found = amounts_to_reach(reached, by, np.random.default_rng(RESAMPLING))
        pair = {"model": model, "baseline": baseline, "same_network": int(_is_same_network(config, model, baseline))}
        for amount, correct, one in zip(reached.amounts, reached.correct, found, strict=True):
            counts = {"n_seeds": len(correct), "n_seeds_baseline": min(map(len, by.correct))}
            measured = {"accuracy": correct.mean()} if height is of_accuracy else {"nll": -correct.mean()}
            own = {"images_per_class": _shown(amount), **counts, **measured}
            rows.append(pair | own | _effective(amount, one, by.amounts))
    columns = EFFECTIVE if height is of_accuracy else [name.replace("accuracy", "nll") for name in EFFECTIVE]
    return pd.DataFrame(rows, columns=columns)


def labels_needed_table(config: StudyRecord, every_run: list[Run], dataset: Labels) -> pd.DataFrame:
    """How many images per class a model needs for each of TARGETS, with `beyond` as in `effective_data_table`.

    Models that were trained on fewer than two numbers of images have no rows.
    """
    rows = []
    for model in _models(config):
        curve = _curve(model, every_run, dataset)
        if len(curve.amounts) < 2:
            continue
        found = amounts_for(TARGETS, curve, np.random.default_rng(RESAMPLING))
        for target, one in zip(TARGETS, found, strict=True):
            cut, sides = one.within(curve.amounts)
            shown = {"model": model, "label": config.models[model].label, "accuracy": target}
            rows.append(shown | {f"images_per_class{end}": value for end, value in cut.items()} | sides)
    return pd.DataFrame(rows, columns=NEEDED)


def _effective(own: float, found: Amount, amounts: np.ndarray) -> dict[str, Any]:
    """The three measures of `found` where a model has `own` images per class."""
    cut, sides = found.within(amounts)
    row: dict[str, Any] = {}
    for end, value in cut.items():
        row |= {f"effective{end}": value, f"transferred{end}": value - own, f"multiplier{end}": value / own}
    return row | sides


def _models(config: StudyRecord) -> list[str]:
    """The models that are trained on few images too, in the tables' order."""
    few = {run.model for run in config.labels or ()}
    return [model for model in config.models if model in few]


def _images_per_class(run: Run, dataset: Labels) -> float:
    """How many images of each class a run trains on, on average over classes; of a missing run, as many as planned."""
    if run.images_per_class is not None:
        return run.images_per_class
    images = run.record["data"]["train"] if "data" in run.record else len(dataset.ids(TRAIN))
    return images / dataset.classes


def _by_amount(model: str, runs: list[Run], dataset: Labels) -> list[tuple[float, list[Run]]]:
    """Return (images per class, the finished runs) of a model, the fewest images first."""
    own = [run for run in runs if run.model == model and run.numbers]
    amounts = sorted({_images_per_class(run, dataset) for run in own})
    return [(amount, [run for run in own if _images_per_class(run, dataset) == amount]) for amount in amounts]


def _curve(model: str, runs: list[Run], dataset: Labels, height: Height = of_accuracy) -> Curve:
    points, true = _by_amount(model, runs, dataset), dataset.fine[dataset.ids(TEST)]
    of_images = [
        correctness(own, true) if height is of_accuracy else np.array([run.log_true for run in own], float)
        for _, own in points
    ]
    return Curve(np.array([amount for amount, _ in points]), of_images, height)


def _is_same_network(config: StudyRecord, model: str, other: str) -> bool:
    one, two = ((entry.architecture, entry.arguments, entry.input_size)
                for entry in (config.models[model], config.models[other]))  # fmt: skip
    return one == two


def _shown(images_per_class: float) -> str:
    return f"{images_per_class:g}"
