"""The same ten steps on any device and in any precision lose what they lose on the CPU in float32."""

from dataclasses import replace

import pytest
from runs import scratch_spec

from study.config.specs import ComputeSpec, RunSpec
from study.training import trial

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


@pytest.mark.parametrize(
    ("device", "precision"),
    [
        ("cpu", "bfloat16"),
        pytest.param("cuda", "float32", marks=pytest.mark.gpu),
        pytest.param("cuda", "bfloat16", marks=pytest.mark.gpu),
    ],
)
def test_the_loss_stays_close_to_that_of_the_cpu_in_float32(device, precision):
    here = trial.losses(spec_without_draws(device, precision), STEPS)
    there = trial.losses(spec_without_draws("cpu", "float32"), STEPS)
    assert len(there) == STEPS and here != there
    assert here == pytest.approx(there, rel=TOLERANCE[precision])
