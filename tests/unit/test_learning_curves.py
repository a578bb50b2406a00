"""Learning curves: what is drawn of which runs, what the heading says of them, and labels that keep apart."""

import dataclasses

import numpy as np
import pandas as pd
from small_results import B0, CNN, NAN, results_of

from study.findings import learning as said
from study.reporting.curves import LOSS, learning
from study.reporting.style import apart

MODELS = {"cnn": (CNN, 0.40, 0.38), "b0": (B0, 0.80, 0.784), "b1": (B0 | {"label": "B1"}, 0.70, 0.69)}


def epochs(**models):
    """learning.csv of {model: [validation accuracies of a run, …]}; training is 10 points above, a loss 2."""
    rows = [(model, seed, epoch, value + 0.1, value + 0.05, value, 0 * value + 2, 2.0)
            for model, runs in models.items() for seed, run in enumerate(runs)
            for epoch, value in enumerate(run, start=1)]  # fmt: skip
    columns = "model seed epoch train_eval_accuracy train_accuracy val_accuracy val_loss train_eval_loss"
    return pd.DataFrame(rows, columns=columns.split())


def study(**models):
    return results_of(MODELS, learning=epochs(**models))


def test_the_heading_counts_the_pretrained_models_that_are_ahead_after_one_epoch_in_every_run():
    runs = {"cnn": [[0.2, 0.4], [0.3, 0.42]], "b0": [[0.5, 0.8], [0.43, 0.8]], "b1": [[0.5, 0.6], [0.42, 0.6]]}
    assert said.learning(study(**runs)) == (
        "After one epoch, 1 of 2 pretrained models is more accurate on validation images than any model from random "
        "weights ever is (42.0 %)"
    )
    both = said.learning(study(**runs | {"b1": [[0.5], [0.5]]}))
    assert both.startswith("After one epoch, 2 of 2 pretrained models are")
    one = said.learning(study(**runs | {"b1": [[NAN, 0.6]]}))  # whose first epoch nobody judged
    assert one.startswith("After one epoch, B0 is more accurate on validation images than any")


def test_else_it_names_the_epoch_in_which_the_headline_passes_the_other_model_or_nothing():
    late = study(cnn=[[0.2, 0.4]], b0=[[0.1, 0.3, 0.5], [0.1, 0.41, 0.5]])
    assert said.learning(late) == "On validation images, B0 passes the best of the CNN (40.0 %) in epoch 3 of 3"
    assert said.learning(study(cnn=[[0.4]], b0=[[0.3]])) == said.NOTHING
    assert said.learning(study(cnn=[[0.4]])) == said.NOTHING
    assert said.learning(study(cnn=[[NAN]], b0=[[NAN]])) == said.NOTHING
    assert said.learning(study(cnn=[[NAN, 0.4]], b0=[[NAN, 0.5]])) == said.NOTHING  # validated after the last alone


def test_every_run_is_a_line_that_ends_at_the_mean_of_the_epochs_that_were_kept():
    picture = learning(study(cnn=[[0.2, 0.4], [0.3, 0.42]], b0=[[0.5], [0.6]]))
    cnn, b0 = picture.quantities["accuracy on validation images (%)"]
    assert cnn.runs == [[(1, 20.0), (2, 40.0)], [(1, 30.0), (2, 42.0)]]
    assert (cnn.end, b0.end, b0.label) == (40.0, 80.0, "B0")
    assert np.allclose(cnn.training[0], [(1, 30.0), (2, 50.0)])
    assert [line.end for line in picture.quantities[LOSS]] == [2.0, 2.0]  # no mean is known, so that of the runs' last
    assert not picture.log


def test_lengths_that_differ_much_stand_on_a_logarithmic_axis():
    assert not learning(study(cnn=[[0.1] * 7], b0=[[0.5]])).log
    assert learning(study(cnn=[[0.1] * 8], b0=[[0.5]])).log


def test_where_only_the_last_epoch_is_looked_at_the_training_images_tell_the_way_there():
    table = epochs(cnn=[[NAN, NAN, 0.4]]).assign(train_accuracy=[0.1, 0.2, 0.3])
    made = study()
    last = dataclasses.replace(made, tables=made.tables | {"learning": table})
    ((name, (line,)),) = learning(last).quantities.items()
    assert name == "accuracy on training images, as altered (%)" and said.learning(last) == said.ON_TRAINING
    assert np.allclose(line.runs[0], [(1, 10), (2, 20), (3, 30)]) and not line.training


def test_no_run_has_no_line():
    assert learning(study()).quantities == {}


def test_labels_move_no_further_than_they_must():
    assert apart([10, 50, 90], [10, 10, 10], 0, 100) == [10, 50, 90]
    assert apart([52, 50], [10, 10], 0, 100) == [60, 50]
    assert apart([98, 99], [10, 10], 0, 100) == [90, 100]
    assert apart([50, 50, 50], [10, 20, 10], 0, 100) == [50, 65, 80]
    assert apart([], [], 0, 1) == []
