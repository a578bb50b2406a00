"""Tables and report of the runs that have ended so far, while others train."""

from pathlib import Path

from study.analysis.runs import every_run, is_trained, planned_config, planned_file
from study.analysis.tables import write_tables
from study.errors import StudyError
from study.files import read_json, write_json
from study.paths import IMAGES, NEAR_DUPLICATES_TABLE, StudyPaths

FOLDER = "preview"


def preview(folder: Path) -> None:
    """Write tables, figures and pages of the runs in results/<study> that have ended into its folder `preview`.

    That folder is a study of its own, whose data and runs are links, so that nothing of the workflow is touched.
    Raises StudyError if no run has ended.
    """
    from study.reporting.items import DOCUMENT
    from study.reporting.pages import draw_figures, write_pages

    study, shown = StudyPaths(folder), StudyPaths(folder / FOLDER)
    config = planned_config(study)
    runs = every_run(config)
    ended = [run for run in runs if is_trained(folder, run)]
    if not ended:
        raise StudyError(f"{folder}: no run has ended yet; `python -m study status {folder}` says how far they are.")
    write_json(shown.config, read_json(planned_file(study)) | {"allow_missing": True})
    for path in (study.labels, folder / IMAGES, folder / "runs", study.table(NEAR_DUPLICATES_TABLE)):
        _link(path, shown.folder / path.relative_to(folder))
    write_tables(shown.folder, shown.tables)
    draw_figures(shown.folder, shown.tables, shown.folder / "figures")
    write_pages(shown.folder, shown.tables, shown.folder / "figures", shown.folder / "pages")
    print(f"{len(ended)} of {len(runs)} runs have ended: {shown.folder / 'pages' / DOCUMENT}")


def _link(path: Path, target: Path) -> None:
    """Make `target` a link to `path`, if that is there and `target` is not yet."""
    if path.exists() and not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)  # a link to what is no longer there
        target.symlink_to(path.resolve(), path.is_dir())
