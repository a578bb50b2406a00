"""Near-duplicates that do not lie on each other pixel by pixel: how two pictures are aligned, and which pairs count."""

import numpy as np
import pytest
from scipy.ndimage import zoom
from test_duplicates import blotches

from study.analysis.alignment import best_fit
from study.analysis.duplicates import near_duplicates, write_near_duplicates
from study.analysis.look_alikes import look_alikes, measured_pairs
from study.data.dataset import TEST, Dataset
from study.errors import StudyError

TRAIN, TESTS, FEATURES = 60, 12, 24


def scene(seed):
    """A larger picture, uint8 [48, 48, 3], to cut images from."""
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 12, 3)).astype(float)
    return zoom(coarse, (4, 4, 1), order=1).astype(np.uint8)


def cut(picture, row=8, column=8, size=32):
    """A square of it, enlarged or reduced to 32 pixels."""
    part = picture[row : row + size, column : column + size].astype(float)
    return zoom(part, (32 / size, 32 / size, 1), order=1, mode="nearest", grid_mode=True).astype(np.uint8)


@pytest.mark.parametrize(
    "other",
    [
        cut(scene(0)),
        cut(scene(0))[:, ::-1],
        cut(scene(0), 4, 13),
        cut(scene(0), 10, 10, 27),
        cut(scene(0), 5, 5, 38)[:, ::-1],
    ],
    ids=["the same", "mirrored", "shifted", "enlarged", "reduced and mirrored"],
)
def test_the_same_picture_agrees_once_it_is_aligned(other):
    fit = best_fit(cut(scene(0)), other)
    assert fit.structure > 0.8 and fit.colour > 0.97


def test_different_pictures_do_not_agree_and_the_light_is_told_apart_from_what_is_seen():
    assert max(best_fit(cut(scene(0)), cut(scene(seed))).structure for seed in range(1, 8)) < 0.5
    same, darker = (best_fit(cut(scene(0)), other) for other in (cut(scene(0)), (cut(scene(0)) * 0.6).astype(np.uint8)))
    assert same.structure == pytest.approx(1) and same.colour == pytest.approx(1)
    assert darker.structure > 0.8 and darker.colour < 0.95
    assert best_fit(cut(scene(0)), cut(scene(0))).texture > best_fit(cut(scene(0)) // 8, cut(scene(0)) // 8).texture


@pytest.fixture
def data():
    """Unrelated pictures with unrelated features: training images first, then test images."""
    images = np.stack([cut(scene(seed)) for seed in range(TRAIN + TESTS)])
    features = np.random.default_rng(0).normal(size=(TRAIN + TESTS, FEATURES)).astype(np.float32)
    return images, np.arange(TRAIN + TESTS) >= TRAIN, features


def resemble(data, test, train, image):
    """Make a test image `image`, with nearly the features of a training image."""
    images, _, features = data
    images[TRAIN + test] = image
    features[TRAIN + test] = features[train] + 0.1 * features[TRAIN + test]


def test_unrelated_pictures_are_none(data):
    assert look_alikes(*data).empty


def test_a_shifted_and_mirrored_picture_is_found_that_the_pixels_alone_miss(data):
    images, is_test, features = data
    resemble(data, 3, 7, cut(scene(7), 4, 12)[:, ::-1])
    fine = np.zeros(len(images), np.uint8)
    assert near_duplicates(images, fine, is_test).empty
    table = near_duplicates(images, fine, is_test, features)
    assert table[["image_id", "train_image_id", "same_class"]].values.tolist() == [[TRAIN + 3, 7, 1]]
    assert 0.06 <= table.loc[0, "likeness"] <= 1 and table.loc[0, "distance"] > 0.75


def test_another_picture_with_similar_features_is_none(data):
    _, _, features = data
    features[TRAIN + 3] = features[7] + 0.4 * features[TRAIN + 3]
    assert measured_pairs(*data)["similarity"].max() > 0.6
    assert look_alikes(*data).empty


def test_what_the_network_misses_is_added_where_the_pixels_are_sure(data):
    images, is_test, features = data
    images[TRAIN + 5] = images[2]  # with other features
    features[TRAIN + 5] = -features[2]
    table = near_duplicates(images, np.zeros(len(images), np.uint8), is_test, features)
    assert table[["image_id", "train_image_id", "distance"]].values.tolist() == [[TRAIN + 5, 2, 0]]
    assert np.isnan(table.loc[0, "likeness"])


def test_features_of_other_images_and_damaged_ones_are_refused_with_a_sentence(tmp_path):
    images, split = blotches(6), np.array([0] * 4 + [TEST] * 2, np.uint8)
    fine = np.zeros(6, np.uint8)
    Dataset(images=images, fine=fine, coarse=None, split=split, fine_names=["a"], coarse_names=[], meta={}).write(
        tmp_path / "dataset.npz"
    )
    features, out = tmp_path / "features.npz", tmp_path / "near_duplicates.csv"
    np.savez(features, features=np.zeros((5, 3), np.float32))
    with pytest.raises(StudyError, match=r"features\.npz is not of the 6 images of the study; delete it"):
        write_near_duplicates(tmp_path / "dataset.npz", out, features)
    features.write_bytes(b"no archive")
    with pytest.raises(StudyError, match=r"features\.npz cannot be read as features; delete it"):
        write_near_duplicates(tmp_path / "dataset.npz", out, features)
    assert not out.exists()
