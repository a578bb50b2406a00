"""From a folder of pictures to dataset.npz and images.npy: as predict reads them, resumable, nothing written there."""

import csv
import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from study.data import prepare_folder as module
from study.data.dataset import TRAIN, read_dataset
from study.data.folder import FolderSettings
from study.data.pictures import MARGIN, read_picture
from study.data.prepare_folder import prepare_folder
from study.errors import StudyError

SPLIT = {"fraction": 0.25, "seed": 3}


@pytest.fixture(autouse=True)
def _alone(tmp_path, monkeypatch):
    """What is remembered of pictures goes to resources/ of the working directory."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


@pytest.fixture
def folder(tmp_path):
    """Pictures of two classes, of several sizes and formats."""
    rng = np.random.default_rng(0)
    for name in ("ants", "bees"):
        (tmp_path / "d" / name).mkdir(parents=True)
        for one in range(10):
            pixels = rng.integers(0, 256, (40 + 8 * one, 100 - 5 * one, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "d" / name / f"{one}.{'jpg' if one % 2 else 'png'}")
    return tmp_path / "d"


def prepared(folder: Path, path: Path, **changes):
    prepare_folder(FolderSettings(**{"folder": folder, "validation": SPLIT, "image_size": 40} | changes), path, 2)
    return read_dataset(path)


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in sorted(folder.rglob("*"))
    }


@pytest.mark.parametrize("fit", ["crop", "pad"])
@pytest.mark.parametrize("size", [24, 40])
def test_every_image_is_what_predict_sees_of_the_picture(folder, tmp_path, fit, size):
    before = contents(folder)
    data = prepared(folder, tmp_path / "out" / "dataset.npz", fit=fit, image_size=size)
    assert contents(folder) == before
    for image, source in zip(data.images, data.sources, strict=True):
        assert (image == read_picture(folder / source, size, fit)).all()
    assert isinstance(data.images, np.memmap) == (size > 32)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"dataset.npz", "dataset.json", "dataset_counts.csv", "dataset_pictures.png"} | (
        {"images.npy"} if size > 32 else set()
    )


def test_crop_keeps_the_middle_and_pad_keeps_everything(tmp_path):
    pixels = np.zeros((20, 60, 3), np.uint8)
    pixels[:, :20], pixels[:, 20:40], pixels[:, 40:] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert (read_picture(tmp_path / "a.png", 20) == (0, 255, 0)).all()
    padded = read_picture(tmp_path / "a.png", 60, "pad")
    assert (padded[:20] == MARGIN).all() and (padded[40:] == MARGIN).all()
    assert (padded[20:40] == pixels).all()


def test_a_large_jpeg_is_reduced_while_it_is_decoded_and_looks_the_same(tmp_path):
    y, x = np.mgrid[:1200, :1600]
    pixels = np.stack([127 + 120 * np.sin(x / 90), 127 + 120 * np.cos(y / 70), (x + y) / 12], axis=2).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.jpg", quality=95)
    Image.open(tmp_path / "a.jpg").save(tmp_path / "a.png")
    fast, whole = (read_picture(tmp_path / f"a.{suffix}", 64).astype(int) for suffix in ("jpg", "png"))
    assert np.abs(fast - whole).max() <= 8 and np.abs(fast - whole).mean() < 1


def test_cmyk_and_an_animation_are_read(tmp_path):
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=100)
    assert np.abs(read_picture(tmp_path / "a.jpg", 8).astype(int) - (255, 0, 0)).max() <= 3
    first, second = Image.new("RGB", (8, 8), "lime"), Image.new("RGB", (8, 8), "red")
    first.save(tmp_path / "a.gif", save_all=True, append_images=[second])
    assert (read_picture(tmp_path / "a.gif", 8) == (0, 255, 0)).all()


def spoil(folder: Path) -> None:
    (folder / "ants" / "0.png").write_bytes((folder / "ants" / "0.png").read_bytes()[:500])
    (folder / "bees" / "3.jpg").write_text("no picture")


def test_pictures_that_cannot_be_read_are_listed_and_refused(folder, tmp_path):
    spoil(folder)
    with pytest.raises(StudyError) as caught:
        prepared(folder, tmp_path / "out" / "dataset.npz")
    table = tmp_path / "out" / "dataset_unreadable.csv"
    assert str(caught.value).startswith(
        f"{folder}: 2 of 20 pictures cannot be read, for example: {folder}/ants/0.png is"
    )
    assert f"{table} lists all; mend or remove them, or set dataset: unreadable: skip." in str(caught.value)
    with table.open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert [row["picture"] for row in rows] == ["ants/0.png", "bees/3.jpg"]
    assert "damaged" in rows[0]["reason"] and "is not an image" in rows[1]["reason"]
    assert not (tmp_path / "out" / "dataset.npz").exists()


@pytest.mark.parametrize("size", [24, 40])
def test_pictures_that_cannot_be_read_are_left_out_if_asked(folder, tmp_path, size):
    path = tmp_path / "out" / "dataset.npz"
    whole = prepared(folder, tmp_path / "whole" / "dataset.npz", image_size=size)
    spoil(folder)
    data = prepared(folder, path, unreadable="skip", image_size=size)
    kept = ~np.isin(whole.sources, ["ants/0.png", "bees/3.jpg"])
    for name in ("images", "fine", "split", "sources"):
        assert (getattr(data, name) == getattr(whole, name)[kept]).all()
    assert path.with_name("dataset_unreadable.csv").exists()
    with path.with_name("dataset_counts.csv").open(newline="") as handle:
        counted = {row["class"]: [int(row[part]) for part in ("training", "validation", "test")]
                   for row in csv.DictReader(handle)}  # fmt: skip
    assert counted == {
        name: [((data.fine == one) & (data.split == part)).sum() for part in range(3)]
        for one, name in enumerate(data.fine_names)
    }
    assert sum(map(sum, counted.values())) == 18


def test_a_class_of_which_nothing_can_be_read_is_named(folder, tmp_path):
    for picture in (folder / "bees").iterdir():
        picture.write_text("no picture")
    with pytest.raises(StudyError, match=r"no training picture of class bees can be read; see .*unreadable\.csv"):
        prepared(folder, tmp_path / "out" / "dataset.npz", unreadable="skip")


def test_a_preparation_that_was_stopped_goes_on_and_reads_nothing_twice(folder, tmp_path, monkeypatch):
    whole = prepared(folder, tmp_path / "whole" / "dataset.npz")
    path, read = tmp_path / "out" / "dataset.npz", []

    def stop_at_the_ninth(picture: Path, *arguments):
        if len(read) == 8:
            raise KeyboardInterrupt
        read.append(picture)
        return read_picture(picture, *arguments)

    monkeypatch.setattr(module, "BLOCK", 2)
    monkeypatch.setattr(module, "read_picture", stop_at_the_ninth)
    settings = FolderSettings(folder=folder, validation=SPLIT, image_size=40)
    with pytest.raises(KeyboardInterrupt):
        prepare_folder(settings, path, 1)
    assert not path.exists() and len(read) == 8
    read_before = {*read}
    monkeypatch.setattr(module, "read_picture", lambda *given: read.append(given[0]) or read_picture(*given))
    prepare_folder(settings, path, 1)
    assert len(read) == 20 and {*read[8:]}.isdisjoint(read_before)
    assert (read_dataset(path).images == whole.images).all()
    assert [one.name for one in path.parent.glob(".*")] == []


def test_a_note_of_progress_that_was_cut_short_counts_for_nothing(folder, tmp_path, monkeypatch):
    path = tmp_path / "out" / "dataset.npz"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(module, "read_picture", lambda *given: (_ for _ in ()).throw(KeyboardInterrupt))
        prepared(folder, path)
    (note,) = path.parent.glob(".*.done")
    note.write_bytes(b"\1\1")
    assert (prepared(folder, path).images[0] == read_picture(folder / "ants" / "0.png", 40)).all()


def test_what_is_left_of_other_pictures_is_not_gone_on_with(folder, tmp_path, monkeypatch):
    path = tmp_path / "out" / "dataset.npz"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(module, "read_picture", lambda *given: (_ for _ in ()).throw(KeyboardInterrupt))
        prepared(folder, path)
    Image.new("RGB", (50, 50), "red").save(folder / "ants" / "0.png")
    data = prepared(folder, path)
    assert (data.images[0] == (255, 0, 0)).all() and [one.name for one in path.parent.glob(".*")] == []


def test_the_sheet_shows_picture_and_square_of_each_class(folder, tmp_path):
    Image.new("RGB", (300, 100), "blue").save(folder / "ants" / "0.png")
    prepared(folder, tmp_path / "out" / "dataset.npz")
    sheet = np.asarray(Image.open(tmp_path / "out" / "dataset_pictures.png"))
    assert sheet.shape == (2 * 152, 4 * 280, 3)
    first, square = sheet[24:152, :128], sheet[24:152, 128:256]
    assert (square == (0, 0, 255)).all()
    assert (first[64, 10] == (0, 0, 255)).all() and (first[5, 64] == 255).all()  # the picture, and white above it
    frame = (first == (230, 60, 40)).all(axis=2).any(axis=0).nonzero()[0]
    assert frame.max() - frame.min() + 1 == 41  # the middle third of 124


def test_labels_beyond_256_classes_are_prepared(tmp_path):
    folder = tmp_path / "d"
    for one in range(300):
        (folder / f"c{one:03d}").mkdir(parents=True)
        for picture in range(3):
            Image.new("RGB", (4, 4), (one % 256, one // 256, picture)).save(folder / f"c{one:03d}" / f"{picture}.png")
    data = prepared(folder, tmp_path / "out" / "dataset.npz", image_size=16)
    assert data.fine.dtype == np.uint16 and data.classes == 300
    assert (data.images[:, 8, 8, 0] + 256 * data.images[:, 8, 8, 1].astype(int) == data.fine).all()
    assert np.bincount(data.fine[data.split == TRAIN]).tolist() == [1] * 300
