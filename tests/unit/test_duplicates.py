"""Near-duplicates: what counts as one, what does not, and that the quick search misses none."""

import numpy as np
import pytest

from study.analysis import duplicates
from study.analysis.duplicates import detail, near_duplicates, read_near_duplicates
from study.errors import StudyError

TRAIN, TEST = 30, 12


def blotches(count, seed=0):
    random = np.random.default_rng(seed)
    smooth = random.integers(20, 200, (count, 8, 8, 3)).repeat(4, axis=1).repeat(4, axis=2)
    return (smooth + random.integers(0, 20, (count, 32, 32, 3))).astype(np.uint8)


@pytest.fixture
def data():
    """Training images first, then test images that have nothing to do with them."""
    images = blotches(TRAIN + TEST)
    fine = np.arange(TRAIN + TEST).astype(np.uint8)
    return images, fine, np.arange(TRAIN + TEST) >= TRAIN


def test_unrelated_images_are_none(data):
    table = near_duplicates(*data)
    assert table.empty and list(table.columns) == ["image_id", "train_image_id", "distance", "likeness", "same_class"]


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image,
        lambda image: image[:, ::-1],
        lambda image: (image * 0.7 + 30).astype(np.uint8),
        lambda image: (image[:, ::-1] * 0.8).astype(np.uint8),
        lambda image: image + np.arange(32, dtype=np.uint8)[:, None, None],  # shaded from top to bottom
    ],
    ids=["the same", "mirrored", "paler", "mirrored and darker", "shaded"],
)
def test_the_same_picture_is_found_whatever_its_light(data, change):
    images, fine, is_test = data
    images[TRAIN + 3] = change(images[7].copy())
    fine[TRAIN + 3] = 7
    table = near_duplicates(images, fine, is_test)
    assert table[["image_id", "train_image_id", "same_class"]].values.tolist() == [[TRAIN + 3, 7, 1]]
    assert table.loc[0, "distance"] < 0.1


def test_only_the_nearest_counts_and_of_equals_the_first(data):
    images, fine, is_test = data
    images[TRAIN] = images[[4, 9, 20]] = images[2]
    images[9, 0, 0] ^= 31
    table = near_duplicates(images, fine, is_test)
    assert table[["image_id", "train_image_id", "distance", "same_class"]].values.tolist() == [[TRAIN, 2, 0, 0]]


def test_two_test_images_that_are_alike_are_none(data):
    images, fine, is_test = data
    images[TRAIN + 1] = images[TRAIN + 2]
    assert near_duplicates(images, fine, is_test).empty


def test_horizons_and_plain_images_are_none(data):
    images, fine, is_test = data
    sky = np.repeat(np.array([200, 90], np.uint8), 16)[:, None, None]
    images[3] = images[TRAIN] = sky  # one edge from side to side has no detail
    images[5] = images[TRAIN + 1] = 77
    assert duplicates.THRESHOLD < 1
    table = near_duplicates(images, fine, is_test)
    assert set(table["distance"]) <= {0}  # nothing but what is the same to the last pixel


def test_the_quick_vectors_are_never_further_apart_than_the_details():
    images = np.concatenate([blotches(20), blotches(20, 1)[:, ::-1], np.random.default_rng(2).integers(
        0, 256, (20, 32, 32, 3), dtype=np.uint8)])  # fmt: skip
    quick, mirrored = duplicates._quick(images)
    full = detail(images)
    for one, other in ((full, quick), (full * duplicates._waves().mirror, mirrored)):
        exact = np.linalg.norm(one[:, None] - full, axis=2)
        assert (np.linalg.norm(other[:, None] - quick, axis=2) <= exact + 1e-4).all()
    assert np.linalg.norm(full, axis=1) == pytest.approx(np.ones(60), abs=1e-4)
    assert full * duplicates._waves().mirror == pytest.approx(detail(images[:, :, ::-1]), abs=1e-4)


def test_the_search_is_what_comparing_all_pairs_finds(data, monkeypatch):
    images, fine, is_test = data
    monkeypatch.setattr(duplicates, "THRESHOLD", 1.35)  # so far that many unrelated ones are nearer
    full, (train, test) = detail(images), (np.flatnonzero(~is_test), np.flatnonzero(is_test))
    plain = np.linalg.norm(full[test][:, None] - full[train], axis=2)
    exact = np.minimum(plain, np.linalg.norm((full[test] * duplicates._waves().mirror)[:, None] - full[train], axis=2))
    table = near_duplicates(images, fine, is_test).set_index("image_id")
    assert sorted(table.index) == test[exact.min(axis=1) < 1.35].tolist()
    assert len(table) > 5
    for image, row in table.iterrows():
        assert row["train_image_id"] == train[exact[image - TRAIN].argmin()]
        assert row["distance"] == pytest.approx(exact[image - TRAIN].min(), abs=1e-5)


def test_a_table_of_other_data_is_refused(data, tmp_path):
    path = tmp_path / "near_duplicates.csv"
    path.write_text("image_id,train_image_id,distance,same_class\n2,40,0.1,1\n")
    with pytest.raises(StudyError, match=r"near_duplicates\.csv is not of the images in .*dataset\.npz"):
        read_near_duplicates(path, tmp_path / "dataset.npz", np.where(data[2], 2, 0))
