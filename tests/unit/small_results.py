"""Small results of a study, made by hand, for sentences that are worked out by hand."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
from records import record_of

from study.findings.results import Results

NAN = float("nan")
NAMES = ["sweet_pepper", "oak", "cup"]
CNN = {"label": "CNN", "regime": "scratch", "architecture": "cnn", "weights": None, "input_size": 32}
B0 = {"label": "B0", "regime": "finetune", "architecture": "b0", "weights": "hub", "input_size": 224}
RECIPE = {"epochs": 4, "early_stopping": None}


def results_of(of=None, superclasses=True, headline=None, baseline="cnn", **tables):
    """A study of the models `of`, {name: (entry, validation accuracy, test accuracy)}; without any, of a CNN and a B0.

    All have three finished runs. `tables` add to, or stand in place of, those that are made of this.
    """
    models = of or {"cnn": (CNN, 0.40, 0.38), "b0": (B0, 0.80, 0.784)}
    rows = [(name, metric, value, value - 0.01, value + 0.01) for name, (_, *values) in models.items()
            for metric, value in zip(("val_accuracy", "test_accuracy"), values, strict=True)]  # fmt: skip
    entries = {name: entry for name, (entry, *_) in models.items()}
    runs = [(name, seed, "finished") for name in models for seed in range(3)]
    made = {
        "models": pd.DataFrame(rows, columns=["model", "metric", "mean", "test_low", "test_high"]),
        "runs": pd.DataFrame(runs, columns=["model", "seed", "outcome"]),
        "costs": pd.DataFrame([(*run[:2], NAN) for run in runs], columns=["model", "seed", "compute"]),
        "contrasts": contrast("b0", "cnn", 0.404, 0.39, 0.418),
    }
    config = record_of(baseline=baseline, headline=headline, models=entries, recipes={"r": RECIPE})
    dataset = SimpleNamespace(fine_names=NAMES, fine_to_coarse=np.zeros(3, int) if superclasses else None,
                              meta={})  # fmt: skip
    return Results(Path(), Path(), config, made | tables, dataset)


def contrast(model, baseline, difference, low, high, lowest=0.35, highest=0.45, ratios=(NAN,) * 3):
    """A row of contrasts.csv."""
    row = {"model": model, "baseline": baseline, "metric": "test_accuracy", "difference": difference, "low": low,
           "high": high, "lowest": lowest, "highest": highest, "var_seeds": 3e-5, "var_images": 1e-5}  # fmt: skip
    row |= dict(zip(("error_ratio", "error_ratio_low", "error_ratio_high"), ratios, strict=True))
    return pd.DataFrame([row])


def outcomes(*runs):
    """runs.csv of these (model, seed, outcome)."""
    return pd.DataFrame(runs, columns=["model", "seed", "outcome"])
