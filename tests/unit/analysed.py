"""A made study's tables and summary, and changes to its files."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from study.analysis import summary as summary_module
from study.analysis.summary import write_summary
from study.analysis.tables import write_tables
from study.files import read_json
from study.paths import NEAR_DUPLICATES_TABLE, table_names

SCHEMA = Path(summary_module.__file__).with_name("summary.schema.json")
CLAIM = {"id": "c", "text": "t", "source": "s", "model": "cnn", "baseline": None, "metric": "test_accuracy",
         "judgement": "at_least", "expected": 0.5, "rounding": 0.0}  # fmt: skip


def analyse(study):
    """Every table of a study, and its summary."""
    write_tables(study, study / "tables")
    write_summary(study, study / "tables", study / "summary.json")
    names = [*table_names(read_json(study / "config.json")), NEAR_DUPLICATES_TABLE]
    tables = {name: pd.read_csv(study / "tables" / f"{name}.csv") for name in names}
    return tables, json.loads((study / "summary.json").read_text())


def edit_json(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def edit_predictions(study, model, seed, edit):
    path = study / "runs" / model / f"seed-{seed}" / "predictions.npz"
    arrays = dict(np.load(path))
    edit(arrays)
    np.savez(path, **arrays)
