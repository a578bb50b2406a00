"""Accuracy against training compute, and how much of it one start needs to be as good as another."""

from typing import Any

import numpy as np
import pandas as pd

from study.analysis.costs import TERA, computed, images_seen
from study.analysis.inversion import Curve, accuracies_at, amounts_to_reach, differences_at
from study.analysis.runs import Finished, correctness
from study.analysis.uncertainty import over_seeds, share_of
from study.config.record import StudyRecord
from study.data.dataset import TEST, Labels

RESAMPLING = 0  # the seed, so that the same runs give the same bytes
CURVE = ["curve", "model", "label", "images_seen", "macs", "compute", "n_seeds", "mean", "sd", "ci_low", "ci_high",
         "min", "max", "test_low", "test_high"]  # fmt: skip
NEEDED = ["model", "curve", "accuracy", "compute", "needed", "needed_low", "needed_high", "times", "times_low",
          "times_high", "beyond", "low_beyond", "high_beyond"]  # fmt: skip
MATCHED = ["curve", "baseline", "compute", "compute_model", "compute_baseline", "accuracy", "accuracy_baseline",
           "difference", "low", "high"]  # fmt: skip


def budget_curve_table(config: StudyRecord, finished: Finished, dataset: Labels) -> pd.DataFrame:
    """Test accuracy of each model against what its runs computed; models that differ in their budget alone are a curve.

    `compute` is that of costs.csv, on average over a model's runs. Frozen backbones have no row.
    """
    rows = []
    for curve, models in config.curves.items():
        of_curve = []
        for model in models:
            runs = finished[model]
            compute = [computed(config, run) for run in runs]
            if not runs or None in compute:
                continue
            shown = {"curve": curve, "model": model, "label": config.models[model].label}
            measured = {
                "images_seen": round(np.mean([images_seen(config, run) for run in runs])),
                "macs": runs[0].record["macs"],
                "compute": np.mean(compute) / TERA,
            }
            values = np.array([run.numbers["test_accuracy"] for run in runs])
            of_curve.append(shown | measured | over_seeds(values, share_of(len(dataset.ids(TEST)))))
        rows += sorted(of_curve, key=lambda row: row["compute"])
    return pd.DataFrame(rows, columns=CURVE)


def compute_needed_table(config: StudyRecord, finished: Finished, dataset: Labels) -> pd.DataFrame:
    """For each model with pretrained weights on a curve: the compute that each curve without them needs to be as good.

    `times` is how many times the model's own compute that is; the compute of the pretraining is not in it. As in
    effective_data.csv, nothing is extrapolated: ">" stands for more than the curve's largest budget, whose number is
    given, "<" for less than its smallest.
    """
    table = budget_curve_table(config, finished, dataset)
    curves = _curves(table, finished, dataset)
    rows: list[dict[str, Any]] = []
    for one, other in _pairs(config, table):
        if len(curves[other].amounts) < 2:
            continue
        found = amounts_to_reach(curves[one], curves[other], np.random.default_rng(RESAMPLING))
        models = table.loc[table["curve"] == one, ["model", "mean", "compute"]].itertuples(index=False)
        for (model, accuracy, compute), amount in zip(models, found, strict=True):
            cut, sides = amount.within(curves[other].amounts)
            row = {"model": model, "curve": other, "accuracy": accuracy, "compute": compute} | sides
            for end, value in cut.items():
                row |= {f"needed{end}": value, f"times{end}": value / compute}
            rows.append(row)
    return pd.DataFrame(rows, columns=NEEDED)


def matched_budgets_table(config: StudyRecord, finished: Finished, dataset: Labels) -> pd.DataFrame:
    """How much more accurate pretrained weights are than random ones at equal budgets, for each pair of their curves.

    A budget is as much `compute` as one of their models had, and no less than the smallest of either curve; between
    its models a curve has the accuracy that compute_needed.csv takes it to have. Nothing is extrapolated: a curve that
    ends before the budget stands there with its last model, which had less, `compute_model` or `compute_baseline`.
    """
    table = budget_curve_table(config, finished, dataset)
    curves = _curves(table, finished, dataset)
    parts = []
    for names in _pairs(config, table):
        pair = [curves[name] for name in names]
        smallest, (own, others) = max(curve.amounts[0] for curve in pair), (curve.amounts[-1] for curve in pair)
        budgets = np.unique(np.concatenate([curve.amounts for curve in pair]))
        budgets = budgets[budgets >= smallest]
        found = differences_at(*pair, budgets, np.random.default_rng(RESAMPLING))
        columns = [budgets, np.minimum(budgets, own), np.minimum(budgets, others),
                   *(accuracies_at(curve, budgets) for curve in pair), *found]  # fmt: skip
        part = pd.DataFrame(dict(zip(MATCHED[2:], columns, strict=True)))
        parts.append(part.assign(curve=names[0], baseline=names[1])[MATCHED])
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=MATCHED)


def _curves(table: pd.DataFrame, finished: Finished, dataset: Labels) -> dict[str, Curve]:
    true = dataset.fine[dataset.ids(TEST)]
    return {
        name: Curve(rows["compute"].to_numpy(float), [correctness(finished[model], true) for model in rows["model"]])
        for name, rows in table.groupby("curve", sort=False)
    }


def _pairs(config: StudyRecord, table: pd.DataFrame) -> list[tuple[str, str]]:
    """Every curve of pretrained weights with every one of random weights."""
    first = table.groupby("curve", sort=False)["model"].first()
    pretrained = [name for name, model in first.items() if config.models[model].weights]
    return [(one, other) for one in pretrained for other in first.index if other not in pretrained]
