"""The sheet that shows training pictures as a network will see them, by the code that trains it."""

from dataclasses import replace

import numpy as np
from PIL import Image
from runs import scratch_spec

from study.data.dataset import TEST, TRAIN, Dataset
from study.files import write_json
from study.orchestration.augmented import DRAWS, GAP, LINE, PICTURES, TILE, write_augmented

RED, LIME, BLUE = np.eye(3, dtype=np.uint8) * 255


def tiles(tmp_path, images, *specs):
    """The sheet of some training images uint8 [3, S, S, 3] as [specs, 3, 1 + DRAWS, T, T, 3]."""
    fine, split = np.zeros(4, np.uint8), np.array([TEST, TRAIN, TRAIN, TRAIN], np.uint8)
    images = np.concatenate([np.zeros_like(images[:1]), images])
    data = Dataset(images=images, fine=fine, coarse=None, split=split, fine_names=["a"], coarse_names=[], meta={})
    data.write(tmp_path / "dataset.npz")
    paths = [tmp_path / f"{place}.json" for place in range(len(specs))]
    for path, spec in zip(paths, specs, strict=True):
        write_json(path, spec.to_json())
    write_augmented(paths, tmp_path / "dataset.npz", tmp_path / "sheet.png")
    sheet = np.asarray(Image.open(tmp_path / "sheet.png")).reshape(len(specs), -1, (1 + DRAWS) * TILE, 3)
    sheet = sheet[:, 2 * LINE :].reshape(len(specs), PICTURES, TILE, 1 + DRAWS, TILE, 3).swapaxes(2, 3)
    return sheet[..., : TILE - GAP, : TILE - GAP, :]


def test_each_recipe_shows_the_stored_pictures_and_what_it_makes_of_them(tmp_path):
    images = np.stack([np.full((24, 24, 3), colour) for colour in (RED, LIME, BLUE)])
    images[:, 12:] = 255
    plain = scratch_spec(augmentation={}, epochs=4, input_sizes=[24, 24, 48, 48])
    turned = scratch_spec(augmentation={"vertical_flip": 1.0})
    for spec, is_turned in zip(tiles(tmp_path, images, plain, turned), (False, True), strict=True):
        for colour, row in zip((RED, LIME, BLUE), spec, strict=True):
            for column, tile in enumerate(row):
                above, below = tile[: TILE // 3], tile[-TILE // 3 :]
                above, below = (below, above) if is_turned and column else (above, below)
                assert (above == colour).all() and (below == 255).all()


def test_mixed_images_are_shown_mixed(tmp_path):
    images = np.stack([np.full((24, 24, 3), colour) for colour in (RED, LIME, BLUE)])
    network = replace(scratch_spec().network, input=replace(scratch_spec().network.input, size=24))
    mixed = replace(scratch_spec(augmentation={"mixup": 10.0}), network=network)
    for place, row in enumerate(tiles(tmp_path, images, mixed)[0]):
        own, other = row[1:, ..., place].astype(int), row[1:, ..., place - 1].astype(int)
        assert (np.abs(own + other - 255) <= 1).all() and (own > 0).all() and (other > 0).all()
        assert (row[1:, ..., place - 2] == 0).all()
