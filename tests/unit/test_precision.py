"""The same ten steps on any device and in any precision lose what they lose on the CPU in float32."""

from dataclasses import replace

import numpy as np
import pytest
from runs import scratch_spec

from study.config.specs import ComputeSpec, RunSpec
from study.training import device as devices
from study.training import loop, trial
from study.training.run import make_parts
from study.training.steps import Steps

STEPS = 10
# Of the loss after ten steps. At this learning rate, weights that differ in their last bits change that loss by 4e-5 at
# most, and rounding to bfloat16 by 5e-4. Training amplifies differences: at 0.01, even the last bits make 1e-3.
RATE = 3e-4
TOLERANCE = {"float32": 3e-4, "bfloat16": 3e-3}
NETWORK = {"channels": [32, 64, 128], "convolutions": 2, "kernel_size": 3, "hidden": 512, "dropout": 0.0}


def spec_without_draws(device: str, precision: str) -> RunSpec:
    """A run in which nothing is drawn at random, because devices draw differently."""
    spec = scratch_spec(optimizer="sgd", learning_rate=RATE, batch_size=64, augmentation=None, ema=0.9)
    network = replace(spec.network, arguments=NETWORK)
    return replace(spec, network=network, compute=ComputeSpec(device=device, threads=1, precision=precision))


def losses(spec: RunSpec, steps: int) -> list[float]:
    """The loss of each of the first `steps` steps of `spec` on random images, on the spec's own device."""
    device = devices.prepare(spec.compute)
    setup = trial.trial_setup(spec, device, 2 * steps * spec.recipe.batch_size)
    setup.train = setup.train[: steps * spec.recipe.batch_size]
    parts, sums = make_parts(setup), [0.0]
    size = spec.recipe.batch_size
    loop.train_epoch(setup, Steps(setup, parts["optimizer"]), parts["average"], 1,
                     lambda step, _, mean: sums.append(mean() * step * size))  # fmt: skip
    return (np.diff(sums) / size).tolist()


@pytest.mark.parametrize(
    ("device", "precision"),
    [
        ("cpu", "bfloat16"),
        pytest.param("cuda", "float32", marks=pytest.mark.gpu),
        pytest.param("cuda", "bfloat16", marks=pytest.mark.gpu),
    ],
)
def test_the_loss_stays_close_to_that_of_the_cpu_in_float32(device, precision):
    here = losses(spec_without_draws(device, precision), STEPS)
    there = losses(spec_without_draws("cpu", "float32"), STEPS)
    assert len(there) == STEPS and here != there
    assert here == pytest.approx(there, rel=TOLERANCE[precision])
