"""A machine that refuses something: that run says so in one sentence, the others finish, and a second start completes.

What is refused is real: a full disk, a folder mounted read-only, a limit of memory. A `python` in front of the true one
puts the limit on one run only.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from grids import quick
from project import Project
from runs import scratch_spec, write_spec

from study.files import read_json, write_json

WORKFLOW = Path(__file__).parents[2] / "workflow"


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
        subprocess.run(["umount", "--lazy", str(target)], check=True)


@pytest.fixture
def study(fresh) -> Project:
    """A small study whose data and weights are there, and not yet trained."""
    fresh.config = quick(fresh)
    done = fresh.snakemake("--until", "prepare", "weights", "record", config=fresh.config)
    assert done.returncode == 0, done.stdout
    return fresh


def only_for(run: str, step: str, folder: Path) -> str:
    """A PATH on which `python` runs `step` in the process of this run before it trains."""
    code = (
        f"import resource, runpy, sys, study.training.run; {step}; sys.argv[:3] = ['study']; "
        "runpy.run_module('study', run_name='__main__')"
    )
    program = folder / "bin" / "python"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\ncase "$*" in "-m study train "*{run}*) exec {sys.executable} -c "{code}" "$@";; esac\n'
        f'exec {sys.executable} "$@"\n'
    )
    program.chmod(0o755)
    return f"{program.parent}:{os.environ['PATH']}"


def test_what_one_run_is_refused_the_others_are_not_and_it_completes_when_the_cause_is_gone(study, mount, tmp_path):
    """Memory and a disk, of two runs; the others finish, and the report is made of them meanwhile."""
    limit = (  # at the first read of the images, when what torch imports late no longer needs memory
        "sys.addaudithook(lambda event, args: event == 'open' and str(args[0]).endswith('dataset.npz') and "
        "resource.setrlimit(resource.RLIMIT_AS, 2 * (int(open('/proc/self/statm').read().split()[0]) * 4096 + 2**21,)))"
    )
    poor, full = "scratch_cnn/seed-1", "efficientnet_lite0_frozen/seed-1"
    runs = study.results / "runs"
    mount(runs / full, "-t", "tmpfs", "-o", "size=100k", "tmpfs")

    done = study.snakemake(config=study.config, PATH=only_for(poor, limit, tmp_path))
    assert done.returncode != 0
    for run, sentence in {
        poor: "The memory is used up",
        full: "The disk is full",
    }.items():
        log = (study.results / "logs" / "train" / f"{run.replace('/seed', '')}.log").read_text()
        errors = [line for line in log.splitlines() if line.startswith("Error: ")]
        assert len(errors) == 1 and sentence in errors[0] and "Traceback" not in log, log
    assert {path.parent.name for path in runs.rglob("run.json")} == {"seed-0"}
    assert not [path for path in (runs / full).iterdir() if path.name[0] == "."]  # half a file keeps the disk full

    tables = study.results / "tables" / "runs.csv"
    done = study.snakemake(
        "--config", "allow_missing=true", "--", "results/demo/tables/models.csv", config=study.config
    )
    assert done.returncode == 0, done.stdout
    assert tables.read_text().count(",missing,") == 2

    subprocess.run(["mount", "-o", "remount,size=100m", str(runs / full)], check=True)
    done = study.snakemake(config=study.config)
    assert done.returncode == 0, done.stdout
    assert tables.read_text().count(",finished,") == 4
    assert [*study.results.rglob(".*")] == []


@pytest.mark.parametrize("part", [".", "runs/scratch_cnn/seed-0"])
def test_a_results_folder_that_may_not_be_written_stops_the_start(study, mount, part):
    folder = study.results / part
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "spec.json", scratch_spec().to_json())
    mount(folder, "--bind", str(folder))
    subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
    done = study.snakemake(config=study.config)
    assert done.returncode != 0 and "Traceback" not in done.stdout
    assert f"Error: {Path('results/demo') / part} cannot be written; make it writable." in done.stdout
    if part != ".":
        command = [sys.executable, "-m", "study", "train", str(folder / "spec.json")]
        done = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(WORKFLOW)}, capture_output=True, text=True)
        assert done.returncode == 1 and done.stderr.count("\n") == 1
        assert "training.lock cannot be opened or written (Read-only file system): fix its permissions" in done.stderr


def test_a_gpu_that_has_gone(tmp_path):
    spec = scratch_spec(epochs=1)
    path = write_spec(tmp_path, replace(spec, compute=replace(spec.compute, device="cuda")))
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
    assert study.planned(*study.config) == []


def test_an_interrupted_study_says_what_it_will_go_on_with_and_nothing_else(study):
    config = (*study.config, study.overlay("long", {"recipes": {"demo_scratch": {"epochs": 4000}}}))
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", *config]
    one = subprocess.Popen(command, cwd=study.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                           start_new_session=True)  # fmt: skip
    log = study.results / "logs" / "train" / "scratch_cnn-0.log"
    while one.poll() is None and not (log.exists() and "epoch 2/" in log.read_text()):
        time.sleep(0.1)
    os.killpg(one.pid, signal.SIGINT)  # as a terminal does
    said = one.communicate()[0].partition("Terminating processes on user request")[2]
    assert one.returncode == 1 and "Exception" not in said and "Error" not in said, said
    assert re.search(r"\nInterrupted\. The same command goes on: .*scratch_cnn/seed-0 from epoch \d+ of 4000", said), (
        said
    )


def test_results_that_were_copied_elsewhere_are_taken_as_they_are(demo, fresh, tmp_path):
    shutil.copytree(demo.folder / "results", fresh.folder / "results")  # without Snakemake's own records
    assert [job for job in fresh.planned() if job.startswith(("train", "features", "plan"))] == []
    other = fresh.overlay("other", {"equivalence_margin": 0.1})
    done = fresh.snakemake("--", "results/demo/tables/models.csv", config=("workflow/presets/demo.yaml", other))
    assert done.returncode == 0 and "rule train" not in done.stdout, done.stdout
    assert read_json(fresh.results / "config.json")["equivalence_margin"] == 0.1
    moved = tmp_path / "elsewhere" / "run"
    shutil.copytree(demo.results, tmp_path / "elsewhere")
    spec = moved.parent / "runs" / "scratch_cnn" / "seed-0" / "spec.json"
    before = (spec.parent / "predictions.npz").read_bytes()
    environment = {**os.environ, "PYTHONPATH": str(WORKFLOW)}
    subprocess.run([sys.executable, "-m", "study", "train", str(spec)], env=environment, check=True)
    assert (spec.parent / "predictions.npz").read_bytes() == before
