"""reference/recount.py counts a published study again, with numpy and nothing of the project."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from publications import edit_evidence

SCRIPT = Path(__file__).parents[3] / "reference" / "recount.py"


def recount(study):
    done = subprocess.run([sys.executable, "-I", SCRIPT, study], capture_output=True, text=True)
    return done.returncode, done.stdout.splitlines()


PUBLISHED = [path.parent for path in sorted(SCRIPT.parent.glob("*/tables"))]


@pytest.mark.parametrize("folder", [*PUBLISHED, None], ids=lambda path: path.name if path else "made")
def test_it_counts_what_the_tables_say(folder, once):
    code, said = recount(folder or once)
    assert (code, len(said)) == (0, 1) and said[0].endswith(" numbers counted, 0 differ")


def test_it_counts_runs_on_few_images_too(few, tmp_path):
    assert recount(few)[0] == 0
    folder = shutil.copytree(few, tmp_path / "published")
    edit_evidence(folder, lambda arrays: arrays["test_best"].fill(0), "runs/scratch_cnn/per-class-5/seed-1")
    code, said = recount(folder)
    assert code == 1 and [line.split(":")[0] for line in said[:-1]] == ["label_runs.csv, scratch_cnn, 5, 1"]


def test_it_finds_an_altered_prediction_and_an_altered_probability(published):
    def edit(arrays):
        arrays["test_best"][0] = 99 if arrays["test_best"][0] < 99 else 98
        arrays["test_log_top"] += np.float16(0.05)

    edit_evidence(published, edit)
    code, said = recount(published)
    assert code == 1
    for changed in ("confusion.csv, lite0_frozen, ", "runs.csv, lite0_frozen, 2: test_nll is"):
        assert any(line.startswith(changed) for line in said), changed
