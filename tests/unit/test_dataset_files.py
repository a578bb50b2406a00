"""Images above 32 px lie in images.npy beside dataset.npz, mapped into memory; labels of any number of classes."""

import numpy as np
import pytest

from study.data.dataset import Dataset, label_type, read_dataset, read_labels
from study.errors import StudyError


def dataset(size: int, classes: int = 3) -> Dataset:
    images = np.random.default_rng(size).integers(0, 256, (classes, size, size, 3), dtype=np.uint8)
    fine = np.arange(classes).astype(label_type(classes))
    names = [f"class {number}" for number in range(classes)]
    return Dataset(images=images, fine=fine, coarse=None, split=np.zeros(classes, np.uint8), fine_names=names,
                   coarse_names=[], meta={"fingerprint": "x"}, sources=np.array(["a/ä.png"] * classes),
                   group=np.arange(classes, dtype=np.int32))  # fmt: skip


def test_large_images_are_mapped_and_not_read(tmp_path):
    data = dataset(40)
    data.write(tmp_path / "dataset.npz")
    read = read_dataset(tmp_path / "dataset.npz")
    assert isinstance(read.images, np.memmap) and (read.images == data.images).all()
    assert not read.images.flags.writeable
    with np.load(tmp_path / "dataset.npz") as stored:
        assert "images" not in stored
    assert read.sources.tolist() == ["a/ä.png"] * 3 and read.group.tolist() == [0, 1, 2]


def test_small_images_stay_inside(tmp_path):
    dataset(32).write(tmp_path / "dataset.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["dataset.npz"]
    assert read_dataset(tmp_path / "dataset.npz").images.shape == (3, 32, 32, 3)


@pytest.mark.parametrize(("classes", "kind"), [(2, "uint8"), (256, "uint8"), (257, "uint16"), (1000, "uint16")])
def test_labels_of_any_number_of_classes_are_kept(tmp_path, classes, kind):
    dataset(8, classes).write(tmp_path / "dataset.npz")
    fine = read_labels(tmp_path / "dataset.npz").fine
    assert fine.dtype == kind and fine.tolist() == list(range(classes))


def test_images_that_are_missing_or_of_other_labels_are_a_sentence(tmp_path):
    path = tmp_path / "dataset.npz"
    dataset(40, 3).write(path)
    (tmp_path / "images.npy").unlink()
    with pytest.raises(StudyError, match=r"images\.npy is missing; run the workflow"):
        read_dataset(path)
    assert read_labels(path).classes == 3
    np.save(tmp_path / "images.npy", np.zeros((2, 40, 40, 3), np.uint8))
    with pytest.raises(StudyError, match=r"are of different images; delete both"):
        read_dataset(path)
