"""All figures of a report: their names follow from the models alone, their content from the tables."""

from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from study.reporting.accuracy import draw_accuracy, draw_cost
from study.reporting.calibration import draw_calibration
from study.reporting.classes import draw_classes, draw_superclasses
from study.reporting.confusion import draw_confusion, draw_superconfusion
from study.reporting.curves import draw_curves
from study.reporting.samples import draw_samples
from study.reporting.sources import Sources, read_sources
from study.reporting.style import save, settings

OF_STUDY: dict[str, Callable[[Sources], Figure]] = {
    "accuracy": draw_accuracy,
    "cost": draw_cost,
    "classes": draw_classes,
    "superclasses": draw_superclasses,
    "calibration": draw_calibration,
    "samples": draw_samples,
}
OF_MODEL: dict[str, Callable[[Sources, str], Figure]] = {
    "curves": draw_curves,
    "confusion": draw_confusion,
    "superconfusion": draw_superconfusion,
}


def figure_names(models: Sequence[str]) -> list[str]:
    """The files that `draw_figures` writes for a study of `models`."""
    return [f"{kind}.svg" for kind in OF_STUDY] + [f"{kind}_{model}.svg" for kind in OF_MODEL for model in models]


def draw_figures(study: Path, tables: Path, out: Path) -> None:
    """Draw every figure of `figure_names` into folder `out`. Raises StudyError for what is missing or unreadable."""
    sources = read_sources(study, tables)
    with settings():
        for kind, draw in OF_STUDY.items():
            save(draw(sources), out / f"{kind}.svg", sources.synthetic)
        for kind, draw_one in OF_MODEL.items():
            for model in sources.models:
                save(draw_one(sources, model), out / f"{kind}_{model}.svg", sources.synthetic)
