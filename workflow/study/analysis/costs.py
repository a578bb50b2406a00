"""What the runs took, and the Pareto front of accuracy and time. Seconds are never the same twice: own tables."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.ranking import on_front
from study.analysis.runs import Finished, Run
from study.analysis.unequal import headline_metric
from study.config.options import at_step
from study.config.record import StudyRecord
from study.data.dataset import Labels

MEASURED = ["train_seconds", "cpu_seconds", "features_seconds", "images_per_second", "peak_memory_mb"]
MACHINE = ["device_name", "precision", "threads"]
SECONDS = ["run_seconds", "shared_seconds"]
COSTS = ["model", "label", "seed", "parameters", "macs", "compute", *MEASURED, *MACHINE, *SECONDS, "clock"]
CPU_TIME, WALL_TIME = "CPU", "wall"
TERA = 1e12
FRONT = ["model", "label", "accuracy", "run_seconds", "clock", "macs", "parameters", "peak_memory_mb",
         "images_per_second", "on_front", "trials"]  # fmt: skip


def costs_table(config: StudyRecord, runs: list[Run]) -> pd.DataFrame:
    """What every run of the grid took, diverged ones too; a missing run's numbers are empty.

    `run_seconds` is what a run takes on its own, by the study's `clock`; `shared_seconds` of it went into a frozen
    backbone's features, which all seeds share. `macs` are the multiply-accumulates of one
    forward pass of one image; empty for runs that did not count them. `compute` are 10^12 of them, for all images that
    the run saw; an image of another size than the model's counts as its share of the pixels. Steps backwards, which
    cost about twice as much again and less where layers are frozen, are not in it; a frozen backbone has none.
    """
    clock = clock_of(runs)
    rows = [
        {
            "model": run.model,
            "label": config.models[run.model].label,
            "seed": run.seed,
            "parameters": run.record.get("parameters"),
            "macs": run.record.get("macs"),
            "compute": np.nan if (compute := computed(config, run)) is None else compute / TERA,
        }
        | {name: run.record.get("cost", {}).get(name) for name in MEASURED}
        | {name: run.record.get("environment", {}).get(name) for name in MACHINE}
        | (_seconds(run.record, clock) if "cost" in run.record else {})
        | {"clock": clock}
        for run in runs
    ]
    counts = dict.fromkeys(("parameters", "macs", "threads"), "Int64")
    return pd.DataFrame(rows, columns=COSTS).astype(counts | dict.fromkeys(["compute", *MEASURED, *SECONDS], float))


def images_seen(config: StudyRecord, run: Run) -> float:
    """How many images a run saw, each counted as often as it was seen."""
    recipe = config.recipe_of(run.model)
    epochs = run.record["epochs"]
    whole, images = recipe.get("images_seen"), run.record["data"]["train"]
    if isinstance(whole, dict):
        whole = at_step(
            {int(key): value for key, value in whole.items()}, images / config.dataset.classes, "images_seen"
        )
    whole = whole or max(recipe["epochs"] * images, recipe.get("images_seen_at_least") or 0)
    return whole * epochs / recipe["epochs"]


def computed(config: StudyRecord, run: Run) -> float | None:
    """The multiply-accumulates of a run's forward passes; None where it has not those of an image, or trains none."""
    model, macs = config.models[run.model], run.record.get("macs")
    if macs is None or model.regime == "frozen":
        return None
    sizes = config.recipe_of(run.model).get("input_sizes")
    used = sizes[: run.record["epochs"]] if sizes else [model.input_size]
    pixels = np.mean([(size / model.input_size) ** 2 for size in used])
    return float(macs * images_seen(config, run) * pixels)


def clock_of(runs: Iterable[Run]) -> str:
    """Return "CPU" if every run was on a CPU and counted its CPU time, which pauses and other work change little.

    Otherwise "wall": the time that passed.
    """
    records = [run.record for run in runs if "cost" in run.record]
    counted = all(
        record["cost"].get("cpu_seconds") is not None and record.get("environment", {}).get("device") == "cpu"
        for record in records
    )
    return CPU_TIME if records and counted else WALL_TIME


def _seconds(record: dict[str, Any], clock: str) -> dict[str, float | None]:
    """Seconds that the run of this run.json takes on its own, and those of them that made a frozen backbone's features.

    The CPU time of features is not recorded: it is the time that passed, on every thread.
    """
    cost, is_cpu = record["cost"], clock == CPU_TIME
    shared = cost["features_seconds"]
    if shared is not None and is_cpu:
        shared *= record["environment"]["threads"]
    own = cost["cpu_seconds" if is_cpu else "train_seconds"]
    return {"run_seconds": own + (shared or 0.0), "shared_seconds": shared}


def front_table(config: StudyRecord, finished: Finished, clock: str, dataset: Labels) -> pd.DataFrame:
    """The headline's accuracy of each model with a finished run, and what one of its runs takes on average by `clock`.

    `on_front` is 1 for models on the Pareto front of accuracy and seconds; seconds of different devices compare devices
    too. `trials` is how many found the recipe's settings, empty where nobody counted them.
    """
    rows, measure = [], headline_metric(dataset)
    for model, runs in finished.items():
        if not runs:
            continue
        costs = pd.DataFrame([run.record["cost"] for run in runs], columns=["peak_memory_mb", "images_per_second"])
        rows.append(
            {
                "model": model,
                "label": config.models[model].label,
                "accuracy": np.mean([run.numbers[measure] for run in runs]),
                "run_seconds": np.mean([_seconds(run.record, clock)["run_seconds"] for run in runs]),
                "clock": clock,
                "macs": runs[0].record.get("macs"),
                "parameters": runs[0].record["parameters"],
                "trials": config.trials.get(config.models[model].recipe, {}).get("count"),
                **costs.astype(float).mean(),
            }
        )
    table = pd.DataFrame(rows, columns=FRONT)
    table["on_front"] = on_front(table["accuracy"].to_numpy(float), table["run_seconds"].to_numpy(float)).astype(int)
    return table.astype(dict.fromkeys(("macs", "parameters", "trials"), "Int64"))
