"""What a person can get wrong ends in one sentence, before anything has run."""

import re

import pytest
import yaml

DEMO = "workflow/presets/demo.yaml"


def last_sentence(done) -> str:
    """The error line of a failed start, which must be alone: no traceback, nothing run."""
    assert done.returncode != 0
    assert "Traceback" not in done.stdout
    errors = [line for line in done.stdout.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1, done.stdout
    return errors[0]


def test_a_wrong_config_ends_in_one_sentence(fresh):
    """tests/unit/test_config.py has what else can be wrong."""
    (fresh.folder / "wrong.yaml").write_text(yaml.safe_dump({"recipes": {"demo_scratch": {"epochs": "ten"}}}))
    assert last_sentence(fresh.snakemake(config=(DEMO, "wrong.yaml"))) == (
        "Error: wrong.yaml, line 3: recipes: demo_scratch: epochs is 'ten', but must be a whole number."
    )
    assert not (fresh.folder / "results").exists()


def test_a_network_of_ones_own_is_tried_before_the_first_job_and_in_no_dry_run(fresh):
    (fresh.folder / "net.py").write_text("from pathlib import Path\nPath('ran').touch()\nclass Net: pass\n")
    own = {"architecture": "file:net.py:Net", "arguments": {}}
    config = (DEMO, fresh.overlay("own", {"models": {"scratch_cnn": own}}))
    assert "train scratch_cnn 0" in fresh.planned(*config) and not (fresh.folder / "ran").exists()
    sentence = last_sentence(fresh.snakemake(config=config))
    assert sentence.startswith("Error: own.yaml, line 2: models: scratch_cnn: The network Net in net.py ")
    assert not (fresh.results / "dataset.npz").exists()


def test_the_real_study_without_data_names_folder_variable_and_demo(fresh):
    (fresh.folder / "offline.yaml").write_text(yaml.safe_dump({"dataset": {"mirrors": ["http://127.0.0.1:9/x"]}}))
    sentence = last_sentence(fresh.snakemake(config=("offline.yaml",)))
    assert "dataset: folder" in sentence and "CIFAR100_FOLDER" in sentence and "make demo" in sentence
    assert not list(fresh.folder.glob("results/*/runs"))


def test_a_data_folder_without_the_files_is_named(fresh, tmp_path):
    done = fresh.snakemake(config=(), CIFAR100_FOLDER=str(tmp_path))
    assert last_sentence(done) == (
        f"Error: The data folder {tmp_path} holds no cifar-100-python with the files train, test, meta; "
        "correct dataset: folder or CIFAR100_FOLDER."
    )


def test_a_data_folder_with_a_truncated_file_is_refused(fresh, tmp_path):
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    for name in ("train", "test", "meta"):
        (folder / name).write_bytes(b"short")
    sentence = last_sentence(fresh.snakemake(config=(), CIFAR100_FOLDER=str(tmp_path)))
    assert "train has 5 bytes instead of 155249918" in sentence


def empty_files(tmp_path):
    """A folder with files of CIFAR-100's names and sizes, sparse and with nothing in them."""
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    for name, size in (("train", 155249918), ("test", 31049707), ("meta", 1473)):
        with (folder / name).open("wb") as handle:
            handle.truncate(size)
    return folder


def test_a_folder_with_altered_bytes_leaves_no_dataset(fresh, tmp_path):
    done = fresh.snakemake("--until", "prepare", config=(), CIFAR100_FOLDER=str(empty_files(tmp_path)))
    assert done.returncode != 0
    assert "train differs from the official file (md5 sum)" in done.stdout
    assert "Traceback" not in done.stdout
    assert not (fresh.folder / "results" / "cifar100" / "dataset.npz").exists()


def test_the_workflow_is_clean_by_snakemakes_own_linter(fresh):
    done = fresh.snakemake("--lint")
    assert done.returncode == 0, done.stdout


def test_the_real_study_is_the_grid_of_the_config(fresh, tmp_path):
    """config.yaml itself: two models, five seeds each, planned without data being read."""
    folder = empty_files(tmp_path)
    done = fresh.snakemake("--dry-run", "--quiet", "reason", config=(), CIFAR100_FOLDER=str(folder))
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("wildcards: model=scratch_cnn, subset=, seed=") == 5
    assert done.stdout.count("wildcards: model=efficientnet_b0, subset=, seed=") == 5


@pytest.mark.parametrize(("setting", "gpus"), [("study=x", 1), ("compute={device: cpu}", 0)])
def test_on_a_cluster_training_is_planned_for_gpus_whatever_the_command_line_sets(fresh, setting, gpus):
    synthetic = fresh.overlay("synthetic", {"dataset": {"name": "synthetic"}})
    done = fresh.snakemake(
        "--workflow-profile", "profiles/slurm", "--dry-run", "--config", setting, config=(synthetic,)
    )
    assert done.returncode == 0, done.stdout
    assert f"runs on {'cuda' if gpus else 'cpu'}, " in done.stdout  # a dry run too says what is about to run
    blocks = re.split(r"\n(?=(?:local)?rule \w+:)", done.stdout)
    jobs = {re.match(r"(?:local)?rule (\w+):", block)[1]: block for block in blocks[1:]}
    for asked in (f"gpu={gpus}", "slurm_partition=gpu", "runtime=240", "mem_mb=12000"):
        assert asked in jobs["train"], jobs["train"]
    assert "slurm_partition=cpu" in jobs["analyse"] and "gpu=" not in jobs["analyse"]
