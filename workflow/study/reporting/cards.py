"""A card per model: what it is, what it was made from, what was measured, what it is for, and how to use it."""

from typing import Any

import numpy as np
import pandas as pd

from study.reporting import text
from study.reporting.accuracy import run_seconds
from study.reporting.markup import Column, facts, prose, table
from study.reporting.methods import data_sentences, limitations
from study.reporting.models import METRICS, whole
from study.reporting.sources import Sources, read_run


def card_page(sources: Sources, model: str) -> list[dict[str, Any]]:
    """The card of one model of the study."""
    entry = sources.config["models"][model]
    runs = sources.rows("runs", model=model)
    seeds = runs.loc[runs["outcome"] == "finished", "seed"].tolist()
    recipe = sources.config["recipes"][entry["recipe"]]
    return [
        facts("What it is", _identity(sources, model, entry)),
        facts(f"Recipe {entry['recipe']}", text.settings(recipe)),
        prose("Data", data_sentences(sources)),
        _results(sources, model),
        _superclasses(sources, model),
        facts("Cost", _cost(sources, model), "Mean over finished runs; they depend on the machine."),
        prose("Intended use and limits", [_use(sources, entry)], limitations(sources)),
        _usage(sources, model, seeds),
    ]


def _identity(sources: Sources, model: str, entry: dict[str, Any]) -> list[tuple[str, str]]:
    runs = sources.rows("runs", model=model)
    present = runs[runs["outcome"] != "missing"]
    record = read_run(sources.study, model, int(present["seed"].iloc[0])) if len(present) else {}
    weights = record.get("weights") or {}
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in runs["outcome"].value_counts().items())
    pairs = [
        ("model", entry["label"]),
        ("training", text.REGIMES[entry["regime"]]),
        ("architecture", entry["architecture"]),
        ("input", f"{entry['input_size']} × {entry['input_size']} pixels, RGB"),
        ("output", f"{len(sources.dataset.fine_names)} classes"),
        ("parameters", text.number(record.get("parameters"), 0)),
        ("runs", f"seeds {text.listed(runs['seed'].tolist())}: {outcomes}"),
    ]
    if entry["weights"]:
        pairs += [
            ("starts from", text.weights(entry["weights"])),
            ("their SHA-256", weights.get("sha256", "not recorded")),
            ("their licence", weights.get("licence", "not recorded; see where they come from")),
        ]
    return pairs


def _results(sources: Sources, model: str) -> dict[str, Any]:
    rows = sources.rows("models", model=model)
    rows = rows[rows["metric"].isin(METRICS)].copy()
    shows = [METRICS[metric][1] for metric in rows["metric"]]
    rows["what"] = [METRICS[metric][0] for metric in rows["metric"]]
    for key in ("mean", "sd", "min", "max"):
        rows[key] = [show(value, 2) for show, value in zip(shows, rows[key], strict=True)]
    for low, high, key in (("ci_low", "ci_high", "seeds"), ("test_low", "test_high", "images")):
        rows[key] = [
            text.NOTHING if np.isnan(one) or np.isnan(other) else f"{show(one, 2)} to {show(other, 2)}"
            for show, one, other in zip(shows, rows[low], rows[high], strict=True)
        ]
    titles = {"what": "Metric", "mean": "Mean", "sd": "SD", "seeds": "95 % interval, seeds", "images":
              "95 % interval, images", "min": "Lowest seed", "max": "Highest seed"}  # fmt: skip
    columns = [Column(key, title) for key, title in titles.items()]
    return table("Measured here", rows, columns, sources.csv("models"))


def _superclasses(sources: Sources, model: str) -> dict[str, Any]:
    rows = sources.rows("superclasses", model=model).copy()
    rows["superclass"] = rows["superclass"].map(text.words)
    columns = [
        Column("superclass", "Superclass"),
        Column("accuracy", "Accuracy (%)", text.percent),
        Column("low", "95 % low", text.percent),
        Column("high", "95 % high", text.percent),
        Column("n_images", "Images", whole),
    ]
    note = "Share of the test images whose predicted class lies in the right superclass; 95 % Wilson intervals."
    return table("By superclass", rows, columns, sources.csv("superclasses"), note)


def _cost(sources: Sources, model: str) -> list[tuple[str, str]]:
    costs = sources.finished_costs()
    costs = costs[costs["model"] == model]
    mean = costs.assign(seconds=run_seconds(costs)).mean(numeric_only=True)
    devices = ", ".join(sorted(costs["device_name"].dropna().unique()))
    return [
        ("device", devices or text.NOTHING),
        ("training time of one run", text.minutes(mean["seconds"]) + " minutes" if len(costs) else text.NOTHING),
        ("images per second in training", text.number(mean["images_per_second"], 0)),
        ("peak memory", text.number(mean["peak_memory_mb"], 0) + " MB"),
        ("multiply-accumulates per image", _millions(mean["macs"])),
    ]


def _millions(value: float) -> str:
    return text.NOTHING if pd.isna(value) else text.number(value / 1e6, 1) + " million"


def _use(sources: Sources, entry: dict[str, Any]) -> str:
    data = sources.config["dataset"]["title"]
    return (
        f"Made to compare ways of training on {data}: it names one of that data's classes for any picture it is given, "
        "also for one that shows none of them. Not made for decisions about people, and not tested on other pictures. "
        + ("It inherits what its pretrained weights learnt from their data. " if entry["weights"] else "")
        + "Known limits of the measurements:"
    )


def _usage(sources: Sources, model: str, seeds: list[int]) -> dict[str, Any]:
    title = "How to use it"
    if not seeds:
        return prose(title, ["No run finished, so there is no network to use."])
    path = f"results/{sources.config['study']}/runs/{model}/seed-{min(seeds)}/model.safetensors"
    said = (
        "From the project's folder, with workflow/ on PYTHONPATH. The file holds the weights, and in its metadata the "
        f"specification of the run and the names of the classes. Finished seeds: {text.listed(seeds)}."
    )
    return prose(title, [said], command=f"python -m study predict --model {path} picture.png")
