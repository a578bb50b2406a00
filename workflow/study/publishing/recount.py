"""The basic numbers of a published study, counted again from its evidence in plain numpy, without the analysis.

Whoever doubts the analysis can read this file instead: it is what a reader would write.
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

KEYS = ("model", "baseline", "seed", "metric", "scaled", "bin", "class_id", "superclass_id", "true_id", "predicted_id")
BINS = 15

Arrays = dict[str, np.ndarray]
Rows = dict[str, list[dict[str, Any]]]  # by table


def recount(published: Path, config: dict[str, Any]) -> Iterator[tuple[str, pd.DataFrame]]:
    """Numbers of the tables, by table: the columns in KEYS say of which row, the others are numbers of that row."""
    labels = _read(published / "labels.npz")
    is_test = labels["split"] == 2
    truth = {"fine": labels["fine"][is_test].astype(int)}
    if len(labels["coarse"]):
        of_class = np.zeros(len(labels["fine_names"]), int)
        of_class[labels["fine"]] = labels["coarse"]
        truth |= {"coarse": labels["coarse"][is_test].astype(int), "of_class": of_class}
    found: Rows = defaultdict(list)
    for model in config["models"]:
        runs = _evidence(published, config, model)
        if not runs:
            continue
        for name, rows in _model(runs, labels, truth).items():
            found[name] += [{"model": model} | row for row in rows]
    errors = {row["model"]: row["errors"] for row in found["errors"]}
    found["contrasts"] = [
        pair | {"metric": "test_accuracy", "difference": errors[pair["baseline"]] - errors[pair["model"]]}
        for pair in config["contrasts"]
        if pair["model"] in errors and pair["baseline"] in errors
    ]
    for name, rows in found.items():
        if rows:
            yield name, pd.DataFrame(rows)


def _read(path: Path) -> Arrays:
    with np.load(path) as stored:
        return dict(stored)


def _evidence(published: Path, config: dict[str, Any], model: str) -> dict[int, Arrays]:
    """The evidence of each finished run of a model, by seed."""
    seeds = sorted(run["seed"] for run in config["grid"] if run["model"] == model)
    folders = {seed: published / "runs" / model / f"seed-{seed}" for seed in seeds}
    return {
        seed: _read(folder / "evidence.npz")
        for seed, folder in folders.items()
        if (folder / "run.json").exists() and (folder / "evidence.npz").exists()
    }


def _model(runs: dict[int, Arrays], labels: Arrays, truth: Arrays) -> Rows:
    """Rows of one model, without its name."""
    fine = truth["fine"]
    numbers = {seed: _run(evidence, labels, truth) for seed, evidence in runs.items()}
    named = np.array([evidence["test_top5"][:, 0] for evidence in runs.values()]).astype(int)
    pairs, counts = np.unique(np.stack([np.tile(fine, len(named)), named.ravel()]), axis=1, return_counts=True)
    bins = _bins(np.array([evidence["test_log_top"] for evidence in runs.values()]))
    rows = {
        "runs": [{"seed": seed} | of_run for seed, of_run in numbers.items()],
        "models": [
            {"metric": name} | _over_seeds([of_run[name] for of_run in numbers.values()])
            for name in next(iter(numbers.values()))
        ],
        "errors": [{"errors": (named != fine).mean()}],
        "classes": _by_group("class_id", named == fine, fine),
        "confusion": [
            {"true_id": true, "predicted_id": taken_for, "count": count}
            for true, taken_for, count in zip(*pairs, counts, strict=True)
        ],
        "calibration": [
            {"scaled": 0, "bin": number, "n_images": (bins == number).sum() / len(runs)}
            for number in range(1, BINS + 1)
        ],
    }
    if "coarse" in truth:
        rows["superclasses"] = _by_group("superclass_id", truth["of_class"][named] == truth["coarse"], truth["coarse"])
    return rows


def _run(evidence: Arrays, labels: Arrays, truth: Arrays) -> dict[str, float]:
    """The numbers of one run."""
    fine, top5 = truth["fine"], evidence["test_top5"].astype(int)
    confidence, bins = np.exp(evidence["test_log_top"].astype(float)), _bins(evidence["test_log_top"])
    gap = (top5[:, 0] == fine) - confidence
    held_out = evidence.get("val_ids", np.flatnonzero(labels["split"] == 1))
    numbers = {
        "test_accuracy": (top5[:, 0] == fine).mean(),
        "test_top5": (top5 == fine[:, None]).any(axis=1).mean(),
        "val_accuracy": (evidence["val_top5"][:, 0] == labels["fine"][held_out]).mean(),
        "test_nll": -evidence["test_log_true"].astype(float).mean(),
        "test_ece": sum(abs(gap[bins == number].sum()) for number in range(1, BINS + 1)) / len(fine),
    }
    if "coarse" in truth:
        numbers["test_superclass"] = (truth["of_class"][top5[:, 0]] == truth["coarse"]).mean()
        numbers["test_superclass_summed"] = (evidence["test_superclass"] == truth["coarse"]).mean()
    return numbers


def _bins(log_top: np.ndarray) -> np.ndarray:
    """The bin of confidence, 1 to BINS; bin m holds ((m - 1) / BINS, m / BINS]."""
    return np.ceil(np.exp(log_top.astype(float)) * BINS).astype(int)


def _over_seeds(values: list[float]) -> dict[str, float]:
    return {"n_seeds": len(values), "mean": np.mean(values), "min": min(values), "max": max(values)}


def _by_group(key: str, right: np.ndarray, group: np.ndarray) -> list[dict[str, float]]:
    """The share of right answers, bool [seeds, T], by group int [T]."""
    return [{key: number, "accuracy": right[:, group == number].mean()} for number in np.unique(group)]
