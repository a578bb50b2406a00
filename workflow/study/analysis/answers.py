"""What a run named for each test image: from its logits or, of a published run, from its evidence."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.special import softmax

from study.analysis.evidence import best_classes
from study.analysis.runs import load_predictions
from study.data.dataset import Labels
from study.paths import RunKey

TOP = 3


class Answers(NamedTuple):
    """Of T test images, in the order of `Labels.ids(TEST)`: the classes [T, TOP], the most probable first.

    `probabilities` float64 [T, TOP] are theirs. Of a published run, the best and the true class are known, [T, 2].
    """

    classes: np.ndarray
    probabilities: np.ndarray


def read_answers(study: Path, run: RunKey, dataset: Labels) -> Answers:
    """Read the answers of a finished run of the study. Raises StudyError where a file of it cannot be read."""
    predictions = load_predictions(study, run, dataset)
    if predictions.logits is not None:
        return of_logits(predictions.test_logits)
    log_probabilities = np.stack([predictions.test.log_top, predictions.test.log_true], axis=1)
    return Answers(np.stack([predictions.test.predicted, predictions.fine], axis=1), np.exp(log_probabilities))


def of_logits(logits: np.ndarray) -> Answers:
    """Return the answers of logits float [T, C]; among equals, the lowest class goes first."""
    classes = best_classes(logits, TOP)
    return Answers(classes, np.take_along_axis(softmax(logits.astype(float), axis=1), classes.astype(int), axis=1))
