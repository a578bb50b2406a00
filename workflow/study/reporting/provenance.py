"""What every run was made with: code, weights, data, device and versions."""

import io
from typing import Any

import pandas as pd

from study.code import training_code_sha256
from study.reporting import text
from study.reporting.markup import Column, table
from study.reporting.sources import Sources, read_run

ENVIRONMENT = ("python", "torch", "timm", "numpy", "platform", "device", "device_name", "threads", "precision",
               "deterministic")  # fmt: skip


def provenance_rows(sources: Sources) -> pd.DataFrame:
    """One row per run that is there, from its run.json; `older_code` says whether the code has changed since."""
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
    return frame


def code_sentence(frame: pd.DataFrame, labels: dict[str, str]) -> str:
    """Which runs are of older code than the present one."""
    older = frame[frame["older_code"] == "yes"]
    if older.empty:
        return f"All runs were trained by the present code ({text.short_hash(frame['code_sha256'].iloc[0])})."
    if len(older) == len(frame):
        return "All runs were trained by older code than the present one. To renew them: snakemake --forcerun train."
    parts = [
        f"{labels[model]}, seed {text.listed(own['seed'].tolist())}"
        for model, own in older.groupby("model", sort=False)
    ]
    return (
        f"{len(older)} of {len(frame)} runs were trained by older code than the present one: {'; '.join(parts)}. "
        "To renew every run: snakemake --forcerun train."
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
        Column("weights", "Weights", None, "short weights_sha256"),
        Column("short data_fingerprint", "Data"),
        Column("stopped", "Why it ended"),
        Column("when", "Finished"),
    ]
    environment = [*first, *[Column(key, key.replace("_", " ").capitalize()) for key in ENVIRONMENT]]
    for key in ENVIRONMENT:
        frame[key] = frame[key].astype(str)
    csv = ("provenance.csv", stored.getvalue().encode())
    note = code_sentence(frame, sources.labels) + " Hashes are the first digits of SHA-256; the CSV has them whole."
    return [table("Made with", frame, made_with, csv, note), table("Ran on", frame, environment, csv)]
