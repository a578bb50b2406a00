"""A run's spec holds what decides the run and nothing else."""

import json
import re
from dataclasses import MISSING, fields, make_dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from configs import COMPUTE, changed, raw, refusal

from study.config.planning import data_folder, features_spec, run_spec, study_record
from study.config.recipes import Augmentation, EarlyStopping, Muon, Probe, Recipe, Schedule
from study.config.specs import ComputeSpec, InputSpec, RunSpec
from study.config.study import Config, load_config
from study.config.timm_names import NORMALISATIONS
from study.errors import StudyError
from study.files import canonical_json


def specs(config: dict[str, Any]) -> dict[str, str]:
    """The hash of every model's spec."""
    study = load_config(config)
    return {name: run_spec(study, name, 0, COMPUTE).sha256() for name in study.models}


FROZEN = {name for name, model in raw()["models"].items() if model["regime"] == "frozen"}


@pytest.mark.parametrize(
    ("where", "value", "touched"),
    [
        ("recipes.report_scratch.epochs", 61, {"scratch_cnn"}),
        ("recipes.report.batch_size", 8, {"efficientnet_b0", "efficientnet_b3", "efficientnet_lite0"}),
        ("recipes.linear_head.weight_decay", 0.1, FROZEN),
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
    assert run_spec(study, "scratch_cnn", 1, COMPUTE) == replace(base, seed=1)
    assert run_spec(study, "scratch_cnn", 0, replace(COMPUTE, threads=1)).compute.threads == 1


def test_the_spec_of_a_scratch_run_in_json():
    spec = run_spec(load_config(raw()), "scratch_cnn", 3, COMPUTE)
    config = raw()
    assert spec.to_json() == {
        "model": "scratch_cnn",
        "seed": 3,
        "regime": "scratch",
        "network": {
            "architecture": "scratch_cnn",
            "arguments": config["models"]["scratch_cnn"]["arguments"],
            "input": {"size": 32, "mean": [0.5071, 0.4865, 0.4409], "std": [0.2673, 0.2564, 0.2762]},
        },
        "recipe": config["recipes"]["report_scratch"],  # whose every key differs from its default
        "data": {
            "name": "cifar100",
            "fingerprint": spec.data.fingerprint,
            "validation": {"fraction": 0.1, "seed": 2021},
        },
        "compute": {"device": "cpu", "threads": 2, "precision": "float32"},
    }


@pytest.mark.parametrize("name", raw()["models"])
def test_a_spec_comes_back_from_json_as_it_was(name):
    spec = run_spec(load_config(raw()), name, 0, COMPUTE)
    assert RunSpec.from_json(json.loads(canonical_json(spec.to_json()))) == spec


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ({"seed": 0, "sead": 1}, "unexpected keyword argument 'sead'"),
        ({"network": None}, "missing"),
        ({"network": [1]}, "'list' object"),
    ],
)
def test_what_is_not_a_spec_is_refused_in_a_sentence(damage, reason):
    given = run_spec(load_config(raw()), "scratch_cnn", 0, COMPUTE).to_json() | damage
    if damage == {"network": None}:
        del given["network"]
    with pytest.raises(StudyError, match=rf"^x/spec.json is not a spec of this version \(.*{reason}.*run the workflow"):
        RunSpec.from_json(given, "x/spec.json")


def test_a_new_option_that_is_off_changes_no_spec_so_that_nothing_retrains():
    spec = run_spec(load_config(raw()), "efficientnet_b0_modern", 0, COMPUTE)
    wider = make_dataclass("Recipe", [("sam", float, 0.0)], bases=(Recipe,), frozen=True, kw_only=True)
    old = {one.name: getattr(spec.recipe, one.name) for one in fields(spec.recipe)}
    assert replace(spec, recipe=wider(**old)).sha256() == spec.sha256()
    assert replace(spec, recipe=wider(**old, sam=0.1)).sha256() != spec.sha256()


def test_the_defaults_are_those_that_old_specs_left_out():
    # A spec without a key means the default of the day it was written. Never change one here; add new ones.
    assert {one.name: one.default for one in fields(Augmentation)} == {
        "horizontal_flip": 0.0, "alternating_flip": False, "vertical_flip": 0.0, "shift": 0,
        "crop": None, "cutout": 0, "mixup": 0.0, "cutmix": 0.0,
    }  # fmt: skip
    optional = {one.name: one.default for one in fields(Recipe) if one.default is not MISSING}
    assert optional == {
        "muon": None, "head_learning_rate": None, "label_smoothing": 0.0, "schedule": None, "ema": None,
        "validation": None, "precision": None, "input_sizes": None, "frozen_norms": False, "frozen_blocks": 0,
        "frozen_depthwise": False, "probe": None, "images_seen": None, "regression": None,
        "learning_rate": None, "weight_decay": None, "batch_size": None, "images_seen_at_least": None,
            "class_weights": None,
    }  # fmt: skip
    assert {one.name: one.default for one in fields(Schedule) if one.default is not MISSING} == {"hold_epochs": 0.0}
    assert all(one.default is MISSING for one in fields(Muon) + fields(Probe))
    assert {one.name: one.default for one in fields(EarlyStopping) if one.default is not MISSING} == {"min_delta": 0.0}


def test_the_spec_of_a_frozen_run_names_its_weights_and_features():
    study = load_config(raw())
    spec = run_spec(study, "efficientnet_b0_frozen", 0, COMPUTE)
    assert spec.features == features_spec(study, "efficientnet_b0_frozen", COMPUTE).id
    assert (spec.weights.source, spec.weights.sha256) == ("hub", None)


def test_who_wants_no_compiler_gets_none_for_features_either():
    study = load_config(raw())
    for allowed in (True, False):
        spec = features_spec(study, "efficientnet_b0_frozen", replace(COMPUTE, compile=allowed))
        assert spec.compute.compile is allowed


def test_own_statistics_are_taken_as_they_are():
    own = {"mean": [0.1, 0.2, 0.3], "std": [1, 2, 3]}
    spec = run_spec(load_config(changed("models.scratch_cnn.normalisation", own)), "scratch_cnn", 0, COMPUTE)
    assert spec.network.input == InputSpec(size=32, **own)
    assert all(len(mean) == len(std) == 3 for mean, std in NORMALISATIONS.values())


# --- features ---------------------------------------------------------------------------------------------------------


def features_of(changes: dict[str, Any]) -> str:
    """The features' name of a copy of efficientnet_b0_frozen with changes."""
    config = raw()
    config["recipes"]["other_head"] = config["recipes"]["linear_head"] | {"epochs": 7}
    config["models"]["other"] = config["models"]["efficientnet_b0_frozen"] | changes
    return features_spec(load_config(config), "other", COMPUTE).id


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
    assert study.runs()[-2:] == [("efficientnet_b0", 8, None), ("efficientnet_b0", 9, None)]
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
    assert record["grid"][0] == {"model": "scratch_cnn", "seed": 0, "settings_sha256": spec.settings_sha256()}
    assert len({cell["settings_sha256"] for cell in record["grid"]}) == len(record["grid"]) == 10
    canonical_json(study_record(load_config(changed("models.efficientnet_b0.normalisation", STATISTICS)), COMPUTE))
    assert record["dataset"] == {
        "name": "cifar100",
        "title": "CIFAR-100",
        "synthetic": False,
        "classes": 100,
        "superclasses": 20,
        "validation": {"fraction": 0.1, "seed": 2021},
    }


def test_the_folder_of_the_config_goes_before_the_variable(monkeypatch):
    monkeypatch.delenv("CIFAR100_FOLDER", raising=False)
    assert data_folder(load_config(raw())) is None
    named = load_config(changed("dataset.folder", "~/cifar"))
    assert data_folder(named) == Path.home() / "cifar"
    monkeypatch.setenv("CIFAR100_FOLDER", "/data")
    assert data_folder(named) == Path.home() / "cifar"
    assert data_folder(load_config(raw())) == Path("/data")
    assert data_folder(load_config(changed("dataset.name", "synthetic"))) is None
    monkeypatch.setenv("CIFAR10_FOLDER", "/other")
    assert data_folder(load_config(changed("dataset.name", "cifar10"))) == Path("/other")


def test_no_two_models_share_a_section_so_that_an_overlay_changes_one_of_them():
    sections = [value for model in raw()["models"].values() for value in model.values() if isinstance(value, dict)]
    assert len({id(section) for section in sections}) == len(sections)


def test_a_network_of_ones_own_travels_in_the_spec(tmp_path):
    source = "from torch import nn\nclass Tiny(nn.Module):\n    pass\n"
    file = tmp_path / "tiny.py"
    file.write_text(source)
    config = changed("models.scratch_cnn.architecture", f"file:{file}:Tiny")
    assert run_spec(load_config(config), "scratch_cnn", 0, COMPUTE).network.source == source
    assert run_spec(load_config(raw()), "scratch_cnn", 0, COMPUTE).network.source is None


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("class Tiny: pass", "Tinny", r"there is no class 'Tinny'; did you mean 'Tiny'\?"),
        ("class Tiny(:", "Tiny", "is not valid Python"),
        ("class Tiny: pass", "1", "is not of the form file:<path>.py:<class>"),
        (None, "Tiny", r"cannot be read \(No such file or directory\)"),
        ("x = " + "[" * 20_000 + "]" * 20_000, "Tiny", "is nested too deeply|is not valid Python"),
    ],
)
def test_a_network_of_ones_own_that_cannot_be_is_refused_without_running_it(tmp_path, text, name, message):
    file = tmp_path / "tiny.py"
    if text is not None:
        file.write_text(text)
    said = refusal(changed("models.scratch_cnn.architecture", f"file:{file}:{name}"))
    assert re.search(message, said) and "\n" not in said


def test_long_runs_are_compiled_and_short_ones_are_not():
    compute = replace(COMPUTE, compile=True)
    study = load_config(raw())

    def compiles(config: Config, model: str, allowed: ComputeSpec = compute) -> bool:
        return run_spec(config, model, 0, allowed).compute.compile

    assert compiles(study, "efficientnet_b0") and compiles(study, "scratch_resnet18")
    assert not compiles(study, "efficientnet_b0_frozen")
    assert not compiles(load_config(changed("recipes.report_scratch.epochs", 3000)), "scratch_cnn")  # gains nothing
    assert not compiles(study, "efficientnet_b0", replace(compute, compile=False))
    # 50,000 images an epoch: the second reaches the 100,000 that repay the compiler
    recipe = raw()["recipes"]["modern"] | {"schedule": None}
    short, long = (load_config(changed("recipes.modern", recipe | {"epochs": epochs})) for epochs in (1, 2))
    assert not compiles(short, "efficientnet_b0_modern") and compiles(long, "efficientnet_b0_modern")
    assert not compiles(long, "efficientnet_b0_modern", replace(compute, device="cuda"))  # whose steps are captured


def test_a_note_on_a_model_is_for_its_readers_and_decides_nothing():
    plain, noted = load_config(raw()), load_config(changed("models.scratch_cnn.note", "Small."))
    records = [study_record(study, COMPUTE) for study in (plain, noted)]
    assert [record["models"]["scratch_cnn"].get("note") for record in records] == [None, "Small."]
    assert "note" not in records[1]["models"]["efficientnet_b0"]
    assert records[0]["grid"] == records[1]["grid"]


def test_features_are_compiled_on_a_cpu_only():
    study = load_config(raw())
    for device, compiled in (("cpu", True), ("cuda", False)):
        spec = features_spec(study, "efficientnet_b0_frozen", replace(COMPUTE, compile=True, device=device))
        assert spec.compute.compile is compiled
