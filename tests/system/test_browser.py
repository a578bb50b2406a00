"""The report in a browser that has no network: the demo's as Snakemake makes it, and that of a 50-run study.

tests/system/test_panels.py tries the interactive panels one by one; here is the document around them.
"""

import math
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from watched import Watched

AXE = "axe-core@4.10.3"
ROOT = Path(__file__).parents[2]
WIDTHS = (390, 1024, 1920)
SNAKEMAKES_OWN = 3_000_000  # bytes of Snakemake's libraries in every report


def views(page):
    """The name of every view."""
    return page.evaluate("[...document.querySelectorAll('.view')].map((view) => view.id)")


def shown(page):
    """The view that is shown."""
    return page.locator(".view:visible")


def in_report(page):
    """What the Snakemake report shows beside its menu."""
    return page.frame_locator("iframe").first


def test_the_report_opens_on_the_answer_without_network(demo, watched):
    story = in_report(watched.open(demo.folder / "report.html"))
    assert "percentage points" in story.locator("#answer-finding").inner_text()
    assert story.locator(".gain strong").inner_text()[1:].replace(".", "").isdigit()
    assert story.locator(".versus .one:visible").count() == 2
    assert story.locator(".run .dot").count() == 4  # two models of two seeds
    assert story.locator(".limits li").count() >= 2
    assert story.locator(".strip img").first.evaluate("image => image.complete && image.naturalWidth === 32")
    assert "Synthetic data" in story.locator("main").inner_text()


@pytest.mark.parametrize("size", [(1280, 800), (390, 844)])
def test_the_first_screen_has_the_answer_its_two_models_and_its_limits(fifty, browser, size):
    window = browser.new_context(offline=True, viewport=dict(zip(("width", "height"), size, strict=True)))
    page = Watched(window).open(fifty)
    for part in (".gain", ".versus .one:visible", ".limits li"):
        end = page.locator(f".story {part}").last.bounding_box()
        assert end["y"] + end["height"] <= size[1], part
    window.close()


def test_every_entry_of_the_menu_shows_its_view_and_back_returns_to_the_one_before(pages, watched):
    page = watched.open(pages)
    names = views(page)
    links = page.locator("#menu > ul > li > a")
    assert links.evaluate_all("links => links.map((link) => link.hash.slice(1))") == names and len(names) > 10
    for link, name in zip(links.all(), names, strict=True):
        link.click()
        assert shown(page).count() == 1 and shown(page).get_attribute("id") == name
        assert page.url.endswith(f"#{name}") and link.get_attribute("aria-current") == "page"
    for name in names[-2::-1]:
        page.go_back()
        page.wait_for_function("(name) => !document.getElementById(name).hidden", arg=name)
        assert shown(page).count() == 1


def test_back_returns_to_where_a_reader_was(pages, watched):
    page = watched.open(pages, "#cost")
    page.wait_for_function("scrollY > 500")
    page.wait_for_timeout(500)
    before = page.evaluate("scrollY")
    page.locator("#cost .links a").first.click()
    assert shown(page).get_attribute("id") == "cost_time_and_memory" and page.evaluate("scrollY") == 0
    page.go_back()
    page.wait_for_function("(before) => Math.abs(scrollY - before) < 5", arg=before)


@pytest.mark.parametrize("word", ["curve", "loss", "overfit", "sample", "augment", "superclass", "calibration"])
def test_the_menu_finds_what_readers_look_for(pages, watched, word):
    page = watched.open(pages)
    page.locator("#menu input").fill(word)
    assert page.locator("#menu li a:visible").count() >= 1
    page.locator("#menu input").press("Enter")
    assert shown(page).get_attribute("id") not in ("story", None)


def test_in_the_snakemake_report_addresses_and_back_work_as_in_the_document(demo, watched):
    page = watched.open(demo.folder / "report.html", "#cost")
    in_report(page).locator("#cost").wait_for()
    page.wait_for_function("document.querySelector('iframe').contentWindow.scrollY > 500")
    in_report(page).get_by_role("button", name="Menu").click()
    in_report(page).locator("#menu > ul > li > a").nth(1).click()
    page.wait_for_url("**/report.html#which_model_is_better")
    assert in_report(page).locator(".view:visible h1").inner_text() == "Which model is better"
    page.go_back()
    in_report(page).locator("#cost:visible").wait_for()
    page = watched.open(demo.folder / "report.html", "#model-scratch_cnn")
    in_report(page).locator("h1:visible", has_text="How each model was trained").wait_for()
    assert page.locator("#app #rulegraph").count() == 1  # below the report


def test_another_pair_of_models_changes_headings_tables_and_links_and_the_rest_says_so(fifty, watched):
    page = watched.open(fifty)
    heading, sure = (page.locator(f"#{name}-finding").inner_text() for name in ("classes", "certainty"))
    page.get_by_label("Compare", exact=True).select_option(label="Fine a")
    page.get_by_label("with", exact=True).select_option(label="Scratch b")
    assert page.url.endswith("?from=scratch_b&to=fine_a")
    for name in ("answer", "classes", "confusions", "cost"):
        assert "Fine a" in page.locator(f"#{name}-finding").inner_text(), name
    assert page.locator("#certainty-finding").inner_text() != sure
    assert page.locator(".gain strong").inner_text() == page.locator(".bracket b").inner_text() != ""
    assert page.locator(".versus .one:visible strong").all_inner_texts() == ["Fine a", "Scratch b"]
    assert page.locator(".published:visible").count() >= 1
    page.locator("#classes .links a").first.click()
    assert page.url.endswith("#classes_better_or_worse?from=scratch_b&to=fine_a")
    assert "Fine a" in shown(page).locator(".finding").inner_text()
    page.get_by_role("button", name="Swap").click()
    again = watched.open(fifty, page.url.partition("report.html")[2])
    assert "Scratch b is" in shown(again).locator(".finding").inner_text()
    again = watched.open(fifty)
    assert again.locator("#classes-finding").inner_text() == heading and not again.locator(".published:visible").count()


@pytest.mark.parametrize("width", WIDTHS)
def test_the_report_fits_every_screen(demo, browser, width):
    window = browser.new_context(offline=True, viewport={"width": width, "height": 900})
    watched = Watched(window)
    page = watched.open(demo.folder / "report.html")
    in_report(page).locator("h1:visible").wait_for()
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
def test_every_view_opens_without_an_error_and_fits(study, width, browser, request):
    window = browser.new_context(offline=True, viewport={"width": width, "height": 900})
    watched = Watched(window)
    page = watched.open(request.getfixturevalue(study))
    for name in views(page):
        page.evaluate("(name) => { location.hash = name; }", name)
        page.locator(f"#{name}:visible").wait_for()
        for media in ("screen", "print"):
            page.emulate_media(media=media)
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0 or (media, width) == ("print", 390), f"{name} is {wide} pixels too wide on {media}"
        page.emulate_media(media="screen")
        assert watched.errors == [], name
    window.close()


SHIFTS = """
window.shift = 0;
const add = (one) => { if (!one.hadRecentInput) window.shift += one.value; };
new PerformanceObserver((list) => list.getEntries().forEach(add))
  .observe({type: "layout-shift", buffered: true});
"""


@pytest.mark.parametrize("width", [390, 1300])
def test_nothing_jumps_while_the_story_is_drawn_and_read(fifty, browser, width):
    window = browser.new_context(offline=True, viewport={"width": width, "height": 900})
    page = window.new_page()
    page.add_init_script(SHIFTS)
    page.goto(fifty.as_uri())
    page.wait_for_timeout(1500)
    for _ in range(12):
        page.mouse.wheel(0, 800)
        page.wait_for_timeout(60)
    assert page.evaluate("window.shift") < 0.1
    window.close()


@pytest.mark.parametrize("study", ["pages", "fifty", "reference"])
def test_the_story_prints_as_a_document_without_its_controls(study, watched, request):
    page = watched.open(request.getfixturevalue(study))
    printed = page.pdf(format="A4")
    assert 3 <= printed.count(b"/Type /Page\n") <= 12
    page.emulate_media(media="print")
    assert not any(one.is_visible() for one in page.locator(".tools, #menu, .bar, .links, .controls").all())
    assert all(one.is_visible() for one in page.locator("section.part > h2").all())


def test_reports_stay_small(demo, fifty):
    assert (demo.folder / "report.html").stat().st_size < 6e6
    assert fifty.with_name("landing.html").stat().st_size + SNAKEMAKES_OWN < 15e6


@pytest.mark.parametrize("study", ["pages", "fifty"])
def test_the_story_shows_pictures_and_one_click_leads_to_every_table(study, watched, request):
    report = request.getfixturevalue(study)
    page = watched.open(report)
    behind = page.locator("#classes fieldset label").nth(2)  # the classes that the worse model wins
    behind.click()
    count = int(behind.inner_text().split(":")[-1])
    assert page.locator("#classes ul.rows button").count() == count
    page.locator("#confusions .tile").first.scroll_into_view_if_needed()
    assert page.locator("#confusions .tile").first.is_visible()  # the pictures of the most confused pair
    with page.expect_download() as download:
        page.get_by_text("All tables").click()
    assert Path(download.value.path()).read_bytes() == report.with_name("all_tables_csv.zip").read_bytes()
    page.locator("#classes .links a").first.click()
    with page.expect_download() as download:
        shown(page).get_by_text("Download classes.csv").first.click()
    assert Path(download.value.path()).read_bytes() == (report.parents[1] / "tables/classes.csv").read_bytes()


def test_the_story_is_read_by_the_keyboard_in_few_steps(fifty, watched):
    page = watched.open(fifty)
    page.wait_for_timeout(1500)  # everything is drawn
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.evaluate("document.activeElement.blur(); getSelection().removeAllRanges(); scrollTo(0, 0)")
    page.get_by_role("link", name="Skip to the report").focus()
    stops = 1
    while stops < 100 and page.evaluate("document.activeElement !== document.body"):
        assert page.evaluate("document.activeElement.getBoundingClientRect().bottom > 0")
        page.keyboard.press("Tab")
        stops += 1
    assert stops <= 60
    page.get_by_role("link", name="Classes that gain or lose").focus()
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.id === 'classes'")
    all_of_them = page.locator("#classes ul.rows button").count()
    page.get_by_label("Show only classes named").focus()
    page.keyboard.type("class 42")
    assert 0 < page.locator("#classes ul.rows button").count() < all_of_them == 100


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


@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("light", 1280), ("dark", 1280)])
@pytest.mark.parametrize("study", ["pages", "fifty", "reference"])
def test_an_accessibility_checker_finds_nothing(study, scheme, width, browser, axe, request):
    window = browser.new_context(offline=True, viewport={"width": width, "height": 1000}, color_scheme=scheme)
    page, found = window.new_page(), {}
    page.goto(request.getfixturevalue(study).as_uri())
    page.evaluate(axe)
    for name in views(page):
        page.evaluate("(name) => { location.hash = name; }", name)
        page.locator(f"#{name}:visible").wait_for()
        page.wait_for_timeout(300)
        violations = page.evaluate(
            "axe.run(document, {resultTypes: ['violations']}).then((result) => result.violations)"
        )
        found[name] = [(one["id"], one["nodes"][0]["html"][:200]) for one in violations]
    window.close()
    assert not any(found.values()), {name: ids for name, ids in found.items() if ids}
