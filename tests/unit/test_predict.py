"""`python -m study predict` reads a picture as a viewer shows it, and says why it cannot read a file."""

import csv
import importlib.util
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image

from study.__main__ import main
from study.config.specs import InputSpec, NetworkSpec
from study.data.pictures import read_picture
from study.errors import StudyError
from study.files import canonical_json
from study.models import network as networks

ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "workflow")}
HALVES = np.zeros((32, 32, 3), np.uint8)  # red above, blue below
HALVES[:16, :, 0] = 255
HALVES[16:, :, 2] = 255


def refusal(path) -> str:
    with pytest.raises(StudyError) as caught:
        read_picture(path, 32)
    return str(caught.value)


@pytest.mark.parametrize(("orientation", "turned"), [(1, 0), (3, 2), (6, 1), (8, 3)])
def test_a_phones_picture_is_read_as_its_viewer_shows_it(tmp_path, orientation, turned):
    stored = Image.fromarray(np.rot90(HALVES, turned))  # the sensor was turned, and the file says how
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(read_picture(tmp_path / "a.png", 32), HALVES)


RAMP = np.repeat(np.linspace(0, 255, 32).round()[None], 32, axis=0)


def test_a_grey_picture_keeps_its_values(tmp_path):
    Image.fromarray(RAMP.astype(np.uint8)).save(tmp_path / "a.png")
    assert np.array_equal(read_picture(tmp_path / "a.png", 32), np.repeat(RAMP[..., None], 3, axis=2))


DEEP = np.array([[0, 128, 129, 257, 385, 386, 65278, 65535]], np.uint16).repeat(8, axis=0)
DEEP_SHOWN = [0, 0, 1, 1, 1, 2, 254, 255]  # divided by 257 and rounded


@pytest.mark.parametrize("suffix", ["png", "tif", "jp2", "pgm"])
def test_sixteen_bits_of_grey_become_eight(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    if suffix == "pgm":  # which Pillow writes with 8 bits
        path.write_bytes(b"P5 8 8 65535\n" + DEEP.astype(">u2").tobytes())
    else:
        Image.fromarray(DEEP.astype(">u2" if suffix == "tif" else "=u2")).save(path, irreversible=False)
    assert (read_picture(path, 8) == np.array(DEEP_SHOWN)[:, None]).all()


def test_sixteen_bits_are_turned_and_laid_on_white_too(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(DEEP)).save(tmp_path / "a.png", exif=exif, transparency=128)
    assert (read_picture(tmp_path / "a.png", 8) == np.array([0, 255, *DEEP_SHOWN[2:]])[:, None]).all()


@pytest.mark.parametrize("kind", ["int32", "float32"])
def test_numbers_that_do_not_say_what_is_white_are_refused(tmp_path, kind):
    path = tmp_path / "a.tif"
    Image.fromarray(RAMP.astype(kind)).save(path)
    assert refusal(path) == f"{path} has signed or 32-bit grey, of which none is white; save it with 8 or 16."


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_laid_on_white(tmp_path, mode):
    hidden = np.zeros((32, 32, 4), np.uint8)  # black behind full transparency
    hidden[:16] = (80, 80, 80, 255)
    Image.fromarray(hidden).convert(mode).save(tmp_path / "a.png")
    read = read_picture(tmp_path / "a.png", 32)
    assert (read[20:] == 255).all() and np.abs(read[:12].astype(int) - 80).max() <= 2


def bomb(path) -> None:
    """A PNG that says that it has 16,000 × 16,000 pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 16_000, 16_000, 8, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b""))


def test_what_cannot_be_read_is_said(tmp_path):
    path = tmp_path / "a.png"
    assert refusal(path) == f"There is no file {path}; correct the path."
    assert refusal(tmp_path).startswith(f"{tmp_path} is a folder; ")
    path.write_text("no picture")
    assert refusal(path).startswith(f"{path} is not an image; ")
    bomb(path)
    assert refusal(path).startswith(f"{path} has more than 179 million pixels; ")
    Image.fromarray(np.random.RandomState(0).randint(0, 255, (64, 64, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:3000])
    assert refusal(path).startswith(f"{path} is damaged (")


def test_a_phones_heic_picture_is_read_or_its_remedy_is_said(tmp_path):
    path = tmp_path / "a.heic"
    path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0")
    if importlib.util.find_spec("pillow_heif") is None:
        assert refusal(path) == f"{path} is a HEIC picture; convert it to JPEG, or pip install pillow-heif."
    else:
        Image.fromarray(HALVES.repeat(4, 0).repeat(4, 1)).save(path, quality=100)
        assert np.abs(read_picture(path, 32).astype(int) - HALVES).mean() < 5


# --- the command ------------------------------------------------------------------------------------------------------

CLASSES = [f"class_{number}" for number in range(5)]


@pytest.fixture
def model(tmp_path):
    """A model of five classes, as a run leaves it."""
    arguments = {"channels": [4], "convolutions": 1, "kernel_size": 3, "hidden": 8, "dropout": 0.0}
    spec = NetworkSpec(
        architecture="scratch_cnn", arguments=arguments, input=InputSpec(size=32, mean=[0.5] * 3, std=[0.5] * 3)
    )
    torch.manual_seed(0)
    path = tmp_path / "model.safetensors"
    about = canonical_json({"network": spec.to_json(), "classes": CLASSES})
    safetensors.torch.save_file(networks.build(spec, len(CLASSES)).state_dict(), path, {"study": about})
    return path


def test_one_bad_file_costs_no_other_its_answer(tmp_path, model, capsys):
    good, bad = [tmp_path / f"{number}.png" for number in range(70)], tmp_path / "bad.png"
    for number, path in enumerate(good):
        Image.fromarray(np.roll(HALVES, number, axis=0)).save(path)
    table = tmp_path / "answers.csv"
    images = [*good[:3], bad, *good[3:]]
    assert main(["predict", "--model", str(model), "--csv", str(table), "--top", "2", *map(str, images)]) == 1
    out, err = capsys.readouterr()
    assert [line.partition(":")[0] for line in out.splitlines()] == [str(path) for path in good]
    assert err.splitlines() == [
        f"Error: There is no file {bad}; correct the path.",
        "Error: 1 of 71 images could not be read, as said above.",
    ]
    with table.open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert [row["image"] for row in rows] == [str(path) for path in good for _ in range(2)]
    assert [row["rank"] for row in rows[:4]] == ["1", "2", "1", "2"]
    first = {row["image"]: row for row in rows if row["rank"] == "1"}
    for line, path in zip(out.splitlines(), good, strict=True):
        percent = 100 * float(first[str(path)]["probability"])
        assert line.startswith(f"{path}: {first[str(path)]['class']} {percent:.1f} %")


@pytest.mark.parametrize(("top", "named"), [("1", 1), ("5", 5), ("99", 5)])
def test_top_says_how_many_classes_are_named(tmp_path, model, capsys, top, named):
    Image.fromarray(HALVES).save(tmp_path / "a.png")
    assert main(["predict", "--model", str(model), "--top", top, str(tmp_path / "a.png")]) == 0
    assert capsys.readouterr().out.count("class_") == named


@pytest.mark.parametrize("top", ["0", "-1", "x", "1.5"])
def test_a_top_of_no_class_is_refused(model, capsys, top):
    with pytest.raises(SystemExit) as caught:
        main(["predict", "--model", str(model), f"--top={top}", "a.png"])
    assert caught.value.code == 2
    assert f"{top!r} is not a whole number of at least 1" in capsys.readouterr().err


def test_a_model_that_is_not_there_is_said_to_be_missing(tmp_path, capsys):
    assert main(["predict", "--model", str(tmp_path / "m"), "a.png"]) == 1
    assert capsys.readouterr().err == f"Error: There is no model {tmp_path / 'm'}; name a run's model.safetensors.\n"


def test_a_name_that_is_not_utf8_costs_no_answer(tmp_path, model):
    images = [tmp_path / os.fsdecode(name) for name in (b"a.png", b"caf\xe9.png", b"z.png", b"n\xe9.png")]
    for path in images[:3]:
        Image.fromarray(HALVES).save(path)
    table = tmp_path / "answers.csv"
    done = predict(model, "--top", "1", "--csv", table, *images)
    said = [line.partition(":")[0] for line in done.stdout.decode().splitlines()]
    assert said == [f"{tmp_path}/{name}.png" for name in ("a", "caf\\xe9", "z")]
    assert done.returncode == 1 and b"There is no file" in done.stderr and b"Traceback" not in done.stderr
    with table.open(newline="", encoding="utf-8") as handle:
        assert [row["image"] for row in csv.DictReader(handle)] == said


@pytest.mark.parametrize("has_table", [True, False])
def test_a_reader_who_stops_costs_no_table_and_no_traceback(tmp_path, model, has_table):
    images = [tmp_path / f"{number}.png" for number in range(200)]
    for path in images:
        Image.fromarray(HALVES).save(path)
    table = tmp_path / "answers.csv"
    reading, writing = os.pipe()
    os.close(reading)
    done = predict(model, *(["--csv", table] if has_table else []), *images, stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")
    assert table.exists() == has_table
    if has_table:
        assert len(table.read_text().splitlines()) == 1 + 3 * 200


def test_no_command_ends_in_a_traceback_where_nobody_reads_on(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "study", "older-code", tmp_path]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False, env=ENVIRONMENT)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


def predict(model, *arguments, stdout=subprocess.PIPE):
    """The command in a process of its own."""
    command = [sys.executable, "-m", "study", "predict", "--model", model, *arguments]
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, check=False, env=ENVIRONMENT)
