# The checked config, and the paths and small look-ups that the rules share. What they compute stands in the package.

import os
import shlex
import sys
from pathlib import Path

sys.path.insert(0, str(Path(workflow.basedir) / "workflow"))

from study.fingerprints import training_code_sha256
from study.data.manifest import files_fingerprint, load_manifest
from study.errors import StudyError
from study.files import canonical_json, file_digest, read_json
from study.orchestration.jobs import accept
from study.orchestration.start import (
    compared_runs,
    is_of_other_config,
    is_prepared,
    preflight,
    remove_stale_lock,
    start,
)
from study.config.messages import weights_id
from study.config.study import (
    data_fingerprint,
    features_id,
    features_spec,
    run_spec,
    study_record,
)

try:
    STUDY, COMPUTE, DATA_SOURCE = start(config)
except StudyError as error:
    raise SystemExit(f"Error: {error}")

RESULTS = Path("results") / STUDY.study
LOGS = RESULTS / "logs"
RUN = RESULTS / "runs" / "{model}" / "seed-{seed}"
try:
    COMPARED = compared_runs(STUDY, RESULTS)
except StudyError as error:
    raise SystemExit(f"Error: {error}")
remove_stale_lock(RESULTS)
RECORD = study_record(STUDY, COMPUTE)
MODELS = {name: STUDY.models[name] for name in STUDY.grid.models}
WEIGHTS = {
    weights_id(model.architecture, model.weights): model
    for model in MODELS.values()
    if model.weights
}
FEATURES = {
    features_id(features_spec(STUDY, name, COMPUTE)): features_spec(
        STUDY, name, COMPUTE
    )
    for name, model in MODELS.items()
    if model.regime == "frozen"
}
# Named by what the files must be, so that another manifest asks for them anew.
SOURCE_RECORD = Path("resources") / (
    f"{STUDY.dataset.name}-{files_fingerprint(load_manifest(STUDY.dataset.name))[:8]}.json"
)
GPUS = 1 if COMPUTE["device"] == "cuda" else 0
if not DATA_SOURCE.exists():
    SOURCE_RECORD.unlink(missing_ok=True)  # it says that the files are there
# Relative, because a moved project would else look like one with other inputs.
SOURCES = Path(os.path.relpath(workflow.basedir))

# The report's menu sorts its categories by name: hence numbers.
CATEGORY = {
    "accuracy": "01 Result",
    "search": "01 Result",
    "models": "01 Result",
    "contrasts": "01 Result",
    "runs": "01 Result",
    "claims": "01 Result",
    "sensitivity": "01 Result",
    "curves": "02 Learning curves",
    "classes": "03 Classes",
    "differences": "03 Classes",
    "classdifferences": "03 Classes",
    "superclasses": "04 Superclasses",
    "superdifferences": "04 Superclasses",
    "superconfusion": "04 Superclasses",
    "confusion": "05 Confusions",
    "confusions": "05 Confusions",
    "pairs": "05 Confusions",
    "agreement": "05 Confusions",
    "calibration": "06 Calibration",
    "cost": "07 Cost",
    "front": "07 Cost",
    "costs": "07 Cost",
    "ladder": "08 Ladder",
    "samples": "09 Samples",
    "hardest": "09 Samples",
    "duplicates": "09 Samples",
    "provenance": "10 Provenance",
    "card": "11 Methods",
    "methods": "11 Methods",
}
TITLES = {
    "accuracy": "accuracy of every seed",
    "cost": "accuracy and cost",
    "front": "accuracy-cost front",
    "confusion": "100 × 100 classes",
    "confusions": "confusion explorer and mistakes",
    "superconfusion": "20 × 20 superclasses",
    "pairs": "most confused pairs, with images",
    "differences": "differences by class",
    "classdifferences": "differences by class",
    "superdifferences": "differences by superclass",
    "hardest": "hardest images",
    "duplicates": "near-duplicates",
    "card": "model card",
    "methods": "methods of this study",
}


wildcard_constraints:
    model="|".join(MODELS),
    seed="[0-9]+",
    weights="|".join(WEIGHTS) or "none",
    features="|".join(FEATURES) or "none",


# The data's whereabouts travel outside the rules: moving them must not look like a change of the data.
EXPORTS = {
    "PYTHONPATH": Path(workflow.basedir) / "workflow",
    "STUDY_DATA": DATA_SOURCE,
    "STUDY_WORKFLOW": 1,
    "STUDY_RUNS_PER_GPU": STUDY.compute.runs_per_gpu,
}
PREFIX = " ".join(f"{name}={shlex.quote(str(path))}" for name, path in EXPORTS.items())
shell.prefix(f"export {PREFIX}; ".replace("{", "{{").replace("}", "}}"))


def source_record(wildcards):
    """The record that the official files are there; once the data are prepared, nothing asks for them any more."""
    return [] if is_prepared(STUDY) else ancient(SOURCE_RECORD)


def weights_record(wildcards):
    """The record of the weights that a model starts from, or nothing."""
    model = MODELS[wildcards.model]
    return (
        RESULTS / "weights" / f"{weights_id(model.architecture, model.weights)}.json"
        if model.weights
        else []
    )


def features_file(wildcards):
    """The features that a frozen model's head trains on, or nothing."""
    if MODELS[wildcards.model].regime != "frozen":
        return []
    return (
        RESULTS
        / "features"
        / f"{features_id(features_spec(STUDY, wildcards.model, COMPUTE))}.npz"
    )


def features_weights(wildcards):
    """The weights of a frozen backbone."""
    return (
        RESULTS
        / "weights"
        / f"{FEATURES[wildcards.features]['weights']['id']}.safetensors"
    )


def weights_file_sha256(wildcards):
    """The content of a weights file that the user names: another content is other weights, a touch is not.

    Of a file that is there no more, what was read from it once is as good.
    """
    kind, _, name = WEIGHTS[wildcards.weights].weights.partition(":")
    path = Path(name).expanduser()
    if kind == "file" and path.is_file():
        return file_digest(path)
    record = RESULTS / "weights" / f"{wildcards.weights}.json"
    return (
        read_json(record)["file_sha256"] if kind == "file" and record.exists() else ""
    )


def marked(folder, caption, name):
    """`name` in `folder` as an item of the report: its kind, or `kind_model`, decides category, caption and label."""
    kind, _, model = Path(name).stem.partition("_")
    form = "table" if name.endswith(".html") else "figure"
    shown = f"{TITLES.get(kind, kind)}, {form}"
    return report(
        RESULTS / folder / name,
        caption=caption.format(kind),
        category=CATEGORY[kind],
        # One label only: Snakemake's menu fails where a second one happens to split the items in equal halves.
        labels={"shows": f"{shown}: {STUDY.models[model].label}" if model else shown},
    )
