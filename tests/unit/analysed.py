"""A made study's tables, and changes to its files."""

import json

import numpy as np
import pandas as pd

from study.analysis.registry import table_names
from study.analysis.tables import write_tables
from study.config.record import read_record
from study.paths import NEAR_DUPLICATES_TABLE

CLAIM = {"id": "c", "text": "t", "source": "s", "model": "cnn", "baseline": None, "metric": "test_accuracy",
         "judgement": "at_least", "expected": 0.5, "rounding": 0.0}  # fmt: skip


def analyse(study):
    """Every table of a study, by name."""
    write_tables(study, study / "tables")
    names = [*table_names(read_record(study / "config.json")), NEAR_DUPLICATES_TABLE]
    return {name: pd.read_csv(study / "tables" / f"{name}.csv") for name in names}


def edit_json(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def edit_predictions(study, model, seed, edit):
    path = study / "runs" / model / f"seed-{seed}" / "predictions.npz"
    arrays = dict(np.load(path))
    edit(arrays)
    np.savez(path, **arrays)
