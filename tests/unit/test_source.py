"""Reading CIFAR-100's own files: right data are read rightly, anything else ends in a sentence and runs nothing."""

import hashlib
import io
import os
import pickle
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from official_files import (
    COARSE_NAMES,
    FILES,
    FINE_NAMES,
    INNER,
    archive_of,
    contents,
    manifest_of,
    official,
    part,
    refusal,
    write,
)
from torchvision.datasets import CIFAR10, CIFAR100

from study.data.dataset import read_dataset
from study.data.manifest import MANIFESTS, Checksum, Manifest, load_manifest
from study.data.prepare import write_dataset
from study.data.source import Source, find_folder, read_archive, read_folder

# --- what is read -----------------------------------------------------------------------------------------------------


def check_small(source: Source) -> None:
    for read, raw in ((source.train, part(2, 1)), (source.test, part(1, 2))):
        assert read.fine.tolist() == raw[b"fine_labels"]
        assert read.coarse.tolist() == raw[b"coarse_labels"]
        assert {array.dtype for array in (read.images, read.fine, read.coarse)} == {np.dtype(np.uint8)}
        assert read.images.shape == (len(raw[b"fine_labels"]), 32, 32, 3)
        for image, y, x, channel in ((0, 0, 0, 0), (1, 3, 7, 2), (3, 31, 30, 1)):
            assert read.images[image, y, x, channel] == raw[b"data"][image, channel * 1024 + y * 32 + x]
    assert (source.fine_names, source.coarse_names) == (FINE_NAMES, COARSE_NAMES)


@pytest.mark.parametrize("inner", ["", INNER])
def test_a_folder_is_read_whether_it_or_its_inner_folder_holds_the_files(tmp_path, inner):
    files = contents()
    write(tmp_path / inner, files)
    check_small(read_folder(tmp_path, manifest_of(files)))


def test_files_of_a_newer_numpy_are_read_too(tmp_path):
    files = contents()
    files["train"] = pickle.dumps(part(2, 1), protocol=2)
    assert b"numpy._core" in files["train"]
    check_small(read_folder(write(tmp_path, files), manifest_of(files)))


def test_an_archive_is_read_without_unpacking_it(tmp_path):
    files = contents()
    archive = archive_of(files)
    (tmp_path / "small.tar.gz").write_bytes(archive)
    check_small(read_archive(tmp_path / "small.tar.gz", manifest_of(files, archive)))
    assert [path.name for path in tmp_path.iterdir()] == ["small.tar.gz"]


def test_the_official_cifar100():
    folder = os.environ.get("CIFAR100_FOLDER")
    if not folder:
        pytest.skip("the variable CIFAR100_FOLDER names no folder with the official files")
    source = read_folder(Path(folder), load_manifest("cifar100"))
    assert np.bincount(source.train.fine).tolist() == [500] * 100
    assert np.bincount(source.test.fine).tolist() == [100] * 100
    assert np.bincount(source.train.coarse).tolist() == [2500] * 20
    assert source.fine_names[source.train.fine[0]] == "cattle"
    assert source.coarse_names[source.train.coarse[0]] == "large_omnivores_and_herbivores"
    assert source.fine_names[source.test.fine[0]] == "mountain"
    people = {source.fine_names[fine] for fine in source.train.fine[source.train.coarse == 14]}
    assert (source.coarse_names[14], people) == ("people", {"baby", "boy", "girl", "man", "woman"})
    # the means per channel that everyone normalises CIFAR-100 with
    assert source.train.images.mean(axis=(0, 1, 2)) / 255 == pytest.approx([0.5071, 0.4865, 0.4409], abs=1e-4)


def batch(labels: list[int], seed: int) -> dict[bytes, Any]:
    """One file of images in the layout of CIFAR-10."""
    data = np.random.default_rng(seed).integers(0, 256, (len(labels), 3072), dtype=np.uint8)
    return {b"batch_label": b"batch", b"labels": labels, b"data": data, b"filenames": [b"x.png"] * len(labels)}


def test_the_layout_of_cifar10_is_read_by_what_the_manifest_says(tmp_path):
    batches = {
        "data_batch_1": batch([1, 0, 2], 0),
        "data_batch_2": batch([2, 1, 0], 1),
        "test_batch": batch([2, 0, 1], 2),
    }
    names = {b"label_names": [b"airplane", b"bird", b"ship"], b"num_vis": 3072}
    files = {name: official(content) for name, content in (batches | {"batches.meta": names}).items()}
    layout = replace(load_manifest("cifar10").layout, train=["data_batch_1", "data_batch_2"])
    sums = {name: Checksum(hashlib.md5(content).hexdigest()) for name, content in files.items()}
    counts = {"classes": 3, "superclasses": 0, "train_per_class": 2, "test_per_class": 1}
    manifest = Manifest("tiny10", "Tiny", layout=layout, files=sums, **counts)
    write(tmp_path / "cifar-10-batches-py", files)
    source = read_folder(tmp_path, manifest)
    assert source.train.fine.tolist() == [1, 0, 2, 2, 1, 0] and source.test.fine.tolist() == [2, 0, 1]
    assert (source.train.coarse, source.test.coarse, source.coarse_names) == (None, None, [])
    assert source.fine_names == ["airplane", "bird", "ship"]
    first_of_second = batches["data_batch_2"][b"data"][0].reshape(3, 32, 32)
    assert (source.train.images[3] == first_of_second.transpose(1, 2, 0)).all()
    write_dataset(source, manifest, {"fraction": 0.5, "seed": 0}, tmp_path / "dataset.npz")
    data = read_dataset(tmp_path / "dataset.npz")
    assert data.coarse is None and np.bincount(data.split).tolist() == [3, 3, 3]
    altered = files["data_batch_2"][:-2] + b"!."  # the same size
    write(tmp_path / "cifar-10-batches-py", {"data_batch_2": altered})
    assert "data_batch_2 differs from the official file (md5 sum)" in refusal(read_folder, tmp_path, manifest)


@pytest.mark.parametrize(("name", "official"), [("cifar10", CIFAR10), ("cifar100", CIFAR100)])
def test_the_sums_are_those_that_torchvision_checks(name, official):
    manifest = load_manifest(name)
    layout, meta = manifest.layout, official.meta
    sums = {file: checksum.md5 for file, checksum in manifest.files.items()}
    assert sums == dict([*official.train_list, *official.test_list, (meta["filename"], meta["md5"])])
    assert [layout.train, layout.test] == [
        [file for file, _ in part] for part in (official.train_list, official.test_list)
    ]
    assert (layout.folder, layout.names, layout.names_key) == (official.base_folder, meta["filename"], meta["key"])
    archive = manifest.archive
    assert (archive.name, archive.md5, archive.mirrors[0]) == (official.filename, official.tgz_md5, official.url)


def test_no_two_datasets_are_taken_for_each_other_and_cifar100_keeps_its_fingerprint():
    fingerprints = {name: load_manifest(name).files_fingerprint for name in MANIFESTS}
    assert len({*fingerprints.values()}) == len(MANIFESTS)
    # runs of CIFAR-100 are of these data: another fingerprint would retrain them all
    assert fingerprints["cifar100"] == "93f090b75ec54927d6658dfb54cf6f2c11d79a5bee0993def06fbd732b327112"


# --- files that are not what the manifest says ------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_file_is_named_with_its_size(tmp_path, name):
    files = contents()
    manifest = manifest_of(files)
    whole = len(files[name])
    write(tmp_path, files | {name: files[name][: whole // 2]})
    expected = f"{tmp_path / name} has {whole // 2} bytes instead of {whole}; get the official file again."
    assert refusal(find_folder, tmp_path, manifest) == expected
    assert refusal(read_folder, tmp_path, manifest) == expected


@pytest.mark.parametrize("name", FILES)
def test_one_altered_byte_is_found_by_its_md5(tmp_path, name):
    files = contents()
    manifest = manifest_of(files)
    altered = bytearray(files[name])
    altered[len(altered) // 2] ^= 1
    write(tmp_path, files | {name: bytes(altered)})
    expected = f"{tmp_path / name} differs from the official file (md5 sum); get it again."
    assert refusal(read_folder, tmp_path, manifest) == expected


@pytest.mark.parametrize("pad", [False, True])
def test_an_html_page_under_the_name_is_refused(tmp_path, pad):
    files = contents()
    page = b"<!DOCTYPE html><title>Sign in</title>"
    page = page.ljust(len(files["train"])) if pad else page
    write(tmp_path, files | {"train": page})
    assert refusal(read_folder, tmp_path, manifest_of(files)).startswith(f"{tmp_path / 'train'} ")


@pytest.fixture(scope="module")
def valid(tmp_path_factory) -> tuple[Path, dict[str, bytes]]:
    files = contents()
    return write(tmp_path_factory.mktemp("valid"), files), files


@settings(max_examples=100)
@given(data=st.data())
def test_no_altered_byte_gets_through(valid, data):
    folder, files = valid
    name = data.draw(st.sampled_from(FILES))
    place = data.draw(st.integers(0, len(files[name]) - 1))
    altered = bytearray(files[name])
    altered[place] ^= data.draw(st.integers(1, 255))
    (folder / name).write_bytes(bytes(altered))
    try:
        assert str(folder / name) in refusal(read_folder, folder, manifest_of(files))
    finally:
        (folder / name).write_bytes(files[name])
    check_small(read_folder(folder, manifest_of(files)))


def test_a_folder_that_does_not_exist(tmp_path):
    expected = f"The data folder {tmp_path / 'no'} does not exist; correct dataset: folder or SMALL_FOLDER."
    assert refusal(find_folder, tmp_path / "no", manifest_of(contents())) == expected


def test_a_file_named_instead_of_a_folder(tmp_path):
    (tmp_path / "small.tar.gz").write_bytes(b"")
    path = tmp_path / "small.tar.gz"
    expected = f"{path} is not a folder; unpack it and name the folder {INNER} that it holds."
    assert refusal(find_folder, path, manifest_of(contents())) == expected


@pytest.mark.parametrize("left", [(), ("meta",), ("train", "test")])
def test_a_folder_without_all_the_files(tmp_path, left):
    files = contents()
    write(tmp_path / INNER, {name: files[name] for name in left})
    wanted = "the files train, test, meta"
    expected = f"The data folder {tmp_path} holds no {INNER} with {wanted}; correct dataset: folder or SMALL_FOLDER."
    assert refusal(find_folder, tmp_path, manifest_of(files)) == expected


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_read_permission(tmp_path):
    files = contents()
    write(tmp_path, files)
    (tmp_path / "test").chmod(0)
    expected = f"{tmp_path / 'test'} cannot be read (Permission denied); make it readable."
    assert refusal(read_folder, tmp_path, manifest_of(files)) == expected


# --- archives ---------------------------------------------------------------------------------------------------------


def test_an_archive_with_another_md5(tmp_path):
    files = contents()
    path = tmp_path / "small.tar.gz"
    path.write_bytes(b"something else")
    md5 = hashlib.md5(b"something else").hexdigest()
    expected = f"{path} is not the archive of Small (md5 {md5}); delete it and start again."
    assert refusal(read_archive, path, manifest_of(files, archive_of(files))) == expected


@pytest.mark.parametrize("missing", FILES)
def test_an_archive_without_one_of_the_files(tmp_path, missing):
    files = contents()
    archive = archive_of({name: content for name, content in files.items() if name != missing})
    path = tmp_path / "small.tar.gz"
    path.write_bytes(archive)
    expected = f"{path} holds no file {INNER}/{missing}; delete it and start again."
    assert refusal(read_archive, path, manifest_of(files, archive)) == expected


def test_an_archive_with_a_folder_in_place_of_a_file(tmp_path):
    files = contents()
    buffer = io.BytesIO(archive_of({"train": files["train"], "test": files["test"]}))
    with tarfile.open(fileobj=buffer) as old:
        entries = [(entry, old.extractfile(entry).read()) for entry in old]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for entry, content in entries:
            archive.addfile(entry, io.BytesIO(content))
        folder = tarfile.TarInfo(f"{INNER}/meta")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
    path = tmp_path / "small.tar.gz"
    path.write_bytes(buffer.getvalue())
    message = refusal(read_archive, path, manifest_of(files, buffer.getvalue()))
    assert message == f"{path} holds no file {INNER}/meta; delete it and start again."


def test_an_archive_whose_file_is_not_the_official_one(tmp_path):
    files = contents()
    archive = archive_of(files | {"test": files["test"][:-1] + b"!"})
    path = tmp_path / "small.tar.gz"
    path.write_bytes(archive)
    message = refusal(read_archive, path, manifest_of(files, archive))
    assert message == f"{path}/test differs from the official file (md5 sum); get it again."
