"""A frozen backbone's head as a logistic regression: the minimum it finds, and the penalty it chooses."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from configs import raw, refusal
from runs import history, make_dataset, make_weights, pretrained_spec, recipe, train, write_spec
from sklearn.linear_model import LogisticRegression
from torch.nn import functional

from study.config.recipes import Regression
from study.config.specs import RunSpec
from study.files import read_json
from study.predict import load_model
from study.training import streams
from study.training.regression import FITTING, Problem, assign_folds, choose_l2

LITE0 = "timm/tf_efficientnet_lite0.in1k"
L2 = [1.0, 0.1, 0.01, 0.001]
HEAD = {
    "optimizer": "lbfgs",
    "regression": {"l2": L2, "few": 0.1},
    "epochs": 1,
    "learning_rate": None,
    "weight_decay": None,
    "batch_size": None,
    "augmentation": None,
    "plateau": None,
    "best_epoch": "last",
}


def problem(images: int = 90, noise: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Features float [N, 6] and labels of three classes, equally frequent."""
    rng = np.random.default_rng(0)
    labels = np.arange(images) % 3
    centres = rng.normal(size=(3, 6))
    features = centres[labels] + noise * rng.normal(size=(images, 6))
    return torch.from_numpy(features).float(), torch.from_numpy(labels)


@pytest.mark.parametrize("l2", [1.0, 0.01])
def test_the_minimum_is_that_of_scikit_learn(l2):
    features, labels = problem()
    fitted = Problem(features, labels, 3)
    fitted.fit(l2, FITTING)
    expected = LogisticRegression(C=1 / (l2 * len(labels)), tol=1e-8, max_iter=2000).fit(features.numpy(), labels)
    np.testing.assert_allclose(fitted.weight.detach(), expected.coef_, atol=1e-3)
    bias = fitted.bias.detach().numpy()  # which a constant on all classes leaves as good
    np.testing.assert_allclose(bias - bias.mean(), expected.intercept_ - expected.intercept_.mean(), atol=1e-3)


def test_folds_deal_out_every_class_evenly():
    labels = torch.tensor([0] * 7 + [1] * 5 + [2] * 12)[torch.randperm(24, generator=streams.generator(0, 0, "x"))]
    part = assign_folds(labels, 5, streams.generator(3, 0, "folds"))
    for one in range(3):
        counts = torch.bincount(part[labels == one], minlength=5)
        assert counts.max() - counts.min() <= 1
    assert torch.equal(part, assign_folds(labels, 5, streams.generator(3, 0, "folds")))
    assert not torch.equal(part, assign_folds(labels, 5, streams.generator(4, 0, "folds")))


@pytest.mark.parametrize(("noise", "wanted"), [(0.3, 0.001), (3.0, 1.0)])
def test_the_penalty_is_the_one_with_the_lowest_held_out_loss(noise, wanted):
    features, labels = problem(noise=noise)
    draws = streams.generator(0, 0, "folds")
    l2, how, _ = choose_l2(Problem(features, labels, 3), Regression(l2=L2, few=9.0), draws)
    part = assign_folds(labels, 5, streams.generator(0, 0, "folds"))
    losses = {}
    for one in L2:
        held_out = []
        for fold in range(5):
            rest, out = part != fold, part == fold
            fitted = LogisticRegression(C=1 / (one * int(rest.sum())), tol=1e-8, max_iter=2000)
            probabilities = fitted.fit(features[rest].numpy(), labels[rest]).predict_log_proba(features[out].numpy())
            held_out.append(functional.nll_loss(torch.from_numpy(probabilities), labels[out]).item())
        losses[one] = np.mean(held_out)
    assert l2 == min(losses, key=losses.get) == wanted
    assert how == "chosen by 5-fold cross-validation"


@pytest.mark.parametrize(
    ("per_class", "how"), [(1, "fixed for 1 images per class"), (2, "fixed"), (3, "by 3-fold"), (4, "by 4-fold")]
)
def test_few_images_have_fewer_folds_and_one_or_two_a_fixed_penalty(per_class, how):
    features, labels = problem(3 * per_class)
    problem_of = Problem(features, labels, 3)
    l2, told, _ = choose_l2(problem_of, Regression(l2=L2, few=9.0), streams.generator(0, 0, "folds"))
    assert how in told and (l2 == 9.0) == ("fixed" in how)


# --- as a run ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = make_weights(tmp_path_factory.mktemp("study"))
    make_dataset(folder / "dataset.npz")
    return folder


@pytest.fixture(scope="module")
def head(study) -> RunSpec:
    return replace(pretrained_spec(study, LITE0, "frozen"), recipe=recipe(**HEAD))


def test_a_run_fits_its_head_once_and_the_saved_network_has_it(study, head):
    paths = [write_spec(study, head, name=name) for name in ("first", "second")]
    for path in paths:
        train(path)
    first, second = ((path.parent / "model.safetensors").read_bytes() for path in paths)
    assert first == second
    record, rows = read_json(paths[0].parent / "run.json"), history(paths[0].parent)
    assert (record["outcome"], record["epochs"], record["chosen_epoch"], record["chosen_by"]) == (
        "finished",
        1,
        1,
        "last",
    )
    assert "chosen by 3-fold cross-validation" in record["stopped"]
    assert len(rows) == 1 and rows[0]["learning_rate"] == ""
    assert float(rows[0]["train_accuracy"]) > 0.5 > 1 / 100  # of colours that tell the class, through random weights
    network, *_ = load_model(paths[0].parent / "model.safetensors")
    assert network.get_classifier().weight.abs().max() > 0


def test_on_few_images_the_penalty_is_the_recipes(study, head):
    path = write_spec(study, replace(head, images_per_class=2), name="few")
    train(path)
    assert "an L2 penalty of 0.1, fixed for 2 images per class" in read_json(path.parent / "run.json")["stopped"]


@pytest.mark.parametrize(
    ("recipe", "sentence"),
    [
        (
            {"optimizer": "adam"},
            "optimizer lbfgs and a section regression go together; add the one or remove the other",
        ),
        ({"regression": None}, "optimizer lbfgs and a section regression go together; add the one or remove the other"),
        ({"learning_rate": 0.1}, "optimizer lbfgs fits the head at once; set learning_rate to null"),
        ({"epochs": 2}, "optimizer lbfgs fits the head at once; set epochs to 1"),
        ({"best_epoch": "val_loss"}, "optimizer lbfgs fits the head at once; set best_epoch to last"),
        ({"regression": {"l2": [0.1, 0], "few": 1}}, "l2 must be more than 0"),
    ],
)
def test_a_regression_takes_no_options_of_training(recipe, sentence):
    config = raw()
    config["recipes"]["logistic_head"] |= recipe
    assert sentence in refusal(config)


def test_a_regression_is_for_frozen_backbones_and_training_needs_a_rate():
    config = raw()
    config["models"]["scratch_cnn"]["recipe"] = "logistic_head"
    assert "recipe logistic_head has a regression, which is for regime frozen" in refusal(config)
    config = raw()
    del config["recipes"]["report"]["learning_rate"]
    assert "recipes: report: learning_rate is missing; config.yaml shows what it looks like." in refusal(config)
