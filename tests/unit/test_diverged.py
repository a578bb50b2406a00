"""A machine without space, permission or memory ends a step in one sentence, and leaves no half-written output."""

import os
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from runs import scratch_spec, write_spec

WORKFLOW = Path(__file__).parents[2] / "workflow"


def train(path: Path, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "study", "train", str(path)],
        env={"PYTHONPATH": str(WORKFLOW), "PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


def told(done: subprocess.CompletedProcess) -> str:
    """The sentence that a failed step ends in."""
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    return done.stderr.strip().splitlines()[-1]


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of 16 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk takes root")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_is_a_sentence_and_the_run_goes_on_when_there_is_space(small_disk):
    path = write_spec(small_disk, scratch_spec())
    filler = small_disk / "filler"
    free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_bsize
    filler.write_bytes(bytes(free - 60_000))
    assert "The disk is full" in told(train(path))
    assert [one.name for one in path.parent.iterdir()] == ["spec.json"]
    filler.unlink()
    assert train(path).returncode == 0
    assert (path.parent / "run.json").exists()


def test_exhausted_memory_is_a_sentence(tmp_path):
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (1_500_000_000, 1_500_000_000))

    network = scratch_spec().network
    wide = replace(network, arguments=network.arguments | {"hidden": 400_000})  # 400,000 x 1,024 weights: 1.6 GB
    path = write_spec(tmp_path, replace(scratch_spec(), network=wide))
    assert "The memory is used up" in told(train(path, preexec_fn=limit))
    assert [one.name for one in path.parent.iterdir()] == ["spec.json"]


def test_a_python_without_the_studys_packages_is_a_sentence(tmp_path):
    done = subprocess.run(
        [sys.executable, "-S", "-m", "study", "duplicates", "--dataset", "d.npz", "--output", str(tmp_path / "o.csv")],
        env={"PYTHONPATH": str(WORKFLOW)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told(done).startswith(f"Error: numpy is not installed for {sys.executable}: activate")


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path):
    path = write_spec(tmp_path, scratch_spec(epochs=1))
    frozen = subprocess.run(["chattr", "+i", path.parent], capture_output=True, check=False)  # binds root too
    if frozen.returncode:
        pytest.skip("making a folder immutable takes root and a disk that knows it")
    try:
        assert "cannot be opened or written" in told(train(path))
    finally:
        subprocess.run(["chattr", "-i", path.parent], check=True)
    assert train(path).returncode == 0


def test_on_windows_the_supported_systems_are_named(tmp_path):
    (tmp_path / "fcntl.py").write_text("raise ModuleNotFoundError(\"No module named 'fcntl'\", name='fcntl')\n")
    environment = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{WORKFLOW}", "PATH": os.environ["PATH"]}
    code = (
        "import sys; sys.modules.pop('fcntl', None); from study.__main__ import main; sys.exit(main(['train', 'spec']))"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert "The study runs on Linux and macOS" in told(done)
