"""The rendered stand-in: the bytes the manifest promises, in the format and with the structure of CIFAR-100."""

import hashlib
import pickle

import numpy as np
import pytest

from study.data import synthetic
from study.data.manifest import load_manifest
from study.data.source import read_folder

MANIFEST = load_manifest("synthetic")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("rendered")
    synthetic.render(path)
    return path / "cifar-100-python"


@pytest.fixture(scope="module")
def parts(folder):
    return {name: pickle.loads((folder / name).read_bytes(), encoding="bytes") for name in ("train", "test", "meta")}


@pytest.mark.parametrize("name", ["train", "test", "meta"])
def test_bytes_are_those_of_the_manifest(folder, name):
    content = (folder / name).read_bytes()
    promised = MANIFEST.files[name]
    assert (len(content), hashlib.md5(content).hexdigest()) == (promised.size, promised.md5)


def test_rendering_again_gives_the_same_bytes_and_leaves_nothing_else(folder, tmp_path):
    synthetic.render(tmp_path)
    again = tmp_path / "cifar-100-python"
    assert sorted(path.name for path in again.iterdir()) == ["meta", "test", "train"]
    assert all((again / name).read_bytes() == (folder / name).read_bytes() for name in ("train", "test", "meta"))


def test_the_strict_reader_accepts_it(folder, parts):
    source = read_folder(folder, MANIFEST)
    red_top_row = source.test.images[0, 0, :, 0]
    assert red_top_row.tolist() == parts["test"][b"data"][0, :32].tolist()
    assert source.fine_names[source.test.fine[0]] in parts["test"][b"filenames"][0].decode()


def test_it_can_be_read_the_way_others_read_cifar100(folder):
    content = pickle.loads((folder / "test").read_bytes(), encoding="latin1")
    assert list(content) == ["filenames", "batch_label", "fine_labels", "coarse_labels", "data"]
    assert (content["data"].shape, content["data"].dtype) == ((1000, 3072), np.uint8)
    assert type(content["fine_labels"][0]) is int and type(content["filenames"][0]) is str


@pytest.mark.parametrize(("name", "per_class"), [("train", 30), ("test", 10)])
def test_every_class_is_there_equally_often_and_shuffled(parts, name, per_class):
    fine = parts[name][b"fine_labels"]
    assert np.bincount(fine).tolist() == [per_class] * 100
    assert len(parts[name][b"data"]) == len(parts[name][b"coarse_labels"]) == len(fine)
    assert len(set(fine[:100])) > 50  # in class order it would be 4 or 10


def test_a_superclass_is_one_shape_with_five_surfaces(parts):
    meta = parts["meta"]
    fine_names = [name.decode() for name in meta[b"fine_label_names"]]
    members = {}
    for name in ("train", "test"):
        for fine, coarse in zip(parts[name][b"fine_labels"], parts[name][b"coarse_labels"], strict=True):
            members.setdefault(meta[b"coarse_label_names"][coarse].decode(), set()).add(fine_names[fine])
    assert len(members) == 20
    assert members["hourglasses"] == {
        f"{surface}_hourglass" for surface in ("checked", "dotted", "plain", "shaded", "striped")
    }
    for names in members.values():
        surfaces, shapes = zip(*(name.split("_") for name in names), strict=True)
        assert len(set(surfaces)) == len(names) == 5
        assert len(set(shapes)) == 1


def test_names_are_unique_and_alphabetical(parts):
    for key, count in ((b"fine_label_names", 100), (b"coarse_label_names", 20)):
        names = parts["meta"][key]
        assert names == sorted(set(names))
        assert len(names) == count


def test_no_image_and_no_filename_occurs_twice(parts):
    rows = np.concatenate([parts["train"][b"data"], parts["test"][b"data"]])
    assert len({row.tobytes() for row in rows}) == 4000
    assert len({*parts["train"][b"filenames"], *parts["test"][b"filenames"]}) == 4000


def test_a_row_is_the_red_plane_then_green_then_blue_each_row_by_row():
    image = np.zeros((1, 32, 32, 3), dtype=np.uint8)
    image[0, 2, 5] = [10, 20, 30]
    images = [np.zeros_like(image)] * 41 + [image] + [np.zeros_like(image)] * 58
    part = synthetic._part(b"", images, 7, np.random.RandomState(0))
    where = part[b"fine_labels"].index(41)
    row = part[b"data"][where]
    assert {int(i): int(row[i]) for i in np.flatnonzero(row)} == {69: 10, 1024 + 69: 20, 2048 + 69: 30}
    assert part[b"filenames"][where] == f"{synthetic.FINE_NAMES[41]}_s_000007.png".encode()


@pytest.mark.parametrize(
    ("shape", "inside", "outside"),
    [
        ("arrow", [(0, -900), (0, 900), (600, -150)], [(600, 500), (600, -900)]),
        ("chevron", [(700, 0), (-700, 700)], [(-500, 0), (700, 500)]),
        ("crescent", [(-900, 0)], [(500, -150), (900, 900)]),
        ("fish", [(-900, 0), (1000, 500)], [(1000, 700), (-900, 500)]),
        ("ring", [(0, 700), (-700, 0)], [(0, 0), (0, 1100)]),
        ("star", [(0, 0), (0, -1000), (600, 800)], [(0, 600), (600, -600)]),
    ],
)
def test_shapes_hold_the_points_they_should(shape, inside, outside):
    u, v = np.array(inside + outside, dtype=np.int32).T
    assert synthetic.SHAPES[shape][1](u, v).tolist() == [True] * len(inside) + [False] * len(outside)


def test_colours_have_the_brightness_asked_for():
    """Contrast between object, pattern and background rests on this."""
    asked = np.repeat(np.arange(30, 235, dtype=np.int32), 50)
    colours = synthetic._colours(np.random.RandomState(1), asked)
    assert colours.min() >= 0
    assert colours.max() <= 255
    assert np.abs(colours @ np.array([77, 150, 29]) / 256 - asked).max() <= 2
    assert (colours.max(axis=1) - colours.min(axis=1)).mean() > 40  # colours, not greys
