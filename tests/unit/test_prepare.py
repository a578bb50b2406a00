"""The validation split, and dataset.npz, which every later step reads."""

import hashlib
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.data.dataset import TEST, TRAIN, VALIDATION, read_dataset, read_labels, superclass_of_class
from study.data.manifest import Checksum, Manifest
from study.data.prepare import split_train, write_dataset
from study.data.source import Part, Source
from study.errors import StudyError

CHECKSUMS = {"train": Checksum("0" * 32)}
MANIFEST = Manifest("small", "Small", classes=4, superclasses=2, train_per_class=10, test_per_class=2, files=CHECKSUMS)
HALF = {"fraction": 0.2, "seed": 3}


def small_source() -> Source:
    """10 training and 2 test images of each of four classes; every image differs from every other."""
    generator = np.random.default_rng(0)

    def part(per_class: int) -> Part:
        fine = generator.permutation(np.repeat(np.arange(4, dtype=np.uint8), per_class))
        images = generator.integers(0, 256, (len(fine), 32, 32, 3), dtype=np.uint8)
        return Part(images, fine, fine // 2)

    return Source(part(10), part(2), ["ant", "bee", "bus", "car"], ["animals", "vehicles"])


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "dataset.npz"
    write_dataset(small_source(), MANIFEST, HALF, path)
    return path


# --- the split --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fraction", "per_class"),
    [(0.1, 50), (0.2, 100), (0.07, 35)],  # 0.07 × 50000 is 3500.0000000000005 in floating point
)
def test_every_class_gives_exactly_its_share_to_validation(fraction, per_class):
    fine = np.random.default_rng(0).permutation(np.repeat(np.arange(100), 500))
    split = split_train(fine, fraction, 2021)
    assert np.bincount(fine[split == VALIDATION]).tolist() == [per_class] * 100
    assert np.bincount(fine[split == TRAIN]).tolist() == [500 - per_class] * 100
    assert split.dtype == np.uint8


@given(seed=st.integers(0, 2**32 - 1), classes=st.integers(2, 6), held_out=st.integers(1, 9))
def test_the_split_is_stratified_for_every_seed(seed, classes, held_out):
    fine = np.repeat(np.arange(classes), 10)
    split = split_train(fine, held_out / 10, seed)
    assert np.bincount(fine[split == VALIDATION]).tolist() == [held_out] * classes
    assert set(split.tolist()) == {TRAIN, VALIDATION}


def test_the_seed_alone_decides_the_split():
    fine = np.repeat(np.arange(10), 50)
    first, again, other = (split_train(fine, 0.1, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_the_split_of_cifar100_stays_what_it_was():
    # A change here, in scikit-learn or in our code, makes new studies incomparable with old ones.
    split = split_train(np.repeat(np.arange(100), 500), 0.1, 2021)
    digest = hashlib.sha256(split.tobytes()).hexdigest()
    assert digest == "83ef5787f8598fe3b0e21ef46fa15c0c28377f8fce2162aab6cab0dc80da896a"


# --- dataset.npz ------------------------------------------------------------------------------------------------------


def test_the_dataset_holds_the_official_images_in_their_order(written):
    source, data = small_source(), read_dataset(written)
    for name in ("images", "fine", "coarse"):
        stored = getattr(data, name)
        np.testing.assert_array_equal(stored, np.concatenate([getattr(source.train, name), getattr(source.test, name)]))
        assert stored.dtype == np.uint8
    assert (data.fine_names, data.coarse_names) == (source.fine_names, source.coarse_names)


def test_the_parts_are_disjoint_and_the_test_part_is_the_official_one(written):
    data = read_dataset(written)
    train, validation, test = (data.ids(part) for part in (TRAIN, VALIDATION, TEST))
    assert sorted([*train, *validation, *test]) == list(range(48))
    assert test.tolist() == list(range(40, 48))
    assert np.bincount(data.fine[validation]).tolist() == [2, 2, 2, 2]
    assert np.bincount(data.fine[train]).tolist() == [8, 8, 8, 8]


def test_meta_says_which_data_and_which_split(written):
    data = read_dataset(written)
    assert data.meta == {
        "name": "small",
        "title": "Small",
        "synthetic": False,
        "validation": HALF,
        "fingerprint": MANIFEST.fingerprint(HALF),
        "split_sha256": hashlib.sha256(data.split[:40].tobytes()).hexdigest(),
    }


def test_the_fingerprint_tells_data_and_splits_apart():
    assert MANIFEST.fingerprint(HALF) == MANIFEST.fingerprint(dict(reversed(HALF.items())))
    assert MANIFEST.fingerprint(HALF) != MANIFEST.fingerprint(HALF | {"seed": 4})
    assert MANIFEST.fingerprint(HALF) != MANIFEST.fingerprint(HALF | {"fraction": 0.3})


def test_nothing_in_the_file_needs_pickle(written):
    with np.load(written, allow_pickle=False) as stored:
        kinds = {name: stored[name].dtype.kind for name in stored.files}
    assert kinds == {
        "images": "u", "fine": "u", "coarse": "u", "split": "u", "fine_names": "U", "coarse_names": "U", "meta": "U",
    }  # fmt: skip


def test_a_dataset_with_objects_is_not_unpickled(written):
    with np.load(written) as stored:
        arrays = dict(stored)
    np.savez(written, **arrays | {"fine_names": np.array(["ant", None], dtype=object)})
    with pytest.raises(StudyError, match="allow_pickle=False"):
        read_dataset(written)


def test_labels_are_those_of_the_dataset(written):
    labels, data = read_labels(written), read_dataset(written)
    assert labels.fine.tolist() == data.fine.tolist() and labels.meta == data.meta
    assert labels.classes == 4
    assert labels.fine_to_coarse.tolist() == [0, 0, 1, 1]


def test_a_dataset_without_superclasses_is_written_and_read(tmp_path):
    source = small_source()
    plain = Source(replace(source.train, coarse=None), replace(source.test, coarse=None), source.fine_names, [])
    write_dataset(plain, replace(MANIFEST, superclasses=0), HALF, tmp_path / "dataset.npz")
    data = read_dataset(tmp_path / "dataset.npz")
    assert (data.coarse, data.coarse_names, data.fine_to_coarse) == (None, [], None)
    assert data.fine_names == source.fine_names


def test_the_superclass_of_every_class_is_read_from_the_data():
    fine = np.array([2, 0, 1, 2, 0], np.uint8)
    assert superclass_of_class(fine, np.array([7, 3, 7, 7, 3], np.uint8), 3).tolist() == [3, 7, 7]


@pytest.mark.parametrize(
    ("fine", "coarse", "message"),
    [
        ([0, 1, 1], [0, 0, 1], "class 1 has more than one superclass"),
        ([0, 0], [0, 0], "not the classes 0 to 1"),
        ([0, 1, 2], [0, 0, 0], "not the classes 0 to 1"),
    ],
)
def test_labels_that_give_no_map_to_superclasses_are_refused(fine, coarse, message):
    with pytest.raises(StudyError, match=message):
        superclass_of_class(np.array(fine, np.uint8), np.array(coarse, np.uint8), 2)


def test_a_second_write_gives_the_same_bytes(written, tmp_path):
    write_dataset(small_source(), MANIFEST, HALF, tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == written.read_bytes()
    with zipfile.ZipFile(written) as archive:  # no clock in it, so a later write gives them too
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def damaged(content: bytes) -> dict[str, bytes]:
    middle = len(content) // 2
    return {
        "truncated": content[:middle],
        "altered": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
        "empty": b"",
        "text": b"<html>",
    }


@pytest.mark.parametrize("damage", ["truncated", "altered", "empty", "text"])
def test_a_damaged_dataset_is_a_sentence_that_names_it(written, damage):
    written.write_bytes(damaged(written.read_bytes())[damage])
    with pytest.raises(StudyError) as caught:
        read_dataset(written)
    message = str(caught.value)
    assert message.startswith(f"{written} cannot be read (") and "\n" not in message
    assert message.endswith("); delete it and run the workflow again.")


def test_a_dataset_without_an_array_is_a_sentence(tmp_path):
    np.savez(tmp_path / "dataset.npz", images=np.zeros(3))
    with pytest.raises(StudyError, match=r"dataset\.npz cannot be read \(.*\); delete it"):
        read_dataset(tmp_path / "dataset.npz")


def test_a_missing_dataset_is_a_sentence(tmp_path):
    path = tmp_path / "dataset.npz"
    with pytest.raises(StudyError) as caught:
        read_dataset(path)
    assert str(caught.value) == f"{path} is missing; run the workflow, or `python -m study prepare`."
