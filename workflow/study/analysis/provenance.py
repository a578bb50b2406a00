"""What every run was made with: code, weights, data, machine and versions, as its run.json records them."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from study.analysis.runs import Run

ENVIRONMENT = ("python", "torch", "timm", "numpy", "platform", "device", "device_name", "visible_gpu", "threads",
               "precision", "deterministic")  # fmt: skip
COLUMNS = ["model", "seed", "started", "finished", "code_sha256", "spec_sha256", "weights", "weights_sha256",
           "data_fingerprint", "stopped", *ENVIRONMENT]  # fmt: skip


def provenance_table(runs: list[Run]) -> pd.DataFrame:
    """One row per run of the grid that is there; what a run did not record is empty."""
    rows = [_row(run) for run in runs if run.record["outcome"] != "missing"]
    return pd.DataFrame(rows, columns=COLUMNS)


def _row(run: Run) -> dict[str, Any]:
    record, weights = run.record, run.record["weights"] or {}
    return {
        "model": run.model,
        "seed": run.seed,
        **{key: record[key] for key in ("started", "finished", "code_sha256", "spec_sha256", "stopped")},
        "weights": weights_name(weights.get("source")),
        "weights_sha256": weights.get("sha256", ""),
        "data_fingerprint": record["data"]["fingerprint"],
    } | {key: record["environment"].get(key, "") for key in ENVIRONMENT}


def weights_name(source: str | None, redrawn: Sequence[str] = ()) -> str:
    """Where a model's weights come from, and the layers that don't take theirs from there.

    Of a file its name only, because paths are the author's own business.
    """
    if source is None:
        return "none"
    kind, _, rest = source.partition(":")
    name = f"file {rest.replace(chr(92), '/').rsplit('/', 1)[-1]}" if kind == "file" else rest or kind
    return f"{name}, but {', '.join(redrawn)} drawn anew" if redrawn else name
