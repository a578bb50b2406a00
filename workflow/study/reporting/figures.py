"""Draw every figure of the report; report/items.yaml says which there are."""

from pathlib import Path

from study.reporting.items import report_figures
from study.reporting.sources import read_sources
from study.reporting.style import save, settings


def draw_figures(study: Path, tables: Path, out: Path) -> None:
    """Draw every figure into folder `out`. Raises StudyError for what is missing or unreadable."""
    sources = read_sources(study, tables)
    with settings():
        for item in report_figures(sources.config):
            save(item.make(sources), out / item.file, sources.synthetic)
