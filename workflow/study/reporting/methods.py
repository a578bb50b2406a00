"""The methods of the study that was run: methods.txt.j2 has the prose, this module what the config decides."""

import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from study.analysis.provenance import ENVIRONMENT, weights_name
from study.analysis.uncertainty import MIN_SEEDS
from study.analysis.unequal import UNEQUAL_FROM, class_sizes
from study.data.dataset import TEST, TRAIN, VALIDATION
from study.findings import text
from study.findings.doubts import near_duplicate
from study.findings.limits import limits
from study.findings.results import Results
from study.findings.runs import code_sentence, machine, settings_sentence
from study.reporting.ladder import ORDER
from study.reporting.markup import Column, plain_environment, prose, table
from study.reporting.models import SUBSETS

PROJECT = Path(__file__).parents[3]

OFF = (*text.OFF, np.nan)  # of a setting that a recipe does not use

CHOSEN = {
    "val_loss": "with the lowest validation loss",
    "val_accuracy": "with the highest validation accuracy",
    "val_macro_accuracy": "with the highest balanced accuracy on validation",
    "last": "that came last, whatever its accuracy",
}


def methods_page(results: Results) -> list[dict[str, Any]]:
    """Data, models, recipes, seeds, statistics and limitations of this study."""
    return [
        prose("Data", paragraphs("data", results)),
        _models(results),
        _recipes(results),
        prose("Training and choice of the epoch", paragraphs("training", results)),
        prose("Statistics", points=paragraphs("statistics", results)),
        prose("Limitations", points=limits(results)),
    ]


def paragraphs(block: str, results: Results) -> list[str]:
    """The paragraphs of a block of methods.txt.j2, filled with the facts of the study."""
    template = plain_environment().get_template("methods.txt.j2")
    rules = {recipe["best_epoch"] for recipe in results.config.recipes.values()}
    trained = {"machine": machine(results), "chosen": sorted(CHOSEN[rule] for rule in rules)}
    context = template.new_context(_data_facts(results) | trained | _statistics_facts(results))
    said = "".join(template.blocks[block](context))
    return [" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", said) if paragraph.strip()]


def _data_facts(results: Results) -> dict[str, Any]:
    data, dataset = results.config.dataset, results.dataset
    parts = {"train": TRAIN, "validation": VALIDATION, "test": TEST}
    held_out = _split(data.validation)
    if results.is_own:  # of few images in a class, the fraction is rounded to at least one
        held_out["share"] = text.percent((dataset.split == VALIDATION).sum() / (dataset.split != TEST).sum(), 0)
    return {
        "data": data,
        "synthetic": results.synthetic,
        "images": {name: f"{len(dataset.ids(part)):,}" for name, part in parts.items()},
        "classes": data.classes,
        "superclasses": data.superclasses,
        "size": results.image_size,
        "is_own": results.is_own,
        "val_as_test": dataset.meta.get("val_as_test"),
        "drawn": dataset.meta.get("drawn", ["validation"]),
        "test_share": text.percent(results.n_test / len(dataset.split), 0),
        "grouped": dataset.group is not None,
        "test_per_class": text.between(class_sizes(dataset)),
        "held_out": held_out,
        "own_splits": [
            {"recipe": name} | _split(recipe["validation"])
            for name, recipe in results.config.recipes.items()
            if recipe.get("validation")
        ],
        "fingerprint": text.short_hash(dataset.meta["fingerprint"]),
    }


def _split(validation: dict[str, Any]) -> dict[str, Any]:
    return {"share": text.setting(100 * validation["fraction"]), "seed": validation["seed"]}


def _statistics_facts(results: Results) -> dict[str, Any]:
    config, bins = results.config, results.tables["calibration"]["bin"]
    subsets = [one for one in dict.fromkeys(results.tables["sensitivity"]["subset"]) if one != "all"]
    listed = config.suspect_labels
    return {
        "min_seeds": MIN_SEEDS,
        "measured": results.measured,
        "unequal_from": UNEQUAL_FROM,
        "tested": int(results.tables["contrasts"]["p_holm"].notna().sum()),
        "margin": text.published(config.equivalence_margin),
        "bins": int(bins.max()) if len(bins) else 0,
        "subsets": [SUBSETS[one] for one in subsets],
        "near": near_duplicate(results),
        "suspects": listed
        and {
            "images": text.counted(len(listed["images"]), "test image"),
            "file": listed["file"],
            "sha256": text.short_hash(listed["sha256"]),
        },
        "ladder": ORDER if config.ladder else "",
    }


def _models(results: Results) -> dict[str, Any]:
    rows = []
    for name, model in results.config.models.items():
        seeds = [run.seed for run in results.config.grid if run.model == name]
        rows.append({
            "label": model.label, "regime": text.REGIMES[model.regime].long,
            "architecture": model.architecture, "weights": weights_name(model.weights, model.redraw),
            "input": f"{model.input_size} px", "normalisation": text.setting(model.normalisation),
            "arguments": ", ".join(f"{key} {said}" for key, said in text.settings(model.arguments)),
            "recipe": model.recipe, "seeds": f"{'seed' if len(seeds) == 1 else 'seeds'} {text.numbers(seeds)}",
        })  # fmt: skip
    frame = pd.DataFrame(rows)
    csv = ("methods_models.csv", frame.to_csv(index=False, lineterminator="\n").encode())
    columns = [
        Column("label", "Model", None, "regime"),
        Column("architecture", "Architecture and its arguments", None, "arguments"),
        Column("weights", "Weights"),
        Column("input", "Input and its normalisation", None, "normalisation"),
        Column("recipe", "Recipe and seeds", None, "seeds"),
    ]
    return table("Models", frame, columns, csv)


def _recipes(results: Results) -> dict[str, Any]:
    """The settings that any recipe uses, whatever their keys: settings as rows, recipes as columns."""
    recipes = {name: dict(text.settings(recipe)) for name, recipe in results.config.recipes.items()}
    frame = pd.DataFrame(recipes, dtype=str)
    names = list(dict.fromkeys(name for recipe in recipes.values() for name in recipe))
    frame = frame.reindex(sorted(names)).rename_axis("setting").reset_index()
    on = frame[~frame[list(recipes)].isin(OFF).all(axis=1)]
    used = {
        name: ", ".join(model.label for model in results.config.models.values() if model.recipe == name)
        for name in recipes
    }
    csv = ("methods_recipes.csv", frame.to_csv(index=False, lineterminator="\n").encode())
    columns = [Column("setting", "Setting"), *[Column(name, name) for name in recipes]]
    off = f"{text.counted(len(frame) - len(on), 'setting')} that no recipe uses are left out; the file has them. "
    note = (off if len(on) < len(frame) else "") + " ".join(f"{name}: {models}." for name, models in used.items())
    return table("Recipes", on, columns, csv, note)


def provenance_page(results: Results) -> list[dict[str, Any]]:
    """Two tables: what decided each run, and the machine it ran on."""
    as_configured = results.tables["runs"][["model", "seed", "as_configured"]]
    frame = results.tables["provenance"].merge(as_configured, on=["model", "seed"], how="left")
    frame["label"] = frame["model"].map(results.labels)
    frame["older_code"] = np.where(results.is_older, "yes", "no")
    for column in ("code_sha256", "weights_sha256", "data_fingerprint"):
        frame[f"short {column}"] = frame[column].fillna("").map(text.short_hash)
    frame["when"] = frame["finished"].str.slice(0, 16).str.replace("T", " ")
    frame["threads"] = frame["threads"].astype(str)
    run = [Column("label", "Model"), Column("seed", "Seed", text.whole)]
    made_with = [
        *run,
        Column("short code_sha256", "Code"),
        Column("older_code", "Older code"),
        Column("as_configured", "As configured"),
        Column("weights", "Weights", None, "short weights_sha256"),
        Column("short data_fingerprint", "Data"),
        Column("stopped", "Ended", None, "when"),
    ]
    ran_on = [
        Column(key, key.capitalize(), None, "device_name" if key == "device" else None)
        for key in ENVIRONMENT
        if key not in ("device_name", "visible_gpu")
    ]
    csv = results.csv("provenance")
    settings = settings_sentence(results.tables["runs"], results.labels)
    hashes = "Hashes are the first digits of SHA-256; the file has them in full."
    note = " ".join(filter(None, [code_sentence(frame, results.is_older, results.labels), settings, hashes]))
    return [
        table("Made with", frame, made_with, csv, note),
        table("Ran on", frame, [*run, *ran_on], csv),
        _hashes(results),
    ]


def commit(folder: Path = PROJECT) -> str:
    """The Git commit that `folder` is a checkout of; nothing where there is none, or no Git."""
    if not (folder / ".git").exists():
        return ""
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip()


def bibtex(record: dict[str, Any], study: str, year: str) -> str:
    """A BibTeX entry from CITATION.cff's `record`, for one study of the project."""
    names = " and ".join(
        f"{{{author['name']}}}" if "name" in author else f"{author['family-names']}, {author['given-names']}"
        for author in record["authors"]
    )
    made_with = f", made with the {record['made_with']}" if "made_with" in record else ""
    fields = {"title": f"{{{record['title']}}}", "author": names, "version": record["version"], "year": year,
              "note": f"Study {study}{made_with}"}  # fmt: skip
    lines = [f"  {key} = {{{value}}}," for key, value in fields.items() if value]
    return "\n".join([f"@software{{{study}_study,", *lines, "}"])


def _hashes(results: Results) -> dict[str, Any]:
    """The section of hashes, with what a reader needs to get the same bytes."""
    provenance = results.tables["provenance"]
    data = provenance["data_fingerprint"].dropna().unique()
    code = provenance["code_sha256"].dropna().unique()
    pairs = [
        ("commit of the project when this page was written", commit() or "not in a Git checkout"),
        ("training code", ", ".join(code) or "no run"),
        ("data and split", ", ".join(data) or "no run"),
        *[(f"weights, {name}", digest) for name, digest in _weights(results)],
    ]
    return {"kind": "facts", "title": "Hashes of what was run (SHA-256; the commit: SHA-1)", "pairs": pairs, "note": ""}


def _weights(results: Results) -> list[tuple[str, str]]:
    known = results.tables["provenance"].dropna(subset=["weights_sha256"])
    return list(known[["weights", "weights_sha256"]].drop_duplicates().itertuples(index=False, name=None))


def citation(results: Results, file: Path = PROJECT / "CITATION.cff") -> str:
    """The study's BibTeX entry, of the year in which its last run ended; nothing in a copy without CITATION.cff."""
    if not file.is_file():
        return ""
    finished = results.tables["provenance"]["finished"].dropna()
    record = yaml.safe_load(file.read_text(encoding="utf-8"))
    if results.is_own:  # a study that is not by the authors of the project
        own = {"title": f"What pretraining is worth: {results.config.dataset.title}", "version": "",
               "authors": [{"name": "Your name"}], "made_with": f"{record['title']} {record['version']}"}  # fmt: skip
        record = record | own
    return bibtex(record, results.config.study, finished.max()[:4] if len(finished) else "")


def command(study: str, project: Path = PROJECT) -> str:
    """What repeats the study from the project's folder: with the preset of its name, if there is one."""
    named = {}
    for path in (*sorted((project / "workflow" / "presets").glob("*.yaml")), project / "config.yaml"):
        if path.is_file():
            named[yaml.safe_load(path.read_text(encoding="utf-8")).get("study")] = path.relative_to(project).as_posix()
    file = named.get(study, "YOUR_CONFIG_FILES")
    overlay = "" if file == "config.yaml" else f" --configfile {file}"
    return f"snakemake{overlay} --cores all\nsnakemake{overlay} --report report.html"
