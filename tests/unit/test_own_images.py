"""A folder of a user's own pictures: the whole report is true of them, and none of it is about CIFAR-100."""

import base64
import dataclasses
import html
import io
import re

import numpy as np
import pytest
from analysed import analyse
from PIL import Image
from study_factory import make_study

from study.data.dataset import TEST, TRAIN
from study.findings.doubts import leaks
from study.findings.headline import answer
from study.findings.limits import in_short, limits
from study.findings.results import read_results
from study.findings.runs import was_run
from study.findings.topics import times_and_accuracy
from study.orchestration.preview import preview
from study.reporting.costs import front_section
from study.reporting.images import duplicates_page, hardest_page, sample_ids, sampling_rule
from study.reporting.methods import citation, paragraphs
from study.reporting.pictures import LIMITS, alone, pictures

FOREIGN = r"CIFAR|official|superclass|of 32 × 32|of 32 pixels|original report|animal|synthetic|10,000"
SIDE, COPIES = 160, 3


def pond_life(data):
    """The data as photographs of 160 px in seven classes of 10 or 4 test images, three of them copied from training."""
    place = np.zeros(len(data.fine), int)
    for label in range(data.classes):
        own = np.flatnonzero((data.fine == label) & (data.split == TEST))
        place[own] = np.arange(len(own))
    kept = ~((data.fine % 2 == 1) & (place >= 4))
    parts = {name: getattr(data, name)[kept] for name in ("images", "fine", "split")}
    images = parts["images"].repeat(SIDE // 32, axis=1).repeat(SIDE // 32, axis=2)
    test, train = (np.flatnonzero(parts["split"] == part)[:COPIES] for part in (TEST, TRAIN))
    images[test] = images[train]
    own = {"title": "Pond life", "synthetic": False, "kind": "folder", "image_size": SIDE, "drawn": []}
    sources = np.array([f"pond/{number}.jpg" for number in range(len(images))])
    return dataclasses.replace(data, **parts | {"images": images}, meta=data.meta | own, sources=sources)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return make_study(tmp_path_factory.mktemp("own") / "pond", dataset="synthetic7", alter=pond_life)


@pytest.fixture(scope="module")
def tables(study):
    return analyse(study)


@pytest.fixture(scope="module")
def results(study, tables):
    return read_results(study, study / "tables")


def test_each_class_counts_alike_in_the_headline(results, tables):
    models = tables["models"].set_index(["model", "metric"])["mean"]
    fine = results.dataset.fine[results.dataset.ids(TEST)]
    for model in results.models:
        named = results.predicted(model)[1]
        by_hand = [np.mean([(one == fine)[fine == label].mean() for label in range(7)]) for one in named]
        assert models[model, "test_balanced_accuracy"] == pytest.approx(np.mean(by_hand), abs=1e-6)
    gain = models["lite0_finetune", "test_balanced_accuracy"] - models["scratch_cnn", "test_balanced_accuracy"]
    found = answer(results)
    assert found.number == f"+{100 * gain:.1f}" and found.unit == "percentage points of balanced test accuracy"
    assert "The classes have 4 to 10 test images." in " ".join(found.details)
    # always the same class of ten among 4 · 10 + 3 · 4
    assert "is right on 19.2 % of the images, a balanced test accuracy of 14.3 %." in " ".join(found.details)


def test_what_is_computed_of_unequal_classes_has_an_interval(tables):
    models = tables["models"].set_index("metric")
    for metric in ("test_accuracy", "test_balanced_accuracy", "test_macro_f1", "test_top5"):
        rows = models.loc[metric]
        assert (rows["test_low"] <= rows["mean"]).all() and (rows["mean"] <= rows["test_high"]).all()
        assert (rows["test_high"] - rows["test_low"] > 0.05).all(), metric
    assert "test_auc" not in models.index and "test_superclass" not in models.index
    tested = tables["contrasts"].query("metric == 'test_balanced_accuracy' and asked == 1")
    assert tested["p_holm"].notna().all() and len(tested) == 2


def test_what_accuracy_costs_is_told_of_the_headlines_accuracy(results, tables):
    balanced = tables["models"].query("metric == 'test_balanced_accuracy'")["mean"]
    shown = front_section(results)["data"]
    assert shown["measured"] == "balanced test accuracy"
    assert shown["accuracy"] == pytest.approx(balanced.tolist(), abs=1e-6)
    assert "per run, and balanced test accuracy: " in times_and_accuracy(results)


def test_copies_of_training_images_are_found_at_any_size_and_told_first(results, tables):
    assert len(tables["near_duplicates"]) == COPIES
    (said,) = leaks(results)
    assert said.startswith(
        "Leak: 5.8 % of the test images repeat training or validation images, or seem to. Without them,"
    )
    without = tables["sensitivity_contrasts"].query(
        "model == 'lite0_finetune' and baseline == 'scratch_cnn' and subset == 'without_near_duplicates'"
    )
    assert f"is +{100 * without['difference'].iloc[0]:.1f} points instead of" in said


def test_what_was_run_and_its_limits_are_told_of_these_images(results):
    assert "Data: Pond life, 21 training, 14 validation and 52 test images of 160 × 160 pixels" in was_run(results)[0]
    unknown = "Whether the images were among those that the pretrained weights learned from cannot be known here"
    said = " ".join(limits(results))
    assert unknown in said and unknown in " ".join(in_short(results))
    assert "Images of 160 pixels are reduced to 32 and 96 pixels for some models" in said and "enlarged" not in said


def test_it_is_told_which_parts_were_drawn_and_which_the_folder_has(results):
    def said(**meta):
        dataset = dataclasses.replace(results.dataset, meta=results.dataset.meta | meta)
        return paragraphs("data", dataclasses.replace(results, dataset=dataset))[0]

    assert said().endswith("The folder says which images are for validation and which for testing.")
    assert said(drawn=["validation"], val_as_test=True).endswith(
        "The folder has a part `val` and none for testing, so that part is tested on. The validation images are 40 % "
        "of the training images, drawn by class with seed 2021, the same for every run."
    )
    # 52 of 87 images
    assert "The test images are 60 % of all, drawn by class with seed 2021. The" in said(drawn=["test", "validation"])


def test_pictures_are_of_a_size_at_which_a_person_knows_what_they_show(results):
    def size(address):
        return Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))).size

    assert size(alone(results, 0)) == (96, 96)
    shown = pictures(results)
    assert (
        size(shown["uri"])[0] == shown["size"] * shown["columns"] == 96 * shown["columns"] and LIMITS[96] + 300 <= 2000
    )


def test_hard_images_and_copies_are_named_by_their_files(results):
    (hardest,) = hardest_page(results)
    below = [cell["below"] for cell in hardest["rows"][0]]
    image = results.tables["hardest"]["image_id"].iloc[0]
    assert f"pond/{image}.jpg" in below and "without smoothing" not in hardest["note"]
    wrong = (results.tables["hardest"]["correct_share"] < 1).sum()
    assert len(hardest["rows"]) == wrong < results.n_test
    first = results.tables["near_duplicates"].sort_values("distance", kind="stable").iloc[0]
    below = {cell["below"] for cell in duplicates_page(results)[1]["rows"][0]}
    assert {f"pond/{first[key]:.0f}.jpg" for key in ("image_id", "train_image_id")} <= below


def test_a_search_that_found_nothing_says_how_it_looked(results):
    nothing = results.tables | {"near_duplicates": results.tables["near_duplicates"][:0]}
    for features, how in ((None, "cosine transforms"), ("lite0_frozen", "a pretrained network finds similar")):
        config = dataclasses.replace(results.config, duplicate_features=features)
        (section,) = duplicates_page(dataclasses.replace(results, tables=nothing, config=config))
        said = " ".join(section["paragraphs"])
        assert said.startswith("The search finds none of the 52 test images among") and how in said


def test_few_classes_show_several_samples_of_each(results):
    test, two = results.dataset.ids(TEST), results.dataset.fine % 2
    dataset = dataclasses.replace(results.dataset, fine=two, fine_names=["a", "b"])
    ids = sample_ids(dataset)
    assert sampling_rule(dataset) == "The first 6 test images of every class"
    assert ids.tolist() == [*test[two[test] == 0][:6], *test[two[test] == 1][:6]]


def test_the_citation_is_of_the_users_study(results):
    entry = citation(results)
    assert "title = {{What pretraining is worth: Pond life}}" in entry and "author = {{Your name}}" in entry
    assert "note = {Study pond, made with the CIFAR-100 transfer study 0.1.0}" in entry and "version" not in entry


def test_no_sentence_of_a_preview_is_about_other_data(study, tables):
    preview(study)
    written = [*(study / "preview" / "pages").glob("*.html"), *(study / "preview" / "figures").glob("*.svg")]
    assert len(written) > 5
    for path in written:
        markup = re.sub(r"srcdoc='[^']*'|(src|href)=\"data:[^\"]*\"", "", path.read_text(encoding="utf-8"))
        words = html.unescape(re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", markup, flags=re.DOTALL))
        words = " ".join(words.split()).replace("made with the CIFAR-100 transfer study", "")
        found = re.search(rf".{{60}}({FOREIGN}).{{60}}", words, re.IGNORECASE)
        assert found is None, (path.name, found[0])
