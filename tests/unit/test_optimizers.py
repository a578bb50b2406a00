"""Learning rates, weight decay, averages and the loss, against values worked by hand."""

import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from runs import recipe
from torch import nn
from torch.nn import functional

from study.config.recipes import Plateau, Schedule
from study.training.averaging import WeightAverage
from study.training.optimizers import make_optimizer, make_plateau, scheduled_rates, share_of_rate
from study.training.steps import loss_and_correct

LINEAR, COSINE = Schedule(shape="linear", warmup_epochs=2), Schedule(shape="cosine", warmup_epochs=0)


def test_one_cycle_goes_up_and_down_in_lines():
    shares = [share_of_rate(LINEAR, 10, done) for done in (0, 1, 2, 6, 9.5, 10)]
    assert shares == pytest.approx([0, 0.5, 1, 0.5, 0.0625, 0])


def test_the_cosine_is_half_way_down_at_half_time():
    shares = [share_of_rate(COSINE, 4, done) for done in (0, 1, 2, 3, 4)]
    assert shares == pytest.approx([1, (1 + math.sqrt(0.5)) / 2, 0.5, (1 - math.sqrt(0.5)) / 2, 0])


@given(st.sampled_from(["linear", "cosine"]), st.floats(0, 4.9), st.integers(5, 50), st.floats(0, 1))
def test_a_schedule_stays_within_the_full_rate(shape, warmup, epochs, place):
    assert -1e-9 <= share_of_rate(Schedule(shape=shape, warmup_epochs=warmup), epochs, place * epochs) <= 1 + 1e-9


def test_the_head_has_its_own_rate_and_both_follow_the_schedule():
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 3))
    keys = recipe(optimizer="adamw", learning_rate=1e-3, head_learning_rate=1e-2, weight_decay=0.1, plateau=None,
                  schedule={"shape": "cosine", "warmup_epochs": 0}, epochs=4)  # fmt: skip
    optimizer = make_optimizer(network, network[1], keys)
    rates = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    assert [rates[id(p)] for p in network.parameters()] == [1e-3, 1e-3, 1e-2, 1e-2]
    groups = zip(scheduled_rates(optimizer, keys, 2), optimizer.param_groups, strict=True)
    rates = {id(p): rate for rate, group in groups for p in group["params"]}
    assert [rates[id(p)] for p in network.parameters()] == pytest.approx([5e-4, 5e-4, 5e-3, 5e-3])


def test_weight_decay_is_for_matrices_and_kernels_only():
    network = nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(1, 1))
    optimizer = make_optimizer(network, None, recipe(weight_decay=0.5))
    decays = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert {name: decays[id(p)] for name, p in network.named_parameters()} == {
        "0.weight": 0.5, "0.bias": 0, "1.weight": 0, "1.bias": 0, "3.weight": 0.5, "3.bias": 0,
    }  # fmt: skip


def one_step(**keys) -> float:
    """Where a weight of 1 with a gradient of 0 ends after one step."""
    network = nn.Linear(1, 1, bias=False)
    nn.init.ones_(network.weight)
    optimizer = make_optimizer(network, None, recipe(learning_rate=0.1, weight_decay=0.5, **keys))
    network.weight.grad = torch.zeros_like(network.weight)
    optimizer.step()
    return network.weight.item()


def test_adamw_decays_apart_from_the_gradient_and_adam_and_sgd_through_it():
    assert one_step(optimizer="adamw") == pytest.approx(1 - 0.1 * 0.5)
    assert one_step(optimizer="adam") == pytest.approx(1 - 0.1, abs=1e-3)  # normalised to a step of the full rate
    assert one_step(optimizer="sgd") == pytest.approx(1 - 0.1 * (0.5 + 0.9 * 0.5))  # Nesterov looks one step ahead


def test_the_learning_rate_is_cut_after_as_many_bad_epochs_as_patience_says():
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    plateau = make_plateau(optimizer, Plateau(watch="val_loss", patience=2, factor=0.5, min_learning_rate=0.3))
    rates = []
    for loss in (1.0, 0.9, 0.9, 0.9, 0.9, 0.9, 0.8):
        plateau.step(loss)
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == [1.0, 1.0, 1.0, 0.5, 0.5, 0.3, 0.3]


def test_averages_follow_the_weights_by_the_rising_decay():
    network = nn.BatchNorm1d(1)
    average = WeightAverage(network, 0.9)
    expected = 1.0
    for update, value in enumerate((3.0, 5.0, -2.0), start=1):
        nn.init.constant_(network.weight, value)
        network.num_batches_tracked += 1
        average.update()
        decay = min(0.9, (1 + update) / (10 + update))
        expected = decay * expected + (1 - decay) * value
    average.swap()
    assert network.weight.item() == pytest.approx(expected, rel=1e-4)  # summed in float32
    assert network.num_batches_tracked.item() == 3
    average.swap()
    assert network.weight.item() == -2.0


def test_averages_go_on_from_their_state():
    network = nn.Linear(2, 2)
    straight = WeightAverage(network, 0.5)
    straight.update()
    resumed = WeightAverage(network, 0.5)
    resumed.load_state_dict(copy.deepcopy(straight.state_dict()))
    for average in (straight, resumed):
        average.update()
    assert all(torch.equal(a, b) for a, b in zip(straight.averages, resumed.averages, strict=True))


def test_the_loss_of_mixed_images_is_the_mixture_of_the_losses():
    logits = torch.tensor(np.random.default_rng(0).normal(size=(3, 100)), dtype=torch.float32)
    labels = torch.tensor([4, 7, 9])
    logits[0, 4] = logits[1, 4] = 50.0  # image 0 is named rightly; image 1 is named as what image 0 shows
    loss, correct = loss_and_correct(logits, labels, torch.tensor(0.7), 0.1)
    own = functional.cross_entropy(logits, labels, label_smoothing=0.1)
    other = functional.cross_entropy(logits, torch.tensor([9, 4, 7]), label_smoothing=0.1)
    assert loss.item() == pytest.approx((0.7 * own + 0.3 * other).item())
    assert correct.item() == pytest.approx(0.7 * 1 + 0.3 * 1)
