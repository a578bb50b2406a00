"""A network of the user's own: a class in a Python file, whose source travels in the run's spec."""

import types

import torch
from torch import nn

from study.config.specs import NetworkSpec
from study.errors import StudyError


def build_own(spec: NetworkSpec, classes: int) -> nn.Module:
    """The network of `spec`, from its source; it must take float [B, 3, S, S] and give logits float [B, classes].

    Runs the user's code. Raises StudyError if it fails, is not a torch.nn.Module, or gives another shape.
    """
    path, _, name = spec.architecture.removeprefix("file:").rpartition(":")
    module = types.ModuleType("own_network")
    size = spec.input.size
    try:
        exec(compile(spec.source, path, "exec"), module.__dict__)  # the user's own file, named in the config
        network = getattr(module, name)(**spec.arguments)
        if not isinstance(network, nn.Module):
            raise TypeError(f"{name} is not a torch.nn.Module")
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            shape = list(network.eval()(torch.zeros(2, 3, size, size)).shape)
    except Exception as error:  # whatever the user's code raises
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise StudyError(f"The network {name} in {path} could not be built ({reason}); correct it.") from None
    if shape != [2, classes]:
        raise StudyError(
            f"The network {name} in {path} turns two images into {shape} instead of [2, {classes}]; correct its head."
        )
    return network
