"""The study on a real SLURM: through sbatch, with jobs taken away half-way, to the bytes of a local run."""

import importlib.util
import re
import subprocess
import sys
import time
from pathlib import Path

import cluster
import pytest
import yaml
from grids import lasting_results, quick
from project import copy_project

PROFILE = Path(__file__).parents[2] / "profiles" / "slurm" / "profile.yaml"
REASON = cluster.missing() or (
    None if importlib.util.find_spec("snakemake_executor_plugin_slurm") else "its plugin for Snakemake is not installed"
)
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))
EPOCHS = 60  # long enough to take a job away
# The profile of the repository, with what is this cluster's: no accounts, one partition, little memory.
HERE = [
    "--workflow-profile", "profiles/slurm", "--jobs", "2", "--config", "compute={device: cpu}",
    "--default-resources", "slurm_partition='main'", "mem_mb=500 * attempt", "runtime=10 * attempt",
    "--set-resources", "train:mem_mb=1000", "train:runtime=10 * attempt", "train:gpu=1", "features:mem_mb=1500",
    "features:gpu=1",
    "--slurm-status-command", "squeue", "--slurm-no-account", "--slurm-init-seconds-before-status-checks", "3",
    "--latency-wait", "20",
]  # fmt: skip


def wait_for(found, seconds: float = 240.0):
    """What `found` gives as soon as that is something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = found()
        if value:
            return value
        time.sleep(0.5)
    raise AssertionError("it did not happen")


def test_jobs_that_slurm_takes_away_half_way_end_with_the_bytes_of_a_local_run(tmp_path):
    local, remote = copy_project(tmp_path / "local"), copy_project(tmp_path / "remote")
    config = quick(remote, EPOCHS)
    done = local.snakemake("--", "results/demo/tables/models.csv", config=quick(local, EPOCHS))
    assert done.returncode == 0, done.stdout
    with cluster.running(tmp_path / "cluster") as environment, (tmp_path / "told").open("w+") as told:
        command = [
            sys.executable,
            "-m",
            "snakemake",
            *HERE,
            "--configfile",
            *config,
            "--",
            "results/demo/tables/models.csv",
        ]
        snakemake = subprocess.Popen(command, cwd=remote.folder, env=environment, stdout=told, stderr=told)
        try:
            taken: set[str] = set()
            for take_away in (("scontrol", "requeue"), ("scancel",)):

                def is_ready(taken: set[str] = taken) -> bool:
                    return snakemake.poll() is not None or bool(half_way(remote.results, environment) - taken)

                wait_for(is_ready)
                ready = half_way(remote.results, environment) - taken
                assert ready, (tmp_path / "told").read_text()
                run = min(ready)  # whichever seed Snakemake submitted first
                taken.add(run)
                job = running_jobs(environment)[run]
                assert "gpu:1" in cluster.ask(environment, "scontrol", "show", "job", job)
                cluster.ask(environment, *take_away, job)
                if "requeue" in take_away:
                    start_now(environment, job)
            assert snakemake.wait(timeout=600) == 0, (tmp_path / "told").read_text()
        finally:
            snakemake.kill()
            snakemake.wait()
    for seed in (0, 1):
        log = remote.results / "logs" / "train" / f"scratch_cnn-{seed}.log"
        assert "resuming after epoch" in log.read_text()
    assert lasting_results(remote.results) == lasting_results(local.results)


def running_jobs(environment: dict[str, str]) -> dict[str, str]:
    """{"model seed s": job number} of the running training jobs."""
    listed = cluster.ask(environment, "squeue", "--noheader", "--states=running", "--format=%i %k")
    found = re.findall(r"^(\d+) rule_train_wildcards_(\w+?)_+(\d+)$", listed, re.MULTILINE)
    return {f"{model} seed {seed}": job for job, model, seed in found}


def half_way(results: Path, environment: dict[str, str]) -> set[str]:
    """The runs of the scratch CNN that have trained for an epoch and still run, as `running_jobs` names them."""
    logs = {f"scratch_cnn seed {seed}": results / "logs" / "train" / f"scratch_cnn-{seed}.log" for seed in (0, 1)}
    begun = {run for run, log in logs.items() if log.exists() and "epoch 2/" in log.read_text()}
    return begun & running_jobs(environment).keys()


def start_now(environment: dict[str, str], job: str) -> None:
    """SLURM lets a requeued job wait for two minutes; not here."""

    def is_waiting() -> bool:
        return "BeginTime" in cluster.ask(environment, "squeue", "--noheader", "--jobs", job, "--format=%r")

    wait_for(is_waiting)
    cluster.ask(environment, "scontrol", "update", f"jobid={job}", "StartTime=now")


def test_every_setting_of_the_profile_is_one_that_snakemake_or_the_plugin_knows():
    told = subprocess.run(
        [sys.executable, "-m", "snakemake", "--help"], capture_output=True, text=True, check=True
    ).stdout
    options = set(re.findall(r"--([a-z][a-z0-9-]+)", told))
    assert set(yaml.safe_load(PROFILE.read_text())) <= options
