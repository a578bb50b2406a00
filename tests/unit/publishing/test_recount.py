"""reference/recount.py counts a published study again, with numpy and nothing of the project."""

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


@pytest.mark.parametrize("folder", [SCRIPT.with_name("cpu"), SCRIPT.with_name("gpu"), None], ids=["cpu", "gpu", "made"])
def test_it_counts_what_the_tables_say(folder, once):
    code, said = recount(folder or once)
    assert (code, len(said)) == (0, 1) and said[0].endswith(" numbers counted, 0 differ")


def test_it_finds_an_altered_prediction_and_an_altered_probability(published):
    def edit(arrays):
        arrays["test_top5"][0] = arrays["test_top5"][0, [1, 0, 2, 3, 4]]
        arrays["test_log_true"] += np.float16(0.05)

    edit_evidence(published, edit)
    code, said = recount(published)
    assert code == 1
    for changed in ("confusion.csv, lite0_frozen, ", "runs.csv, lite0_frozen, 2: test_nll is"):
        assert any(line.startswith(changed) for line in said), changed
