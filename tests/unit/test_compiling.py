"""Where the compiler uses CUDA graphs, and that what they give stays as it is."""

import pytest
import torch

from study.training.compiling import compiled, mode_for


@pytest.mark.parametrize(
    ("device", "size", "mode"),
    [("cuda", 32, "reduce-overhead"), ("cuda", 33, None), ("cpu", 32, None)],
)
def test_cuda_graphs_are_for_small_images_on_a_gpu(device, size, mode):
    assert mode_for(device, size) == mode


def test_without_a_compiler_the_network_itself_is_used(capsys):
    network = torch.nn.Linear(2, 2)

    def fail(candidate):
        raise RuntimeError("no compiler")

    assert compiled(network, fail) == (network, False)
    assert "torch.compile failed (RuntimeError), going on without it" in capsys.readouterr().err
