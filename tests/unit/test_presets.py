"""config.yaml and the presets: each is a study."""

import re
from typing import Any

import pytest
import yaml
from configs import ROOT, raw

from study.config.study import load_config


def test_config_yaml_is_the_study_it_says():
    config = load_config(raw())
    models = ["scratch_cnn", "efficientnet_b0"]
    assert config.runs() == [(model, seed, None) for model in models for seed in range(5)]
    assert config.recipes["report"].learning_rate == 1e-4


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """As Snakemake puts a --configfile over the one in the Snakefile."""
    both = {
        key: merged(base[key], value) if isinstance(value, dict) and isinstance(base.get(key), dict) else value
        for key, value in over.items()
    }
    return base | both


@pytest.mark.parametrize("preset", sorted((ROOT / "workflow" / "presets").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_preset_is_valid_over_config_yaml(preset):
    text = preset.read_text(encoding="utf-8")
    named = re.search(r"--configfile ((?:workflow/presets/\w+\.yaml ?)+)", text)  # the command that it gives
    config = raw()
    for path in named[1].split() if named else [preset]:
        config = merged(config, yaml.safe_load((ROOT / path).read_text(encoding="utf-8")))
    assert load_config(config).runs() and (named is None or preset == ROOT / path)
