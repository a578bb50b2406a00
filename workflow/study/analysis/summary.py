"""summary.json: the study's answer for machines, and the numbers the landing page says. Its numbers are the tables'.

What each key means stands in summary.schema.json.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study.analysis import duplicates
from study.analysis.differences import VERDICTS
from study.analysis.ranking import best_by_validation
from study.data.dataset import TEST, TRAIN, VALIDATION, Labels, read_labels
from study.files import read_json, write_json
from study.paths import NEAR_DUPLICATES_TABLE, StudyPaths, table_names

SCHEMA = 3
ROWS = ["sensitivity", "sensitivity_contrasts", "overlap", "contamination"]  # tables that it has whole


def write_summary(study: Path, tables: Path, out: Path) -> None:
    """Write the file `out`; see `summarise`."""
    write_json(out, summarise(study, tables))


def summarise(study: Path, tables: Path) -> dict[str, Any]:
    """The content of summary.json, from the study in the folder `study` and its tables, made by `write_tables`."""
    paths = StudyPaths(study)
    config, dataset = read_json(paths.config), read_labels(paths.labels)
    names = [*table_names(config), NEAR_DUPLICATES_TABLE]
    read = {name: pd.read_csv(tables / f"{name}.csv", keep_default_na=False, na_values=[""]) for name in names}
    models = [_model(name, entry, read["runs"], read["models"]) for name, entry in config["models"].items()]
    summary = {
        "schema": SCHEMA,
        "study": config["study"],
        "dataset": _dataset(dataset),
        "synthetic": dataset.meta["synthetic"],
        "runs": _runs(read["runs"], config["allow_missing"]),
        "models": models,
        "baseline": config["baseline"],
        "best": best_by_validation({model["model"]: model["val_mean"] for model in models}),
        "contrasts": read["contrasts"].query("asked == 1").drop(columns="asked").to_dict("records"),
        "class_verdicts": _verdicts(config, read),
        "ladder": read["ladder"].to_dict("records"),
        "near_duplicates": _near_duplicates(read["near_duplicates"], len(dataset.ids(TEST))),
        "known_duplicates": _listed(config.get("known_duplicates")),
        "suspect_labels": _listed(config["suspect_labels"]),
        **{name: read[name].to_dict("records") for name in ROWS},
        "claims": read["claims"].to_dict("records"),
        "cost": _cost(read["costs"], read["runs"]) | {"front": read["front"].query("on_front == 1")["model"].tolist()},
    }
    return _plain(summary)


def _dataset(dataset: Labels) -> dict[str, Any]:
    splits = {"train": TRAIN, "validation": VALIDATION, "test": TEST}
    return dataset.meta | {"images": {name: len(dataset.ids(split)) for name, split in splits.items()}}


def _runs(runs: pd.DataFrame, allow_missing: bool) -> dict[str, Any]:
    """How many runs the grid has, which of them gave no numbers, and which were trained with other settings."""
    named = {
        "diverged": runs["outcome"] == "diverged",
        "missing": runs["outcome"] == "missing",
        "other_settings": runs["as_configured"] == "no",
    }
    counted = {"grid": len(runs), "finished": (runs["outcome"] == "finished").sum(), "allow_missing": allow_missing}
    return counted | {key: runs.loc[rows, ["model", "seed"]].to_dict("records") for key, rows in named.items()}


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
        "missing": (own["outcome"] == "missing").sum(),
        "seeds": own[["seed", "test_accuracy", "val_accuracy", "outcome"]].to_dict("records"),
        "val_mean": stats.loc["val_accuracy", "mean"],
    } | test[["mean", "sd", "ci_low", "ci_high", "test_low", "test_high"]].to_dict()


def _verdicts(config: dict[str, Any], tables: dict[str, pd.DataFrame]) -> list[dict[str, Any]]:
    """For each contrast, how many classes, and superclasses where there are any, have which verdict."""
    groups = {"classes": "class_differences", "superclasses": "superclass_differences"}
    counted = []
    for pair in config["contrasts"]:
        entry = pair | {"margin": config["equivalence_margin"]}
        for group, table in ((group, tables[name]) for group, name in groups.items() if name in tables):
            own = table[(table["model"] == pair["model"]) & (table["baseline"] == pair["baseline"])]
            entry[group] = {verdict.replace(" ", "_"): (own["verdict"] == verdict).sum() for verdict in VERDICTS}
        counted.append(entry)
    return counted


def _near_duplicates(table: pd.DataFrame, test_images: int) -> dict[str, Any]:
    return {
        "count": len(table),
        "share": len(table) / test_images,
        "same_class": table["same_class"].sum(),
        "threshold": duplicates.THRESHOLD,
    }


def _listed(listed: dict[str, Any] | None) -> dict[str, Any] | None:
    return listed and {"file": listed["file"], "sha256": listed["sha256"], "count": len(listed["images"])}


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
