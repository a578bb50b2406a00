"""Which runs were trained by older code than the present one: code that does something else for such runs."""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from study.config.specs import RunSpec, trained_spec
from study.files import read_json
from study.fingerprints import ROOT, executed_groups, group_hashes, training_code_sha256
from study.paths import RUN_RECORD

LEDGER = ROOT / "equivalent_code.yaml"


def is_of_older_code(folder: Path) -> bool:
    """Return whether the run in `folder` is; see `is_older`. Raises StudyError if its run.json cannot be read."""
    record = read_json(folder / RUN_RECORD)
    return is_older(record, trained_spec(folder, record))


def is_older(record: Mapping[str, Any], spec: RunSpec | None) -> bool:
    """Return whether a run's record, run.json, is of code that differs in a group of modules that its `spec` executes.

    Without a spec every group counts, and nothing of the ledger that speaks of some runs only.
    """
    return bool(changed_groups(record, spec))


def changed_groups(
    record: Mapping[str, Any], spec: RunSpec | None, ledger: Mapping[str, Any] | None = None
) -> dict[str, tuple[str | None, str]]:
    """Return {group: (hash as recorded, present hash)} of the groups for which the run is of older code.

    The recorded hash is None where the run recorded none. `ledger` is equivalent_code.yaml unless given.
    """
    ledger = ledger or read_ledger()
    if record["code_sha256"] == training_code_sha256():
        return {}
    recorded = record.get("code_groups") or ledger["versions"].get(record["code_sha256"], {})
    present = {group: group_hashes()[group] for group in executed_groups(spec)}
    return {
        group: (recorded.get(group), now)
        for group, now in present.items()
        if now not in _same_as(recorded.get(group), [one for one in ledger["same"] if one["group"] == group], spec)
    }


def describe(folders: Sequence[Path]) -> str:
    """Return which runs in these studies' folders are of older code, by group, and the entries that would clear them.

    Raises StudyError if a run.json cannot be read.
    """
    records = [path for folder in folders for path in sorted(folder.glob(f"runs/**/{RUN_RECORD}"))]
    older: dict[tuple[str, str | None, str], list[dict[str, Any]]] = {}
    for path in records:
        record = read_json(path)
        for group, (then, now) in changed_groups(record, trained_spec(path.parent, record)).items():
            older.setdefault((group, then, now), []).append(record)
    lines = []
    for (group, then, now), found in older.items():
        where = {
            "compute.device": sorted({record["environment"]["device"] for record in found}),
            "model": sorted({record["model"] for record in found}),
        }
        entry = {"group": group, "from": then, "to": now, "where": where, "why": ""}
        lines += [
            f"{len(found)} of {len(records)} runs are of an older version of {group}. If they compute the same, "
            f"{LEDGER.name} can say so:",
            yaml.safe_dump([entry], sort_keys=False, default_flow_style=None, width=120),
        ]
    return "\n".join(lines) or f"None of {len(records)} runs is of older code."


@functools.cache
def read_ledger() -> dict[str, Any]:
    """Return the content of equivalent_code.yaml."""
    return yaml.safe_load(LEDGER.read_text(encoding="utf-8"))


def _same_as(code: str | None, entries: Sequence[Mapping[str, Any]], spec: RunSpec | None) -> set[str | None]:
    """Return the hashes that do the same as `code` for runs of `spec`, by `entries` of the ledger on one group."""
    known = {code}
    entries = [one for one in entries if _speaks_of(one.get("where", {}), spec)]
    while new := {one["to"] for one in entries if one["from"] in known} - known:
        known |= new
    return known


def _speaks_of(where: Mapping[str, Any], spec: RunSpec | None) -> bool:
    """Return whether a `spec` has the values, any of each list, that `where` gives for its keys."""
    for key, wanted in where.items():
        value = functools.reduce(lambda part, name: None if part is None else getattr(part, name), key.split("."), spec)
        if spec is None or value not in (wanted if isinstance(wanted, list) and wanted else [wanted]):
            return False
    return True
