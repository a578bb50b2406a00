"""What the accuracy costs: time, memory, multiply-accumulates, and the models that no other one beats in both."""

from functools import partial
from typing import Any

import pandas as pd

from study.analysis.ranking import on_front
from study.config.record import StudyRecord
from study.findings import text
from study.findings.results import Results
from study.findings.runs import is_cpu_time, sharing, training_compute
from study.reporting.markup import Column, chart, table
from study.reporting.panels import numbers, shared

COSTS = {
    "compute": "compute of one run (10¹² multiply-accumulates × images seen, forward)",
    "macs": "multiply-accumulates for one image",
    "parameters": "parameters",
    "peak_memory_mb": "peak memory (MB)",
}
SPEEDS = [
    Column("network_speed", "Images/s, network", text.whole),
    Column("head_speed", "Images/s, head on stored features", text.whole),
]


def with_speeds(results: Results, costs: pd.DataFrame) -> pd.DataFrame:
    """`costs` with images per second in one of two columns, a network's or a head's, and what of it was `trained`."""
    frozen = costs["model"].map(lambda model: results.config.models[model].regime) == "frozen"
    speed = costs["images_per_second"]
    trained = costs["model"].map(lambda model: trained_part(results.config, model))
    return costs.assign(network_speed=speed.where(~frozen), head_speed=speed.where(frozen), trained=trained)


def trained_part(config: StudyRecord, model: str) -> str:
    """Which of a model's parameters are trained, where regime or recipe leave some as they were."""
    entry = config.models[model]
    if entry.regime == "frozen":
        return "only the head trained"
    recipe = config.recipe_of(model)
    return "part of them trained" if recipe.get("frozen_blocks") or recipe.get("frozen_depthwise") else ""


def minutes_heading(costs: pd.DataFrame) -> str:
    """The head of a column with these minutes."""
    return "CPU minutes per run" if is_cpu_time(costs) else "Minutes per run"


def front_section(results: Results) -> dict[str, Any]:
    """Accuracy over every cost that front.csv has for a model, and which models are on the Pareto front of each."""
    front = results.tables["front"].set_index("model").reindex(results.models)
    front["compute"] = training_compute(results)
    time = "CPU time for training" if is_cpu_time(front) else "training time"
    titles = {"run_seconds": f"{time} of one run (s)"} | COSTS
    if (at_once := sharing(results)) > 1:
        del titles["run_seconds"]
    costs = [
        {"title": title, "values": numbers(front[key]), "front": _front_of(front, key)}
        for key, title in titles.items()
        if front[key].notna().any()
    ]
    note = (
        "Mean over seeds. A model is on the Pareto front if no other model is both cheaper and at least as accurate. "
        "Small differences in accuracy may be due to the seeds: the page “Which model is better” has their intervals."
    )
    if at_once > 1:
        note += (
            f" Up to {at_once} runs shared a GPU, so a run's time depends on what ran beside it, and no front is drawn "
            "over it."
        )
    data = {"accuracy": numbers(front["accuracy"]), "measured": results.measured, "costs": costs}
    return chart("front", "What the accuracy costs", data, note, shared(results), numbers="front")


def _front_of(front: pd.DataFrame, cost: str) -> list[int]:
    """Places of the models on the Pareto front of accuracy and `cost`, the cheapest first."""
    known = front.reset_index(drop=True).dropna(subset=["accuracy", cost])
    known = known[known[cost] > 0]
    best = known[on_front(known["accuracy"].to_numpy(float), known[cost].to_numpy(float))]
    return best.sort_values(cost, kind="stable").index.tolist()


def costs_page(results: Results) -> list[dict[str, Any]]:
    """Time, speed and memory, by model and by run."""
    frame = with_speeds(results, results.tables["costs"])
    quantities = [
        Column("parameters", "Parameters", text.whole, "trained"),
        Column("run_seconds", minutes_heading(frame), text.minutes),
        Column("shared_seconds", "of which features (s)", partial(text.number, digits=1)),
        *SPEEDS,
        Column("peak_memory_mb", "Peak memory (MB)", text.whole),
        Column("macs", "MACs per image (millions)", text.millions),
    ]
    keys = [column.key for column in quantities]
    finished = with_speeds(results, results.finished_costs())
    means = finished.groupby(["model", "label", "trained"], sort=False)[keys].mean().reset_index()
    device = Column("device_name", "Device")
    by_run = [Column("label", "Model"), Column("seed", "Seed", text.whole), *quantities, device]
    csv = results.csv("costs")
    note = (
        "Mean over finished runs. A frozen backbone computes its features once for all its seeds; each run counts "
        "that time. Its head alone trains on those features: its speed is no network's and has a column of its own."
    )
    return [front_section(results), front_table(results),
            table("By model", means, [Column("label", "Model"), *quantities], csv, note),
            table("By run", frame, by_run, csv)]  # fmt: skip


def front_table(results: Results) -> dict[str, Any]:
    """Accuracy and cost of every model, and whether another one beats it in both."""
    frame = with_speeds(results, results.tables["front"])
    seconds = "CPU seconds per run" if is_cpu_time(frame) else "Seconds per run"
    frame["front"] = frame["on_front"].map({1: "yes", 0: "no"})
    is_ranked = sharing(results) == 1  # by time
    columns = [
        Column("label", "Model"),
        Column("accuracy", f"{results.measured.capitalize()} (%)", text.percent, bar=True),
        *([Column("front", "On the Pareto front")] if is_ranked else []),
        Column("run_seconds", seconds, partial(text.number, digits=1)),
        Column("macs", "MACs per image (millions)", text.millions),
        Column("parameters", "Parameters", text.whole, "trained"),
        Column("peak_memory_mb", "Peak memory (MB)", text.whole),
        *SPEEDS,
    ]
    note = "Mean over seeds. "
    note += "On the Pareto front: no other model is at least as accurate in less time. " * is_ranked
    note += "MACs are the multiply-accumulates of one forward pass of one image."
    return table("Accuracy and cost", frame, columns, results.csv("front"), note)
