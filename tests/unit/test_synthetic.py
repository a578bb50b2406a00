"""The rendered datasets: the arrays that their manifests promise, with the structure that these state."""

from dataclasses import replace

import numpy as np
import pytest

from study.data import synthetic
from study.data.manifest import load_manifest
from study.errors import StudyError

NAMES = ["synthetic", "synthetic7"]


@pytest.fixture(scope="module")
def sources():
    """Each rendered dataset by name. That they are the promised arrays is checked on the way."""
    return {name: synthetic.render(load_manifest(name)) for name in NAMES}


def test_rendering_again_gives_the_same_arrays(sources):
    again = synthetic.render(load_manifest("synthetic7"))
    assert synthetic.digest(again) == synthetic.digest(sources["synthetic7"])


def test_arrays_that_differ_from_the_manifest_are_refused(sources):
    manifest = load_manifest("synthetic7")
    other = replace(manifest, rendering=replace(manifest.rendering, shapes=["disc", *manifest.rendering.shapes[1:]]))
    with pytest.raises(StudyError, match="not with that of the manifest"):
        synthetic.render(other)


@pytest.mark.parametrize("name", NAMES)
def test_the_counts_are_those_of_the_manifest_and_every_part_is_shuffled(sources, name):
    manifest, source = load_manifest(name), sources[name]
    assert len(source.fine_names) == manifest.classes
    assert len(source.coarse_names) == manifest.superclasses
    for part, per_class in ((source.train, manifest.train_per_class), (source.test, manifest.test_per_class)):
        assert np.bincount(part.fine).tolist() == [per_class] * manifest.classes
        assert part.images.shape == (len(part.fine), 32, 32, 3) and part.images.dtype == part.fine.dtype == np.uint8
        assert (part.coarse is None) == (manifest.superclasses == 0)
        assert (np.diff(part.fine.astype(int)) != 0).mean() > 0.7  # in class order it would be 0.03 or 0.1


def test_a_superclass_is_one_shape_with_five_surfaces(sources):
    source, members = sources["synthetic"], {}
    for part in (source.train, source.test):
        for fine, coarse in zip(part.fine, part.coarse, strict=True):
            members.setdefault(source.coarse_names[coarse], set()).add(source.fine_names[fine])
    assert len(members) == 20
    assert members["hourglasses"] == {
        f"{surface}_hourglass" for surface in ("checked", "dotted", "plain", "shaded", "striped")
    }
    for names in members.values():
        surfaces, shapes = zip(*(name.split("_") for name in names), strict=True)
        assert len(set(surfaces)) == len(names) == 5
        assert len(set(shapes)) == 1


@pytest.mark.parametrize("name", NAMES)
def test_names_are_unique_and_alphabetical(sources, name):
    for names in (sources[name].fine_names, sources[name].coarse_names):
        assert names == sorted(set(names))


def test_no_image_occurs_twice(sources):
    images = np.concatenate([sources["synthetic"].train.images, sources["synthetic"].test.images])
    assert len({image.tobytes() for image in images}) == 4000


def test_every_image_keeps_its_class_when_the_part_is_shuffled():
    own = [np.full((3, 32, 32, 3), label, np.uint8) for label in range(4)]
    part = synthetic._part(own, np.array([0, 1, 1, 0], np.uint8), np.random.RandomState(0))
    assert part.images[:, 0, 0, 0].tolist() == part.fine.tolist()
    assert part.coarse.tolist() == [[0, 1, 1, 0][label] for label in part.fine]


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
