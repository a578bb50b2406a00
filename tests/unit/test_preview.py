"""While runs train, tables and report of those that have ended can be had, and nothing of the study is touched."""

import shutil

import pandas as pd
import pytest
from study_factory import make_study

from study.errors import StudyError
from study.orchestration.preview import preview


def content(folder):
    files = (path for path in folder.rglob("*") if path.is_file() and "preview" not in path.parts)
    return {path: path.read_bytes() for path in files}


def outcomes(folder):
    return pd.read_csv(folder / "preview/tables/runs.csv")["outcome"].tolist()


def test_a_preview_is_of_the_runs_that_have_ended_and_follows_the_study(tmp_path, capsys):
    folder = make_study(tmp_path / "fake", {"scratch_cnn": 0.4, "lite0_finetune": 0.8}, seeds=[0, 1])
    (folder / "plan").mkdir()
    (folder / "config.json").rename(folder / "plan" / "config.json")  # config.json is written when all runs are there
    later = folder / "runs/lite0_finetune/seed-1"
    shutil.move(later / "run.json", tmp_path)
    before = content(folder)
    preview(folder)
    assert capsys.readouterr().out == f"3 of 4 runs have ended: {folder / 'preview/pages/report.html'}\n"
    assert outcomes(folder) == ["finished", "finished", "finished", "missing"]
    assert (folder / "preview/pages/report.html").stat().st_size > 100_000 and content(folder) == before
    shutil.move(tmp_path / "run.json", later)
    folder = folder.rename(tmp_path / "moved")
    preview(folder)
    assert outcomes(folder) == ["finished"] * 4


def test_there_is_no_preview_before_a_run_has_ended(tmp_path):
    folder = make_study(tmp_path / "fake", {"scratch_cnn": 0.4}, seeds=[0])
    (folder / "runs/scratch_cnn/seed-0/run.json").unlink()
    with pytest.raises(StudyError, match="no run has ended yet; `python -m study status"):
        preview(folder)
    assert not (folder / "preview").exists()
