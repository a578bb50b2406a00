"""A folder of pictures as a data set: every layout, the split, groups, and each mistake as a sentence."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from study.data.dataset import TEST, TRAIN, VALIDATION, Labels
from study.data.folder import Folder, FolderSettings, list_folder
from study.errors import StudyError

SPLIT = {"fraction": 0.25, "seed": 3}


@pytest.fixture(autouse=True)
def _alone(tmp_path, monkeypatch):
    """What is remembered of pictures goes to resources/ of the working directory."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


def fill(folder: Path, pictures: dict[str, int], suffix: str = "png") -> Path:
    """Make so many pictures in each of these folders, all different."""
    for name, number in pictures.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for one in range(number):
            pixels = np.full((6, 5, 3), (one, len(name), sum(os.fsencode(name)) % 256), np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{one:03d}.{suffix}")
    return folder


def settings(folder: Path, **changes) -> FolderSettings:
    return FolderSettings(**{"folder": folder, "validation": SPLIT, "image_size": 16} | changes)


def labels_of(folder: Path, **changes) -> Labels:
    return list_folder(settings(folder, **changes)).labels


def refusal(folder: Path, **changes) -> str:
    with pytest.raises(StudyError) as caught:
        list_folder(settings(folder, **changes))
    message = str(caught.value)
    assert message.endswith(".") and "\n" not in message
    return message


def counts(labels: Labels) -> dict[str, list[int]]:
    """Pictures for training, validation and testing of each class."""
    return {
        name: [int(((labels.fine == one) & (labels.split == part)).sum()) for part in (TRAIN, VALIDATION, TEST)]
        for one, name in enumerate(labels.fine_names)
    }


def write_csv(folder: Path, *lines: str) -> Path:
    (folder / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


# --- layouts ----------------------------------------------------------------------------------------------------------


def test_a_folder_per_class_is_split_by_class(tmp_path):
    folder = fill(tmp_path / "flowers", {"rose": 20, "tulip": 40})
    labels = labels_of(folder)
    assert counts(labels) == {"rose": [12, 4, 4], "tulip": [24, 8, 8]}  # a fifth for testing, then a quarter
    assert labels.sources[0] == "rose/000.png" and labels.meta["title"] == "flowers"
    assert not labels.meta["val_as_test"] and labels.meta["kind"] == "folder"
    assert labels.meta["drawn"] == ["test", "validation"]
    assert counts(labels_of(folder, test_fraction=0.5)) == {"rose": [7, 3, 10], "tulip": [15, 5, 20]}


@pytest.mark.parametrize(
    ("parts", "expected", "val_as_test"),
    [
        (("train", "test"), [9, 3, 5], False),
        (("train", "val"), [9, 3, 5], True),
        (("Training", "VALID"), [9, 3, 5], True),
        (("train", "val", "test"), [12, 5, 5], False),
    ],
)
def test_parts_are_kept_and_what_is_missing_is_drawn_from_train(tmp_path, parts, expected, val_as_test):
    for part in parts:
        fill(tmp_path / "d" / part, {name: 12 if part.lower().startswith("train") else 5 for name in ("a", "b")})
    found = list_folder(settings(tmp_path / "d"))
    assert counts(found.labels) == {"a": expected, "b": expected}
    assert found.labels.meta["val_as_test"] == val_as_test
    assert found.labels.meta["drawn"] == ([] if len(parts) == 3 else ["validation"])
    assert any("val are the test pictures" in note for note in found.notes) == val_as_test
    in_test = {source.split("/")[0] for source in found.labels.sources[found.labels.split == TEST]}
    assert in_test == {parts[-1]}


def test_a_csv_file_says_class_part_group_and_superclass(tmp_path):
    folder = fill(tmp_path / "d", {"pictures": 6})
    rows = [f"pictures/{n:03d}.png,{c},{s},{g},{k}" for n, (c, s, g, k) in enumerate([
        ("ant", "train", "p1", "insect"), ("bee", "train", "p1", "insect"), ("cat", "train", "", "mammal"),
        ("ant", "test", "p2", "insect"), ("bee", "val", "", "insect"), ("cat", "validation", "p3", "mammal"),
    ])]  # fmt: skip
    labels = labels_of(write_csv(folder, "Path,LABEL,split,group,superclass", *rows))
    assert labels.fine.tolist() == [0, 1, 2, 0, 1, 2]
    assert labels.split.tolist() == [TRAIN, TRAIN, TRAIN, TEST, VALIDATION, VALIDATION]
    assert labels.group.tolist() == [0, 0, -1, 1, -1, 2]
    assert (labels.coarse_names, labels.fine_to_coarse.tolist()) == (["insect", "mammal"], [0, 0, 1])


def test_a_csv_file_may_lie_elsewhere_and_be_of_a_spreadsheet(tmp_path):
    folder = fill(tmp_path / "d", {"pictures": 8})
    table = tmp_path / "mine.csv"
    rows = [f"pictures/{n:03d}.png;{'ja' if n % 2 else 'nein'}\r\n" for n in range(8)]
    table.write_bytes("\ufeffpath;label\r\n".encode() + "".join(rows).encode())
    assert counts(labels_of(folder, labels=str(table))) == {"ja": [2, 1, 1], "nein": [2, 1, 1]}


def test_names_in_any_script_and_nested_folders_are_kept(tmp_path):
    names = {"Ärger": 6, "猫": 6, "собака": 6, "with space/deep": 6}
    labels = labels_of(fill(tmp_path / "d", names))
    assert labels.fine_names == sorted(["Ärger", "猫", "собака", "with space"])
    assert "with space/deep/000.png" in labels.sources
    # one name, composed in one part and decomposed in the other, as macOS writes it, is one class
    for part, name in (("train", "Ä"), ("test", "A\u0308")):
        fill(tmp_path / "e" / part, {name: 4, "b": 4})
    assert labels_of(tmp_path / "e").fine_names == ["b", "Ä"]


def test_names_that_are_not_utf8_are_shown_with_their_bytes(tmp_path):
    folder = fill(tmp_path / "d", {"a": 4, os.fsdecode(b"caf\xe9"): 4})
    (folder / "a" / "000.png").rename(folder / "a" / os.fsdecode(b"\xe9.png"))
    labels = labels_of(folder)
    assert labels.fine_names == ["a", "caf\\xe9"] and len({*labels.sources}) == 8
    assert labels_of(folder).meta == labels.meta  # as they were remembered


def test_what_is_no_picture_is_left_out_and_said(tmp_path):
    folder = fill(tmp_path / "d", {"a": 5, "b": 5, "empty": 0, ".hidden": 3, "__MACOSX": 2})
    for name in ("a/Thumbs.db", "a/.DS_Store", "a/notes.txt", "readme.md", "a/._000.png"):
        (folder / name).write_text("x")
    found = list_folder(settings(folder))
    assert found.classes == 2 and found.images == 10
    assert [note.removeprefix(f"{folder}: ") for note in found.notes[1:]] == [
        "left out, no pictures in empty, so no class",
        "left out, not in the folder of a class: readme.md",
        "left out, no pictures by their names: a/notes.txt",
    ]


def test_links_are_followed_and_a_loop_ends(tmp_path):
    fill(tmp_path / "real", {"a": 4})
    folder = fill(tmp_path / "d", {"b": 4})
    (folder / "a").symlink_to(tmp_path / "real" / "a")
    (folder / "b" / "again").symlink_to(folder / "b")
    assert counts(labels_of(folder)) == {"a": [2, 1, 1], "b": [2, 1, 1]}


# --- classes and their sizes ------------------------------------------------------------------------------------------


def test_small_classes_are_judged_by_one_picture_where_they_have_two(tmp_path):
    found = list_folder(settings(fill(tmp_path / "d", {"many": 100, "three": 3, "two": 2, "one": 1})))
    assert counts(found.labels) == {"many": [60, 20, 20], "one": [1, 0, 0], "three": [1, 1, 1], "two": [1, 0, 1]}
    assert found.notes == (
        "106 pictures of 4 classes, 1 to 100 of each: 63 training, 21 validation, 22 test",
        "no validation pictures of one, two",
        "no test pictures of one",
    )


@pytest.mark.parametrize("classes", [2, 257, 1000])
def test_any_number_of_classes_from_2_to_1000(tmp_path, classes):
    lines = [f"{one}_{number}.png,c{one:04d}" for one in range(classes) for number in range(3)]
    (tmp_path / "d").mkdir()
    labels = labels_of(write_csv(tmp_path / "d", "path,label", *lines))
    assert labels.classes == classes and np.bincount(labels.fine).tolist() == [3] * classes
    assert {*map(tuple, counts(labels).values())} == {(1, 1, 1)}


@pytest.mark.parametrize(
    ("pictures", "said"),
    [
        ({"a": 5}, "has 1 classes, but a study needs 2 to 1000 classes"),
        ({}, "has no pictures in folders of a class, nor a labels.csv"),
        ({"cat": 5, "Cat": 5}, "the classes Cat, cat differ by upper and lower case alone; give them one name"),
        ({"train/a": 5, "train/b": 5}, "must have pictures for training and others for testing"),
        ({"test/a": 5, "test/b": 5}, "must have pictures for training and others for testing"),
        ({"train/a": 5, "train/b": 5, "test/a": 5, "test/c": 1}, "no training pictures of class c; add some"),
        ({"train/a": 5, "train/b": 5, "test/a": 5, "bus": 5}, "holds test, train beside bus, so that it is not clear"),
        ({"a": 1, "b": 1}, "no class has more than one picture to draw from, so none can be held out for testing"),
        ({"a": 2, "b": 2}, "no class has more than one picture to draw from, so none can be held out for validation"),
    ],
)
def test_what_is_no_data_set_is_a_sentence(tmp_path, pictures, said):
    (tmp_path / "d").mkdir()
    assert said in refusal(fill(tmp_path / "d", pictures))


def test_a_class_that_test_lacks_is_said_and_kept(tmp_path):
    for part, names in (("train", {"a": 8, "b": 8}), ("test", {"a": 3})):
        fill(tmp_path / "d" / part, names)
    found = list_folder(settings(tmp_path / "d"))
    assert counts(found.labels)["b"] == [6, 2, 0] and found.notes[1:] == ("no test pictures of b",)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    assert refusal(tmp_path / "no") == f"dataset: folder: {tmp_path / 'no'} does not exist; correct it."
    (tmp_path / "file").write_text("x")
    assert refusal(tmp_path / "file") == f"dataset: folder: {tmp_path / 'file'} is not a folder; correct it."


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["file,label", "a.png,a"], "labels.csv has no columns path and label, but file, label; name them so."),
        ([""], "labels.csv has no columns path and label, but none; name them so."),
        (["path,label", "a.png,"], "labels.csv, line 2 has no label; fill it in, or remove the line."),
        (["path,label", "a.png,x", "a.png,y"], "labels.csv lists a.png more than once; keep one line of each picture."),
        (["path,label,split", "a.png,x,dev"], "labels.csv, line 2: split is 'dev', but must be train, val or test."),
        (["path,label,split", "a.png,x,train", "b.png,y,"], "line 3 has no split, but others have one"),
        (["path,label,superclass", "a.png,x,s", "b.png,x,t", "c.png,y,t"], "give each class one superclass"),
        (["path,label,split,group", "a.png,x,train,p", "b.png,y,train,q", "c.png,x,test,p", "d.png,y,test,r"],
         "group 'p' is in several parts of the split"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_csv_file_is_a_sentence_that_names_its_place(tmp_path, lines, said):
    (tmp_path / "d").mkdir()
    assert said in refusal(write_csv(tmp_path / "d", *lines))


# --- groups -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_no_group_is_in_two_parts_and_each_class_is_about_a_fraction(tmp_path, seed):
    rng = np.random.default_rng(seed)
    people = [f"p{number % 60}" if number % 7 else "" for number in range(600)]
    of = {person: "abc"[rng.integers(3)] for person in people}
    lines = [f"{n}.png,{of[person] if person else 'abc'[n % 3]},{person}" for n, person in enumerate(people)]
    (tmp_path / "d").mkdir()
    labels = labels_of(write_csv(tmp_path / "d", "path,label,group", *lines), validation=SPLIT | {"seed": seed})
    for one in range(labels.group.max() + 1):
        assert len({*labels.split[labels.group == one]}) == 1
    for name, (train, validation, test) in counts(labels).items():
        total = train + validation + test
        assert 0.1 < test / total < 0.3 and 0.1 < validation / (total - test) < 0.4, name


def test_the_only_group_of_a_class_stays_in_training(tmp_path):
    lines = [f"{n}.png,{'common' if n < 40 else 'rare'},{'p' + str(n // 4) if n < 40 else 'p0'}" for n in range(46)]
    (tmp_path / "d").mkdir()
    labels = labels_of(write_csv(tmp_path / "d", "path,label,group", *lines))
    assert counts(labels)["rare"] == [6, 0, 0] and min(counts(labels)["common"]) > 0


# --- what makes it other data -----------------------------------------------------------------------------------------


def fingerprint(folder: Path, **changes) -> str:
    return list_folder(settings(folder, **changes)).fingerprint(SPLIT)


def test_a_changed_added_or_removed_picture_is_other_data_and_a_moved_or_touched_folder_is_not(tmp_path):
    folder = fill(tmp_path / "d", {"a": 6, "b": 6})
    before = fingerprint(folder)
    os.utime(folder / "a" / "000.png")
    assert fingerprint(folder) == before
    folder = folder.rename(tmp_path / "elsewhere")
    assert fingerprint(folder) == before
    picture = folder / "a" / "000.png"
    content, about = picture.read_bytes(), picture.stat()
    Image.fromarray(np.full((6, 5, 3), 9, np.uint8)).save(picture)
    os.utime(picture, ns=(about.st_atime_ns, about.st_mtime_ns))  # of the same age, and perhaps of the same size
    changed = fingerprint(folder)
    picture.write_bytes(content)
    assert fingerprint(folder) == before
    picture.unlink()
    removed = fingerprint(folder)
    (folder / "a" / "100.png").write_bytes(content)
    assert len({before, changed, removed, fingerprint(folder)}) == 4


def test_settings_that_change_images_or_split_make_other_data(tmp_path):
    folder = fill(tmp_path / "d", {"a": 8, "b": 8})
    found = {
        fingerprint(folder),
        fingerprint(folder, image_size=17),
        fingerprint(folder, fit="pad"),
        fingerprint(folder, test_fraction=0.4),
        fingerprint(folder, validation=SPLIT | {"seed": 4}),
    }
    assert len(found) == 5
    one, other = (list_folder(settings(folder, validation=SPLIT | {"seed": seed})) for seed in (4, 5))
    assert one.files_fingerprint == other.files_fingerprint  # features are of all images, however they are split


def test_a_folder_that_has_gone_is_known_by_what_was_prepared(tmp_path):
    from study.data.prepare_folder import prepare_folder

    folder, path = fill(tmp_path / "d", {"a": 6, "b": 6}), tmp_path / "results" / "dataset.npz"
    prepare_folder(settings(folder), path, 1)
    before = list_folder(settings(folder), path)
    folder.rename(tmp_path / "gone")
    after: Folder = list_folder(settings(folder), path)
    assert after.fingerprint(SPLIT) == before.fingerprint(SPLIT) and after.test_images == before.test_images
    with pytest.raises(StudyError, match="does not exist"):
        list_folder(settings(folder, image_size=24), path)
