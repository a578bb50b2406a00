"""A card per model: what it is, what it was made from, what was measured, what it is for, and how to use it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.provenance import weights_name
from study.analysis.scores import METRICS
from study.config.record import ModelRecord
from study.findings import text
from study.findings.augmentation import said
from study.findings.results import Results
from study.findings.runs import minutes_unit
from study.paths import MODEL, StudyPaths
from study.reporting.costs import trained_part
from study.reporting.markup import Column, facts, prose, table
from study.reporting.methods import paragraphs
from study.reporting.models import head, show, show_sd


def card_page(results: Results, model: str) -> list[dict[str, Any]]:
    """The card of one model of the study."""
    entry = results.config.models[model]
    runs = results.rows("runs", model=model)
    seeds = runs.loc[runs["outcome"] == "finished", "seed"].tolist()
    recipe = results.config.recipe_of(model)
    settings = text.settings_that_are_on({name: value for name, value in recipe.items() if name != "augmentation"})
    changed = ("a training image is", said(recipe.get("augmentation"), results.image_size))
    return [
        facts("What it is", _identity(results, model, entry)),
        facts(f"Recipe {entry.recipe}", [*settings, changed]),
        prose("Data", paragraphs("data", results)),
        _results(results, model),
        *([_superclasses(results, model)] if results.has_superclasses else []),
        facts("Cost", _cost(results, model), "Mean over finished runs; they depend on the machine."),
        prose("Intended use", [_use(results, entry)]),
        _usage(results, model, seeds),
    ]


def _identity(results: Results, model: str, entry: ModelRecord) -> list[tuple[str, str]]:
    runs = results.rows("runs", model=model)
    parameters = results.rows("costs", model=model)["parameters"].max()
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in runs["outcome"].value_counts().items())
    pairs = [
        ("model", entry.label),
        ("training", text.REGIMES[entry.regime].long),
        ("architecture", entry.architecture),
        ("input", f"{entry.input_size} × {entry.input_size} pixels, RGB"),
        ("output", f"{len(results.dataset.fine_names)} classes"),
        ("parameters", text.whole(parameters) + _trained(results, model, entry, runs)),
        ("runs", f"seeds {text.numbers(runs['seed'].tolist())}: {outcomes}"),
    ]
    if entry.weights:
        hashes = results.rows("provenance", model=model)["weights_sha256"].dropna()
        pairs += [
            ("starts from", weights_name(entry.weights, entry.redraw)),
            ("their SHA-256", hashes.iloc[0] if len(hashes) else "not recorded"),
        ]
    return pairs + ([("note", entry.note)] if entry.note else [])


def _trained(results: Results, model: str, entry: ModelRecord, runs: pd.DataFrame) -> str:
    """Which of the parameters are trained, where it is not all of them."""
    if entry.regime != "frozen":
        part = trained_part(results.config, model)
        return f", {part}" if part else ""
    seeds = runs.loc[runs["outcome"] == "finished", "seed"]
    file = StudyPaths(results.study).run(model, int(seeds.min())) / MODEL if len(seeds) else None
    count = head_parameters(file, len(results.dataset.fine_names)) if file else None
    return f", of which the head's {count:,} are trained" if count else ", of which only the head's are trained"


def head_parameters(file: Path, classes: int) -> int | None:
    """How many parameters the linear head in a model.safetensors has, from its header; None if that does not say.

    The head is the one matrix of shape [classes, width], with the vectors of length `classes`.
    """
    try:
        with file.open("rb") as stored:
            header = json.loads(stored.read(int.from_bytes(stored.read(8), "little")))
    except (OSError, ValueError):
        return None
    shapes = [entry["shape"] for name, entry in header.items() if name != "__metadata__"]
    matrices = [shape for shape in shapes if len(shape) == 2 and shape[0] == classes]
    vectors = [shape for shape in shapes if shape == [classes]]
    return classes * (matrices[0][1] + len(vectors)) if len(matrices) == 1 and len(vectors) < 2 else None


def _results(results: Results, model: str) -> dict[str, Any]:
    rows = results.rows("models", model=model).copy()
    metrics = [METRICS[name] for name in rows["metric"]]
    shows = [show(metric) for metric in metrics]
    rows["what"] = [head(metric) for metric in metrics]
    rows["sd"] = [show_sd(metric)(value) for metric, value in zip(metrics, rows["sd"], strict=True)]
    for key in ("mean", "min", "max"):
        rows[key] = [said(value) for said, value in zip(shows, rows[key], strict=True)]
    for low, high, key in (("ci_low", "ci_high", "seeds"), ("test_low", "test_high", "images")):
        rows[key] = [
            text.NOTHING if np.isnan(one) or np.isnan(other) else f"{said(one)} to {said(other)}"
            for said, one, other in zip(shows, rows[low], rows[high], strict=True)
        ]
    titles = {"what": "Metric", "mean": "Mean", "sd": "SD", "seeds": "95 % interval, seeds", "images":
              "95 % interval, images", "min": "Lowest seed", "max": "Highest seed"}  # fmt: skip
    columns = [Column(key, title) for key, title in titles.items()]
    return table("Measured here", rows, columns, results.csv("models"))


def _superclasses(results: Results, model: str) -> dict[str, Any]:
    rows = results.rows("superclasses", model=model).copy()
    rows["superclass"] = rows["superclass"].map(text.words)
    columns = [
        Column("superclass", "Superclass"),
        Column("accuracy", "Accuracy (%)", text.percent),
        Column("low", "95 % low", text.percent),
        Column("high", "95 % high", text.percent),
        Column("n_images", "Images", text.whole),
    ]
    note = "Share of the test images whose predicted class lies in the right superclass; 95 % Wilson intervals."
    return table("By superclass", rows, columns, results.csv("superclasses"), note)


def _cost(results: Results, model: str) -> list[tuple[str, str]]:
    costs = results.finished_costs()
    costs = costs[costs["model"] == model]
    mean = costs.mean(numeric_only=True)
    time = f"{text.minutes(mean['run_seconds'])} {minutes_unit(costs)}"
    devices = ", ".join(sorted(costs["device_name"].dropna().unique()))
    macs = text.NOTHING if pd.isna(mean["macs"]) else text.millions(mean["macs"]) + " million"
    frozen = results.config.models[model].regime == "frozen"
    speed = "images per second through the head alone, on stored features" if frozen else "images per second"
    return [
        ("device", devices or text.NOTHING),
        ("training time of one run", time if len(costs) else text.NOTHING),
        (speed, text.number(mean["images_per_second"], 0)),
        ("peak memory", text.number(mean["peak_memory_mb"], 0) + " MB"),
        ("multiply-accumulates per image", macs),
    ]


def _use(results: Results, entry: ModelRecord) -> str:
    data = results.config.dataset.title
    return (
        f"Made to compare ways of training on {data}: it names one of that data's classes for any picture it is given, "
        "even one that shows none of them. Not made for decisions about people, and not tested on other pictures. "
        + ("It inherits the biases of the data of its pretrained weights. " if entry.weights else "")
        + "The limits of the measurements are in Methods."
    )


def _usage(results: Results, model: str, seeds: list[int]) -> dict[str, Any]:
    title = "How to use it"
    if not seeds:
        return prose(title, ["No run finished, so there is no network to use."])
    path = f"results/{results.config.study}/runs/{model}/seed-{min(seeds)}/model.safetensors"
    said = (
        "From the project's folder, after `export PYTHONPATH=workflow`. The file holds the weights, and in its "
        f"metadata the specification of the run and the names of the classes. Finished seeds: {text.numbers(seeds)}."
    )
    return prose(title, [said], command=f"python -m study predict --model {path} picture.png")
