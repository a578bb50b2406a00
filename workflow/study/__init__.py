"""What does ImageNet transfer buy on CIFAR-100? Every step is also a command: `python -m study STEP --help`."""

from typing import Any


def __getattr__(name: str) -> Any:
    """`from study import load`, for notebooks; whoever does not ask for it need not wait for pandas."""
    if name != "load":
        raise AttributeError(f"module 'study' has no attribute {name!r}")
    from study.notebook import load

    return load
