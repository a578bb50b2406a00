"""Results with flipped bits, or cut off, are analysed or refused in a sentence that names the file."""

from pathlib import Path

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from study_factory import make_study

from study.analysis.runs import load_runs
from study.config.record import read_record
from study.data.dataset import read_labels
from study.errors import StudyError

FLIPS = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=4)
CUTS = st.none() | st.floats(0, 1)


def damaged(content: bytes, flips: list[tuple[float, int]], cut: float | None) -> bytes:
    """`content` with bits changed, and cut off."""
    altered = bytearray(content)
    for where, bits in flips:
        altered[int(where * len(altered))] ^= bits
    return bytes(altered if cut is None else altered[: int(cut * len(altered))])


@pytest.mark.parametrize("name", ["dataset.npz", "run.json", "history.csv", "predictions.npz"])
def test_a_damaged_file_is_taken_or_refused_in_a_sentence(tmp_path, name):
    study = make_study(tmp_path / "study", seeds=(0,))
    folder = study if name == "dataset.npz" else study / "runs" / "scratch_cnn" / "seed-0"
    original = (folder / name).read_bytes()

    @hypothesis.settings(suppress_health_check=[*hypothesis.HealthCheck], database=None)
    @hypothesis.given(FLIPS, CUTS)
    def read(flips: list, cut: float | None) -> None:
        (folder / name).write_bytes(damaged(original, flips, cut))
        try:
            with np.errstate(all="ignore"):
                list(load_runs(study, read_record(study / "config.json"), read_labels(study / "dataset.npz")))
        except StudyError as error:
            assert str(folder) in str(error) or str(Path("runs") / "scratch_cnn") in str(error)

    read()
