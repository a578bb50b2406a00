"""The config: every mistake in it is told in one sentence."""

import pytest
import yaml
from configs import COMPUTE, MISSING, ROOT, changed, raw, refusal

from study.config.planning import run_spec
from study.config.study import Config, load_config

# --- a table of mistakes ----------------------------------------------------------------------------------------------

LITE = "models.efficientnet_lite0"
B0 = "models.efficientnet_b0"
CNN = "models.scratch_cnn"
RATE = "recipes.report.learning_rate"
TAGS = ", ".join(f"tf_efficientnet_b0.{tag}" for tag in ("aa_in1k", "ap_in1k", "in1k", "ns_jft_in1k"))
TOP = ", ".join(sorted(Config.model_fields))


@pytest.mark.parametrize(
    ("where", "value", "expected"),
    [
        # unknown keys
        ("recipes.report.epoch", 3, "recipes: report has an unknown key 'epoch'; did you mean 'epochs'?"),
        ("recipes.report.Epochs", 3, "recipes: report has an unknown key 'Epochs'; did you mean 'epochs'?"),
        ("Study", "x", "the top level has an unknown key 'Study'; did you mean 'study'?"),
        ("seeds", [0], f"the top level has an unknown key 'seeds'; known: {TOP}."),
        (
            "recipes.report.plateau.patiense",
            3,
            "recipes: report: plateau has an unknown key 'patiense'; did you mean 'patience'?",
        ),
        ("dataset.validation.sead", 3, "dataset: validation has an unknown key 'sead'; did you mean 'seed'?"),
        (
            f"{CNN}.arguments.chanels",
            [8],
            "models: scratch_cnn: arguments has an unknown key 'chanels'; did you mean 'channels'?",
        ),
        # unknown names
        ("dataset.name", "cifar-100", "dataset: name: there is no dataset 'cifar-100'; did you mean 'cifar100'?"),
        (
            f"{CNN}.recipe",
            "report_scrach",
            "models: scratch_cnn: recipe: there is no recipe 'report_scrach'; did you mean 'report_scratch'?",
        ),
        (
            "grid.models",
            ["scratch_cnn", "efficientnet_b1"],
            "grid: models: there is no model 'efficientnet_b1'; did you mean 'efficientnet_b3'?",
        ),
        (
            "baseline",
            "efficientnet_b3",
            "baseline: there is no model of the grid 'efficientnet_b3'; did you mean 'efficientnet_b0'?",
        ),
        (
            f"{CNN}.architecture",
            "scratch",
            "models: scratch_cnn: architecture 'scratch' is not one of scratch_cnn, scratch_resnet18, "
            "scratch_fast, timm/<name> and file:<path>.py:<class>.",
        ),
        (
            f"{B0}.architecture",
            "timm/tf_eficientnet_b0.aa_in1k",
            "models: efficientnet_b0: timm has no architecture 'tf_eficientnet_b0.aa_in1k'; "
            "did you mean 'tf_efficientnet_b0.aa_in1k'?",
        ),
        (
            f"{B0}.architecture",
            "timm/tf_efficientnet_b0.a1_in1k",
            f"models: efficientnet_b0: architecture timm/tf_efficientnet_b0.a1_in1k needs one of timm's tags: {TAGS}.",
        ),
        (
            "recipes.report.optimizer",
            "lion",
            "recipes: report: optimizer is 'lion', but must be 'adam', 'adamw', 'sgd', 'muon' or 'lbfgs'.",
        ),
        ("compute.device", "gpu", "compute: device is 'gpu', but must be 'auto', 'cpu' or 'cuda'."),
        (
            f"{B0}.normalisation",
            "imagnet",
            "models: efficientnet_b0: normalisation is 'imagnet', but "
            "must be 'cifar100', 'imagenet', 'half' or 'none'.",
        ),
        # wrong types and values
        ("recipes.report.epochs", "many", "recipes: report: epochs is 'many', but must be a whole number."),
        ("recipes.report.epochs", 15.0, "recipes: report: epochs is 15.0, but must be a whole number."),
        ("recipes.report.epochs", True, "recipes: report: epochs is true, but must be a whole number."),
        (RATE, "fast", "recipes: report: learning_rate is 'fast', but must be a number."),
        (RATE, 0, "recipes: report: learning_rate is 0, but must be more than 0."),
        (RATE, float("inf"), "recipes: report: learning_rate is inf, but must be a finite number."),
        ("recipes.report.plateau", 3, "recipes: report: plateau is 3, but must be a section with keys of its own."),
        (
            "models.efficientnet_b0",
            None,
            "models: efficientnet_b0 is null, but must be a section with keys of its own.",
        ),
        ("grid.seeds", 5, "grid: seeds is 5, but must be a list."),
        ("grid.seeds", [0, -1], "grid: seeds: 1 is -1, but must be at least 0."),
        (
            "study",
            "CIFAR 100",
            "study is 'CIFAR 100', but must consist of lower-case letters, digits and underscores, "
            "and not begin with an underscore.",
        ),
        (
            "study",
            "../elsewhere",
            "study is '../elsewhere', but must consist of lower-case letters, digits and underscores, "
            "and not begin with an underscore.",
        ),
        (
            "models.Foo",
            {},
            "models: Foo is 'Foo', but must consist of lower-case letters, digits and underscores, "
            "and not begin with an underscore.",
        ),
        ("dataset.folder", 5, "dataset: folder is 5, but must be text."),
        (
            "dataset.validation.seed",
            2**32,
            "dataset: validation: seed is 4294967296, but must be less than 4294967296.",
        ),
        (
            "dataset.validation.fraction",
            0.0005,
            "dataset: validation: fraction 0.0005 of 500 images per class is less than one; raise it.",
        ),
        (
            f"{B0}.normalisation",
            {"mean": [0, 0, 0], "std": [1, 1, 0]},
            "models: efficientnet_b0: normalisation: std: 2 is 0, but must be more than 0.",
        ),
        (
            f"{CNN}.arguments.kernel_size",
            4,
            "models: scratch_cnn: arguments: kernel_size must be odd, so that padding keeps the size, not 4.",
        ),
        (f"{CNN}.arguments.dropout", 1, "models: scratch_cnn: arguments: dropout is 1, but must be less than 1."),
        (
            f"{B0}.arguments.drop_rate",
            float("nan"),
            "models: efficientnet_b0: arguments: drop_rate is nan, but must be a number from 0 to less than 1.",
        ),
        (
            f"{CNN}.arguments.channels",
            [10**9],
            "models: scratch_cnn: arguments: channels: 0 is 1000000000, but must be at most 16384.",
        ),
        # missing keys
        ("grid", MISSING, "grid is missing; config.yaml shows what it looks like."),
        ("recipes.report.epochs", MISSING, "recipes: report: epochs is missing; config.yaml shows what it looks like."),
        (
            f"{CNN}.arguments.hidden",
            MISSING,
            "models: scratch_cnn: arguments: hidden is missing; config.yaml shows what it looks like.",
        ),
        (
            "recipes.report",
            {"optimizer": "adam", "learning_rate": 0.1, "weight_decay": 0.0, "batch_size": 64, "epochs": 2},
            "recipes: report lacks augmentation, plateau, early_stopping, best_epoch; config.yaml shows what they look "
            "like.",
        ),
        # contradictions
        (
            "models.efficientnet_lite0_frozen.recipe",
            "report",
            "models: efficientnet_lite0_frozen: frozen features are computed once, so recipe report cannot augment; "
            "set its augmentation to null.",
        ),
        (
            f"{LITE}.weights",
            None,
            "models: efficientnet_lite0: regime finetune needs weights: "
            "hub, package:<registry package> or file:<path>.",
        ),
        (
            f"{LITE}.regime",
            "scratch",
            "models: efficientnet_lite0: regime scratch starts from random weights; set weights to null, or regime to "
            "finetune.",
        ),
        (
            f"{LITE}.weights",
            "hubb",
            "models: efficientnet_lite0: weights 'hubb' must be hub, package:<registry package>, file:<path> or null.",
        ),
        (
            "models.efficientnet_lite0_frozen.redraw",
            ["blocks.6"],
            "models: efficientnet_lite0_frozen: redraw needs regime finetune, which trains the layers that it draws "
            "anew, not frozen.",
        ),
        (
            f"{CNN}.normalisation",
            MISSING,
            "models: scratch_cnn: normalisation is missing; config.yaml shows what it looks like.",
        ),
        (
            f"{B0}.architecture",
            "timm/deit_tiny_distilled_patch16_224.fb_in1k",
            "models: efficientnet_b0: timm/deit_tiny_distilled_patch16_224.fb_in1k has several classifiers, and this "
            "study trains networks with one; use another.",
        ),
        (
            f"{B0}.architecture",
            "timm/resnet50_mlp",
            "models: efficientnet_b0: timm's hub has no weights of resnet50_mlp; name a file (weights: file:<path>), "
            "or use another.",
        ),
        ("grid.seeds", [3, 4, 3], "grid: seeds: 3 is listed twice; remove one."),
        (f"{B0}.seeds", [7, 7], "models: efficientnet_b0: seeds: 7 is listed twice; remove one."),
        ("grid.models", ["scratch_cnn"] * 2, "grid: models: 'scratch_cnn' is listed twice; remove one."),
    ],
)
def test_a_mistake_is_told_in_one_sentence(where, value, expected):
    assert refusal(changed(where, value)) == f"config: {expected}"


def test_a_recipe_that_no_model_uses_stops_nothing():
    config = changed("recipes.khanna2021.validation", {"fraction": 0.001, "seed": 0})
    assert not {model for model in config["grid"]["models"] if config["models"][model]["recipe"] == "khanna2021"}
    load_config(config)
    user = next(name for name, model in config["models"].items() if model["recipe"] == "khanna2021")
    config["grid"]["models"].append(user)
    assert "recipes: khanna2021: validation: fraction 0.001 of 500 images per class is less" in refusal(config)


@pytest.mark.parametrize(
    ("architecture", "mean"), [("tf_efficientnet_b0.aa_in1k", 0.485), ("tf_efficientnet_b0.ap_in1k", 0.5)]
)
def test_a_network_of_timm_is_normalised_as_in_its_pretraining_unless_told_otherwise(architecture, mean):
    config = changed(f"{B0}.normalisation", MISSING)
    config["models"]["efficientnet_b0"]["architecture"] = f"timm/{architecture}"
    assert run_spec(load_config(config), "efficientnet_b0", 0, COMPUTE).network.input.mean[0] == mean
    config["models"]["efficientnet_b0"]["normalisation"] = "cifar100"
    assert run_spec(load_config(config), "efficientnet_b0", 0, COMPUTE).network.input.mean[0] == 0.5071


def test_a_mistyped_key_is_told_rather_than_the_one_it_leaves_missing():
    config = raw()
    config["recipes"]["report"]["lerning_rate"] = config["recipes"]["report"].pop("learning_rate")
    expected = "config: recipes: report has an unknown key 'lerning_rate'; did you mean 'learning_rate'?"
    assert refusal(config) == expected


def test_the_scratch_network_has_no_weights_to_start_from():
    config = raw()
    config["models"]["scratch_cnn"] |= {"weights": "hub", "regime": "finetune"}
    expected = "config: models: scratch_cnn: scratch_cnn has no pretrained weights, so regime is scratch, not finetune."
    assert refusal(config) == expected


def test_an_input_too_small_for_the_pooling():
    config = raw()
    config["models"]["scratch_cnn"]["input_size"] = 8
    config["models"]["scratch_cnn"]["arguments"]["channels"] = [8] * 4
    assert refusal(config) == "config: models: scratch_cnn: input_size must be at least 16 for 4 blocks."


@pytest.mark.parametrize("config", [None, [], "x", 3])
def test_a_config_that_is_no_mapping(config):
    assert refusal(config).startswith("config: the top level is ")


# --- numbers that YAML takes for text ---------------------------------------------------------------------------------


def test_an_exponent_without_a_dot_is_a_number():
    text = (ROOT / "config.yaml").read_text(encoding="utf-8").replace("1.0e-4", "1e-4")
    config = yaml.safe_load(text)
    assert config["recipes"]["report"]["learning_rate"] == "1e-4"  # what YAML 1.1 makes of it
    spec = run_spec(load_config(config), "efficientnet_b0", 0, COMPUTE)
    assert spec == run_spec(load_config(raw()), "efficientnet_b0", 0, COMPUTE)


@pytest.mark.parametrize(("model", "key"), [("scratch_cnn", "dropout"), ("efficientnet_b0", "drop_rate")])
def test_so_it_is_in_the_arguments_of_an_architecture(model, key):
    config = load_config(changed(f"models.{model}.arguments.{key}", "1e-1"))
    assert run_spec(config, model, 0, COMPUTE).network.arguments[key] == 0.1
