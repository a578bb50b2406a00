"""Settings and fixtures that every test shares."""

import os

import hypothesis
import pytest
from project import changed, demo, fresh

__all__ = ["changed", "demo", "fresh"]  # fixtures: the demo study is run once for all who look at it


def pytest_collection_modifyitems(items):
    """Skip what needs a GPU where there is none."""
    if not any(item.get_closest_marker("gpu") for item in items):
        return
    import torch

    if torch.cuda.is_available():
        return
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason="needs an NVIDIA GPU that this torch can use"))


# A busy machine must not fail a test: speed is measured in benchmarks.
hypothesis.settings.register_profile("study", deadline=None, max_examples=40, derandomize=True)
hypothesis.settings.load_profile("study")
os.environ.setdefault("OMP_NUM_THREADS", "1")
