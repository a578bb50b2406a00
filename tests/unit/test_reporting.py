"""Figures and pages: what they hold, that hostile names stay text, and studies of which little is there."""

import base64
import gzip
import io
import json
import re
import zipfile
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from study_factory import make_study
from written_pages import Parsed, analyse, config_of_study, figure_names, view_names, views

from study.analysis.provenance import weights_name
from study.analysis.registry import tables_of
from study.data.dataset import TEST, read_dataset
from study.errors import StudyError
from study.findings import text
from study.reporting.confusion import shares
from study.reporting.images import sample_ids
from study.reporting.items import ALL_TABLES, DOCUMENT
from study.reporting.markup import BANNER, Column, table
from study.reporting.pages import draw_figures, write_pages

LABEL = '<b>x</b>" $1$ & co'
CLASS = "<script>alert(1)</script>"
LADDER = [
    {"model": "scratch_cnn", "label": LABEL, "change": CLASS},
    {"model": "lite0_finetune", "label": "Lite0 finetune", "change": "pretrained weights"},
    {"model": "lite1", "label": "Lite1", "change": "a larger network"},
]


def edit_names(study):
    """Give the first model and the first class names that would be markup if they were not escaped."""
    path = study / "config.json"
    config = json.loads(path.read_text())
    config["models"]["scratch_cnn"]["label"] = LABEL
    config["ladder"] = LADDER
    config["recipes"]["short"]["mixing"] = {"kind": CLASS, "probability": 0.5}
    path.write_text(json.dumps(config))
    with np.load(study / "dataset.npz") as stored:
        arrays = dict(stored)
    arrays["fine_names"] = np.array([CLASS, *arrays["fine_names"][1:]])
    np.savez(study / "dataset.npz", **arrays)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Three models of three seeds: one complete, one that lost a run, one that lost them all; with hostile names."""
    lost = [("lite0_finetune", 1), *[("lite0_frozen", seed) for seed in range(3)]]
    folder = make_study(tmp_path_factory.mktemp("results") / "fake", diverged=lost)
    edit_names(folder)
    analyse(folder)
    draw_figures(folder, folder / "tables", folder / "figures")
    write_pages(folder, folder / "tables", folder / "figures", folder / "pages")
    return folder


def document(study):
    """The report."""
    return (study / "pages" / DOCUMENT).read_text(encoding="utf-8")


def test_written_files_are_those_announced(study):
    config = config_of_study(study)
    assert sorted(path.name for path in (study / "figures").iterdir()) == sorted(figure_names(config))
    assert {path.name for path in (study / "pages").iterdir()} == {ALL_TABLES, DOCUMENT, "landing.html"}
    assert list(views(study)) == view_names(config)


def test_figures_are_the_same_bytes_when_drawn_again(study, tmp_path):
    draw_figures(study, study / "tables", tmp_path)
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (study / "figures" / path.name).read_bytes(), path.name


def test_every_figure_is_there_for_print_and_a_card_for_links(study):
    drawn = {path.stem for path in (study / "figures").glob("*.svg")}
    assert {path.stem for path in (study / "figures").glob("*.pdf")} == drawn
    assert all(path.read_bytes().startswith(b"%PDF") for path in (study / "figures").glob("*.pdf"))
    assert Image.open(study / "figures" / "card.png").size == (1200, 630)


def test_figures_are_labelled_synthetic_and_take_names_as_text(study):
    for path in (study / "figures").glob("*.svg"):
        words = [node.text for node in ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")]
        assert "synthetic data" in words, path.name
    said = (study / "figures" / "accuracy.svg").read_text()
    assert "<b>" not in said
    assert "&lt;b&gt;x&lt;/b&gt;" in said


def test_the_report_shows_hostile_names_as_text(study):
    page, shown = document(study), {name: Parsed(view).text for name, view in views(study).items()}
    assert "<b>x" not in page and "<script>alert" not in page
    of_models = ("which_model_is_better", "methods_data_and_provenance", "where_the_gain_comes_from")
    for name in ("story", "how_each_model_was_trained", *of_models):
        assert LABEL in shown[name], name
    of_classes = ("classes_better_or_worse", "where_the_gain_comes_from", "methods_data_and_provenance")
    for name in ("how_each_model_was_trained", *of_classes):
        assert CLASS in shown[name], name


def test_the_report_runs_one_script(study):
    scripts = [attributes for tag, attributes in Parsed(document(study)).tags if tag == "script"]
    run = [attributes for attributes in scripts if "type" not in attributes]
    assert len(run) == 1
    assert all(one["type"] == "application/json" for one in scripts if one not in run)


def test_the_report_needs_no_network_and_no_other_file_and_its_links_lead_somewhere(study):
    page = document(study)
    tags = Parsed(page).tags
    places = {attributes.get("id") for _, attributes in tags}
    for tag, attributes in tags:
        address = attributes.get("src") or attributes.get("href") or "data:"
        assert address.startswith("data:") or (address[0] == "#" and address[1:] in places), (tag, address[:80])
    assert "//" not in re.sub(r"data:[^\"]*|<script.*?</script>", "", page, flags=re.DOTALL)
    assert len([attributes["id"] for _, attributes in tags if "id" in attributes]) == len(places - {None})


def test_every_image_has_a_text_and_stands_in_the_report_once(study):
    page = document(study)
    assert all(attributes["alt"] for tag, attributes in Parsed(page).tags if tag == "img")
    stored = json.loads(re.search(r'data-shared="images">(.*?)</script>', page, re.DOTALL).group(1))
    shown = re.findall(r'data-image="(\d+)"', page)
    assert set(shown) == set(stored)
    assert len(shown) >= 100
    with np.load(study / "dataset.npz") as data:
        original = data["images"][int(shown[0])]
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(stored[shown[0]].split(",")[1]))))
    assert np.corrcoef(pixels.ravel(), original.ravel())[0, 1] > 0.9


def test_every_view_of_a_synthetic_study_says_so(study):
    for name, view in views(study).items():
        assert BANNER in view, name


def test_a_real_study_carries_no_banner(study, tmp_path):
    config = json.loads((study / "config.json").read_text())
    config["dataset"]["synthetic"] = False
    real = tmp_path / "real"
    real.mkdir()
    (real / "config.json").write_text(json.dumps(config))
    for name in ("dataset.npz", "runs", "figures"):
        (real / name).symlink_to(study / name)
    write_pages(real, study / "tables", real / "figures", real / "pages")
    assert "Synthetic data" not in document(real)


def test_download_links_hold_every_table_once(study):
    links = [attributes for tag, attributes in Parsed(document(study)).tags if tag == "a" and "download" in attributes]
    links = [link for link in links if link["download"] != ALL_TABLES and "data-image-of" not in link]
    held = {link.get("data-packed", link["download"]): link["href"] for link in links if "href" in link}
    assert len(held) == sum("href" in link for link in links)
    assert {link["data-like"] for link in links if "data-like" in link} <= set(held)
    for file, address in held.items():
        start, _, content = address.partition(";base64,")
        assert start in ("data:text/csv;charset=utf-8", "data:application/gzip")
        unpack = gzip.decompress if start.endswith("gzip") else bytes
        if (study / "tables" / file).exists():
            assert unpack(base64.b64decode(content)) == (study / "tables" / file).read_bytes(), file
    assert {"models.csv", "runs.csv", "classes.csv", "confusion.csv", "calibration.csv", "costs.csv"} <= set(held)


def test_all_tables_are_one_archive_and_one_link_of_the_menu(study):
    archive = (study / "pages" / ALL_TABLES).read_bytes()
    with zipfile.ZipFile(io.BytesIO(archive)) as stored:
        assert sorted(stored.namelist()) == sorted(f"{name}.csv" for name in tables_of(config_of_study(study)))
        assert all(stored.read(name) == (study / "tables" / name).read_bytes() for name in stored.namelist())
    tags = Parsed(document(study)).tags
    (link,) = [attributes for tag, attributes in tags if tag == "a" and attributes.get("download") == ALL_TABLES]
    assert base64.b64decode(link["href"].partition(",")[2]) == archive


def test_a_large_table_is_packed():
    frame = pd.DataFrame({"name": ["a"]})
    small, large = (table("t", frame, [Column("name", "Name")], ("t.csv", b"x" * size)) for size in (100, 100_000))
    assert small["csv_packed"] == ""
    assert gzip.decompress(base64.b64decode(large["csv_packed"].partition(",")[2])) == b"x" * 100_000


def test_landing_is_a_fragment_that_frames_the_report_and_whose_styles_reach_nothing_else(study):
    page = (study / "pages" / "landing.html").read_text()
    assert page.startswith('<div class="study-landing')
    assert page.rstrip().endswith("</div>")
    assert "</script" not in page  # the report puts it into a script
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL).group(1)
    selectors = re.findall(r"([^{}]+)\{", style)
    assert all("study-landing" in one for one in selectors if not one.strip().startswith("@media"))
    (frame,) = [attributes for tag, attributes in Parsed(page).tags if tag == "iframe"]
    assert frame["srcdoc"] == document(study)


def test_the_story_names_the_runs_that_were_lost(study):
    story = Parsed(views(study)["story"]).text
    assert "1 of 3 runs of Lite0 finetune diverged (seed 1) and is excluded from every mean." in story
    assert "All 3 runs of Lite0 frozen diverged, so it has no accuracy." in story


def test_a_missing_table_is_named(study, tmp_path):
    with pytest.raises(StudyError, match=r"runs\.csv is missing"):
        draw_figures(study, tmp_path, tmp_path / "figures")
    with pytest.raises(StudyError, match=r"\.svg is missing; draw the figures"):
        write_pages(study, study / "tables", tmp_path, tmp_path / "pages")


def test_numbers_as_text():
    assert text.percent(0.8128, 2) == "81.28"
    assert text.percent(np.nan) == "–"
    assert text.points(-0.004) == "−0.4"
    assert text.points(0.004) == "+0.4"
    assert text.points(-0.0004) == "+0.0"
    assert weights_name("file:/home/me/secret/lite0.pth") == "file lite0.pth"
    assert weights_name("package:lite0-model") == "lite0-model"


def test_empty_cells_sort_last_and_show_a_dash():
    frame = pd.DataFrame({"name": ["a", "b"], "share": [0.5, np.nan]})
    made = table("t", frame, [Column("name", "Name"), Column("share", "Share", text.percent)], ("t.csv", b"x"))
    assert [cell["text"] for cell in made["rows"][1]] == ["b", "–"]
    assert [row[1]["sort"] for row in made["rows"]] == ["0.5", ""]


def test_confusion_in_percent_of_the_true_class():
    matrix = np.array([[3, 1, 0], [0, 2, 2], [0, 0, 0]])
    assert shares(matrix).tolist() == [[75, 25, 0], [0, 50, 50], [0, 0, 0]]


def test_samples_are_the_first_test_image_of_every_eighth_class(study):
    dataset = read_dataset(study / "dataset.npz")
    ids = sample_ids(dataset)
    assert dataset.fine[ids].tolist() == list(range(0, 96, 8))
    for image in ids:
        same = (dataset.fine == dataset.fine[image]) & (dataset.split == TEST)
        assert image == np.flatnonzero(same).min()
