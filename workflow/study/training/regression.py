"""The head of a frozen backbone as a multinomial logistic regression, its penalty chosen within the training images."""

import time

import torch
from torch.nn import functional

from study.config.recipes import Regression
from study.training import streams
from study.training.loop import Progress, Setup, judge, weights_of

FEWEST_FOLDS = 3  # with fewer, the penalty is the recipe's `few`
CHOOSING, FITTING = 100, 1000  # most iterations of L-BFGS: of a fit in the cross-validation, of the last one


class Problem:
    """Mean cross-entropy of features float [N, F] and labels int64 [N], plus l2 / 2 times the squared weights [C, F].

    The bias [C] is not penalised. `weights` [C] are those of the classes in the mean. `passes` counts how often the
    features were gone through.
    """

    def __init__(
        self, features: torch.Tensor, labels: torch.Tensor, classes: int, weights: torch.Tensor | None = None
    ) -> None:
        self.features, self.labels, self.weights = features, labels, weights
        self.weight = torch.zeros(classes, features.shape[1], device=features.device, requires_grad=True)
        self.bias = torch.zeros(classes, device=features.device, requires_grad=True)
        self.passes = 0

    def fit(self, l2: float, iterations: int) -> None:
        """Minimise by L-BFGS (Liu & Nocedal 1989) from where the last fit ended: the minimum is the only one."""
        optimizer = torch.optim.LBFGS(
            [self.weight, self.bias], max_iter=iterations, max_eval=2 * iterations, tolerance_grad=1e-5,
            tolerance_change=1e-8, history_size=20, line_search_fn="strong_wolfe",
        )  # fmt: skip

        def closure() -> torch.Tensor:
            optimizer.zero_grad()
            loss = self.loss(self.features, self.labels) + l2 / 2 * self.weight.square().sum()
            loss.backward()
            self.passes += 1
            return loss

        optimizer.step(closure)

    def loss(self, features: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Mean cross-entropy on `features` float [N, F]."""
        return functional.cross_entropy(functional.linear(features, self.weight, self.bias), labels, self.weights)


def fit_head(setup: Setup) -> tuple[Progress, str]:
    """Fit the head of `setup`, whose last layer is linear; return (its one epoch, how the penalty was chosen)."""
    recipe, progress = setup.spec.recipe, Progress()
    with progress.timed():
        began = time.perf_counter()
        ids = setup.train.to(setup.device)
        features, labels = setup.inputs.features[ids], setup.labels[ids]
        draws = streams.generator(setup.spec.seed, 0, "folds")
        problem = Problem(features, labels, setup.classes, setup.class_weights)
        l2, how, seen = choose_l2(problem, recipe.regression, draws)
        problem.fit(l2, FITTING)
        linear = setup.network[-1]
        with torch.no_grad():
            linear.weight.copy_(problem.weight)
            linear.bias.copy_(problem.bias)
            loss = problem.loss(features, labels).item()
        seconds = time.perf_counter() - began
        train_eval_loss, train_eval_accuracy, _ = judge(setup, setup.train_sample)
        val_loss, val_accuracy, _ = judge(setup, setup.val)
        progress.history.append({
            "epoch": 1, "learning_rate": float("nan"), "train_loss": loss, "train_accuracy": train_eval_accuracy,
            "train_eval_loss": train_eval_loss, "train_eval_accuracy": train_eval_accuracy,
            "val_loss": val_loss, "val_accuracy": val_accuracy, "seconds": time.perf_counter() - began,
            "images_per_second": (seen + problem.passes * len(ids)) / seconds,
        })  # fmt: skip
        progress.best_epoch, progress.best_weights = 1, weights_of(setup.network)
    return progress, f"the regression converged with an L2 penalty of {l2:g}, {how}"


def choose_l2(problem: Problem, regression: Regression, draws: torch.Generator) -> tuple[float, str, int]:
    """Return (the penalty with the lowest loss on held-out folds, how it was chosen, images that this went through).

    Penalties are tried from the strongest on, until one is worse than the one before it: the loss has one valley. There
    are as many folds as the recipe asks for, or as a class has images on average where these are fewer; each has of
    every class an equal share, as far as its images go.
    """
    features, labels, classes = problem.features, problem.labels, len(problem.weight)
    average = len(labels) // classes
    folds = min(regression.folds, average)
    if folds < FEWEST_FOLDS:
        return regression.few, f"fixed for {average} images per class", 0
    part = assign_folds(labels, folds, draws)
    held_out = [part == fold for fold in range(folds)]
    problems = [Problem(features[~out], labels[~out], classes, problem.weights) for out in held_out]
    chosen, lowest = 0.0, float("inf")
    for l2 in sorted(regression.l2, reverse=True):
        loss = 0.0
        for part_of, out in zip(problems, held_out, strict=True):
            part_of.fit(l2, CHOOSING)
            with torch.no_grad():
                loss += part_of.loss(features[out], labels[out]).item() * int(out.sum()) / len(labels)
        if loss >= lowest:
            break
        chosen, lowest = l2, loss
    seen = sum(one.passes * len(one.labels) for one in problems)
    return chosen, f"chosen by {folds}-fold cross-validation", seen


def assign_folds(labels: torch.Tensor, folds: int, draws: torch.Generator) -> torch.Tensor:
    """Return the fold of each image, int64 [N], from 0: the images of a class are dealt out in random order."""
    order = torch.randperm(len(labels), generator=draws).to(labels.device)
    order = order[torch.sort(labels[order], stable=True).indices]
    part = torch.empty_like(labels)
    starts = torch.cumsum(torch.bincount(labels), 0) - torch.bincount(labels)
    part[order] = (torch.arange(len(labels), device=labels.device) - starts[labels[order]]) % folds
    return part
