"""Which code trained a run, and with which settings, as hashes."""

import functools
import hashlib
from pathlib import Path
from typing import Any

from study.files import canonical_json, read_json, sha256_text

ROOT = Path(__file__).parent
TRAINS = ("data/dataset.py", "data/split.py", "models/*.py", "training/*.py")


@functools.cache
def training_code_sha256() -> str:
    """SHA-256 over the names and contents of the modules that a training job runs."""
    digest = hashlib.sha256()
    for path in sorted({path for pattern in TRAINS for path in ROOT.glob(pattern)}):
        digest.update(f"{path.relative_to(ROOT).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def settings_sha256(spec: dict[str, Any]) -> str:
    """SHA-256 of what a config decides of a run on any machine: its `spec` without device, paths and weights' hash."""
    settings = {key: value for key, value in spec.items() if key not in ("compute", "files")}
    settings["weights"] = spec["weights"] and spec["weights"]["source"]
    return sha256_text(canonical_json(settings))


def trained_settings(folder: Path, record: dict[str, Any]) -> str:
    """`settings_sha256` of the run in `folder`, whose run.json is `record`.

    Empty where the spec.json beside it is not the one that the run was trained from, or is not there.
    """
    path = folder / "spec.json"
    if not path.exists():
        return ""
    spec = read_json(path)
    same = sha256_text(canonical_json(spec)) == record.get("spec_sha256")
    return settings_sha256(spec) if same else ""
