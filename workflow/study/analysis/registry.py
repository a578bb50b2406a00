"""The tables of a study: what each is computed by, which of its columns are text, and which studies have it.

The Snakefile learns here which files there are, so this module imports neither pandas nor scipy.
"""

import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from study.config.record import StudyRecord
from study.paths import NEAR_DUPLICATES_TABLE, SEARCH_TABLE


@dataclass(frozen=True)
class Table:
    """One table; `where` names its function, "module.function" of `study.analysis`.

    `text` are the columns that hold text, whatever it looks like: a class may be called "12". `needs` is what a study
    must have for it: superclasses, labels (runs on few images) or curves (models that differ in their budget alone).
    """

    name: str
    where: str
    text: tuple[str, ...]
    needs: str | None = None

    def compute(self, given: Mapping[str, Any]) -> Any:
        """The table as a DataFrame. Its function takes those of `given` that its parameters are named after."""
        module, _, name = self.where.partition(".")
        function: Callable[..., Any] = getattr(importlib.import_module(f"study.analysis.{module}"), name)
        return function(**{key: given[key] for key in inspect.signature(function).parameters})


def _table(where: str, text: str, needs: str | None = None) -> Table:
    """Its name is the function's, without the ending."""
    return Table(where.partition(".")[2].removesuffix("_table"), where, tuple(text.split()), needs)


# In the order in which `analyse` writes them.
TABLES = (
    _table("tables.runs_table", "model label outcome as_configured"),
    _table("tables.models_table", "model label metric"),
    _table("contrasts.contrasts_table", "model baseline metric method"),
    _table("power.more_seeds_table", "model baseline"),
    _table("classes.classes_table", "model class superclass"),
    _table("classes.superclasses_table", "model superclass", "superclasses"),
    _table("differences.class_differences_table", "model baseline class superclass verdict"),
    _table("differences.superclass_differences_table", "model baseline superclass verdict", "superclasses"),
    _table("heterogeneity.heterogeneity_table", "model baseline level"),
    _table("classes.confusion_table", "model"),
    _table("classes.errors_table", "model"),
    _table("calibration.calibration_table", "model"),
    _table("agreement.agreement_table", "model_a model_b"),
    _table("agreement.mcnemar_table", "model baseline"),
    _table("agreement.hardest_table", "class most_named"),
    _table("sensitivity.sensitivity_table", "model label subset"),
    _table("sensitivity.sensitivity_contrasts_table", "model baseline subset"),
    _table("overlap.overlap_table", "model baseline gain"),
    _table("contamination.contamination_table", "model reference method"),
    _table("contrasts.ladder_table", "model label change"),
    _table("claims.claims_table", "id text source model baseline metric judgement verdict reason"),
    _table("tables.learning_table", "model"),
    _table("costs.costs_table", "model label device_name precision clock"),
    _table("costs.front_table", "model label clock"),
    _table("label_curves.label_runs_table", "model label outcome device_name", "labels"),
    _table("label_curves.label_curve_table", "model label", "labels"),
    _table("label_curves.effective_data_table", "model baseline beyond low_beyond high_beyond", "labels"),
    _table("label_curves.effective_data_by_nll_table", "model baseline beyond low_beyond high_beyond", "labels"),
    _table("label_curves.labels_needed_table", "model label beyond low_beyond high_beyond", "labels"),
    _table("budgets.budget_curve_table", "curve model label", "curves"),
    _table("budgets.compute_needed_table", "model curve beyond low_beyond high_beyond", "curves"),
    _table("budgets.matched_budgets_table", "curve baseline", "curves"),
    _table(
        "provenance.provenance_table",
        "model started finished code_sha256 spec_sha256 weights weights_sha256 data_fingerprint stopped python torch "
        "timm numpy platform device device_name visible_gpu precision deterministic",
    ),
)
TEXT = {table.name: table.text for table in TABLES} | {NEAR_DUPLICATES_TABLE: (), SEARCH_TABLE: ("trial", "outcome")}


def tables_written(record: StudyRecord) -> list[Table]:
    """The tables that `analyse` writes for the comparison whose config.json holds `record`."""
    has = {key: getattr(record, key) is not None for key in ("labels", "curves")}
    has["superclasses"] = record.dataset.superclasses > 0
    return [table for table in TABLES if table.needs is None or has[table.needs]]


def table_names(record: StudyRecord) -> list[str]:
    """The names of these tables; near-duplicates are not among them."""
    return [table.name for table in tables_written(record)]


def tables_of(record: StudyRecord) -> list[str]:
    """Names of all tables that the study whose config.json holds `record` has."""
    return [SEARCH_TABLE] if record.search else [*table_names(record), NEAR_DUPLICATES_TABLE]
