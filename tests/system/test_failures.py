"""A machine that refuses something: that run says so in one sentence, the others finish, and a second start completes.

What is refused is real: a full disk, a folder mounted read-only, a limit of memory. A `python` in front of the true one
puts the limit on one run only.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from chaos import GRID
from project import Project
from runs import scratch_spec, write_spec

WORKFLOW = Path(__file__).parents[2] / "workflow"
ILL = "scratch_cnn/seed-1"


@pytest.fixture
def mount():
    """A function that mounts, and what it mounted is taken away in the end."""
    mounted = []

    def mount(target: Path, *options: str) -> None:
        if os.geteuid() != 0:
            pytest.skip("mounting takes root")
        target.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(["mount", *options, str(target)], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"this machine lets nothing be mounted ({done.stderr.strip()})")
        mounted.append(target)

    yield mount
    for target in reversed(mounted):
        if os.path.ismount(target):
            subprocess.run(["umount", "--lazy", str(target)], check=True)


@pytest.fixture
def study(fresh) -> Project:
    """A small study that is planned, and not yet trained."""
    fresh.config = ("workflow/presets/demo.yaml", fresh.overlay("small", GRID))
    done = fresh.snakemake("--until", "plan", config=fresh.config)
    assert done.returncode == 0, done.stdout
    return fresh


def check_failure(study: Project, sentence: str, **environment: str) -> None:
    """The ill run fails with this sentence, the others finish, and the report is made of those."""
    done = study.snakemake(config=study.config, **environment)
    assert done.returncode != 0
    log = (study.results / "logs" / "train" / f"{ILL.replace('/seed', '')}.log").read_text()
    errors = [line for line in log.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1 and sentence in errors[0], log
    assert "Traceback" not in log
    finished = {str(path.parent.relative_to(study.results / "runs")) for path in study.results.rglob("run.json")}
    assert finished == {"scratch_cnn/seed-0", "efficientnet_lite0_frozen/seed-0", "efficientnet_lite0_frozen/seed-1"}
    done = study.snakemake("--config", "allow_missing=true", config=study.config)
    assert done.returncode == 0, done.stdout
    runs = (study.results / "tables" / "runs.csv").read_text().splitlines()
    assert [line.split(",")[2:4] for line in runs if ",missing," in line] == [["1", "missing"]]


def check_recovery(study: Project) -> None:
    """Now that nothing is refused, the same command completes the study, and leaves nothing half written."""
    done = study.snakemake(config=study.config)
    assert done.returncode == 0, done.stdout
    assert (study.results / "runs" / ILL / "run.json").exists()
    assert "missing" not in (study.results / "tables" / "runs.csv").read_text()
    assert [path for path in study.results.rglob(".*")] == []


def test_memory_that_is_used_up(study, tmp_path):
    limited = tmp_path / "bin" / "python"
    limited.parent.mkdir()
    limited.write_text(
        f'#!/bin/sh\ncase "$*" in *train*{ILL}*) exec {sys.executable} -c "'
        "import resource, runpy, sys, torch, study.training.run; "
        "used = int(open('/proc/self/statm').read().split()[0]) * 4096; "
        "resource.setrlimit(resource.RLIMIT_AS, (used + 2**24, used + 2**24)); "
        f"sys.argv[0] = 'study'; runpy.run_module('study', run_name='__main__')\" train {study.results / 'runs' / ILL / 'spec.json'}"
        f';; esac\nexec {sys.executable} "$@"\n'
    )
    limited.chmod(0o755)
    check_failure(study, "The memory is used up", PATH=f"{limited.parent}:{os.environ['PATH']}")
    check_recovery(study)


def test_a_folder_that_may_not_be_written(study, mount):
    folder = study.results / "runs" / ILL
    mount(folder, "--bind", str(folder))
    subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
    check_failure(study, "training.lock cannot be opened or written (Read-only file system)")
    subprocess.run(["umount", str(folder)], check=True)
    check_recovery(study)


def test_a_disk_that_is_full(study, mount):
    folder = study.results / "runs" / ILL
    shutil.copytree(folder, study.folder / "aside")
    mount(folder, "-t", "tmpfs", "-o", "size=100k", "tmpfs")
    shutil.copytree(study.folder / "aside", folder, dirs_exist_ok=True)
    check_failure(study, "The disk is full")
    assert not [path for path in folder.iterdir() if path.name[0] == "."]  # half a file would keep the disk full
    subprocess.run(["mount", "-o", "remount,size=100m", str(folder)], check=True)
    check_recovery(study)


def test_a_results_folder_that_may_not_be_written_stops_the_start(study, mount):
    mount(study.results, "--bind", str(study.results))
    subprocess.run(["mount", "-o", "remount,bind,ro", str(study.results)], check=True)
    done = study.snakemake(config=study.config)
    assert done.returncode != 0 and "Traceback" not in done.stdout
    assert "Error: results/demo cannot be written (Read-only file system); make it writable." in done.stdout


def test_a_gpu_that_has_gone(tmp_path):
    spec = scratch_spec(epochs=1)
    path = write_spec(tmp_path, spec | {"compute": spec["compute"] | {"device": "cuda"}})
    environment = {"PYTHONPATH": str(WORKFLOW), "PATH": "/usr/bin:/bin", "CUDA_VISIBLE_DEVICES": "0",
                   "STUDY_GPU_LOCKS": str(tmp_path / "locks"), "NVIDIA_VISIBLE_DEVICES": "void"}  # fmt: skip
    command = [sys.executable, "-m", "study", "train", str(path)]
    if Path("/dev/nvidia0").exists():
        environment["CUDA_VISIBLE_DEVICES"] = "GPU-00000000-gone"
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert "cannot use this machine's GPU" in done.stderr and len(done.stderr.splitlines()) == 1
    assert [one.name for one in path.parent.iterdir()] == ["spec.json"]
    again = write_spec(tmp_path, spec)
    assert subprocess.run([*command[:-1], str(again)], env=environment).returncode == 0


def test_a_second_snakemake_on_the_same_study_is_refused_and_harms_nothing(study):
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--configfile", *study.config]
    with subprocess.Popen(
        command, cwd=study.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as one:
        for line in one.stdout:
            if "runs there already" in line:
                break
        second = study.snakemake(config=study.config)
        assert second.returncode != 0 and "Traceback" not in second.stdout
        assert f"Error: Another Snakemake works on results/demo (process {one.pid} on" in second.stdout
        assert "Error" not in one.communicate()[0] and one.returncode == 0
    check_recovery(study)


def test_results_that_were_copied_elsewhere_are_taken_as_they_are(demo, fresh, tmp_path):
    shutil.copytree(demo.folder / "results", fresh.folder / "results")  # without Snakemake's own records
    assert [job for job in fresh.planned() if job.startswith(("train", "features", "plan"))] == []
    moved = tmp_path / "elsewhere" / "run"
    shutil.copytree(demo.results, tmp_path / "elsewhere")
    spec = moved.parent / "runs" / "scratch_cnn" / "seed-0" / "spec.json"
    before = (spec.parent / "predictions.npz").read_bytes()
    environment = {**os.environ, "PYTHONPATH": str(WORKFLOW)}
    subprocess.run([sys.executable, "-m", "study", "train", str(spec)], env=environment, check=True)
    assert (spec.parent / "predictions.npz").read_bytes() == before
