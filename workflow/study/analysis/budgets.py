"""Accuracy against training compute, and how much of it one start needs to be as good as another."""

from typing import Any

import numpy as np
import pandas as pd

from study.analysis.inversion import Curve, amounts_to_reach
from study.analysis.runs import Finished, Run, correctness
from study.analysis.uncertainty import over_seeds, share_of
from study.config.options import at_step
from study.config.record import StudyRecord
from study.data.dataset import TEST, Labels

RESAMPLING = 0  # the seed, so that the same runs give the same bytes
CURVE = ["curve", "model", "label", "images_seen", "macs", "compute", "n_seeds", "mean", "sd", "ci_low", "ci_high",
         "min", "max", "test_low", "test_high"]  # fmt: skip
NEEDED = ["model", "curve", "accuracy", "compute", "needed", "needed_low", "needed_high", "times", "times_low",
          "times_high", "beyond", "low_beyond", "high_beyond"]  # fmt: skip
TERA = 1e12


def budget_curve_table(config: StudyRecord, finished: Finished, dataset: Labels) -> pd.DataFrame:
    """Test accuracy of each model against what its runs computed; models that differ in their budget alone are a curve.

    `compute` are 10^12 multiply-accumulates of forward passes over the `images_seen` of one run; an image of another
    size than the model's, which has `macs` for one, counts as its share of the pixels. Steps backwards, which cost
    about twice as much again and less where layers are frozen, are not in it; frozen backbones have no row.
    """
    rows = []
    for curve, models in config.curves.items():
        for model in models:
            runs = finished[model]
            if not runs or config.models[model].regime == "frozen" or _compute(config, runs) is None:
                continue
            shown = {"curve": curve, "model": model, "label": config.models[model].label}
            measured = {
                "images_seen": round(np.mean([_images_seen(config, run) for run in runs])),
                "macs": runs[0].record["macs"],
                "compute": _compute(config, runs) / TERA,
            }
            values = np.array([run.numbers["test_accuracy"] for run in runs])
            rows.append(shown | measured | over_seeds(values, share_of(len(dataset.ids(TEST)))))
    table = pd.DataFrame(rows, columns=CURVE)
    return table.sort_values(["curve", "compute"], key=_in_order(table), kind="stable", ignore_index=True)


def compute_needed_table(config: StudyRecord, finished: Finished, dataset: Labels) -> pd.DataFrame:
    """For each model with pretrained weights on a curve: the compute that each curve without them needs to be as good.

    `times` is how many times the model's own compute that is; the compute of the pretraining is not in it. As in
    effective_data.csv, nothing is extrapolated: ">" stands for more than the curve's largest budget, whose number is
    given, "<" for less than its smallest.
    """
    table = budget_curve_table(config, finished, dataset)
    curves = {name: _curve(rows, finished, dataset) for name, rows in table.groupby("curve", sort=False)}
    pretrained = {name for name, rows in table.groupby("curve") if config.models[rows["model"].iloc[0]].weights}
    rows: list[dict[str, Any]] = []
    for one, other in ((one, other) for one in curves for other in curves):
        if one not in pretrained or other in pretrained or len(curves[other].amounts) < 2:
            continue
        found = amounts_to_reach(curves[one], curves[other], np.random.default_rng(RESAMPLING))
        models = table.loc[table["curve"] == one, ["model", "mean", "compute"]].itertuples(index=False)
        for (model, accuracy, compute), amount in zip(models, found, strict=True):
            cut, sides = amount.within(curves[other].amounts)
            times = {f"times{end}": cut[f"{end}"] / compute for end in cut}
            rows.append(
                {"model": model, "curve": other, "accuracy": accuracy, "compute": compute}
                | {f"needed{end}": value for end, value in cut.items()}
                | times
                | sides
            )
    return pd.DataFrame(rows, columns=NEEDED)


def _images_seen(config: StudyRecord, run: Run) -> float:
    """How many images a run saw, each counted as often as it was seen."""
    recipe = config.recipe_of(run.model)
    epochs = run.record["epochs"]
    whole, images = recipe.get("images_seen"), run.record["data"]["train"]
    if isinstance(whole, dict):
        whole = at_step(
            {int(key): value for key, value in whole.items()}, images / config.dataset.classes, "images_seen"
        )
    return whole * epochs / recipe["epochs"] if whole else epochs * images


def _compute(config: StudyRecord, runs: list[Run]) -> float | None:
    """The multiply-accumulates of a run's forward passes, on average; None where a run has not those of an image."""
    model = config.models[runs[0].model]
    sizes = config.recipe_of(runs[0].model).get("input_sizes")
    if any(run.record.get("macs") is None for run in runs):
        return None
    computed = []
    for run in runs:
        used = sizes[: run.record["epochs"]] if sizes else [model.input_size]
        pixels = np.mean([(size / model.input_size) ** 2 for size in used])
        computed.append(run.record["macs"] * _images_seen(config, run) * pixels)
    return float(np.mean(computed))


def _curve(rows: pd.DataFrame, finished: Finished, dataset: Labels) -> Curve:
    true = dataset.fine[dataset.ids(TEST)]
    return Curve(rows["compute"].to_numpy(float), [correctness(finished[model], true) for model in rows["model"]])


def _in_order(table: pd.DataFrame) -> Any:
    """Curves in the order of the config, not of their names."""
    order = {name: place for place, name in enumerate(dict.fromkeys(table["curve"]))}
    return lambda column: column.map(order) if column.name == "curve" else column
