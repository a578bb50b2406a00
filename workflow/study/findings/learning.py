"""What the learning curves show: how soon a start from pretrained weights is ahead of one from random weights."""

from study.findings import text
from study.findings.compare import PRETRAINED, SCRATCH, headline
from study.findings.results import Results

NOTHING = "Accuracy after every epoch"
ON_TRAINING = "Accuracy on training images after every epoch: it does not tell which model is better on new ones"


def learning(results: Results) -> str:
    """How many pretrained models are, after their first epoch, ahead of all that random weights ever reach."""
    if is_on_training(results):
        return ON_TRAINING
    rows = results.tables["learning"].dropna(subset="val_accuracy")
    regimes = rows["model"].map(lambda model: results.config.models[model].regime)
    from_scratch, pretrained = rows[regimes.isin(SCRATCH)], rows[regimes.isin(PRETRAINED)]
    if from_scratch.empty or pretrained.empty:
        return NOTHING
    reached = from_scratch["val_accuracy"].max()
    lowest = pretrained[pretrained["epoch"] == 1].groupby("model")["val_accuracy"].min()
    ahead = int((lowest > reached).sum())
    if not ahead:
        return _passed(results) or NOTHING
    every = f"{ahead} of {text.counted(len(lowest), 'pretrained model')}"
    if len(lowest) == 1:  # of others, the last epoch alone may be judged
        every = results.names[lowest.index[0]]
    verb = "is" if ahead == 1 else "are"
    return (
        f"After one epoch, {every} {verb} more accurate on validation images than any model from random "
        f"weights ever is ({text.percent(reached)} %)"
    )


def is_on_training(results: Results) -> bool:
    """Are training images all that tells the way, because validation images are judged after the last epoch alone?"""
    accuracies = results.tables["learning"].groupby(["model", "seed"])[["val_accuracy", "train_accuracy"]]
    judged = accuracies.count().max()
    return bool(judged["val_accuracy"] < 2 <= judged["train_accuracy"])


def _passed(results: Results) -> str:
    """In which epoch the headline's model passes all that the other reaches; nothing where it never does."""
    two = headline(results)
    if two is None:
        return ""
    reached = results.rows("learning", model=two.other)["val_accuracy"].max()
    by_epoch = results.rows("learning", model=two.model).groupby("epoch")["val_accuracy"].min()
    passed = by_epoch[by_epoch > reached]
    if passed.empty or by_epoch.isna().any():  # judged after its last epoch alone, it may have passed sooner
        return ""
    return (
        f"On validation images, {results.names[two.model]} passes the best of {results.names[two.other]} "
        f"({text.percent(reached)} %) in epoch {passed.index[0]} of {by_epoch.index.max()}"
    )
