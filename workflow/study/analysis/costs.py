"""What the runs took, and the Pareto front of accuracy and time. Seconds are never the same twice: own tables."""

from typing import Any

import numpy as np
import pandas as pd

from study.analysis.ranking import on_front
from study.analysis.runs import Finished, Run

MEASURED = ["train_seconds", "cpu_seconds", "features_seconds", "images_per_second", "peak_memory_mb"]
MACHINE = ["device_name", "precision", "threads"]
FRONT = ["model", "label", "accuracy", "train_seconds", "macs", "parameters", "peak_memory_mb", "images_per_second",
         "on_front"]  # fmt: skip


def costs_table(config: dict[str, Any], runs: list[Run]) -> pd.DataFrame:
    """What every run of the grid took, diverged ones too; a missing run's numbers are empty.

    `macs` are the multiply-accumulates of one forward pass of one image; empty for runs that did not count them.
    """
    rows = [
        {
            "model": run.model,
            "label": config["models"][run.model]["label"],
            "seed": run.seed,
            "parameters": run.record.get("parameters"),
            "macs": run.record.get("macs"),
        }
        | {name: run.record.get("cost", {}).get(name) for name in MEASURED}
        | {name: run.record.get("environment", {}).get(name) for name in MACHINE}
        for run in runs
    ]
    counts = dict.fromkeys(("parameters", "macs", "threads"), "Int64")
    return pd.DataFrame(rows).astype(counts | dict.fromkeys(MEASURED, float))


def front_table(config: dict[str, Any], finished: Finished) -> pd.DataFrame:
    """Mean test accuracy of each model with a finished run, and what one of its runs takes on average.

    `train_seconds` here is all of it: the training, and for a frozen backbone the features too, which one run alone
    could not do without. `on_front` is 1 for models on the Pareto front of accuracy and seconds; seconds of different
    devices compare devices too.
    """
    rows = []
    for model, runs in finished.items():
        if not runs:
            continue
        costs = [run.record["cost"] for run in runs]
        seconds = [cost["train_seconds"] + (cost["features_seconds"] or 0) for cost in costs]
        rows.append(
            {
                "model": model,
                "label": config["models"][model]["label"],
                "accuracy": np.mean([run.numbers["test_accuracy"] for run in runs]),
                "train_seconds": np.mean(seconds),
                "macs": runs[0].record.get("macs"),
                "parameters": runs[0].record["parameters"],
                "peak_memory_mb": _mean([cost["peak_memory_mb"] for cost in costs]),
                "images_per_second": _mean([cost["images_per_second"] for cost in costs]),
            }
        )
    table = pd.DataFrame(rows, columns=FRONT)
    table["on_front"] = on_front(table["accuracy"].to_numpy(float), table["train_seconds"].to_numpy(float)).astype(int)
    return table.astype({"macs": "Int64", "parameters": "Int64"})


def _mean(values: list[float | None]) -> float:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else np.nan
