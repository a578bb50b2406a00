"""Tables and figures of the report in a browser: sorted, filtered, copied, downloaded."""

from functools import partial
from pathlib import Path


def shown(page):
    """The view that is shown."""
    return page.locator(".view:visible")


def column(page, table, place):
    """The shown cells of a column of one of the shown view's tables."""
    rows = shown(page).locator("section.table").nth(table).locator("tbody tr:not([hidden])")
    return rows.locator(f"td:nth-child({place})").all_inner_texts()


def test_tables_sort_by_a_click_on_a_heading_and_filter_by_words_and_by_numbers(pages, watched):
    page = watched.open(pages, "#classes_better_or_worse")
    place = shown(page).locator("section.table h2").all_inner_texts().index("Accuracy by class")
    table = shown(page).locator("section.table").nth(place)
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
    page = watched.open(pages, "#which_model_is_better")
    table = shown(page).locator("section.table", has_text="McNemar's test")
    table.get_by_text("Copy as Markdown").click()
    table.get_by_text("Copied").wait_for()
    lines = page.evaluate("navigator.clipboard.readText()").splitlines()
    assert len(lines) == 2 + table.locator("tbody tr").count()
    assert lines[0].startswith("| Seed |") and set(lines[1]) <= set("| -:")
    table.get_by_text("as LaTeX").click()
    page.wait_for_function("navigator.clipboard.readText().then((said) => said.startsWith('\\\\begin{tabular}'))")
    assert page.evaluate("navigator.clipboard.readText()").count(r"\\") == len(lines) - 1


def test_a_large_table_is_unpacked_as_it_is_downloaded(pages, watched):
    page = watched.open(pages, "#confused_classes_and_mistakes")
    with page.expect_download() as download:
        shown(page).get_by_text("Download confusion.csv").first.click()
    assert download.value.suggested_filename == "confusion.csv"
    assert Path(download.value.path()).read_bytes() == (pages.parents[1] / "tables" / "confusion.csv").read_bytes()


def test_figures_are_unpacked_and_can_be_downloaded(pages, watched):
    page = watched.open(pages, "#how_sure_calibration_and_seeds")
    page.wait_for_function(
        "[...document.querySelectorAll('.view:not([hidden]) figure.drawn img')].every((one) => one.naturalWidth > 300)"
    )
    shown(page).locator("figure.drawn", has_text="calibration.svg").get_by_text(
        "Numbers, file and copy of this figure"
    ).click()
    with page.expect_download() as download:
        shown(page).get_by_text("calibration.svg").click()
    assert Path(download.value.path()).read_bytes() == (pages.parents[1] / "figures/calibration.svg").read_bytes()


def test_a_figure_leads_to_its_numbers_as_a_table_and_as_a_file(pages, watched):
    page = watched.open(pages)
    for part, file in (
        ("learning", "learning"),
        ("classes", "classes"),
        ("confusions", "confusion"),
        ("cost", "front"),
    ):
        page.locator(f"#{part} .copies summary").first.click()
        page.locator(f"#{part}").get_by_role("link", name="Table and CSV").first.click()
        table = page.locator(f'[id="{page.url.partition("#")[2]}"]')
        assert table.locator("tbody tr").first.is_visible() and f"Download {file}.csv" in table.inner_text()
        page.go_back()


def test_confused_pairs_show_pictures_of_one_model_at_a_time(pages, watched):
    page = watched.open(pages, "#confused_classes_and_mistakes")
    place = shown(page).locator("section.table h2").all_inner_texts().index("Most confused pairs")
    table = shown(page).locator("section.table").nth(place)
    table.scroll_into_view_if_needed()
    table.locator("tbody tr[hidden]").first.wait_for(state="attached")
    assert len(set(column(page, place, 1))) == 1
    assert table.locator("img[data-image]").first.evaluate("image => image.complete && image.naturalWidth === 32")
    table.get_by_label("Model").select_option("")
    assert len(set(column(page, place, 1))) == 2
