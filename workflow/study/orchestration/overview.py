"""Roughly how long a study takes and how much disk it fills: said before it starts, so that nobody is surprised.

Rough means within a factor of two or three: costs come from published multiply-accumulate counts and from two
measured rates, not from a trial.
"""

from typing import Any

from study.config.compute_cost import RATE, macs, seconds_of
from study.config.study import Config, features_id, features_spec
from study.data.manifest import load_manifest


def hours(study: Config, compute: dict[str, Any]) -> float:
    """Hours of the whole grid, one job after the other, every run to its last epoch."""
    manifest = load_manifest(study.dataset.name)
    training = manifest.classes * manifest.train_per_class
    total, seen = 0.0, set()
    for name in study.grid.models:
        model, seeds = study.models[name], study.seeds_of(name)
        if model.regime != "frozen":
            total += seconds_of(model, study.recipes[model.recipe], training, compute["device"]) * len(seeds)
            continue
        features = features_id(features_spec(study, name, compute))
        if features not in seen:
            seen.add(features)
            total += macs(model) * manifest.images / RATE[compute["device"]]
    return total / 3600 + 0.01 * len(study.runs())


def disk_gb(study: Config) -> float:
    """10^9 bytes of results: data, predictions, models, and features where a backbone is frozen."""
    manifest = load_manifest(study.dataset.name)
    data = manifest.images * 3100
    run = manifest.images * 100 * 4 * 0.25 + 25e6  # logits of validation and test; a network of six million parameters
    frozen = sum(study.models[name].regime == "frozen" for name in study.grid.models)
    return (data + run * len(study.runs()) + frozen * manifest.images * 1280 * 4) / 1e9
