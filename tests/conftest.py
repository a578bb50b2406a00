"""Settings that every test shares."""

import os

import hypothesis

# A busy machine must not fail a test: speed is measured in benchmarks.
hypothesis.settings.register_profile("study", deadline=None, max_examples=40, derandomize=True)
hypothesis.settings.load_profile("study")
os.environ.setdefault("OMP_NUM_THREADS", "1")
