"""The report of a published study, drawn with the images beside it, shows what that of its results does."""

import shutil

import numpy as np
import pytest
from written_pages import views

from study.__main__ import main
from study.analysis.answers import of_logits, read_answers
from study.data.dataset import TEST, read_dataset, read_labels
from study.errors import StudyError
from study.paths import EVIDENCE, RunKey, StudyPaths

RUN = RunKey("scratch_cnn", 0)


def test_answers_are_the_most_probable_classes_best_first():
    answers = of_logits(np.log([[0.1, 0.6, 0.05, 0.25], [0.3, 0.1, 0.3, 0.3]]))
    assert answers.classes.tolist() == [[1, 3, 0], [0, 2, 3]]  # among equals, the lowest first
    np.testing.assert_allclose(answers.probabilities, [[0.6, 0.25, 0.1], [0.3, 0.3, 0.3]])


def test_evidence_has_the_best_and_the_true_class_of_the_logits(study, once):
    dataset = read_dataset(study / "dataset.npz")
    full, published = (read_answers(folder, RUN, dataset) for folder in (study, once))
    best, true = published.classes.T
    assert (best == full.classes[:, 0]).all() and (true == dataset.fine[dataset.ids(TEST)]).all()
    # A logarithm rounded to float16 is off by a 2048th, so p by p |log p| / 2048, and p |log p| is at most 1 / e.
    np.testing.assert_allclose(published.probabilities[:, 0], full.probabilities[:, 0], rtol=0, atol=2e-4)
    row, place = np.nonzero(full.classes == true[:, None])
    np.testing.assert_allclose(published.probabilities[row, 1], full.probabilities[row, place], rtol=0, atol=2e-4)
    assert place.any()


def test_damaged_evidence_is_named(published):
    (StudyPaths(published).run(*RUN) / EVIDENCE).write_bytes(b"PK")
    with pytest.raises(StudyError, match=r"evidence\.npz is damaged .*; publish the study again"):
        read_answers(published, RUN, read_labels(published / "labels.npz"))


def test_the_report_is_drawn_from_a_published_study_and_the_images(study, published):
    shutil.copy(study / "dataset.npz", published)
    assert main(["figures", "--study", str(published), "--output", str(published / "figures")]) == 0
    assert main(["pages", "--study", str(published), "--output", str(published / "pages")]) == 0
    shown = views(published)
    assert "Of a published run, only the first answer" in shown["sample_predictions"]
    assert "percentage points" in shown["story"]
