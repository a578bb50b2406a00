"""The schema for editors says what the typed config says."""

import copy
import json

import jsonschema
import pytest
import yaml
from configs import ROOT, raw

from study.config.schema import SCHEMA, schema_text


def test_the_schema_in_the_repository_is_that_of_the_code():
    assert SCHEMA.read_text(encoding="utf-8") == schema_text(), "run: make schema"


@pytest.mark.parametrize("path", [ROOT / "config.yaml", *sorted((ROOT / "workflow" / "presets").glob("*.yaml"))])
def test_every_config_of_the_repository_fits_it(path):
    jsonschema.validate(yaml.safe_load(path.read_text(encoding="utf-8")), json.loads(schema_text()))


@pytest.mark.parametrize("spoil", [("recipes", "report", "epoch"), ("models", "scratch_cnn", "regimes"), ("studi",)])
def test_a_misspelt_key_does_not_fit_it(spoil):
    config = copy.deepcopy(raw())
    section = config
    for key in spoil[:-1]:
        section = section[key]
    section[spoil[-1]] = 1
    with pytest.raises(jsonschema.ValidationError, match=spoil[-1]):
        jsonschema.validate(config, json.loads(schema_text()))


def test_the_config_names_it_for_editors():
    assert (ROOT / "config.yaml").read_text().startswith("# yaml-language-server: $schema=config.schema.json\n")
