"""Pretended GPUs and real processes that take them: never more on one than allowed, and no place lost to a kill."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from study.machine.gpus import VISIBLE, visible_gpus

WORKFLOW = Path(__file__).parents[2] / "workflow"
LISTED = """\
GPU 0: NVIDIA H200 (UUID: GPU-aaaa-1)
GPU 1: NVIDIA H200 (UUID: GPU-bbbb-2)
  MIG 1g.18gb     Device  0: (UUID: MIG-cccc-3)
  MIG 1g.18gb     Device  1: (UUID: MIG-dddd-4)
"""
# Witnesses are locks of another kind. Opened before the GPU is taken, they are also closed before it where the process
# is killed, so a failure to get one is a second job where only `share` are allowed.
WORKER = """
import fcntl, os, sys, time
from study.machine.gpus import own_gpu
folder, share, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
witnesses = {(gpu, k): open(f"{folder}/{gpu}.{k}", "a") for gpu in ("GPU-aaaa-1", "GPU-bbbb-2") for k in range(share)}
with own_gpu("cuda"):
    gpu = os.environ["CUDA_VISIBLE_DEVICES"]
    assert "torch" not in sys.modules
    for k in range(share):
        try:
            fcntl.flock(witnesses[gpu, k], fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            continue
    else:
        sys.exit(7)
    print(gpu, flush=True)
    time.sleep(seconds)
    fcntl.flock(witnesses[gpu, k], fcntl.LOCK_UN)
"""


@pytest.fixture
def machine(tmp_path, monkeypatch) -> Path:
    """A machine whose nvidia-smi lists two GPUs, and a folder for locks of its own."""
    listing = tmp_path / "bin" / "nvidia-smi"
    listing.parent.mkdir()
    listing.write_text(f"#!/bin/sh\ncat <<'END'\n{LISTED.splitlines()[0]}\n{LISTED.splitlines()[1]}\nEND\n")
    listing.chmod(0o755)
    monkeypatch.setenv("PATH", f"{listing.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(WORKFLOW))
    monkeypatch.setenv("STUDY_GPU_LOCKS", str(tmp_path / "locks"))
    monkeypatch.delenv(VISIBLE, raising=False)
    return tmp_path


def worker(machine: Path, share: int, seconds: float, **environment: str) -> subprocess.Popen:
    command = [sys.executable, "-c", WORKER, str(machine), str(share), str(seconds)]
    environment = {**os.environ, "STUDY_RUNS_PER_GPU": str(share), **environment}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("share", [1, 2])
def test_never_more_than_allowed_on_one_gpu_and_no_place_lost_to_a_kill(machine, share):
    chance = random.Random(share)
    jobs = [worker(machine, share, chance.uniform(0.05, 0.5)) for _ in range(6 * share)]
    for job in chance.sample(jobs, 3 * share):
        time.sleep(chance.uniform(0, 0.4))
        job.send_signal(chance.choice([signal.SIGKILL, signal.SIGTERM]))
    assert {job.wait(timeout=60) for job in jobs} <= {0, -signal.SIGKILL, -signal.SIGTERM}
    full = [worker(machine, share, 60) for _ in range(2 * share)]  # each keeps its place
    try:
        assert sorted(job.stdout.readline() for job in full) == ["GPU-aaaa-1\n"] * share + ["GPU-bbbb-2\n"] * share
        late = worker(machine, share, 0)
        assert late.stderr.readline() == "every GPU is taken (GPU-aaaa-1, GPU-bbbb-2): waiting for one\n"
        full[0].kill()
        assert late.wait(timeout=60) == 0
    finally:
        for job in full:
            job.kill()
            job.communicate()


def test_a_job_that_wants_a_gpu_alone_does_not_join_one_that_shares(machine):
    one, two = (worker(machine, share=2, seconds=60, CUDA_VISIBLE_DEVICES="GPU-aaaa-1") for _ in range(2))
    alone = None
    try:
        assert one.stdout.readline() == two.stdout.readline() == "GPU-aaaa-1\n"
        alone = worker(machine, share=1, seconds=0, CUDA_VISIBLE_DEVICES="GPU-aaaa-1")
        assert "waiting" in alone.stderr.readline()
        two.kill()
        time.sleep(1)
        assert alone.poll() is None  # one place is free, but not the whole GPU
        one.kill()
        assert alone.wait(timeout=60) == 0
    finally:
        for job in filter(None, (one, two, alone)):
            job.kill()
            job.communicate()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, {"GPU-aaaa-1": "GPU-aaaa-1", "MIG-cccc-3": "MIG-cccc-3", "MIG-dddd-4": "MIG-dddd-4"}),
        ("1,0", {"1": "MIG-cccc-3", "0": "GPU-aaaa-1"}),
        ("GPU-bb", {"GPU-bb": "MIG-cccc-3"}),
        ("MIG-dddd-4", {"MIG-dddd-4": "MIG-dddd-4"}),
        ("7", {"7": "7"}),
        ("0,-1,1", {"0": "GPU-aaaa-1"}),
        ("", {}),
    ],
)
def test_the_gpus_one_may_see_are_known_by_one_name_each(machine, monkeypatch, given, expected):
    (machine / "bin" / "nvidia-smi").write_text(f"#!/bin/sh\ncat <<'END'\n{LISTED}END\n")
    if given is not None:
        monkeypatch.setenv(VISIBLE, given)
    assert visible_gpus() == expected


def test_a_folder_of_locks_that_another_user_made_is_refused(machine, monkeypatch, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "locks").symlink_to(tmp_path / "elsewhere")
    job = worker(machine, 1, 0)
    assert "belongs to another user" in job.communicate()[1] and job.returncode == 1
