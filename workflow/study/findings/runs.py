"""What was run: data, grid, machines, time, code, and the runs that were lost."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from study.analysis.costs import CPU_TIME
from study.data.dataset import TEST, TRAIN, VALIDATION
from study.findings import text
from study.findings.results import Results
from study.fingerprints import training_code_sha256

ORIGINAL = "original report"  # as the config calls the source of its claims and of its number
LOST = {"diverged": ("diverged", "diverged"), "missing": ("is missing", "are missing")}


class Machine(NamedTuple):
    """A kind of machine: its device's name, CPU threads a run, and the precisions that runs had there."""

    name: str
    threads: int
    precisions: tuple[str, ...]


def machines(results: Results) -> list[Machine]:
    """The kinds of machine that the runs are from, by name."""
    known = results.tables["costs"].dropna(subset=["device_name"])
    kinds = known.astype({"threads": int}).groupby(["device_name", "threads"])["precision"].unique()
    return [Machine(*kind, tuple(sorted(precisions))) for kind, precisions in kinds.items()]


def machine(results: Results) -> str:
    """Every kind of machine, with threads and precision of the runs there."""
    return text.listed([
        f"{one.name} ({' or '.join(one.precisions)}, {text.counted(one.threads, 'CPU thread')} a run)"
        for one in machines(results)
    ] or [text.NOTHING])  # fmt: skip


def was_run(results: Results) -> list[str]:
    """Data, grid, device and time, in sentences."""
    parts = [f"{len(results.dataset.ids(part)):,}" for part in (TRAIN, VALIDATION, TEST)]
    runs, costs = results.tables["runs"], results.tables["costs"]
    seeds = {tuple(sorted(own["seed"])) for _, own in runs.groupby("model")}
    each = "with different numbers of seeds"
    if len(seeds) == 1:
        (same,) = seeds
        each = text.seeds(same) + " each" * (len(same) > 1)
    shared = costs["shared_seconds"]
    once = shared.groupby(costs["model"]).max().sum()  # not for each seed
    total = text.duration(costs["run_seconds"].sum() - shared.sum() + once)
    there, every = len(runs) - runs["outcome"].eq("missing").sum(), text.counted(len(runs), "run")
    done = every if there == len(runs) else f"{there} of {every}"
    return [
        f"Data: {results.config.dataset.title}, {parts[0]} training, {parts[1]} validation and {parts[2]} test "
        f"images of {results.image_size} × {results.image_size} pixels, resized to each model's input.",
        f"Runs: {text.counted(len(results.models), 'model')}, {each}: {done} on "
        f"{machine(results)}, {total} of {'CPU time' if is_cpu_time(costs) else 'training'} in all.",
        *_on_few_images(results),
    ]


def about_images(results: Results) -> str:
    """What the images are, for who has never seen them, and how many of them a model learns from."""
    data, record = results.dataset, results.config.dataset
    size = results.image_size
    kind = "rendered shapes" if results.synthetic else "images" if results.is_own else "photographs"
    groups = f", in {record.superclasses} superclasses" if record.superclasses else ""
    few = " or, where said, from few of them," if results.config.labels else ""
    return (
        f"{record.title}: {len(data.fine):,} {kind} of {size} × {size} pixels, each of one of {data.classes} "
        f"classes{groups}. Every model learns from the same {len(data.ids(TRAIN)):,} with their labels{few} and is "
        f"tested on {len(data.ids(TEST)):,} others."
    )


def original_report(results: Results) -> list[str]:
    """What the report did whose question this is, where the literature has its number, which is on these images."""
    return [
        f"The question comes from a student's unpublished report, the “{ORIGINAL}” of these pages: it trained CNNs "
        f"from random weights and fine-tuned {entry['label'].partition(',')[0]}, which reached "
        f"{text.published(entry['accuracy'])} % on the test images."
        for entry in results.literature
        if entry["source"] == ORIGINAL
    ]


def _on_few_images(results: Results) -> list[str]:
    if "label_runs" not in results.tables:
        return []
    few = results.tables["label_runs"]
    numbers = text.listed([f"{number:,}" for number in sorted(few["images_per_class"].unique())])
    models = text.counted(few["model"].nunique(), "model")
    finished = int((few["outcome"] == "finished").sum())
    runs = f"{finished} of " * (finished < len(few)) + text.counted(len(few), "run")
    devices = few["device_name"].value_counts()
    other = set(devices.index) - set(results.tables["costs"]["device_name"])
    where = f", {text.listed([f'{count} on {name}' for name, count in devices.items()])}" if other else ""
    return [f"Beside these, {runs} of {models} on {numbers} labelled images of each class{where}."]


def training(results: Results, model: str) -> str:
    """For how long a model may train, and at what sizes of the images."""
    entry = results.config.models[model]
    recipe, tested = results.config.recipe_of(model), entry.input_size
    if entry.regime == "frozen":
        return f"head only, {tested} px"
    sizes = recipe.get("input_sizes") or [tested]
    trained = "–".join(map(str, sorted({min(sizes), max(sizes)})))
    px = f"{trained} px" + f", tested at {tested}" * (set(sizes) != {tested})
    return f"{budget(recipe)}, {px}"


def budget(recipe: dict[str, Any]) -> str:
    """For how long a run on all images trains."""
    seen = recipe.get("images_seen")
    if seen:
        return f"{max(seen.values()) if isinstance(seen, dict) else seen:,} images seen"
    epochs = "at most " * bool(recipe["early_stopping"]) + text.counted(recipe["epochs"], "epoch")
    at_least = recipe.get("images_seen_at_least")
    return f"{epochs}, at least {at_least:,} images seen" if at_least else epochs


def about_epochs(results: Results) -> str:
    """What an epoch is where recipes count the images seen, as a sentence to add; else nothing."""
    said = " Where a recipe counts the images seen, an epoch is an equal part of them, not a pass."
    return said * counts_images(results)


def counts_images(results: Results) -> bool:
    """Does any recipe say how many images are seen, or how many at least?"""
    budgets = ("images_seen", "images_seen_at_least")
    return any(recipe.get(name) for recipe in results.config.recipes.values() for name in budgets)


def run_seconds(results: Results) -> pd.Series:
    """Seconds that a finished run takes on average, by model; `minutes_unit` says what they are."""
    return results.finished_costs().groupby("model")["run_seconds"].mean()


def training_compute(results: Results) -> pd.Series:
    """10^12 multiply-accumulates of a run's forward passes, on average, by model; NaN where it is not known."""
    return results.finished_costs().groupby("model")["compute"].mean().reindex(results.models)


def is_cpu_time(costs: pd.DataFrame) -> bool:
    """Return whether `run_seconds` of these rows of costs.csv or front.csv are CPU time, not time that passed."""
    return bool(costs["clock"].eq(CPU_TIME).any())


def minutes_unit(costs: pd.DataFrame) -> str:
    """ "CPU minutes" or "minutes", whichever `run_seconds` / 60 are."""
    return "CPU minutes" if is_cpu_time(costs) else "minutes"


def sharing(results: Results) -> int:
    """The most runs that went on at once on one GPU, where that makes a run's time longer; else 1."""
    if is_cpu_time(results.tables["costs"]):
        return 1
    made = results.tables["provenance"].query("device == 'cuda'")
    most = 1
    for _, on_one in made.groupby(made["visible_gpu"].fillna("")):
        starts, ends = (pd.to_datetime(on_one[end], utc=True) for end in ("started", "finished"))
        most = max(most, *(int(((starts <= moment) & (ends > moment)).sum()) for moment in starts))
    return most


def code_sentence(frame: pd.DataFrame, is_older: np.ndarray, labels: dict[str, str]) -> str:
    """Which runs of provenance.csv are of older code than the present one, as bool [rows] `is_older` says."""
    present, older = training_code_sha256(), frame[is_older]
    if (frame["code_sha256"] == present).all():
        return f"All runs were trained by the present code ({text.short_hash(present)})."
    if older.empty:
        return f"What the present code ({text.short_hash(present)}) does otherwise changes nothing for these runs."
    if len(older) == len(frame):
        return "All runs were trained by older code than the present one. To renew them: snakemake --forcerun train."
    return (
        f"{len(older)} of {len(frame)} runs were trained by older code than the present one: {_named(older, labels)}. "
        "To renew every run: snakemake --forcerun train."
    )


def settings_sentence(runs: pd.DataFrame, labels: dict[str, str]) -> str:
    """Which runs were trained with other settings than the config has; nothing where none was."""
    other = runs[runs["as_configured"] == "no"]
    if other.empty:
        return ""
    return (
        f"{text.counted(len(other), 'run')} of {len(runs)} {'was' if len(other) == 1 else 'were'} trained with other "
        f"settings than the config has now: {_named(other, labels)}. "
        "To renew them: snakemake --forcerun train, with allow_missing: false."
    )


def _named(runs: pd.DataFrame, labels: dict[str, str]) -> str:
    return "; ".join(
        f"{labels[model]}, {text.seeds(own['seed'].tolist())}" for model, own in runs.groupby("model", sort=False)
    )


def all_runs(results: Results) -> pd.DataFrame:
    """Model, seed and outcome of every run, those on few images per class too."""
    few = [results.tables["label_runs"]] if "label_runs" in results.tables else []
    return pd.concat([one[["model", "seed", "outcome"]] for one in (results.tables["runs"], *few)], ignore_index=True)


def lost_runs(results: Results) -> list[str]:
    """A sentence for the models that lost all their runs in one way, and for each that lost some."""
    sentences, runs = [], results.tables["runs"]
    entirely: dict[tuple[str, int], list[str]] = {}
    for model, name in results.names.items():
        own = runs[runs["model"] == model]
        for outcome, (one, many) in LOST.items():
            seeds = own.loc[own["outcome"] == outcome, "seed"].tolist()
            if seeds and len(seeds) == len(own):
                entirely.setdefault((outcome, len(seeds)), []).append(name)
            elif seeds:
                verb, are = (one, "is") if len(seeds) == 1 else (many, "are")
                sentences.append(
                    f"{len(seeds)} of {len(own)} runs of {name} {verb} ({text.seeds(seeds)}) and {are} excluded from "
                    "every mean."
                )
    sentences[:0] = [_without_a_run(*lost, labels) for lost, labels in entirely.items()]
    few = results.tables.get("label_runs", runs[:0])
    for outcome, (one, many) in LOST.items():
        if len(lost := few[few["outcome"] == outcome]):
            verb, are = (one, "is") if len(lost) == 1 else (many, "are")
            where = [
                f"{len(rows)} of {results.names[model]} on {number:,}"
                for (model, number), rows in lost.groupby(["model", "images_per_class"], sort=False)
            ]
            every = text.counted(len(few), "run")
            sentences.append(
                f"{len(lost)} of {every} on few images per class {verb} and {are} excluded from every mean: "
                f"{text.listed(where)}."
            )
    return sentences


def _without_a_run(outcome: str, count: int, labels: list[str]) -> str:
    every, verb = ("The only run", LOST[outcome][0]) if count == 1 else (f"All {count} runs", LOST[outcome][1])
    if len(labels) == 1:
        return f"{every} of {labels[0]} {verb}, so it has no accuracy."
    return f"{every} of each of these models {verb}, so they have no accuracy: {'; '.join(labels)}."


def notice(runs: pd.DataFrame) -> str:
    """The banner of a study with missing runs; nothing where every run is there."""
    missing = int((runs["outcome"] == "missing").sum())
    if not missing:
        return ""
    return (
        f"Incomplete: {missing} of {text.counted(len(runs), 'run')} of this study {'is' if missing == 1 else 'are'} "
        "missing. Everything here is computed from the runs that are there."
    )
