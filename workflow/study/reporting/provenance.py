"""What every run was made with: code, weights, data, device and versions."""

import io
from typing import Any

import pandas as pd

from study.fingerprints import training_code_sha256
from study.reporting import text
from study.reporting.markup import Column, table
from study.reporting.sources import Sources, read_run

ENVIRONMENT = ("python", "torch", "timm", "numpy", "platform", "device", "device_name", "threads", "precision",
               "deterministic")  # fmt: skip


def provenance_rows(sources: Sources) -> pd.DataFrame:
    """One row per run that is there, from its run.json.

    `older_code` says whether the code has changed since, `as_configured` whether the run was trained with the config's
    settings (empty where that is not known).
    """
    rows = []
    there = sources.tables["runs"].query("outcome != 'missing'")
    for cell in there[["model", "seed"]].to_dict("records"):
        run = read_run(sources.study, cell["model"], cell["seed"])
        weights = run["weights"] or {}
        rows.append(
            {
                "model": cell["model"],
                "seed": cell["seed"],
                "finished": run["finished"],
                "code_sha256": run["code_sha256"],
                "spec_sha256": run["spec_sha256"],
                "weights": text.weights(weights.get("source")),
                "weights_sha256": weights.get("sha256", ""),
                "data_fingerprint": run["data"]["fingerprint"],
                "stopped": run["stopped"],
            }
            | {key: run["environment"].get(key, "") for key in ENVIRONMENT}
        )
    frame = pd.DataFrame(rows)
    frame.insert(4, "older_code", (frame["code_sha256"] != training_code_sha256()).map({True: "yes", False: "no"}))
    frame.insert(6, "as_configured", there["as_configured"].fillna("").to_numpy())
    return frame


def code_sentence(frame: pd.DataFrame, labels: dict[str, str]) -> str:
    """Which runs are of older code than the present one."""
    older = frame[frame["older_code"] == "yes"]
    if older.empty:
        return f"All runs were trained by the present code ({text.short_hash(frame['code_sha256'].iloc[0])})."
    if len(older) == len(frame):
        return "All runs were trained by older code than the present one. To renew them: snakemake --forcerun train."
    return (
        f"{len(older)} of {len(frame)} runs were trained by older code than the present one: {_named(older, labels)}. "
        "To renew every run: snakemake --forcerun train."
    )


def machine(sources: Sources) -> str:
    """Device, precision and threads of the runs that are there; where they differ, every combination."""
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
    frame = provenance_rows(sources)
    frame["label"] = frame["model"].map(sources.labels)
    for column in ("code_sha256", "weights_sha256", "data_fingerprint"):
        frame[f"short {column}"] = frame[column].map(text.short_hash)
    frame["when"] = frame["finished"].str.slice(0, 16).str.replace("T", " ")
    stored = io.StringIO()
    hidden = [column for column in frame if column.startswith("short ") or column in ("label", "when")]
    frame.drop(columns=hidden).to_csv(stored, index=False, lineterminator="\n")
    first = [Column("label", "Model"), Column("seed", "Seed", lambda seed: text.number(seed, 0))]
    made_with = [
        *first,
        Column("short code_sha256", "Code"),
        Column("older_code", "Older code"),
        Column("as_configured", "As configured"),
        Column("weights", "Weights", None, "short weights_sha256"),
        Column("short data_fingerprint", "Data"),
        Column("stopped", "Ended", None, "when"),
    ]
    shown = [key for key in ENVIRONMENT if key != "device_name"]
    environment = [
        *first,
        *[Column(key, key.capitalize(), None, "device_name" if key == "device" else None) for key in shown],
    ]
    for key in ENVIRONMENT:
        frame[key] = frame[key].astype(str)
    csv = ("provenance.csv", stored.getvalue().encode())
    settings = settings_sentence(sources.tables["runs"], sources.labels)
    hashes = "Hashes are the first digits of SHA-256; the CSV has them whole."
    note = " ".join(filter(None, [code_sentence(frame, sources.labels), settings, hashes]))
    return [table("Made with", frame, made_with, csv, note), table("Ran on", frame, environment, csv)]
