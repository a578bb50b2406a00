"""The report in a browser that has no network: the demo's as Snakemake makes it, and the pages of a 50-run study.

tests/system/test_panels.py tries the interactive panels one by one; here are the pages around them.
"""

import json
import math
import shutil
import subprocess
import tarfile
from functools import partial
from pathlib import Path

import pytest
from study_factory import make_study

from study.analysis.tables import write_tables
from study.files import write_json
from study.reporting.pages import draw_figures, write_pages

AXE = "axe-core@4.10.3"
ROOT = Path(__file__).parents[2]
WIDTHS = (390, 1024, 1920)
SNAKEMAKES_OWN = 3_000_000  # bytes of Snakemake's libraries in every report
TEN_MODELS = {"scratch_cnn": 0.36, "scratch_b": 0.42, "scratch_c": 0.5, "scratch_d": 0.55, "lite0_frozen": 0.62,
              "fine_a": 0.7, "lite0_finetune": 0.78, "fine_b": 0.8, "fine_c": 0.82, "fine_d": 0.9}  # fmt: skip


class Watched:
    """A page whose errors are noted, in a browser that reaches nothing but files."""

    def __init__(self, context) -> None:
        self.page = context.new_page()
        self.errors: list[str] = []
        self.page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open(self, path: Path, anchor: str = ""):
        self.page.goto("about:blank")
        self.page.goto(path.as_uri() + anchor)
        return self.page


@pytest.fixture(scope="module")
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
    return demo.results / "pages"


@pytest.fixture(scope="module")
def fifty(tmp_path_factory):
    """The pages of a simulated study of ten models of five seeds with a cumulative ablation."""
    study = make_study(tmp_path_factory.mktemp("results") / "fifty", TEN_MODELS, seeds=range(5))
    config = json.loads((study / "config.json").read_text())
    config["models"]["fine_d"]["label"] = "A network with a long name (altered weights), fine-tuned for eight epochs"
    labels = {model: entry["label"] for model, entry in config["models"].items()}
    steps = [{"model": model, "label": label, "change": f"change to {label}"} for model, label in labels.items()]
    write_json(study / "config.json", config | {"ladder": steps})
    write_tables(study, study / "tables")
    draw_figures(study, study / "tables", study / "figures")
    write_pages(study, study / "tables", study / "figures", study / "pages")
    return study / "pages"


@pytest.fixture
def reference():
    """The pages of the reference study, where it has been run in this checkout."""
    folder = ROOT / "results" / "reference" / "pages"
    if not folder.is_dir():
        pytest.skip("results/reference has no pages; run workflow/presets/reference.yaml")
    return folder


def column(page, table, place):
    """The shown cells of a table's column."""
    rows = page.locator("section.table").nth(table).locator("tbody tr:not([hidden])")
    return rows.locator(f"td:nth-child({place})").all_inner_texts()


def in_report(page):
    """What the Snakemake report shows beside its menu."""
    return page.frame_locator("iframe").first


def test_the_report_opens_on_the_answer_without_network(demo, watched):
    story = in_report(watched.open(demo.folder / "report.html"))
    assert "percentage points" in story.locator("#answer-finding").inner_text()
    assert story.locator(".gain strong").inner_text()[1:].replace(".", "").isdigit()
    assert story.locator(".run .dot").count() == 4  # two models of two seeds
    assert story.locator(".only img").count() >= 4
    assert story.locator(".only img").first.evaluate("image => image.complete && image.naturalWidth === 32")
    assert "Synthetic data" in story.locator("main").inner_text()


def test_every_entry_of_the_menu_opens_its_page_which_leads_back_to_the_story(demo, watched):
    page = watched.open(demo.folder / "report.html")
    title = in_report(page).locator("h1").inner_text()
    entries = [entry.strip() for entry in page.locator("nav li").all_inner_texts()]
    entries = [entry for entry in entries if entry[:2].isdigit()]
    assert [name[:2] for name in entries] == [f"{number:02}" for number in range(1, 12)]
    for name in entries[:-1]:
        page.get_by_text(name).click()
        in_report(page).locator("h1", has_text=name[3:]).wait_for()
        in_report(page).get_by_text("Back to the story").click()
        in_report(page).locator("h1", has_text=title).wait_for()
    page.get_by_text(entries[-1]).click()
    assert page.locator('a[download="all_tables_csv.zip"]').count() == 1


def test_a_link_to_a_part_or_a_page_of_the_report_opens_it(demo, watched):
    page = watched.open(demo.folder / "report.html", "#cost")
    in_report(page).locator("#cost").wait_for()
    page.wait_for_function("document.querySelector('iframe').contentWindow.scrollY > 500")
    page = watched.open(demo.folder / "report.html", "#how_each_model_was_trained.html:model-scratch_cnn")
    in_report(page).locator("h1", has_text="How models were trained").wait_for()


def test_the_graph_of_the_workflow_is_one_click_away_and_not_beside_the_story(demo, watched):
    page = watched.open(demo.folder / "report.html")
    in_report(page).locator("h1").wait_for()
    assert not page.locator("#app #rulegraph").is_visible()
    page.get_by_text("Workflow", exact=True).click()
    page.locator("#app #rulegraph").wait_for()
    assert page.locator("#app #rulegraph").is_visible() and not page.locator(".study-landing").is_visible()


@pytest.mark.parametrize("width", WIDTHS)
def test_the_report_fits_every_screen(demo, browser, width):
    window = browser.new_context(offline=True, viewport={"width": width, "height": 900})
    watched = Watched(window)
    page = watched.open(demo.folder / "report.html")
    in_report(page).locator("h1").wait_for()
    page.wait_for_timeout(300)
    frame = page.locator("iframe").bounding_box()
    assert frame["x"] + frame["width"] <= width
    assert frame["width"] > 0.7 * width  # on a phone the menu makes room
    inside = page.evaluate("document.querySelector('iframe').contentDocument.documentElement.scrollWidth")
    assert inside <= math.ceil(frame["width"])  # scrollWidth is a whole number
    assert watched.errors == []
    window.close()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("study", ["pages", "fifty", "reference"])
def test_every_page_opens_without_an_error_and_fits(study, width, browser, request):
    folder = request.getfixturevalue(study)
    window = browser.new_context(offline=True, viewport={"width": width, "height": 900})
    watched = Watched(window)
    names = sorted(path.name for path in folder.glob("*.html"))
    assert len(names) > 10
    for name in names:
        page = watched.open(folder / name)
        for image in page.locator("img").all():
            assert image.get_attribute("alt"), name
        for media in ("screen", "print"):
            page.emulate_media(media=media)
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0 or (media, width) == ("print", 390), f"{name} is {wide} pixels too wide on {media}"
        page.emulate_media(media="screen")
        assert watched.errors == [], name
    window.close()


@pytest.mark.parametrize("study", ["pages", "fifty", "reference"])
def test_the_story_prints_as_a_document_without_its_controls(study, watched, request):
    page = watched.open(request.getfixturevalue(study) / "index.html")
    printed = page.pdf(format="A4")
    assert 4 <= printed.count(b"/Type /Page\n") <= 25
    page.emulate_media(media="print")
    assert not any(one.is_visible() for one in page.locator(".tools, .contents, .links, .controls").all())
    assert all(one.is_visible() for one in page.locator("section.part > h2").all())


def test_reports_stay_small(demo, fifty):
    assert (demo.folder / "report.html").stat().st_size < 7e6
    in_menu = sum(path.stat().st_size for path in fifty.iterdir() if path.name not in ("index.html", "landing.html"))
    assert in_menu * 4 / 3 + (fifty / "landing.html").stat().st_size + SNAKEMAKES_OWN < 15e6


@pytest.mark.parametrize("study", ["pages", "fifty"])
def test_one_click_leads_from_the_story_to_the_answer_of_each_question(study, watched, request):
    folder = request.getfixturevalue(study)
    page = watched.open(folder / "index.html")
    behind = page.locator("#classes fieldset label").nth(2)  # the classes that the worse model wins
    behind.click()
    count = int(behind.inner_text().split(":")[-1])
    assert page.locator("#classes ul.rows button").count() == count
    assert page.locator("#confusions .tile").first.is_visible()  # the pictures of the most confused pair
    with page.expect_download() as download:
        page.locator("#classes").get_by_text("Download classes.csv").first.click()
    assert Path(download.value.path()).read_bytes() == (folder.parent / "tables" / "classes.csv").read_bytes()
    with page.expect_download() as download:
        page.get_by_text("All tables").click()
    assert Path(download.value.path()).read_bytes() == (folder / "all_tables_csv.zip").read_bytes()
    page.locator(".run a").first.click()
    page.wait_for_url("**/how_each_model_was_trained.html#model-scratch_cnn")
    assert page.locator("#model-scratch_cnn").is_visible()


def test_the_same_questions_are_answered_by_the_keyboard(pages, watched):
    page = watched.open(pages / "index.html")
    page.get_by_role("link", name="Classes that gain or lose").focus()
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.id === 'classes'")
    all_of_them = page.locator("#classes ul.rows button").count()
    page.locator("#classes fieldset input").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert 0 < page.locator("#classes ul.rows button").count() < all_of_them
    folded = page.locator("#classes summary").first
    folded.focus()
    page.keyboard.press("Enter")
    assert page.locator("#classes section.table").first.is_visible()
    link = page.locator("#classes .links a[download]").first
    link.focus()
    with page.expect_download():
        page.keyboard.press("Enter")
    page.locator(".run a").last.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/how_each_model_was_trained.html#*")


def test_tables_sort_by_a_click_on_a_heading_and_filter_by_words_and_by_numbers(pages, watched):
    page = watched.open(pages / "classes_better_or_worse.html")
    place = page.locator("section.table h2").all_inner_texts().index("Accuracy by class")
    table = page.locator("section.table").nth(place)
    heading = table.locator("thead button").nth(2)  # the first model's accuracy
    heading.click()
    number = partial(map, lambda said: float(said.split()[0]))
    first = list(number(column(page, place, 3)))
    assert len(first) == 100
    assert first == sorted(first, reverse=True)
    heading.click()
    assert list(number(column(page, place, 3))) == sorted(first)
    table.get_by_text("Filter columns").click()
    table.locator(".filters input").nth(2).fill("> 50")
    assert len(column(page, place, 3)) == sum(value > 50 for value in first)
    table.locator(".filters input").nth(2).fill("20 to 30")
    assert len(column(page, place, 3)) == sum(20 <= value <= 30 for value in first)
    table.get_by_text("Filter columns").click()
    name = column(page, place, 1)[0]
    table.locator(".tools input").fill(name)
    assert all(name in said for said in table.locator("tbody tr:not([hidden])").all_inner_texts())
    assert 1 <= len(column(page, place, 1)) < 100


def test_tables_are_copied_as_markdown_and_latex_as_they_are_shown(pages, watched, context):
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = watched.open(pages / "which_model_is_better.html")
    table = page.locator("section.table", has_text="McNemar's test")
    table.get_by_text("Copy as Markdown").click()
    table.get_by_text("Copied").wait_for()
    lines = page.evaluate("navigator.clipboard.readText()").splitlines()
    assert len(lines) == 2 + table.locator("tbody tr").count()
    assert lines[0].startswith("| Seed |") and set(lines[1]) <= set("| -:")
    table.get_by_text("as LaTeX").click()
    page.wait_for_function("navigator.clipboard.readText().then((said) => said.startsWith('\\\\begin{tabular}'))")
    assert page.evaluate("navigator.clipboard.readText()").count(r"\\") == len(lines) - 1


def test_a_large_table_is_unpacked_as_it_is_downloaded(pages, watched):
    page = watched.open(pages / "confused_classes_and_mistakes.html")
    with page.expect_download() as download:
        page.get_by_text("Download confusion.csv").click()
    assert download.value.suggested_filename == "confusion.csv"
    assert Path(download.value.path()).read_bytes() == (pages.parent / "tables" / "confusion.csv").read_bytes()


def test_figures_are_unpacked_and_can_be_downloaded(pages, watched):
    page = watched.open(pages / "how_sure_calibration_and_seeds.html")
    page.wait_for_function(
        "[...document.querySelectorAll('figure.drawn img')].every((image) => image.naturalWidth > 300)"
    )
    with page.expect_download() as download:
        page.get_by_text("calibration.svg").click()
    assert Path(download.value.path()).read_bytes() == (pages.parent / "figures" / "calibration.svg").read_bytes()


def test_confused_pairs_show_pictures_of_one_model_at_a_time(pages, watched):
    page = watched.open(pages / "confused_classes_and_mistakes.html")
    place = page.locator("section.table h2").all_inner_texts().index("Most confused pairs")
    table = page.locator("section.table").nth(place)
    assert len(set(column(page, place, 1))) == 1
    assert table.locator("img[data-image]").first.evaluate("image => image.complete && image.naturalWidth === 32")
    table.get_by_label("Model").select_option("")
    assert len(set(column(page, place, 1))) == 2


@pytest.fixture(scope="session")
def axe(tmp_path_factory):
    """The script of the accessibility checker axe-core; a test that needs it is skipped where npm cannot fetch it."""
    npm, folder = shutil.which("npm"), tmp_path_factory.mktemp("axe")
    if npm is None:
        pytest.skip("npm, which fetches axe-core, is not installed")
    done = subprocess.run([npm, "pack", AXE, "--silent"], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"npm cannot fetch {AXE}")
    with tarfile.open(next(folder.glob("*.tgz"))) as archive:
        return archive.extractfile("package/axe.min.js").read().decode()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("study", ["pages", "fifty", "reference"])
def test_an_accessibility_checker_finds_nothing_serious(study, scheme, browser, axe, request):
    folder = request.getfixturevalue(study)
    window = browser.new_context(offline=True, viewport={"width": 1300, "height": 1000}, color_scheme=scheme)
    found = {}
    for path in sorted(folder.glob("*.html")):
        if path.name == "landing.html":  # a fragment; the story in its frame is index.html
            continue
        page = window.new_page()
        page.goto(path.as_uri())
        page.wait_for_timeout(300)
        page.evaluate(axe)
        violations = page.evaluate(
            "axe.run(document, {resultTypes: ['violations']}).then((result) => result.violations)"
        )
        found[path.name] = [one["id"] for one in violations if one["impact"] in ("serious", "critical")]
        page.close()
    window.close()
    assert not any(found.values()), found
