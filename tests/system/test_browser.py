"""The demo's report in a browser that has no network: does it answer, sort, draw, and show no error?"""

import re
import shutil
from functools import partial
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
playwright = pytest.importorskip("playwright.sync_api", reason="Playwright for Python is not installed")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on the PATH")


class Watched:
    """A page whose errors are noted, in a browser that reaches nothing but files."""

    def __init__(self, context) -> None:
        self.page = context.new_page()
        self.errors: list[str] = []
        self.page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open(self, path: Path):
        self.page.goto(path.as_uri())
        return self.page


@pytest.fixture(scope="module")
def context():
    """One browser for every test; a request for an address of the network is an error."""
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(offline=True, viewport={"width": 1300, "height": 1000})
        context.set_default_timeout(20_000)
        yield context
        browser.close()


@pytest.fixture
def watched(context):
    watched = Watched(context)
    yield watched
    watched.page.close()
    assert watched.errors == []


@pytest.fixture
def pages(demo):
    return demo.results / "pages"


def column(page, table, place):
    """The shown cells of a table's column."""
    rows = page.locator("section.table").nth(table).locator("tbody tr:not([hidden])")
    return rows.locator(f"td:nth-child({place})").all_inner_texts()


def test_the_report_opens_on_the_answer_without_network(demo, watched):
    page = watched.open(demo.folder / "report.html")
    answer = page.locator(".study-landing .answer")
    answer.wait_for()
    assert "of the test images correctly" in answer.inner_text()
    assert page.locator(".study-landing tbody tr").count() >= 2
    assert page.locator(".study-landing img").evaluate("image => image.complete && image.naturalWidth > 300")
    assert "Synthetic data" in page.locator(".study-landing").inner_text()


def test_every_category_of_the_menu_lists_its_items_and_the_first_opens(demo, watched):
    page = watched.open(demo.folder / "report.html")
    menu = page.locator("li, a, button")
    page.locator(".study-landing").wait_for()
    entries = [entry.strip() for entry in page.locator("li:not(.study-landing li)").all_inner_texts()]
    categories = [entry for entry in entries if re.fullmatch(r"\d\d .+", entry)]
    assert [name[:2] for name in categories] == [f"{number:02}" for number in range(1, 11)]
    for name in categories:
        page = watched.open(demo.folder / "report.html")
        page.locator(".study-landing").wait_for()
        menu.filter(has_text=name).last.click()
        items = page.locator("tbody tr", has_text=re.compile(r"\((figure|page)\)"))
        items.first.wait_for()
        assert items.count() >= 1, name
        items.first.locator("a, button").first.click()
        page.locator(".study-landing").wait_for(state="detached")
        assert watched.errors == [], name


def test_tables_sort_by_a_click_on_a_heading_and_filter_by_words(pages, watched):
    page = watched.open(pages / "classes.html")
    heading = page.locator("section.table thead button").nth(2)  # the first model's accuracy
    heading.click()
    number = partial(map, lambda said: float(said.split()[0]))
    first = list(number(column(page, 0, 3)))
    assert len(first) == 100
    assert first == sorted(first, reverse=True)
    heading.click()
    assert list(number(column(page, 0, 3))) == sorted(first)
    name = column(page, 0, 1)[0]
    page.locator("section.table input").fill(name)
    assert all(name in said for said in page.locator("section.table tbody tr:not([hidden])").all_inner_texts())
    assert 1 <= len(column(page, 0, 1)) < 100
    with page.expect_download() as download:
        page.locator("section.table .tools a").click()
    assert Path(download.value.path()).read_bytes() == (pages.parent / "tables" / "classes.csv").read_bytes()


def test_a_large_table_is_unpacked_as_it_is_downloaded(pages, watched):
    page = watched.open(pages / "confusion.html")
    with page.expect_download() as download:
        page.get_by_text("Download confusion.csv").click()
    assert download.value.suggested_filename == "confusion.csv"
    assert Path(download.value.path()).read_bytes() == (pages.parent / "tables" / "confusion.csv").read_bytes()


def test_accuracy_by_class_is_drawn_and_explored(pages, watched):
    page = watched.open(pages / "classes.html")
    chart = page.locator("section.chart")
    assert chart.locator("svg[role=img] .mark").count() == 200  # 100 classes of 2 models
    chart.locator("rect.row").nth(3).hover()
    tip = page.locator(".tip")
    assert tip.is_visible()
    assert "%" in tip.inner_text()
    chart.locator("input[type=checkbox]").first.uncheck()
    assert chart.locator("svg[role=img] .mark").count() == 100
    chart.locator("input[type=search]").fill(column(page, 0, 1)[0])
    assert chart.locator("rect.row").count() < 100


def test_the_confusion_matrix_is_drawn_and_opens_a_superclass(pages, watched):
    page = watched.open(pages / "confusion.html")
    canvas = page.locator("canvas")
    colours = "canvas => new Set(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data).size"
    assert canvas.evaluate(colours) > 20
    box = canvas.bounding_box()
    canvas.hover(position={"x": box["width"] - 3, "y": box["height"] - 3})  # the last class, taken for itself
    assert "recognised" in page.locator(".tip").inner_text()
    before = page.locator(".zoom").inner_text()
    page.get_by_label("Zoom to superclass").select_option(index=4)
    assert page.locator(".zoom").inner_text() != before
    assert page.locator(".zoom tbody tr").count() == 5


def test_the_cost_front_is_drawn_and_names_its_models(pages, watched):
    page = watched.open(pages / "costs.html")
    page.locator("section.chart .mark").first.hover()
    assert "test accuracy" in page.locator(".tip").inner_text()
    assert page.locator("section.chart [role=status]").inner_text().startswith("On the Pareto front by ")


def test_confused_pairs_show_pictures_of_one_model_at_a_time(pages, watched):
    page = watched.open(pages / "pairs.html")
    assert len(set(column(page, 0, 1))) == 1
    assert page.locator("img[data-image]").first.evaluate("image => image.complete && image.naturalWidth === 32")
    page.get_by_label("Model").select_option("")
    assert len(set(column(page, 0, 1))) == 2


def test_every_page_opens_without_an_error_and_describes_its_images(pages, watched):
    names = sorted(path.name for path in pages.glob("*.html"))
    assert len(names) > 15
    for name in names:
        page = watched.open(pages / name)
        for image in page.locator("img").all():
            assert image.get_attribute("alt"), name
        assert not watched.errors, name
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{name} is {wide} pixels too wide"
