"""The metrics of a run: every number that the tables give for it, with the words that the report has for it.

Tables, pages and model cards show each metric that is registered here; docs/contributing.md says how to add one.
"""

import contextlib
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from study.analysis import metrics, unequal
from study.analysis.evidence import TOP, BestClasses, Evidence, NeedsLogits, NoEvidence, ThinEvidence
from study.data.dataset import Labels


@dataclass(frozen=True)
class Predictions:
    """What a finished run predicts, of V validation and T test images; true classes int [V] and [T].

    There are so many `classes`. `val_ids` int [V] are the validation images' rows in dataset.npz; `coarse` int [T] and
    `fine_to_coarse` int [C] are superclasses, of images and of classes. `train_accuracy` is that of the chosen epoch on
    a sample of the training images, a fraction. `logits` float [V, C] and [T, C] are None of a run that is read from
    its evidence; a metric that asks for them, or for more than thin evidence has, is then NaN.
    """

    train_accuracy: float
    val: Evidence | BestClasses | NoEvidence
    val_ids: np.ndarray
    val_fine: np.ndarray
    test: Evidence | ThinEvidence
    fine: np.ndarray
    coarse: np.ndarray | None = None
    fine_to_coarse: np.ndarray | None = None
    classes: int = 0
    logits: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def right(self) -> np.ndarray:
        """Whether each test image's top class is the true one, bool [T]."""
        return self.test.predicted == self.fine

    @property
    def val_logits(self) -> np.ndarray:
        """The logits float [V, C] of the validation images. Raises NeedsLogits where there are none."""
        return self._logits()[0]

    @property
    def test_logits(self) -> np.ndarray:
        """The logits float [T, C] of the test images. Raises NeedsLogits where there are none."""
        return self._logits()[1]

    @functools.cached_property
    def temperature(self) -> float:
        """The temperature that fits the validation images best."""
        return metrics.fit_temperature(self.val_logits, self.val_fine)

    @functools.cached_property
    def scaled_logits(self) -> np.ndarray:
        """The test logits over the temperature."""
        return metrics.scaled(self.test_logits, self.temperature)

    @functools.cached_property
    def bins(self) -> np.ndarray:
        """`metrics.confidence_bins` of the test images before and after the temperature, float64 [2, 3, bins].

        Those after the temperature are NaN without logits. Raises NeedsLogits of thin evidence.
        """
        right = self.right
        before = metrics.confidence_bins(np.exp(self.test.log_top), right)
        try:
            after = metrics.confidence_bins(metrics.top_confidence(self.scaled_logits), right)
        except NeedsLogits:
            after = np.full_like(before, np.nan)
        return np.array([before, after])

    def _logits(self) -> tuple[np.ndarray, np.ndarray]:
        if self.logits is None:
            raise NeedsLogits
        return self.logits


@dataclass(frozen=True)
class Metric:
    """One metric; `title` and `unit` are the report's words.

    `unit` is "%" or "points" for fractions, which the report multiplies by 100, else what stands behind the number.
    `of_images` says that it is a share of the test images, which have an interval of their own; `of_data` which data
    have it, a key of DATA; `of_probabilities` that it is computed from the log-probabilities of the evidence, which are
    rounded where a study is published.
    """

    name: str
    title: str
    unit: str
    compute: Callable[[Predictions], float]
    of_images: bool = False
    of_data: str = "any"
    of_probabilities: bool = False


# On equal classes, balanced accuracy is the accuracy; of up to five classes, the true one is always among five.
DATA: dict[str, Callable[[Labels], bool]] = {
    "any": lambda dataset: True,
    "superclasses": lambda dataset: dataset.coarse is not None,
    "many classes": lambda dataset: dataset.classes > TOP,
    "two classes": lambda dataset: dataset.classes == 2,
    "unequal classes": unequal.is_unequal,
}
METRICS: dict[str, Metric] = {}


def metric(title: str, unit: str, **of: bool | str) -> Callable:
    """Register the decorated function, which takes `Predictions` and returns a number, under its own name.

    `of` are the fields of `Metric` that say what it is of.
    """

    def register(compute: Callable[[Predictions], float]) -> Callable[[Predictions], float]:
        name = compute.__name__
        METRICS[name] = Metric(name, title, unit, compute, **of)
        return compute

    return register


def run_metrics(predictions: Predictions, names: Sequence[str]) -> dict[str, float]:
    """The metrics `names` of a run, by name; NaN for one that needs logits which are not there."""
    found = dict.fromkeys(names, float("nan"))
    for name in names:
        with contextlib.suppress(NeedsLogits):
            found[name] = float(METRICS[name].compute(predictions))
    return found


def metric_names(dataset: Labels) -> list[str]:
    """The metrics of a study of these data, in the order of models.csv."""
    return [name for name, one in METRICS.items() if DATA[one.of_data](dataset)]


@metric("test accuracy", "%", of_images=True)
def test_accuracy(predictions: Predictions) -> float:
    """The share of the test images whose top class is the true one."""
    return predictions.right.mean()


@metric("balanced test accuracy", "%", of_data="unequal classes")
def test_balanced_accuracy(predictions: Predictions) -> float:
    """The mean over classes of the share of a class's test images whose top class is the true one."""
    return unequal.balanced_accuracy(predictions.right, predictions.fine)


@metric("test macro-F1", "%", of_data="unequal classes")
def test_macro_f1(predictions: Predictions) -> float:
    """See `unequal.macro_f1`."""
    return unequal.macro_f1(unequal.confusion([predictions.test.predicted], predictions.fine, predictions.classes))


@metric("test AUC", "%", of_data="two classes")
def test_auc(predictions: Predictions) -> float:
    """See `unequal.auc`."""
    return unequal.auc(predictions.test_logits, predictions.fine)


@metric("test top-5", "%", of_images=True, of_data="many classes")
def test_top5(predictions: Predictions) -> float:
    """The share of the test images whose true class is among the five most probable."""
    return (predictions.test.rank < TOP).mean()


@metric("test superclass", "%", of_images=True, of_data="superclasses")
def test_superclass(predictions: Predictions) -> float:
    """The share of the test images whose top class belongs to the true superclass."""
    return (predictions.fine_to_coarse[predictions.test.predicted] == predictions.coarse).mean()


@metric("test superclass, summed", "%", of_images=True, of_data="superclasses")
def test_superclass_summed(predictions: Predictions) -> float:
    """The share of the test images whose true superclass has the highest sum of its classes' probabilities."""
    return (predictions.test.superclass == predictions.coarse).mean()


@metric("validation accuracy", "%")
def val_accuracy(predictions: Predictions) -> float:
    """The share of the validation images whose top class is the true one."""
    return (predictions.val.predicted == predictions.val_fine).mean()


@metric("training accuracy", "%")
def train_accuracy(predictions: Predictions) -> float:
    """The accuracy of the chosen epoch's weights on training images as they are."""
    return predictions.train_accuracy


@metric("training − validation", "points")
def train_val_gap(predictions: Predictions) -> float:
    """How much better the network is on images that it was trained on."""
    return predictions.train_accuracy - val_accuracy(predictions)


@metric("validation − test", "points")
def val_test_gap(predictions: Predictions) -> float:
    """How much better the network is on the images that chose its epoch."""
    return val_accuracy(predictions) - test_accuracy(predictions)


@metric("test NLL", "nats", of_probabilities=True)
def test_nll(predictions: Predictions) -> float:
    """See `metrics.negative_log_likelihood`."""
    return -predictions.test.log_true.mean()


@metric("test ECE", "%", of_probabilities=True)
def test_ece(predictions: Predictions) -> float:
    """See `metrics.expected_calibration_error`."""
    return metrics.expected_calibration_error(predictions.bins[0])


@metric("test Brier score", "")
def test_brier(predictions: Predictions) -> float:
    """See `metrics.brier_score`."""
    return metrics.brier_score(predictions.test_logits, predictions.fine)


@metric("temperature", "")
def temperature(predictions: Predictions) -> float:
    """See `metrics.fit_temperature`."""
    return predictions.temperature


@metric("test NLL, scaled", "nats")
def test_nll_scaled(predictions: Predictions) -> float:
    """`test_nll` after temperature scaling."""
    return metrics.negative_log_likelihood(predictions.scaled_logits, predictions.fine)


@metric("test ECE, scaled", "%")
def test_ece_scaled(predictions: Predictions) -> float:
    """`test_ece` after temperature scaling; NaN without logits."""
    return metrics.expected_calibration_error(predictions.bins[1])


@metric("test Brier score, scaled", "")
def test_brier_scaled(predictions: Predictions) -> float:
    """`test_brier` after temperature scaling."""
    return metrics.brier_score(predictions.scaled_logits, predictions.fine)
