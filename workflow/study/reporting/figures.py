"""All figures of a report: their names follow from the models alone, their content from the tables."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from study.files import read_json
from study.reporting.accuracy import draw_accuracy, draw_cost
from study.reporting.agreement import draw_agreement
from study.reporting.calibration import draw_calibration
from study.reporting.classes import draw_classes, draw_superclasses
from study.reporting.confusion import draw_confusion, draw_superconfusion
from study.reporting.curves import draw_curves
from study.reporting.differences import draw_differences
from study.reporting.ladder import draw_ladder
from study.reporting.pareto import draw_front
from study.reporting.samples import draw_samples
from study.reporting.search import draw_search, read_search
from study.reporting.sources import Sources, read_sources
from study.reporting.style import save, settings

OF_STUDY: dict[str, Callable[[Sources], Figure]] = {
    "accuracy": draw_accuracy,
    "cost": draw_cost,
    "front": draw_front,
    "classes": draw_classes,
    "superclasses": draw_superclasses,
    "calibration": draw_calibration,
    "agreement": draw_agreement,
    "ladder": draw_ladder,
    "samples": draw_samples,
}
OF_MODEL: dict[str, Callable[[Sources, str], Figure]] = {
    "curves": draw_curves,
    "differences": draw_differences,
    "confusion": draw_confusion,
    "superconfusion": draw_superconfusion,
}


def figure_names(config: dict[str, Any]) -> list[str]:
    """The files that `draw_figures` writes for the study in config.json."""
    if config.get("search"):
        return ["search.svg"]
    return [f"{kind}.svg" for kind in _of_study(config)] + [f"{kind}_{model}.svg" for kind, model in _of_model(config)]


def _of_study(config: dict[str, Any]) -> list[str]:
    return [kind for kind in OF_STUDY if kind != "ladder" or config["ladder"]]


def _of_model(config: dict[str, Any]) -> list[tuple[str, str]]:
    """(kind, model) of every figure of a model; differences only of those that are compared with another."""
    compared = {one["model"] for one in config["contrasts"]}
    return [
        (kind, model) for kind in OF_MODEL for model in config["models"] if kind != "differences" or model in compared
    ]


def draw_figures(study: Path, tables: Path, out: Path) -> None:
    """Draw every figure of `figure_names` into folder `out`. Raises StudyError for what is missing or unreadable."""
    config = read_json(study / "config.json")
    if config.get("search"):
        with settings():
            save(draw_search(config, read_search(tables)), out / "search.svg", config["dataset"]["synthetic"])
        return
    sources = read_sources(study, tables)
    with settings():
        for kind in _of_study(sources.config):
            save(OF_STUDY[kind](sources), out / f"{kind}.svg", sources.synthetic)
        for kind, model in _of_model(sources.config):
            save(OF_MODEL[kind](sources, model), out / f"{kind}_{model}.svg", sources.synthetic)
