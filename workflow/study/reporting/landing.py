"""The landing page: the answer, the headline table, the figure, what was run, and how to read it."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.provenance import weights_name
from study.data.dataset import TEST, TRAIN, VALIDATION
from study.reporting import text
from study.reporting.answer import answer, how_to_read, lost_runs
from study.reporting.claims import claims_in_short
from study.reporting.costs import run_seconds
from study.reporting.markup import data_uri
from study.reporting.provenance import machine
from study.reporting.sources import Sources, best_model


def landing(sources: Sources, figure: Path) -> dict[str, Any]:
    """What the landing template shows; `figure` is accuracy.svg."""
    tables = sources.tables
    return {
        "title": sources.config["dataset"]["title"],
        "answer": answer(sources.config, tables["models"], tables["contrasts"]),
        "rows": headline_rows(sources),
        "figure": data_uri(figure.read_bytes(), "image/svg+xml"),
        "claims": claims_in_short(sources),
        "literature": literature_rows(sources),
        "was_run": was_run(sources),
        "lost": lost_runs(sources.config, tables["runs"]),
        "reading": how_to_read(tables["models"]),
    }


def headline_rows(sources: Sources) -> list[dict[str, Any]]:
    """One row of ready text per model, in report order."""
    models, runs = sources.tables["models"], sources.tables["runs"]
    best = best_model(models)
    costs = sources.finished_costs()
    seconds = run_seconds(costs).groupby(costs["model"]).mean()
    rows = []
    for name, entry in sources.config["models"].items():
        metrics = models[models["model"] == name].set_index("metric")
        test = metrics.loc["test_accuracy"]
        planned = int((runs["model"] == name).sum())
        seeds = int(test["n_seeds"])
        rows.append(
            {
                "label": entry["label"],
                "best": name == best,
                "baseline": name == sources.config["baseline"],
                "regime": text.REGIMES[entry["regime"]].short,
                "weights": weights_name(entry["weights"]),
                "input": f"{entry['input_size']} px",
                "seeds": str(seeds) if seeds == planned else f"{seeds} of {planned}",
                "test": mean_sd(test),
                "interval": text.spread(test["ci_low"], test["ci_high"]),
                "range": text.spread(test["min"], test["max"]) if seeds > 1 else text.NOTHING,
                "validation": text.percent(metrics.loc["val_accuracy", "mean"]),
                "train": text.percent(metrics.loc["train_accuracy", "mean"]),
                "minutes": text.minutes(seconds.get(name, np.nan)),
            }
        )
    return rows


def literature_rows(sources: Sources) -> list[dict[str, str]]:
    """The published numbers, as ready text."""
    return [
        entry | {"accuracy": text.published(entry["accuracy"]), "model_kind": text.REGIMES[entry["model_kind"]].short}
        for entry in sources.literature
    ]


def mean_sd(row: pd.Series) -> str:
    """A mean in percent with its standard deviation over seeds, where there is one."""
    if np.isnan(row["sd"]):
        return text.percent(row["mean"])
    return f"{text.percent(row['mean'], 2)} ± {text.percent(row['sd'], 2)}"


def was_run(sources: Sources) -> list[str]:
    """Data, grid, device and time, in sentences."""
    parts = [f"{len(sources.dataset.ids(part)):,}" for part in (TRAIN, VALIDATION, TEST)]
    runs, costs = sources.tables["runs"], sources.tables["costs"]
    seeds = {tuple(sorted(own["seed"])) for _, own in runs.groupby("model")}
    each = f"seeds {text.listed(*seeds)} each" if len(seeds) == 1 else "with different numbers of seeds"
    if len(seeds) == 1 and len(next(iter(seeds))) == 1:
        each = f"seed {next(iter(seeds))[0]}"
    shared = costs.groupby("model")["features_seconds"].max().fillna(0).sum()
    total = text.duration(costs["train_seconds"].sum() + shared)
    return [
        f"Data: {sources.config['dataset']['title']}, {parts[0]} training, {parts[1]} validation and {parts[2]} test "
        "images of 32 × 32 pixels, resized to each model's input.",
        f"Runs: {text.counted(len(sources.models), 'model')}, {each}: {text.counted(len(runs), 'run')} on "
        f"{machine(sources)}, {total} of training in all.",
    ]
