"""A run's spec holds what decides the run and nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest
from configs import COMPUTE, changed, raw, refusal

from study.config.study import (
    FOLDER_VARIABLE,
    NORMALISATIONS,
    data_folder,
    features_id,
    features_spec,
    load_config,
    run_spec,
    study_record,
)
from study.files import canonical_json
from study.fingerprints import settings_sha256


def specs(config: dict[str, Any]) -> dict[str, str]:
    """Every model's spec as text."""
    study = load_config(config)
    return {name: canonical_json(run_spec(study, name, 0, COMPUTE)) for name in study.models}


@pytest.mark.parametrize(
    ("where", "value", "touched"),
    [
        ("recipes.report_scratch.epochs", 61, {"scratch_cnn"}),
        ("recipes.report.batch_size", 8, {"efficientnet_b0", "efficientnet_b3", "efficientnet_lite0"}),
        ("recipes.linear_head.weight_decay", 0.1, {name for name in raw()["models"] if name.endswith("_frozen")}),
        ("models.efficientnet_b0.input_size", 192, {"efficientnet_b0"}),
        ("models.efficientnet_b0.arguments.drop_rate", 0.4, {"efficientnet_b0"}),
        ("models.efficientnet_b0.architecture", "timm/tf_efficientnet_b0.ap_in1k", {"efficientnet_b0"}),
        ("models.efficientnet_b0.normalisation", "half", {"efficientnet_b0"}),
        ("models.efficientnet_b0_frozen.weights", "file:b0.safetensors", {"efficientnet_b0_frozen"}),
        ("dataset.validation.seed", 7, set(raw()["models"])),
        ("dataset.name", "synthetic", set(raw()["models"])),
        # what decides no run
        ("models.efficientnet_b0.label", "B0", set()),
        ("models.efficientnet_b0.seeds", [0, 9], set()),
        ("grid.seeds", [0], set()),
        ("dataset.folder", "/data", set()),
        ("dataset.mirrors", [], set()),
        ("study", "other", set()),
        ("baseline", "efficientnet_b0", set()),
    ],
)
def test_a_change_touches_the_specs_of_the_runs_it_decides_and_no_other(where, value, touched):
    before, after = specs(raw()), specs(changed(where, value))
    assert {name for name in before if before[name] != after[name]} == touched


def test_seed_and_machine_are_part_of_a_run():
    study = load_config(raw())
    base = run_spec(study, "scratch_cnn", 0, COMPUTE)
    assert run_spec(study, "scratch_cnn", 1, COMPUTE) == base | {"seed": 1}
    assert run_spec(study, "scratch_cnn", 0, COMPUTE | {"threads": 1})["compute"]["threads"] == 1


def test_the_spec_of_a_scratch_run():
    spec = run_spec(load_config(raw()), "scratch_cnn", 3, COMPUTE)
    config = raw()
    assert json.loads(json.dumps(spec)) == spec
    assert (spec["model"], spec["seed"], spec["regime"], spec["weights"]) == ("scratch_cnn", 3, "scratch", None)
    assert spec["arguments"] == config["models"]["scratch_cnn"]["arguments"]
    told = config["recipes"]["report_scratch"]
    assert spec["recipe"]["name"] == "report_scratch"
    told["early_stopping"] |= {"min_delta": 0.0}  # any improvement counts, unless the config says otherwise
    assert {key: spec["recipe"][key] for key in told if key != "augmentation"} == {
        key: value for key, value in told.items() if key != "augmentation"
    }
    assert {key for key, value in spec["recipe"]["augmentation"].items() if value} == set(told["augmentation"])
    assert spec["input"] == {"size": 32, "mean": [0.5071, 0.4865, 0.4409], "std": [0.2673, 0.2564, 0.2762]}
    assert spec["files"] == {"dataset": "../../../dataset.npz"}
    assert "CNN from scratch" not in json.dumps(spec)


def test_the_spec_of_a_frozen_run_names_its_weights_and_features():
    study = load_config(raw())
    spec = run_spec(study, "efficientnet_b0_frozen", 0, COMPUTE)
    features = features_id(features_spec(study, "efficientnet_b0_frozen", COMPUTE))
    assert spec["files"] == {
        "dataset": "../../../dataset.npz",
        "weights": f"../../../weights/{spec['weights']['id']}.safetensors",
        "features": f"../../../features/{features}.npz",
    }
    assert spec["weights"]["source"] == "hub"


def test_who_wants_no_compiler_gets_none_for_features_either():
    study = load_config(raw())
    compiled = {mode: features_spec(study, "efficientnet_b0_frozen", COMPUTE | {"compile": mode})["compile"]
                for mode in ("auto", "never")}  # fmt: skip
    assert compiled == {"auto": True, "never": False}


def test_own_statistics_are_taken_as_they_are():
    own = {"mean": [0.1, 0.2, 0.3], "std": [1, 2, 3]}
    spec = run_spec(load_config(changed("models.scratch_cnn.normalisation", own)), "scratch_cnn", 0, COMPUTE)
    assert spec["input"] == {"size": 32, **own}
    assert all(len(mean) == len(std) == 3 for mean, std in NORMALISATIONS.values())


# --- features ---------------------------------------------------------------------------------------------------------


def features_of(changes: dict[str, Any]) -> str:
    """The features' name of a copy of efficientnet_b0_frozen with changes."""
    config = raw()
    config["recipes"]["other_head"] = config["recipes"]["linear_head"] | {"epochs": 7}
    config["models"]["other"] = config["models"]["efficientnet_b0_frozen"] | changes
    return features_id(features_spec(load_config(config), "other", COMPUTE))


@pytest.mark.parametrize(
    "changes",
    [{"recipe": "other_head"}, {"arguments": {"drop_rate": 0.7}}, {"arguments": {}}, {"seeds": [1, 2]}, {"label": "x"}],
)
def test_models_that_differ_behind_the_features_share_them(changes):
    assert features_of(changes) == features_of({})


@pytest.mark.parametrize(
    "changes",
    [
        {"input_size": 192},
        {"normalisation": "half"},
        {"weights": "file:b0.safetensors"},
        {"architecture": "timm/tf_efficientnet_b0.ns_jft_in1k"},
        {"arguments": {"global_pool": "max"}},
    ],
)
def test_models_that_differ_before_the_features_have_their_own(changes):
    assert features_of(changes) != features_of({})


def test_named_and_spelled_out_statistics_share_features():
    mean, std = NORMALISATIONS["imagenet"]
    assert features_of({"normalisation": {"mean": mean, "std": std}}) == features_of({})


STATISTICS = {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}

# --- the rest ---------------------------------------------------------------------------------------------------------


def test_a_models_own_seeds_replace_those_of_the_grid():
    study = load_config(changed("models.efficientnet_b0.seeds", [8, 9]))
    assert study.seeds_of("scratch_cnn") == [0, 1, 2, 3, 4]
    assert study.runs()[-2:] == [("efficientnet_b0", 8), ("efficientnet_b0", 9)]
    assert len(study.runs()) == 7


def test_the_record_of_a_study_holds_the_models_of_the_grid_only():
    record = study_record(load_config(raw()), COMPUTE)
    assert list(record["models"]) == ["scratch_cnn", "efficientnet_b0"]
    assert set(record["recipes"]) == {"report_scratch", "report"}
    assert record["models"]["efficientnet_b0"] == {
        "label": "EfficientNet-B0, fine-tuned",
        "regime": "finetune",
        "architecture": "timm/tf_efficientnet_b0.aa_in1k",
        "arguments": {"drop_rate": 0.5},
        "input_size": 224,
        "normalisation": "imagenet",
        "weights": "hub",
        "recipe": "report",
    }
    spec = run_spec(load_config(raw()), "scratch_cnn", 0, COMPUTE)
    assert record["grid"][0] == {"model": "scratch_cnn", "seed": 0, "settings_sha256": settings_sha256(spec)}
    assert len({cell["settings_sha256"] for cell in record["grid"]}) == len(record["grid"]) == 10
    canonical_json(study_record(load_config(changed("models.efficientnet_b0.normalisation", STATISTICS)), COMPUTE))
    assert record["dataset"] == {
        "name": "cifar100",
        "title": "CIFAR-100",
        "synthetic": False,
        "validation": {"fraction": 0.1, "seed": 2021},
    }


def test_the_variable_goes_before_the_folder_of_the_config(monkeypatch):
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    assert data_folder(load_config(raw())) is None
    named = load_config(changed("dataset.folder", "~/cifar"))
    assert data_folder(named) == Path.home() / "cifar"
    monkeypatch.setenv(FOLDER_VARIABLE, "/data")
    assert data_folder(named) == Path("/data")
    assert data_folder(load_config(changed("dataset.name", "synthetic"))) is None


def test_no_two_models_share_a_section_so_that_an_overlay_changes_one_of_them():
    sections = [value for model in raw()["models"].values() for value in model.values() if isinstance(value, dict)]
    assert len({id(section) for section in sections}) == len(sections)


def test_a_network_of_ones_own_travels_in_the_spec(tmp_path):
    source = "from torch import nn\nclass Tiny(nn.Module):\n    pass\n"
    file = tmp_path / "tiny.py"
    file.write_text(source)
    config = changed("models.scratch_cnn.architecture", f"file:{file}:Tiny")
    assert run_spec(load_config(config), "scratch_cnn", 0, COMPUTE)["source"] == source
    assert "source" not in run_spec(load_config(raw()), "scratch_cnn", 0, COMPUTE)


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("class Tiny: pass", "Tinny", "there is no class 'Tinny'; did you mean 'Tiny'?"),
        ("class Tiny(:", "Tiny", "is no valid Python"),
        ("class Tiny: pass", "1", "is not of the form file:<path>.py:<class>"),
        (None, "Tiny", "cannot be read (No such file or directory)"),
        ("class Tiny: pass" + "#" * 60_000, "Tiny", "has over 60000 characters"),
    ],
)
def test_a_network_of_ones_own_that_cannot_be_is_refused_without_running_it(tmp_path, text, name, message):
    file = tmp_path / "tiny.py"
    if text is not None:
        file.write_text(text)
    said = refusal(changed("models.scratch_cnn.architecture", f"file:{file}:{name}"))
    assert message in said and "\n" not in said


def test_long_runs_are_compiled_and_short_ones_are_not():
    compute = COMPUTE | {"compile": "auto"}
    study = load_config(raw())
    assert run_spec(study, "efficientnet_b0", 0, compute)["compute"]["compile"] is True
    assert run_spec(study, "efficientnet_b0_frozen", 0, compute)["compute"]["compile"] is False
    long = load_config(changed("recipes.report_scratch.epochs", 3000))
    assert run_spec(long, "scratch_cnn", 0, compute)["compute"]["compile"] is False  # gains nothing on a CPU
    assert run_spec(long, "scratch_cnn", 0, compute | {"device": "cuda"})["compute"]["compile"] is True
    short = load_config(changed("recipes.report.epochs", 1) | {"dataset": raw()["dataset"] | {"name": "synthetic"}})
    assert run_spec(short, "efficientnet_lite0", 0, compute)["compute"]["compile"] is False
    assert run_spec(study, "efficientnet_b0", 0, COMPUTE | {"compile": "never"})["compute"]["compile"] is False
