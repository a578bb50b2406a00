"""A network of the user's own: a class in a Python file, whose source travels in the run's spec."""

import importlib.abc
import importlib.machinery
import importlib.util
import sys
import traceback
import types
from pathlib import Path
from typing import Any

import torch
from torch import nn

from study.config.specs import NetworkSpec
from study.errors import StudyError

STOPPED = 143  # the exit code of a job that was asked to end, which is no fault of the network


def build_own(spec: NetworkSpec, classes: int) -> nn.Module:
    """Return the network of `spec`, from its source; it takes float [B, 3, S, S] and gives logits float [B, classes].

    Runs the user's code: first on a network that is thrown away, which two images pass forwards and backwards. Raises
    StudyError if that fails, or gives anything but finite logits of float32.
    """
    images = [2, 3, spec.input.size, spec.input.size]
    try:
        with torch.random.fork_rng(devices=[]):
            _try(_make(spec), torch.randn(images), classes)
        network = _make(spec)
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            network.eval()(torch.zeros(images))  # lazy layers take their shape from it
    except _UnfitError as unfit:
        raise StudyError(f"{_named(spec)} {unfit}.") from None
    except (Exception, SystemExit) as error:  # whatever the user's code raises
        if _is_stop(error):
            raise
        raise StudyError(f"{_named(spec)} could not be built ({_reason(error, spec)}); correct it.") from None
    return network


def failure_in(spec: NetworkSpec, error: BaseException) -> str | None:
    """Return a sentence if `error` was raised in the code of the user's own network, else None."""
    if spec.source is None or _is_stop(error) or isinstance(error, StudyError) or not _line(error, spec):
        return None
    return f"{_named(spec)} failed while it was trained ({_reason(error, spec)}); correct it."


class _UnfitError(Exception):
    """The network works, but not as the study needs it."""


def _make(spec: NetworkSpec) -> nn.Module:
    path, name = _place(spec)
    _Beside(spec).install()
    module = types.ModuleType("own_network")
    module.__file__ = str(_folder(spec) / Path(path).name)
    sys.modules[module.__name__] = module  # where dataclasses look for it
    exec(compile(spec.source, path, "exec"), module.__dict__)  # the user's own file, named in the config
    network = getattr(module, name)(**spec.arguments)
    if not isinstance(network, nn.Module):
        raise _UnfitError("is not a torch.nn.Module; derive its class from that")
    return network


class _Beside(importlib.abc.MetaPathFinder, importlib.abc.ExecutionLoader):
    """Gives Python the modules that a spec carries, so that they are those of the plan, and found from any folder."""

    def __init__(self, spec: NetworkSpec) -> None:
        self.folder, self.sources = _folder(spec), spec.modules

    def install(self) -> None:
        """Take the place of the one before, and let Python forget what that one loaded."""
        sys.meta_path[:] = [self, *(finder for finder in sys.meta_path if not isinstance(finder, _Beside))]
        for name, module in list(sys.modules.items()):
            if isinstance(getattr(module, "__loader__", None), _Beside):
                del sys.modules[name]

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        """Return where a module is loaded from; None if it does not lie beside the file."""
        base = fullname.replace(".", "/")
        if f"{base}.py" not in self.sources and not any(name.startswith(f"{base}/") for name in self.sources):
            return None
        inside = [] if self.is_package(fullname) else None
        return importlib.util.spec_from_file_location(
            fullname, self.get_filename(fullname), loader=self, submodule_search_locations=inside
        )

    def is_package(self, fullname: str) -> bool:
        """Return whether a module is a folder, which need not have an __init__.py."""
        return f"{fullname.replace('.', '/')}.py" not in self.sources

    def get_filename(self, fullname: str) -> str:
        """Return the path of a module's file where the study was planned."""
        return str(self.folder / self._file(fullname))

    def get_source(self, fullname: str) -> str:
        """Return a module's code."""
        return self.sources.get(self._file(fullname), "")

    def _file(self, fullname: str) -> str:
        return fullname.replace(".", "/") + ("/__init__.py" if self.is_package(fullname) else ".py")


def _try(network: nn.Module, images: torch.Tensor, classes: int) -> None:
    """Raise _UnfitError unless `network` can be evaluated and trained on float `images` [2, 3, S, S]."""
    with torch.no_grad():
        _check_logits(network.eval()(images), classes)
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise _UnfitError("has no parameters to train; give it a layer that has some")
    logits = network.train()(images)
    _check_logits(logits, classes)
    nn.functional.cross_entropy(logits, torch.zeros(2, dtype=torch.int64)).backward()


def _check_logits(logits: Any, classes: int) -> None:
    if not isinstance(logits, torch.Tensor):
        raise _UnfitError(f"gives a {type(logits).__name__} instead of one tensor of logits; return the logits alone")
    if list(logits.shape) != [2, classes]:
        raise _UnfitError(f"turns two images into {list(logits.shape)} instead of [2, {classes}]; correct its head")
    if logits.dtype != torch.float32:
        kind = str(logits.dtype).removeprefix("torch.")
        raise _UnfitError(f"gives logits of {kind} instead of float32; leave the precision to compute: precision")
    if not logits.isfinite().all():
        raise _UnfitError("gives logits that are NaN or infinite; correct its layers or how they are initialised")


def _place(spec: NetworkSpec) -> tuple[str, str]:
    """Return (path, class)."""
    path, _, name = spec.architecture.removeprefix("file:").rpartition(":")
    return path, name


def _folder(spec: NetworkSpec) -> Path:
    return Path(_place(spec)[0]).expanduser().absolute().parent


def _named(spec: NetworkSpec) -> str:
    path, name = _place(spec)
    return f"The network {name} in {path}"


def _reason(error: BaseException, spec: NetworkSpec) -> str:
    line = _line(error, spec)
    told = " ".join(str(error).split())
    return f"{f'{line}, ' if line else ''}{type(error).__name__}{f': {told}' if told else ''}"


def _line(error: BaseException, spec: NetworkSpec) -> str | None:
    """Return the line of the user's code in which `error` was raised, or through which it passed last, in words."""
    files = {_place(spec)[0]: "", **{str(_folder(spec) / path): f" of {path}" for path in spec.modules}}
    passed = [at for at in traceback.extract_tb(error.__traceback__) if at.filename in files]
    return f"line {passed[-1].lineno}{files[passed[-1].filename]}" if passed else None


def _is_stop(error: BaseException) -> bool:
    return isinstance(error, SystemExit) and error.code == STOPPED
