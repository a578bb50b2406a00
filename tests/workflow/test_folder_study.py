"""A folder of pictures through the whole workflow; what makes it other data, and what does not."""

import csv
import shutil

import numpy as np
from PIL import Image
from project import DEMO

from study.data.dataset import TEST, read_dataset

OVERLAY = {
    "study": "shapes",
    "dataset": {"name": "folder", "folder": "data/shapes", "image_size": 48},
    "grid": {"seeds": [0]},
    "models": {"efficientnet_lite0_frozen": {"input_size": 48}},
    "recipes": {"demo_scratch": {"epochs": 2}, "linear_head": {"epochs": 2}},
}


def draw(folder):
    """Unequal classes of pictures in two parts, of several sizes."""
    rng = np.random.default_rng(0)
    for part, numbers in (("train", (24, 16, 8)), ("val", (6, 5, 4))):
        for label, number in enumerate(numbers):
            (folder / part / f"klasse_{label}").mkdir(parents=True)
            for one in range(number):
                tiles = rng.integers(0, 256, (5, 6, 3), np.uint8)
                tiles[:, :, label] |= 128
                pixels = tiles.repeat(10 + one, axis=0).repeat(12, axis=1)
                Image.fromarray(pixels).save(folder / part / f"klasse_{label}" / f"{one}.jpg")


def test_a_folder_of_pictures_goes_through_the_whole_workflow(fresh):
    folder = fresh.folder / "data" / "shapes"
    draw(folder)
    before = sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*"))
    overlay = fresh.overlay("shapes", OVERLAY)
    # an exported variable is for the official files of its data set
    done = fresh.snakemake(config=(DEMO, overlay), CIFAR100_FOLDER="/nowhere")
    assert done.returncode == 0, done.stdout
    assert "63 pictures of 3 classes, 12 to 30 of each: 43 training, 5 validation, 15 test" in done.stdout
    assert "the pictures in val are the test pictures" in done.stdout
    assert sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*")) == before
    results = fresh.folder / "results" / "shapes"
    data = read_dataset(results / "dataset.npz")
    assert data.images.shape == (63, 48, 48, 3) and (results / "dataset_pictures.png").exists()
    assert (results / "dataset_augmented.png").exists()
    assert all(source.startswith("val/") for source in data.sources[data.split == TEST])
    with (results / "tables" / "classes.csv").open(newline="") as handle:
        assert {row["class"] for row in csv.DictReader(handle)} == {"klasse_0", "klasse_1", "klasse_2"}
    assert fresh.planned(DEMO, overlay) == []

    shutil.move(folder, fresh.folder / "elsewhere" / "shapes")
    moved = fresh.overlay("moved", OVERLAY | {"dataset": OVERLAY["dataset"] | {"folder": "elsewhere/shapes"}})
    (results / "images.npy").unlink()
    done = fresh.snakemake(config=(DEMO, moved))
    assert done.returncode == 0 and "dataset.npz has gone: it is made again" in done.stdout, done.stdout
    assert (read_dataset(results / "dataset.npz").images == data.images).all()
    assert fresh.planned(DEMO, moved) == [] == fresh.planned(DEMO, overlay)  # the first folder is not there any more
    shutil.copy(
        fresh.folder / "elsewhere/shapes/train/klasse_0/0.jpg", fresh.folder / "elsewhere/shapes/train/klasse_1"
    )
    jobs = fresh.planned(DEMO, moved)
    assert {"prepare", "features", "train scratch_cnn 0", "train efficientnet_lite0_frozen 0"} <= {*jobs}
