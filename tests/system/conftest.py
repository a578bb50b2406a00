"""A browser for the tests of the report, and the reports that they open."""

import json
import shutil
from pathlib import Path

import pytest
from study_factory import make_study
from watched import Watched

from study.analysis.tables import write_tables
from study.files import write_json
from study.reporting.items import DOCUMENT
from study.reporting.pages import draw_figures, write_pages

ROOT = Path(__file__).parents[2]
TEN_MODELS = {"scratch_cnn": 0.36, "scratch_b": 0.42, "scratch_c": 0.5, "scratch_d": 0.55, "lite0_frozen": 0.62,
              "fine_a": 0.7, "lite0_finetune": 0.78, "fine_b": 0.8, "fine_c": 0.82, "fine_d": 0.9}  # fmt: skip
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
def browser():
    """Chromium without a window; a test that asks for it is skipped where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright for Python is not installed")
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on the PATH")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def context(browser):
    """One window for every test; a request for an address of the network is an error."""
    context = browser.new_context(offline=True, viewport={"width": 1300, "height": 1000})
    context.set_default_timeout(20_000)
    return context


@pytest.fixture
def watched(context):
    watched = Watched(context)
    yield watched
    watched.page.close()
    assert watched.errors == []


@pytest.fixture
def pages(demo):
    return demo.results / "pages" / DOCUMENT


@pytest.fixture(scope="session")
def fifty(tmp_path_factory):
    """The report of a simulated study of ten models of five seeds with a cumulative ablation."""
    study = make_study(tmp_path_factory.mktemp("results") / "fifty", TEN_MODELS, seeds=range(5))
    config = json.loads((study / "config.json").read_text())
    config["models"]["fine_d"]["label"] = "A network with a long name (altered weights), fine-tuned for eight epochs"
    labels = {model: entry["label"] for model, entry in config["models"].items()}
    steps = [{"model": model, "label": label, "change": f"change to {label}"} for model, label in labels.items()]
    write_json(study / "config.json", config | {"ladder": steps})
    write_tables(study, study / "tables")
    draw_figures(study, study / "tables", study / "figures")
    write_pages(study, study / "tables", study / "figures", study / "pages")
    return study / "pages" / DOCUMENT


@pytest.fixture
def reference():
    """The report of the reference study, where it has been run in this checkout."""
    report = ROOT / "results" / "reference" / "pages" / DOCUMENT
    if not report.is_file():
        pytest.skip("results/reference has no report; run workflow/presets/reference.yaml")
    return report
