"""The methods of the study that was run: methods.txt.j2 has the prose, this module what the config decides."""

import re
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.duplicates import THRESHOLD
from study.analysis.provenance import weights_name
from study.analysis.uncertainty import MIN_SEEDS
from study.data.dataset import TEST, TRAIN, VALIDATION
from study.reporting import text
from study.reporting.ladder import ORDER
from study.reporting.markup import Column, plain_environment, prose, table
from study.reporting.provenance import machine
from study.reporting.sensitivity import SUBSETS
from study.reporting.sources import Sources

OFF = (*text.OFF, np.nan)  # of a setting that a recipe does not use

CHOSEN = {
    "val_loss": "with the lowest validation loss",
    "val_accuracy": "with the highest validation accuracy",
}


def methods_page(sources: Sources) -> list[dict[str, Any]]:
    """Data, models, recipes, seeds, statistics and limitations of this study."""
    return [
        prose("Data", paragraphs("data", sources)),
        _models(sources),
        _recipes(sources),
        prose("Training and choice of the epoch", paragraphs("training", sources)),
        prose("Statistics", points=paragraphs("statistics", sources)),
        prose("Limitations", points=paragraphs("limitations", sources)),
    ]


def paragraphs(block: str, sources: Sources) -> list[str]:
    """The paragraphs of a block of methods.txt.j2, filled with the facts of the study."""
    template = plain_environment().get_template("methods.txt.j2")
    context = template.new_context(_facts(sources))
    said = "".join(template.blocks[block](context))
    return [" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", said) if paragraph.strip()]


def _facts(sources: Sources) -> dict[str, Any]:
    """What the template's blocks name."""
    return _data_facts(sources) | _model_facts(sources) | _statistics_facts(sources)


def _data_facts(sources: Sources) -> dict[str, Any]:
    data, dataset = sources.config["dataset"], sources.dataset
    parts = {"train": TRAIN, "validation": VALIDATION, "test": TEST}
    per_class = np.unique(np.bincount(dataset.fine[dataset.ids(TEST)], minlength=data["classes"]))
    return {
        "data": data,
        "synthetic": sources.synthetic,
        "images": {name: f"{len(dataset.ids(part)):,}" for name, part in parts.items()},
        "classes": data["classes"],
        "superclasses": data["superclasses"],
        "test_per_class": text.listed(per_class.tolist()),
        "held_out": _split(data["validation"]),
        "own_splits": [
            {"recipe": name} | _split(recipe["validation"])
            for name, recipe in sources.config["recipes"].items()
            if recipe.get("validation")
        ],
        "fingerprint": text.short_hash(dataset.meta["fingerprint"]),
    }


def _split(validation: dict[str, Any]) -> dict[str, Any]:
    return {"share": text.setting(100 * validation["fraction"]), "seed": validation["seed"]}


def _model_facts(sources: Sources) -> dict[str, Any]:
    models, recipes = sources.config["models"].values(), sources.config["recipes"].values()
    rules = {recipe.get("best_epoch", "not named") for recipe in recipes}
    return {
        "machine": machine(sources),
        "chosen": sorted(CHOSEN.get(rule, f"that best_epoch says ({rule})") for rule in rules),
        "larger": sorted({model["input_size"] for model in models if model["input_size"] > 32}),
        "pretrained": any(model["weights"] for model in models),
    }


def _statistics_facts(sources: Sources) -> dict[str, Any]:
    config, bins = sources.config, sources.tables["calibration"]["bin"]
    subsets = [one for one in dict.fromkeys(sources.tables["sensitivity"]["subset"]) if one != "all"]
    listed = config["suspect_labels"]
    return {
        "min_seeds": MIN_SEEDS,
        "tested": int(sources.tables["contrasts"]["p_holm"].notna().sum()),
        "margin": text.published(config["equivalence_margin"]),
        "bins": int(bins.max()) if len(bins) else 0,
        "subsets": [SUBSETS.get(one, one) for one in subsets],
        "near": f"{THRESHOLD:g}",
        "suspects": listed
        and {
            "images": text.counted(len(listed["images"]), "test image"),
            "file": listed["file"],
            "sha256": text.short_hash(listed["sha256"]),
        },
        "ladder": ORDER if config["ladder"] else "",
    }


def _models(sources: Sources) -> dict[str, Any]:
    rows = []
    for name, model in sources.config["models"].items():
        seeds = [cell["seed"] for cell in sources.config["grid"] if cell["model"] == name]
        rows.append({
            "label": model["label"], "regime": text.REGIMES[model["regime"]].long,
            "architecture": model["architecture"], "weights": weights_name(model["weights"], model.get("redraw", ())),
            "input": f"{model['input_size']} px", "normalisation": text.setting(model.get("normalisation")),
            "arguments": ", ".join(f"{key} {said}" for key, said in text.settings(model.get("arguments") or {})),
            "recipe": model["recipe"], "seeds": f"{'seed' if len(seeds) == 1 else 'seeds'} {text.listed(seeds)}",
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


def _recipes(sources: Sources) -> dict[str, Any]:
    """The settings that any recipe uses, whatever their keys: settings as rows, recipes as columns."""
    recipes = {name: dict(text.settings(recipe)) for name, recipe in sources.config["recipes"].items()}
    frame = pd.DataFrame(recipes, dtype=str)
    names = list(dict.fromkeys(name for recipe in recipes.values() for name in recipe))
    frame = frame.reindex(sorted(names)).rename_axis("setting").reset_index()
    on = frame[~frame[list(recipes)].isin(OFF).all(axis=1)]
    used = {
        name: ", ".join(model["label"] for model in sources.config["models"].values() if model["recipe"] == name)
        for name in recipes
    }
    csv = ("methods_recipes.csv", frame.to_csv(index=False, lineterminator="\n").encode())
    columns = [Column("setting", "Setting"), *[Column(name, name) for name in recipes]]
    off = f"{text.counted(len(frame) - len(on), 'setting')} that no recipe uses are left out; the file has them. "
    note = (off if len(on) < len(frame) else "") + " ".join(f"{name}: {models}." for name, models in used.items())
    return table("Recipes", on, columns, csv, note)
