"""What every run was made with: code, weights, data, device and versions."""

from typing import Any

import numpy as np
import pandas as pd

from study.analysis.provenance import ENVIRONMENT
from study.fingerprints import training_code_sha256
from study.reporting import text
from study.reporting.markup import Column, table
from study.reporting.sources import Sources


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


def machine(sources: Sources) -> str:
    """Device, precision and threads of the runs that are there; every combination if they differ."""
    known = sources.tables["costs"].dropna(subset=["device_name"])
    kinds = known[["device_name", "precision", "threads"]].drop_duplicates().sort_values(["device_name", "threads"])
    return " and ".join(
        f"{kind.device_name} ({kind.precision}, {text.counted(int(kind.threads), 'CPU thread')} a run)"
        for kind in kinds.itertuples()
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
        f"{labels[model]}, seed {text.listed(own['seed'].tolist())}" for model, own in runs.groupby("model", sort=False)
    )


def provenance_page(sources: Sources) -> list[dict[str, Any]]:
    """Two tables: what decided each run, and the machine it ran on."""
    as_configured = sources.tables["runs"][["model", "seed", "as_configured"]]
    frame = sources.tables["provenance"].merge(as_configured, on=["model", "seed"], how="left")
    frame["label"] = frame["model"].map(sources.labels)
    frame["older_code"] = np.where(sources.is_older, "yes", "no")
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
    csv = sources.csv("provenance")
    settings = settings_sentence(sources.tables["runs"], sources.labels)
    hashes = "Hashes are the first digits of SHA-256; the file has them in full."
    note = " ".join(filter(None, [code_sentence(frame, sources.is_older, sources.labels), settings, hashes]))
    return [table("Made with", frame, made_with, csv, note), table("Ran on", frame, [*run, *ran_on], csv)]
