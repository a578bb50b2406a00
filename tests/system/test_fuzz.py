"""Anything at all as input is right, or refused in one sentence, and runs nothing. FUZZ says how many (make fuzz)."""

import io
import os
import pickle
import random
import tarfile
import zipfile

import fuzz
import pytest
import torch
from hostile_pickles import HOSTILE
from hypothesis import HealthCheck, given, settings
from official_files import INNER, archive_of, contents, manifest_of
from runs import make_dataset

from study.data.dataset import read_dataset
from study.data.source import load_pickle, read_archive
from study.errors import StudyError
from study.models import weights

TIMES = int(os.environ.get("FUZZ", "300"))
SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)


@settings(max_examples=TIMES, suppress_health_check=SLOW)
@given(changes=fuzz.CHANGES)
def test_any_config_is_valid_or_one_sentence(changes):
    fuzz.judge_config(fuzz.changed(changes))


def sentence_or_result(function, *arguments):
    """What `function` gives, or None after one sentence."""
    try:
        return function(*arguments)
    except StudyError as error:
        fuzz.judge_sentence(str(error))
        return None


def test_any_bytes_as_a_pickle_give_arrays_or_a_sentence():
    chance, files = random.Random(0), contents()
    for number in range(TIMES):
        content = fuzz.damaged(files[("train", "test", "meta")[number % 3]], chance)
        sentence_or_result(load_pickle, content, "train")


def test_any_archive_under_a_fitting_sum_is_read_or_a_sentence(tmp_path):
    chance, files = random.Random(2), contents()
    whole = archive_of(files)
    for _ in range(max(20, TIMES // 10)):
        archive = fuzz.damaged(whole, chance)
        (tmp_path / "a.tar.gz").write_bytes(archive)
        sentence_or_result(read_archive, tmp_path / "a.tar.gz", manifest_of(files, archive))
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar.gz"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.REGTYPE])
def test_members_that_climb_out_of_the_archive_write_and_read_nothing(tmp_path, kind):
    files, inside = contents(), tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    (tmp_path / "train").write_bytes(files["train"])
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name in ("../../outside", "/tmp/outside", f"{INNER}/../../outside"):
            entry = tarfile.TarInfo(name)
            entry.size = 3
            archive.addfile(entry, io.BytesIO(b"abc"))
        link = tarfile.TarInfo(f"{INNER}/train")
        link.type, link.linkname = kind, "../../train"
        archive.addfile(link)
    (inside / "a.tar.gz").write_bytes(buffer.getvalue())
    assert sentence_or_result(read_archive, inside / "a.tar.gz", manifest_of(files, buffer.getvalue())) is None
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["a.tar.gz", "train"]


def test_any_bytes_as_dataset_npz_are_a_dataset_or_a_sentence(tmp_path):
    chance, path = random.Random(3), tmp_path / "dataset.npz"
    make_dataset(path)
    whole = path.read_bytes()
    ends = [0, len(whole) - 3000]  # headers and the directory, where a flipped byte does most
    for number in range(max(20, TIMES // 10)):
        content = bytearray(whole)
        if number % 2:
            start = chance.choice(ends)
            content[start : start + 3000] = fuzz.damaged(bytes(content[start : start + 3000]), chance)
        else:
            content = bytearray(fuzz.damaged(whole, chance))
        path.write_bytes(content)
        sentence_or_result(read_dataset, path)


@HOSTILE
@pytest.mark.parametrize("shape", ["zip", "bare", "safetensors"])
def test_weights_with_code_in_them_run_nothing(tmp_path, attack, shape):
    marker = tmp_path / "was here"
    path = tmp_path / ("weights.safetensors" if shape == "safetensors" else "weights.pth")
    payload = {"conv.weight": attack(marker)[0], "state_dict": attack(marker)[0]}
    if shape == "zip":
        torch.save({"weight": torch.zeros(2)}, path)
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, pickle.dumps(payload, 2) if name.endswith("data.pkl") else content)
    else:
        path.write_bytes(pickle.dumps(payload, protocol=2))
    source = f"file:{path}"
    assert sentence_or_result(weights.fetch, "timm/resnet10t.c3_in1k", source, tmp_path / "out.safetensors") is None
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_any_bytes_as_weights_are_tensors_or_a_sentence(tmp_path):
    chance, path = random.Random(4), tmp_path / "weights.pth"
    torch.save({"weight": torch.zeros(3), "bias": torch.ones(2)}, path)
    whole = path.read_bytes()
    for _ in range(max(20, TIMES // 10)):
        path.write_bytes(fuzz.damaged(whole, chance))
        sentence_or_result(weights.read, path)
