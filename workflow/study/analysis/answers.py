"""What a run named for each test image: from its logits or, of a published run, from its evidence."""

import dataclasses
from pathlib import Path

import numpy as np
from scipy.special import softmax

from study.analysis.evidence import Evidence, best_classes
from study.analysis.runs import is_published
from study.data.dataset import TEST, Labels
from study.errors import StudyError
from study.files import DAMAGED
from study.paths import EVIDENCE, PREDICTIONS

TOP = 3


@dataclasses.dataclass(frozen=True)
class Answers:
    """Of T test images, in the order of `Labels.ids(TEST)`: the classes [T, TOP], the most probable first.

    `probabilities` float64 [T, TOP] are theirs. Of a published run, the best and the true class are known, [T, 2].
    """

    classes: np.ndarray
    probabilities: np.ndarray


def read_answers(run: Path, dataset: Labels) -> Answers:
    """Read the answers of the run in folder `run`. Raises StudyError where its file cannot be read."""
    published = is_published(run)
    path = run / (EVIDENCE if published else PREDICTIONS)
    try:
        with np.load(path, allow_pickle=False) as stored:
            if published:
                return of_evidence(dict(stored), dataset)
            return of_logits(stored["test_logits"][np.argsort(stored["test_ids"])])
    except DAMAGED as error:
        remedy = "publish the study again" if published else "delete it and run this training again"
        raise StudyError(f"{path} cannot be read ({error}); {remedy}.") from None


def of_logits(logits: np.ndarray) -> Answers:
    """Return the answers of logits float [T, C]; among equals, the lowest class goes first."""
    classes = best_classes(logits, TOP)
    return Answers(classes, np.take_along_axis(softmax(logits.astype(float), axis=1), classes.astype(int), axis=1))


def of_evidence(stored: dict[str, np.ndarray], dataset: Labels) -> Answers:
    """Return the answers in the arrays of evidence.npz."""
    true = dataset.fine[dataset.ids(TEST)]
    evidence = Evidence.from_arrays(stored, true, dataset.fine_to_coarse)
    log_probabilities = np.stack([evidence.log_top, evidence.log_true], axis=1)
    return Answers(np.stack([evidence.predicted, true], axis=1), np.exp(log_probabilities))
