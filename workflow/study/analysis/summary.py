"""summary.json: the study's answer for machines, and the numbers the landing page says. Its numbers are the tables'."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.load import Dataset, load_dataset
from study.data.dataset import TEST, TRAIN, VALIDATION
from study.files import read_json, write_json

SCHEMA = 1


def write_summary(study: Path, tables: Path, out: Path) -> None:
    """Write the file `out` from the study in the folder `study` and the tables that `write_tables` made of it."""
    config, dataset = read_json(study / "config.json"), load_dataset(study)
    read = {name: pd.read_csv(tables / f"{name}.csv") for name in ("runs", "models", "contrasts", "claims", "costs")}
    models = [_model(name, entry, read["runs"], read["models"]) for name, entry in config["models"].items()]
    summary = {
        "schema": SCHEMA,
        "study": config["study"],
        "dataset": _dataset(dataset),
        "synthetic": dataset.meta["synthetic"],
        "models": models,
        "baseline": config["baseline"],
        "best": _best(models),
        "contrasts": read["contrasts"].to_dict("records"),
        "claims": read["claims"].to_dict("records"),
        "cost": _cost(read["costs"], read["runs"]),
    }
    write_json(out, _plain(summary))


def _dataset(dataset: Dataset) -> dict[str, Any]:
    splits = {"train": TRAIN, "validation": VALIDATION, "test": TEST}
    return dataset.meta | {"images": {name: len(dataset.ids(split)) for name, split in splits.items()}}


def _model(name: str, entry: dict[str, Any], runs: pd.DataFrame, models: pd.DataFrame) -> dict[str, Any]:
    """One model's entry; mean, sd and the intervals are of its test accuracy."""
    own = runs[runs["model"] == name]
    stats = models[models["model"] == name].set_index("metric")
    test = stats.loc["test_accuracy"]
    return {
        "model": name,
        "label": entry["label"],
        "regime": entry["regime"],
        "n_seeds": test["n_seeds"],
        "diverged": (own["outcome"] == "diverged").sum(),
        "seeds": own[["seed", "test_accuracy", "val_accuracy", "outcome"]].to_dict("records"),
        "val_mean": stats.loc["val_accuracy", "mean"],
    } | test[["mean", "sd", "ci_low", "ci_high", "test_low", "test_high"]].to_dict()


def _best(models: list[dict[str, Any]]) -> str | None:
    """The model with the highest mean validation accuracy, the first of equals: choosing by test would flatter it."""
    candidates = [model for model in models if model["n_seeds"]]
    return max(candidates, key=lambda model: model["val_mean"])["model"] if candidates else None


def _cost(costs: pd.DataFrame, runs: pd.DataFrame) -> dict[str, Any]:
    """All seconds of training, diverged runs included; by model, means over finished runs.

    A frozen backbone's features are computed once for all of a model's seeds, so their seconds are not in the total.
    """
    finished = costs[(runs["outcome"] == "finished").to_numpy()]
    means = finished.groupby("model")[["train_seconds", "features_seconds"]].mean()
    by_model = means.reindex(costs["model"].unique()).to_dict("index")
    return {"total_train_seconds": costs["train_seconds"].sum(), "by_model": by_model}


def _plain(value: Any) -> Any:
    """The same value as JSON knows it: Python's own numbers, and null for a number that does not exist."""
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value
