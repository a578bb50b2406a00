"""The status of a study says of every run how far it is, and when the last one will have ended."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from runs import scratch_spec, train, write_spec
from study_factory import make_study

from study.__main__ import main
from study.files import read_json
from study.machine.locks import is_locked
from study.training import checkpoint
from study.training.outputs import write_history

WORKFLOW = Path(__file__).parents[2] / "workflow"
HOLD = """
import sys, pathlib
from study.machine.locks import locked
with locked(pathlib.Path(sys.argv[1]), "it"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def hold():
    """A function that lets another process hold a lock until the test ends."""
    holders = []

    def start(path):
        command = [sys.executable, "-c", HOLD, str(path)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        holders.append(subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(WORKFLOW)}, **pipes))
        assert holders[-1].stdout.readline() == "held\n"

    yield start
    for one in holders:
        one.communicate()


def rows_so_far(epochs, seconds=3600.0):
    names = ("learning_rate", "train_loss", "train_accuracy", "train_eval_loss", "train_eval_accuracy", "val_loss")
    row = dict.fromkeys(names, 0.5) | {"seconds": seconds, "images_per_second": 750.0}
    return [row | {"epoch": epoch, "val_accuracy": epoch / 10} for epoch in range(1, epochs + 1)]


def status(capsys, folder):
    assert main(["status", str(folder)]) == 0
    head, *rows, empty, summary = capsys.readouterr().out.splitlines()
    assert head.split() == ["run", "state", "epoch", "validation", "images/s", "left"] and not empty
    return [re.split(r"  +", row) for row in rows], summary


def unfinish(folder, *runs):
    for run in runs:
        for name in ("run.json", "history.csv", "predictions.npz"):
            (folder / "runs" / run / name).unlink()


def test_every_state_of_a_run_and_the_end_of_the_study(tmp_path, capsys, hold):
    folder = make_study(tmp_path / "fake", {"scratch_cnn": 0.4, "lite0_finetune": 0.8}, diverged=[("scratch_cnn", 1)])
    unfinish(folder, "scratch_cnn/seed-2", "lite0_finetune/seed-0", "lite0_finetune/seed-1", "lite0_finetune/seed-2")
    for run, epochs in (("scratch_cnn/seed-2", 1), ("lite0_finetune/seed-0", 3)):
        write_history(folder / "runs" / run / "history.so-far.csv", rows_so_far(epochs))
    for run in ("lite0_finetune/seed-0", "lite0_finetune/seed-1"):
        hold(folder / "runs" / run / "training.lock")
    began = time.time() - 1440
    os.utime(folder / "runs/lite0_finetune/seed-0/history.so-far.csv", (began, began))
    rows, summary = status(capsys, folder)
    assert rows == [
        ["scratch_cnn/seed-0", "finished", "4/4", "30.0 %", "200"],  # the chosen epoch is the third
        ["scratch_cnn/seed-1", "diverged", "1/1", "200"],
        ["scratch_cnn/seed-2", "stopped", "1/4", "10.0 %", "750", "3.0 hours"],
        [
            "lite0_finetune/seed-0",
            "training",
            "3/4",
            "30.0 %",
            "750",
            "36 minutes",
        ],  # of the fourth hour, 24 minutes have passed
        ["lite0_finetune/seed-1", "training", "0/4", "4.0 hours"],  # as long as the other one, and just begun
        ["lite0_finetune/seed-2", "waiting", "0/4", "4.0 hours"],
    ]
    # 3 + 0.6 + 4 + 4 hours, two at a time
    assert summary.startswith("2 of 6 runs have ended, 2 training. The rest takes at most about 5.8 hours: until ")


def test_what_is_not_known_is_not_guessed(tmp_path, capsys, hold):
    folder = make_study(tmp_path / "fake", {"scratch_cnn": 0.4}, seeds=[0, 1])
    unfinish(folder, "scratch_cnn/seed-0", "scratch_cnn/seed-1")
    rows, summary = status(capsys, folder)
    assert rows == [[f"scratch_cnn/seed-{seed}", "waiting", "0/4", "?"] for seed in (0, 1)]
    assert summary == "0 of 2 runs have ended, and none is training: the command that began the study goes on with it."
    hold(folder / "runs/scratch_cnn/seed-0/training.lock")
    assert status(capsys, folder)[1] == (
        "0 of 2 runs have ended, 1 training. The end is known after the first epoch of: scratch_cnn."
    )


def test_watching_ends_when_all_runs_have(tmp_path, capsys):
    folder = make_study(tmp_path / "fake", {"scratch_cnn": 0.4}, seeds=[0])
    assert main(["status", str(folder), "--watch"]) == 0
    assert capsys.readouterr().out.endswith("\n1 of 1 runs have ended.\n")


def test_a_folder_without_a_study_is_refused(tmp_path, capsys):
    assert main(["status", str(tmp_path)]) == 1
    assert "is not the results of a study" in capsys.readouterr().err


def test_a_lock_is_held_only_while_its_process_lives(tmp_path, hold):
    assert not is_locked(tmp_path / "a.lock")
    (tmp_path / "left.lock").write_text("process 1 on another machine\n")  # by one that was killed
    assert not is_locked(tmp_path / "left.lock") and (tmp_path / "left.lock").exists()
    hold(tmp_path / "a.lock")
    assert is_locked(tmp_path / "a.lock")


def test_a_run_tells_its_history_while_it_trains_and_only_then(tmp_path, monkeypatch):
    path = write_spec(tmp_path, scratch_spec(epochs=3))
    found, save = [], checkpoint.save

    def save_and_look(folder, *rest):
        save(folder, *rest)
        found.append((folder / "history.so-far.csv").read_text())

    monkeypatch.setattr(checkpoint, "save", save_and_look)
    train(path)
    assert [len(text.splitlines()) for text in found] == [2, 3, 4]
    assert found[-1] == (path.parent / "history.csv").read_text()
    assert not (path.parent / "history.so-far.csv").exists() and read_json(path.parent / "run.json")["epochs"] == 3
