"""The steps of docs/contributing.md, taken as they stand there in a copy of the project, do what they promise."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from written_pages import views

ROOT = Path(__file__).parents[2]
STEP = re.compile(r"^\d+\. (Append to|Create) `([^`]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MAKE_REPORT = """
import sys
from pathlib import Path
from study_factory import make_study
from study.analysis.tables import write_tables
from study.reporting.pages import draw_figures, write_pages
study = make_study(Path(sys.argv[1]), {"scratch_cnn": 0.4, "lite0_finetune": 0.8}, seeds=[0, 1])
write_tables(study, study / "tables")
draw_figures(study, study / "tables", study / "figures")
write_pages(study, study / "tables", study / "figures", study / "pages")
"""


def steps(heading):
    """(what to do, file, text) of each step below a heading that starts so."""
    sections = re.split(r"^## ", (ROOT / "docs" / "contributing.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    (section,) = [one for one in sections if one.startswith(heading)]
    return STEP.findall(section)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The folder of a study, analysed and reported by a copy of the project in which every step was taken."""
    project = tmp_path_factory.mktemp("copy")
    for part in ("workflow", "report"):
        shutil.copytree(ROOT / part, project / part, ignore=shutil.ignore_patterns("__pycache__"))
    for action, name, text in steps("A metric") + steps("A figure"):
        path = project / name
        assert path.exists() == (action == "Append to"), name
        with path.open("a", encoding="utf-8") as handle:
            handle.write(text)
    study = project / "results" / "fake"
    paths = os.pathsep.join(map(str, (project / "workflow", ROOT / "tests" / "unit")))
    command = [sys.executable, "-c", MAKE_REPORT, str(study)]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return study


def test_a_metric_takes_two_files_at_most_and_a_figure_with_its_page_three():
    assert 1 <= len({name for _, name, _ in steps("A metric")}) <= 2
    assert 1 <= len({name for _, name, _ in steps("A figure")}) <= 3


def test_a_new_metric_is_in_the_tables_on_the_page_of_models_and_on_every_card(report):
    assert "test_worst_class" in (report / "tables" / "runs.csv").read_text().splitlines()[0]
    assert (report / "tables" / "models.csv").read_text().count("test_worst_class") == 2
    for name, times in (("which_model_is_better", 1), ("how_each_model_was_trained", 2)):
        assert views(report)[name].count("Accuracy of the worst class (%)") >= times, name


def test_a_new_figure_and_its_page_are_made_and_linked(report):
    assert "Epoch that was kept" in (report / "figures" / "epochs.svg").read_text()
    page = views(report)["epochs_that_were_kept"]
    assert "Epochs that were kept</h1>" in page and "The epoch whose weights were kept, a dot per run" in page
    assert 'href="#epochs_that_were_kept"' in (report / "pages" / "report.html").read_text()
