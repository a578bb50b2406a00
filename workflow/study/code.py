"""Which code trained a run: the hash that run.json records and the workflow compares."""

import functools
import hashlib
from pathlib import Path

ROOT = Path(__file__).parent
TRAINS = ("data/dataset.py", "data/split.py", "models/*.py", "training/*.py")


@functools.cache
def training_code_sha256() -> str:
    """SHA-256 over the names and contents of the modules that a training job runs."""
    digest = hashlib.sha256()
    for path in sorted({path for pattern in TRAINS for path in ROOT.glob(pattern)}):
        digest.update(f"{path.relative_to(ROOT).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()
