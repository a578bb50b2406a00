"""What a careful user meets in the first week: braces, other folders, deleted and damaged results, an ASCII locale."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from project import SNAKEMAKE, Project, copy_project, jobs_in
from test_mistakes import last_sentence

QUICK = {
    "study": "quick",
    "dataset": {"name": "synthetic"},
    "compute": {"device": "cpu", "threads": 2},
    "grid": {"models": ["scratch_cnn"], "seeds": [0]},
    "models": {
        "scratch_cnn": {
            "label": "CNN {width} {{x}} {",
            "recipe": "quick",
            "arguments": {"channels": [8, 8], "hidden": 16, "dropout": 0.1},
        }
    },
    "recipes": {
        "quick": {
            "optimizer": "adam", "learning_rate": 1e-3, "weight_decay": 0.0, "batch_size": 256, "epochs": 1,
            "augmentation": None, "plateau": None, "early_stopping": None, "best_epoch": "val_loss",
        }
    },
    "ladder": [{"model": "scratch_cnn", "change": "{change} }{"}],
    "suspect_labels": None,
    "claims": [{"id": "x", "dataset": "synthetic", "text": "{claim} {", "source": "{source}", "model": "scratch_cnn",
                "metric": "test_accuracy", "at_least": 0.0}],
    "literature": [{"label": "{l}", "dataset": "synthetic", "accuracy": 0.5, "model_kind": "scratch", "source": "{s} {",
                    "note": "{note}"}],
}  # fmt: skip
OWN = {
    "label": "own {0}",
    "architecture": "file:my {net}.py:Net",
    "arguments": {"width": 8, "text": "{a} {"},
    "weights": None,
    "input_size": 32,
    "normalisation": "cifar100",
    "regime": "scratch",
    "recipe": "quick",
}
METHODS = "\n".join(
    f"    def unused_{n}(self): return f'{{self!r:>{{{n}}}}} {{{{}}}}', {{{n}: {{{n}}}}}" for n in range(86)
)
NETWORK = f"""
from torch import nn

TABLE = {{"a": {{1, 2}}, "b": {{x: x for x in range(3)}}}}

class Net(nn.Module):
    def __init__(self, width, text):
        super().__init__()
        self.name = f"{{width!r:>{{10}}}} {{text}} {{{{}}}}"
        self.body = nn.Sequential(nn.Conv2d(3, width, 3, stride=4), nn.ReLU(), nn.Flatten(), nn.LazyLinear(100))

    def forward(self, images):
        return self.body(images)

{METHODS}
"""


def run(folder: Path, *arguments, **environment):
    """Run Snakemake in `folder` with these arguments; its output as text."""
    clean = {key: value for key, value in os.environ.items() if key != "CIFAR100_FOLDER"}
    done = subprocess.run([*SNAKEMAKE, *map(str, arguments)], cwd=folder, env=clean | environment, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # fmt: skip
    assert "Traceback" not in done.stdout, done.stdout
    return done


def write_quick(folder: Path, **changes) -> str:
    (folder / "quick.yaml").write_text(yaml.safe_dump(QUICK | changes))
    return "quick.yaml"


def test_braces_in_everything_a_user_writes(tmp_path):
    """The clone's folder, a network of 100 lines with its file name, labels, claims, notes: a run and its report."""
    project = copy_project(tmp_path / "a {b} c{{d}")
    (project.folder / "my {net}.py").write_text(NETWORK)
    models = {"scratch_cnn": QUICK["models"]["scratch_cnn"], "own": OWN}
    overlay = write_quick(project.folder, models=models, grid={"models": ["scratch_cnn", "own"], "seeds": [0]})
    for arguments in ((), ("--report", "report.html")):
        done = project.snakemake(*arguments, config=(overlay,))
        assert done.returncode == 0, done.stdout
    assert len(NETWORK.splitlines()) >= 100
    recorded = json.loads((project.folder / "results" / "quick" / "config.json").read_text(encoding="utf-8"))
    assert recorded["models"]["own"]["label"] == "own {0}" and recorded["claims"][0]["text"] == "{claim} {"
    assert (project.folder / "report.html").exists()


def test_from_another_folder_as_a_module_and_in_a_folder_with_braces(tmp_path):
    """-s, --directory and module: results belong to the working directory, everything else to the project."""
    clone = copy_project(tmp_path / "clone {x}").folder
    here = tmp_path / "elsewhere"
    here.mkdir()
    overlay = write_quick(here)
    done = run(here, "-s", clone / "Snakefile", "--configfile", overlay)
    assert done.returncode == 0, done.stdout
    done = run(here, "-s", clone / "Snakefile", "--configfile", overlay, "--report", "report.html")
    assert done.returncode == 0 and (here / "report.html").exists(), done.stdout
    assert (here / "results" / "quick" / "tables" / "claims.csv").exists() and not (clone / "results").exists()

    there = tmp_path / "there"
    there.mkdir()
    relative = Path(os.path.relpath(clone / "Snakefile", here))
    done = run(here, "-s", relative, "--directory", there, "--configfile", overlay, "--dry-run")
    assert done.returncode == 0 and "wildcards: model=scratch_cnn, subset=, seed=0" in done.stdout, done.stdout

    (there / "Snakefile").write_text(
        'configfile: "quick.yaml"\n\n'
        f'module transfer:\n    snakefile: "{clone / "Snakefile"}"\n    config: config\n\n'
        "use rule * from transfer as transfer_*\n\n"
        "onstart: transfer.onstart()\n\n"
        "rule all:\n    default_target: True\n    input: rules.transfer_all.input\n"
    )
    write_quick(there)
    done = run(there, "--until", "transfer_train")
    assert done.returncode == 0, done.stdout
    assert (there / "results" / "quick" / "runs" / "scratch_cnn" / "seed-0" / "run.json").exists()


@pytest.fixture(scope="module")
def quick(tmp_path_factory) -> Project:
    """A finished study of one run, trained in a Python that the locale makes ASCII."""
    project = copy_project(tmp_path_factory.mktemp("quick") / "project")
    project.results = project.folder / "results" / "quick"
    label = QUICK["models"]["scratch_cnn"] | {"label": "Réseau, 32 px, été"}
    overlay = write_quick(project.folder, models={"scratch_cnn": label})
    done = project.snakemake(*QUIET, config=(overlay,), LC_ALL="C", PYTHONCOERCECLOCALE="0")
    assert done.returncode == 0, done.stdout
    line = (
        r"^scratch_cnn/seed-0: \d+\.\d % of the validation images right \(epoch 1 of 1\), trained in \d+\.\d minutes$"
    )
    assert re.search(line, done.stdout, re.MULTILINE), done.stdout
    return project


QUIET = ("--quiet", "rules", "host", "reason")  # as in `make demo`
RUN = "results/quick/runs/scratch_cnn/seed-0"


def test_a_deleted_file_of_a_run_comes_back(quick):
    for name in ("predictions.npz", "run.json", "model.safetensors", "history.csv"):
        path = quick.folder / RUN / name
        path.rename(path.with_suffix(".aside"))
        assert "train scratch_cnn 0" in quick.planned("quick.yaml"), name
        path.with_suffix(".aside").rename(path)


def test_damage_is_said_with_the_command_that_mends_it(quick):
    path = quick.folder / RUN / "predictions.npz"
    path.write_bytes(path.read_bytes()[:1000])
    done = quick.snakemake(*QUIET, config=("quick.yaml",))
    assert done.returncode != 0 and "Traceback" not in done.stdout and "CalledProcessError" not in done.stdout
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("Error: ")]
    assert line.startswith(f"Error: analyse: {RUN}/predictions.npz was changed after it was written; train the run ")
    assert f"again: rm -r {RUN}," in line and line.endswith("(log: results/quick/logs/analyse.log)")
    subprocess.run(["rm", "-r", RUN], cwd=quick.folder, check=True)
    done = quick.snakemake(config=("quick.yaml",))
    assert done.returncode == 0, done.stdout
    assert quick.planned("quick.yaml") == []


# --- sentences that need no run ---------------------------------------------------------------------------------------


def test_a_report_before_a_run_and_a_blank_folder(fresh):
    assert "run the study first" in last_sentence(fresh.snakemake("--report", "r.html"))
    assert "CIFAR100_FOLDER" in last_sentence(fresh.snakemake("--dry-run", config=(), CIFAR100_FOLDER=" "))


def test_a_key_given_twice_is_refused_with_its_lines(fresh):
    (fresh.folder / "my.yaml").write_text("recipes:\n  demo_scratch:\n    epochs: 1\n    epochs: 7\n")
    done = fresh.snakemake("--dry-run", config=("workflow/presets/demo.yaml", "my.yaml"))
    assert last_sentence(done) == "Error: my.yaml: the key 'epochs' is given twice, in line 3 and line 4; remove one."


def test_whole_numbers_on_the_command_line(fresh):
    settings = ('grid={"seeds": [9]}', "recipes={demo_scratch: {epochs: 3}}")
    done = fresh.snakemake("--dry-run", "--config", *settings)
    assert done.returncode == 0, done.stdout
    assert "train scratch_cnn 9" in jobs_in(done.stdout) and "train scratch_cnn 0" not in jobs_in(done.stdout)


def test_the_log_of_a_run_has_all_its_attempts_though_snakemake_deletes_logs(tmp_path):
    folder = copy_project(tmp_path / "project").folder
    code = folder / "workflow/study/orchestration/jobs.py"
    whole = code.read_text()
    code.write_text(f"{whole}\ndef train(path):\n    raise StudyError('the first attempt.')\n")
    record = "results/quick/runs/scratch_cnn/seed-0/run.json"
    assert run(folder, record, "--configfile", write_quick(folder)).returncode == 1
    code.write_text(whole)
    done = run(folder, record, "--configfile", "quick.yaml")
    assert done.returncode == 0, done.stdout
    log = (folder / "results/quick/logs/train/scratch_cnn-0.log").read_text()
    assert log.startswith("Error: the first attempt.\n") and "epoch 1/1" in log
    assert (folder / record).with_name("train.log").read_text() == log


def test_a_study_trains_only_what_is_not_published_yet(tmp_path):
    folder = copy_project(tmp_path / "project").folder
    record = "results/quick/runs/scratch_cnn/seed-0/run.json"
    assert run(folder, record, "--configfile", write_quick(folder)).returncode == 0
    environment = os.environ | {"PYTHONPATH": str(folder / "workflow")}
    command = [sys.executable, "-m", "study", "publish", "results/quick", "published"]
    subprocess.run(command, cwd=folder, env=environment, check=True)
    more = write_quick(folder, study="more", published="published", grid={"models": ["scratch_cnn"], "seeds": [0, 1]})
    done = run(folder, "--configfile", more)
    assert done.returncode == 0, done.stdout
    trained = [path.parent.name for path in (folder / "results/more").rglob("predictions.npz")]
    assert trained == ["seed-1"]
    table = (folder / "results/more/tables/runs.csv").read_text().splitlines()
    assert [line.split(",")[2:4] for line in table[1:]] == [["0", "finished"], ["1", "finished"]]
    done = run(folder, "--configfile", more)
    assert "Nothing to be done" in done.stdout
    command[-2:] = ["results/more", "published"]
    assert (
        "2 of 2 runs are published, 1 of them new"
        in subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True).stdout
    )
