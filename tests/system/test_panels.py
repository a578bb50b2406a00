"""The interactive panels in a browser: one selection drives them all; by mouse, by keyboard and by touch."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from study_factory import make_study

from study.analysis.tables import write_tables
from study.findings.results import read_results
from study.reporting.certainty import how_sure_page
from study.reporting.classes import bars, classes_section, superclasses_page
from study.reporting.confusion import confusion_section
from study.reporting.costs import front_section
from study.reporting.curve_pages import learning_page
from study.reporting.pages import view, write_document
from study.reporting.recipes import recipes_page

ACCURACIES = {"scratch_cnn": 0.1, "lite0_finetune": 0.97, "lite0_frozen": 0.6}

PANELS = (classes_section, confusion_section, front_section)


def write(folder: Path, accuracies, seeds, dataset="synthetic"):
    """Reports of a study: `all`, with every panel, and one with each alone. Return its sources and their folder."""
    study = make_study(folder / "study", accuracies, seeds, dataset=dataset)
    write_tables(study, study / "tables")
    sources = read_results(study, study / "tables")
    pages = {panel.__name__: [panel(sources)] for panel in PANELS}
    pages["recipes"] = recipes_page(sources)
    pages["bars"] = [bars(sources, "classes", "class")]
    pages |= {"how_sure": how_sure_page(sources), "learning": learning_page(sources)[:1]}
    pages["all"] = [*(panel(sources) for panel in PANELS), *how_sure_page(sources), *learning_page(sources)[:1]]
    if sources.has_superclasses:
        pages["superclasses"] = superclasses_page(sources)
    for name, sections in pages.items():
        write_document(folder / name, sources, study / "tables", [view(name, name, sections)])
    return sources, folder


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write(tmp_path_factory.mktemp("panels"), ACCURACIES, (0, 1, 2))


@pytest.fixture
def opened(browser):
    """A function that opens a page in a window of its own, without network; an error on any page fails the test."""
    contexts, errors = [], []

    def open_page(path: Path, address: str = "", width: int = 1300, **more):
        context = browser.new_context(offline=True, viewport={"width": width, "height": 1000}, **more)
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        page.on(
            "console", lambda message: errors.append(message.text) if message.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(path.as_uri() + address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


def choose_models(page, to: str, start: str):
    bar = page.get_by_role("group", name="The two models")
    bar.get_by_label("Compare").select_option(label=to)
    bar.get_by_label("with", exact=True).select_option(label=start)


def test_one_selection_drives_every_panel_and_stays_in_the_address(written, opened):
    page = opened(written[1] / "all" / "report.html")
    choose_models(page, "Lite0 frozen", "Lite0 finetune")

    def check(page):
        assert "points are Lite0 frozen minus Lite0 finetune" in page.locator("[data-chart=classes]").inner_text()
        matrix = page.locator("[data-chart=confusion]")
        assert matrix.get_by_role("radio").first.locator("xpath=..").inner_text() == "Lite0 frozen"
        assert "Confusion matrix of Lite0 frozen" in matrix.locator("canvas").get_attribute("aria-label")
        assert "3 seeds of Lite0 finetune and 3 of Lite0 frozen" in page.locator("[data-chart=how_sure]").inner_text()
        assert page.locator("[data-chart=front] .ring").count() == 2

    check(page)
    assert page.url.endswith("#?from=lite0_finetune&to=lite0_frozen")
    check(opened(written[1] / "all" / "report.html", "#?from=lite0_finetune&to=lite0_frozen"))
    page.get_by_role("button", name="Swap").click()
    assert "points are Lite0 finetune minus Lite0 frozen" in page.locator("[data-chart=classes]").inner_text()
    choose_models(page, "Scratch cnn", "Lite0 finetune")
    page.get_by_label("Compare", exact=True).select_option(
        label="Lite0 finetune"
    )  # the other one: the two change places
    assert "points are Lite0 finetune minus Scratch cnn" in page.locator("[data-chart=classes]").inner_text()


def test_one_click_shows_the_classes_that_a_model_wins(written, opened):
    sources, folder = written
    rows = sources.rows("class_differences", model="lite0_finetune", baseline="scratch_cnn")
    page = opened(folder / "classes_section" / "report.html")
    names = page.locator("ul.rows .name")
    assert names.count() == 100
    wins = rows[rows["verdict"] == "better"]
    page.get_by_label(f"Lite0 finetune clearly better: {len(wins)}").check()
    assert 0 < len(wins) < 100
    assert set(names.all_inner_texts()) == set(wins["class"].str.replace("_", " "))
    assert page.locator(".slope").count() == len(wins)
    page.get_by_role("button", name="Swap").click()
    assert page.get_by_label("Scratch cnn clearly better: 0").count() == 1
    assert page.get_by_label(f"Lite0 finetune clearly better: {len(wins)}").count() == 1
    page.get_by_label("neither clearly").check()
    assert names.count() == (rows["verdict"] == "unclear").sum()
    page.get_by_label("Show only classes named").fill("superclass 07")
    found = rows[(rows["verdict"] == "unclear") & (rows["superclass_id"] == 7)]["class"]
    assert set(names.all_inner_texts()) == set(found.str.replace("_", " ")) != set()


def test_a_class_opens_its_card_by_mouse_by_keyboard_and_by_its_address(written, opened):
    sources, folder = written
    page = opened(folder / "classes_section" / "report.html")
    card = page.get_by_role("dialog")
    first = page.locator("button.row").first
    first.click()
    name = first.locator(".name").inner_text()
    assert card.get_by_role("heading").inner_text() == name
    for label in sources.labels.values():
        assert label in card.inner_text()
    page.keyboard.press("Escape")
    assert not card.is_visible()
    assert page.locator("button.row[tabindex='0']").count() == 1
    page.keyboard.press("ArrowDown")  # the focus is back on the class
    assert page.locator(".tip").is_visible()
    page.keyboard.press("Enter")
    second = card.get_by_role("heading").inner_text()
    assert card.is_visible() and second != name
    assert page.url.endswith("class=" + second.replace(" ", "+"))
    card.get_by_label("Class", exact=True).select_option(label="class 42")
    assert card.get_by_role("heading").inner_text() == "class 42"
    table = sources.rows("classes", model="scratch_cnn", class_id=42).iloc[0]
    assert f"{100 * table['accuracy']:.1f} ({100 * table['low']:.0f} to {100 * table['high']:.0f})" in card.inner_text()

    by_address = opened(folder / "confusion_section" / "report.html", "#?class=class+42").get_by_role("dialog")
    assert by_address.get_by_role("heading").inner_text() == "class 42"
    pictures = by_address.get_by_role("img", name="labelled class 42")
    all_of_them = pictures.count()
    assert 1 <= all_of_them <= 10
    assert pictures.first.evaluate("tile => getComputedStyle(tile).backgroundImage.startsWith('url(')")
    by_address.get_by_label("only Lite0 finetune right").check()
    assert 0 < pictures.count() <= all_of_them


def test_a_cell_of_the_matrix_opens_the_pictures_behind_it(written, opened):
    sources, folder = written
    page = opened(folder / "confusion_section" / "report.html")
    panel, canvas = page.locator("section.chart"), page.locator("canvas")
    true, taken = panel.get_by_label("Class", exact=True), panel.get_by_label("taken for", exact=True)
    page.get_by_label("Scratch cnn").check()
    places = sources.class_order().tolist()
    cells = sources.rows("confusion", model="scratch_cnn").query("true_id != predicted_id")
    row = cells.sort_values("count", kind="stable").iloc[-1]
    true.select_option(index=places.index(row["true_id"]))
    taken.select_option(index=places.index(row["predicted_id"]))
    a, b = (sources.dataset.fine_names[row[end]].replace("_", " ") for end in ("true_id", "predicted_id"))
    detail = panel.locator(".detail")
    assert detail.get_by_role("heading").first.inner_text() == f"{a} taken for {b}"
    assert f"{a} → {b} (%)" in detail.inner_text() and f"{b} → {a} (%)" in detail.inner_text()
    runs = sources.predicted("scratch_cnn")[1]
    fine = sources.dataset.fine[sources.dataset.split == 2]
    images = ((runs == row["predicted_id"]).any(axis=0) & (fine == row["true_id"])).sum()
    assert detail.locator(".gallery").first.locator(".tile").count() == images

    box = canvas.bounding_box()
    canvas.click(position={"x": box["width"] - 4, "y": box["height"] - 4})
    assert true.input_value() == taken.input_value() != ""  # the corner of the diagonal
    assert detail.get_by_role("heading").first.inner_text().endswith(" recognised")
    canvas.focus()
    before = int(true.input_value())
    page.keyboard.press("ArrowUp")
    assert int(true.input_value()) == before - 1
    shown = canvas.evaluate("canvas => canvas.toDataURL()")
    page.keyboard.press("+")
    assert canvas.evaluate("canvas => canvas.toDataURL()") != shown
    page.keyboard.press("Enter")
    assert page.get_by_role("dialog").is_visible()


def test_the_matrix_is_sharp_and_a_finger_zooms_before_it_chooses(written, opened):
    page = opened(written[1] / "confusion_section" / "report.html", width=390, device_scale_factor=2, has_touch=True)
    canvas = page.locator("canvas")
    assert canvas.evaluate("canvas => canvas.width / canvas.clientWidth") == pytest.approx(2, abs=0.02)
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    before = canvas.evaluate("canvas => canvas.toDataURL()")
    page.touchscreen.tap(box["x"] + box["width"] - 30, box["y"] + box["height"] - 30)
    assert canvas.evaluate("canvas => canvas.toDataURL()") != before
    # 20 classes are shown now, so a second touch some cells further hits another class.
    chosen = page.get_by_label("Class", exact=True).input_value()
    page.touchscreen.tap(box["x"] + box["width"] - 30, box["y"] + box["height"] - 80)
    assert 0 < abs(int(page.get_by_label("Class", exact=True).input_value()) - int(chosen)) < 20


def test_more_seeds_make_the_interval_smaller(written, opened):
    sources, folder = written
    page = opened(folder / "how_sure" / "report.html")
    slider, said = page.get_by_role("slider"), page.locator("section.chart .said")
    pair = how_sure_page(sources)[0]["data"]["pairs"]["0-1"]
    assert slider.input_value() == "3"
    assert f"±{100 * pair['half'][1]:.1f} points" in said.inner_text()
    slider.focus()
    for _ in range(7):
        page.keyboard.press("ArrowRight")
    assert "With 10 seeds of each model: ±" in said.inner_text()
    assert f"±{100 * pair['half'][8]:.1f}" in said.inner_text() or f"±{100 * pair['half'][8]:.2f}" in said.inner_text()
    power = page.locator("section.chart td").nth(1).inner_text()  # of 1 point
    assert np.isclose(float(power.strip("<> %")), 100 * pair["power"][0][8], atol=0.51)
    slider.fill("2")
    assert "there is no interval: it takes at least 3" in said.inner_text()


def test_costs_can_be_read_without_a_mouse(written, opened):
    page = opened(written[1] / "front_section" / "report.html")
    point = page.locator(".point").first
    point.focus()
    tip = page.locator(".tip")
    assert "test accuracy" in tip.inner_text()
    page.keyboard.press("Escape")
    assert not tip.is_visible()
    for cost in range(page.get_by_label("Cost").locator("option").count()):
        page.get_by_label("Cost").select_option(index=cost)
        assert page.locator("svg text.axis").count() >= 6
    narrow = opened(written[1] / "front_section" / "report.html", width=390, has_touch=True)
    narrow.locator(".point").first.tap()
    assert "test accuracy" in narrow.locator(".tip").inner_text()


def test_every_curve_is_named_at_its_end_and_the_chosen_models_are_stronger(written, opened):
    page = opened(written[1] / "learning" / "report.html")
    names = page.locator("[data-chart=curves] text.named")
    assert [" ".join(one.split()) for one in names.all_text_contents()] == [
        f"{100 * mean:.1f} {written[0].labels[model]}"
        for model, mean in written[0].rows("models", metric="val_accuracy").set_index("model")["mean"]
        .sort_values(ascending=False).items()
    ]  # fmt: skip
    assert page.locator(".curve-of path:not(.wide)").count() == 9  # three models of three seeds
    choose_models(page, "Lite0 frozen", "Scratch cnn")
    strong = page.locator("text.named.strong").all_text_contents()
    assert sorted(" ".join(one.split()[1:]) for one in strong) == ["Lite0 frozen", "Scratch cnn"]
    tops = [one.bounding_box() for one in names.all()]
    assert all(one["y"] + one["height"] <= other["y"] + 1 for one, other in itertools.pairwise(tops))
    page.get_by_label("loss").check()
    assert "loss on validation images" in page.locator("[data-chart=curves] svg").first.get_attribute("aria-label")
    before = page.locator(".curve-of .training").count()
    page.get_by_label("training images, too").check()
    assert (before, page.locator(".curve-of .training").count()) == (0, 6)


def test_bars_sort_the_classes_of_the_chosen_model_and_open_their_cards(written, opened):
    page = opened(written[1] / "bars" / "report.html")
    shares = [float(one.split()[0]) for one in page.locator(".bars .value").all_inner_texts()]
    assert len(shares) == 100 and shares == sorted(shares, reverse=True)
    page.get_by_label("Sort by").select_option(label="accuracy, lowest first")
    assert page.locator(".bars .value").first.inner_text().split()[0] == f"{shares[-1]:.0f}"
    page.get_by_label("Model", exact=True).select_option(label="Scratch cnn")
    assert "random" in page.locator("ol.bars").get_attribute("class")
    name = page.locator(".bars .name").first.inner_text()
    page.locator(".bars button").first.click()
    assert page.locator("dialog h2").inner_text() == name


def test_two_recipes_are_laid_side_by_side_and_each_change_is_a_picture(written, opened):
    page = opened(written[1] / "recipes" / "report.html")
    choose_models(page, "Lite0 finetune", "Scratch cnn")
    assert page.locator("table.recipes thead th").all_inner_texts() == ["Setting", "Lite0 finetune", "Scratch cnn"]
    rows = [row.split("\t") for row in page.locator("table.recipes tbody tr").all_inner_texts()]
    assert ["starts from", "pretrained weights", "random weights"] in rows
    assert all(one != other for _, one, other in rows)
    for canvas in page.locator(".looks canvas").all():
        assert canvas.evaluate(
            "one => new Set(one.getContext('2d').getImageData(0, 0, one.width, one.height).data).size > 2"
        )
    choose_models(page, "Lite0 frozen", "Scratch cnn")
    assert page.locator(".chart h3").first.inner_text() == "Lite0 frozen"


def test_a_panel_can_be_kept_as_a_drawing_and_as_a_picture(written, opened, tmp_path):
    page = opened(written[1] / "front_section" / "report.html", permissions=[])
    page.get_by_text("Numbers, file and copy of this figure").click()
    with page.expect_download() as kept:
        page.get_by_text("Save as SVG").click()
    svg = Path(kept.value.path()).read_text()
    assert kept.value.suggested_filename == "front.svg" and svg.startswith("<svg") and "Lite0" in svg
    assert "var(" not in svg and "class=" not in svg  # it needs no style sheet
    page.evaluate("() => { navigator.clipboard.write = () => Promise.reject(new Error()); }")
    with page.expect_download() as kept:
        page.get_by_text("Copy as PNG").click()
    picture = Image.open(kept.value.path())
    assert picture.format == "PNG" and picture.width > 1000 and len(picture.convert("RGB").getcolors(1 << 24)) > 10


@pytest.mark.parametrize("width", [390, 1024, 1440])
def test_pages_fit_and_text_is_large_enough(written, opened, width):
    for path in sorted(written[1].glob("*/report.html")):
        page = opened(path, width=width, color_scheme="dark" if width == 1024 else "light")
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), path
        sizes = page.evaluate(
            "[...document.querySelectorAll('svg text')].map((text) => "
            "parseFloat(getComputedStyle(text).fontSize) * (text.ownerSVGElement.getScreenCTM()?.a ?? 1))"
        )
        assert min(sizes, default=12) >= 10, path


@pytest.mark.parametrize(("accuracies", "seeds", "dataset"), [
    ({"only": 0.5}, (0,), "cifar10"),
    ({"one": 0.5, "two": 0.6}, (0, 1), "cifar10"),
    ({"one": 1.0, "two": 1.0}, (0, 1, 2), "synthetic"),
])  # fmt: skip
def test_small_studies_open_without_an_error(tmp_path, opened, accuracies, seeds, dataset):
    _, folder = write(tmp_path, accuracies, seeds, dataset)
    page = opened(folder / "all" / "report.html")
    assert page.locator("button.row").count() in (10, 100)
    page.locator("button.row").first.click()
    assert page.get_by_role("dialog").is_visible()
    page.keyboard.press("Escape")
    page.locator("canvas").click(position={"x": 300, "y": 300})
    said = page.locator("[data-chart=how_sure] .said").inner_text()
    assert said.startswith("There is one model" if len(accuracies) == 1 else "With 3 seeds of each model")
    if dataset == "cifar10" and len(accuracies) == 2:
        assert "Too few seeds for verdicts" in page.locator("[data-chart=classes]").inner_text()
