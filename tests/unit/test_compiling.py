"""What happens where there is no compiler."""

import torch

from study.training.compiling import compiled


def test_without_a_compiler_the_network_itself_is_used(capsys):
    network = torch.nn.Linear(2, 2)

    def fail(candidate):
        raise RuntimeError("no compiler")

    assert compiled(network, fail) == (network, False)
    assert "torch.compile failed (RuntimeError), going on without it" in capsys.readouterr().err
