"""Settings and fixtures that every test shares."""

import os

import hypothesis
from project import changed, demo, fresh

__all__ = ["changed", "demo", "fresh"]  # fixtures: the demo study is run once for all who look at it

# A busy machine must not fail a test: speed is measured in benchmarks.
hypothesis.settings.register_profile("study", deadline=None, max_examples=40, derandomize=True)
hypothesis.settings.load_profile("study")
os.environ.setdefault("OMP_NUM_THREADS", "1")
