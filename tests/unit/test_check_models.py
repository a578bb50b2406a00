"""What a user brings - a network, a weights file, arguments - is tried before a run; a job says the same."""

import re
from dataclasses import replace

import pytest
import safetensors.torch
import timm
import torch
import yaml
from configs import raw
from runs import scratch_spec, write_spec

from study.errors import StudyError
from study.files import write_json
from study.orchestration import jobs
from study.orchestration.check_models import check_models, models_to_try
from study.orchestration.start import Start, check_own_models, start

NETWORKS = '''
import torch
from torch import nn

SEEN = []

class Good(nn.Linear):
    """Its head takes its size from the images."""
    def __init__(self, width=8):
        super().__init__(3, 100)
        self.lazy = nn.LazyLinear(3)
    def forward(self, images):
        return super().forward(self.lazy(images.flatten(1)))

class Tuple(Good):
    def forward(self, images): return super().forward(images), 1
class Nan(Good):
    def forward(self, images): return super().forward(images) * float("nan")
class Half(Good):
    def forward(self, images): return super().forward(images).half()
class Few(Good):
    def forward(self, images): return super().forward(images)[:, :7]
class Bare(nn.Module):
    def forward(self, images): return images.flatten(1)[:, :100]
class Exit(nn.Module):
    def __init__(self): raise SystemExit("bye")
class InTraining(Good):
    def forward(self, images): return super().forward(images).detach()
class Late(Good):
    def forward(self, images):
        if self.training and len(images) > 2:
            raise {late}
        return super().forward(images)
'''.replace("{late}", 'ValueError("late\\nlines")')
REFUSED = {
    "Tuple": "gives a tuple instead of one tensor of logits; return the logits alone.",
    "Nan": "gives logits that are NaN or infinite; correct its layers or how they are initialised.",
    "Half": "gives logits of float16 instead of float32; leave the precision to compute: precision.",
    "Few": "turns two images into [2, 7] instead of [2, 100]; correct its head.",
    "Bare": "has no parameters to train; give it a layer that has some.",
    "Exit": "could not be built (line 26, SystemExit: bye); correct it.",
    "InTraining": "could not be built (RuntimeError: element 0 of tensors does not require grad",
}


def told(tmp_path, **model) -> str | None:
    """What is said of this model; None if nothing is. The start of a study says the same, from a process of its own."""
    begun = started(tmp_path, **model)
    try:
        check_models(models_to_try(begun.study, begun.compute, begun.paths))
    except StudyError as error:
        return f"my.yaml: {error}"
    return None


def started(tmp_path, **model) -> Start:
    """The start of a study with this model."""
    block = {"label": "Mine", "weights": None, "input_size": 32, "normalisation": "half", "regime": "scratch",
             "recipe": "report_scratch"}  # fmt: skip
    config = raw() | {"models": {"mine": block | model}, "baseline": "mine", "claims": [], "ladder": []}
    config |= {"grid": {"models": ["mine"], "seeds": [0]}, "dataset": raw()["dataset"] | {"name": "synthetic"}}
    (tmp_path / "my.yaml").write_text(yaml.safe_dump(config))
    return start(config, ["my.yaml"])


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(NETWORKS)


def test_a_good_network_goes_on_and_a_bad_one_is_refused_and_nothing_is_written(tmp_path):
    check_own_models(started(tmp_path, architecture="file:mine.py:Good"))
    with pytest.raises(
        StudyError, match=r"^my.yaml, line \d+: models: mine: The network Tuple in mine.py gives a tuple instead"
    ):
        check_own_models(started(tmp_path, architecture="file:mine.py:Tuple"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.py", "my.yaml"]


@pytest.mark.parametrize("name", REFUSED)
def test_a_network_that_cannot_be_trained_is_refused_before_a_run_and_in_the_job(tmp_path, name):
    sentence = f"The network {name} in mine.py {REFUSED[name]}"
    assert (told(tmp_path, architecture=f"file:mine.py:{name}") or "").startswith(f"my.yaml: models: mine: {sentence}")
    with pytest.raises(StudyError) as caught:
        jobs.train(job(tmp_path, name))
    assert str(caught.value).startswith(sentence)


def job(tmp_path, name: str):
    own = {"architecture": f"file:mine.py:{name}", "arguments": {}, "source": NETWORKS}
    return write_spec(tmp_path / "s", replace(scratch_spec(), network=replace(scratch_spec().network, **own)))


def test_a_network_that_fails_while_it_is_trained_is_named_with_its_line(tmp_path):
    with pytest.raises(StudyError) as caught:
        jobs.train(job(tmp_path, "Late"))
    line = next(n for n, text in enumerate(NETWORKS.splitlines(), 1) if "raise ValueError" in text)
    assert str(caught.value) == (
        f"The network Late in mine.py failed while it was trained (line {line}, ValueError: late lines); correct it."
    )


def test_a_job_that_is_asked_to_end_inside_a_network_does_not_blame_it(tmp_path):
    (tmp_path / "s").mkdir()
    source = NETWORKS.replace('ValueError("late\\nlines")', "SystemExit(143)")
    own = {"architecture": "file:mine.py:Late", "arguments": {}, "source": source}
    spec = replace(scratch_spec(), network=replace(scratch_spec().network, **own))
    with pytest.raises(SystemExit) as caught:
        jobs.train(write_spec(tmp_path / "s", spec))
    assert caught.value.code == 143


@pytest.mark.parametrize(
    ("architecture", "size", "sentence"),
    [
        ("vit_tiny_patch16_224.augreg_in21k", 96, None),
        (
            "convit_tiny.fb_in1k",
            96,
            "are for images of 224 px, and timm cannot fit them to 96 px; set input_size to 224.",
        ),
    ],
)
def test_an_input_size_that_a_network_is_not_built_for_is_tried_before_its_weights_are_fetched(
    tmp_path, architecture, size, sentence
):
    block = {"architecture": f"timm/{architecture}", "weights": "hub", "regime": "finetune", "recipe": "report"}
    said = told(tmp_path, **block, input_size=size)
    assert said is None if sentence is None else sentence in said


def test_a_deeply_nested_file_is_refused(tmp_path):
    (tmp_path / "mine.py").write_text(f"X = {'-' * 20_000}1\nclass Good: pass\n")
    with pytest.raises(StudyError, match=r"mine.py is nested too deeply for Python to parse; simplify it"):
        started(tmp_path, architecture="file:mine.py:Good")


# --- weights ----------------------------------------------------------------------------------------------------------

LITE = {"architecture": "timm/tf_efficientnet_lite0.in1k", "regime": "frozen", "recipe": "linear_head"}


def damage(tensors):
    tensors["conv_stem.weight"][0] = torch.nan


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda t: None, None),
        (damage, "w.safetensors holds NaN in the tensor conv_stem.weight, so it is of a training that failed"),
        (lambda t: t.pop("conv_stem.weight"), "w.safetensors does not fit the network: it has no tensor conv_stem"),
        (lambda t: t.update(x=torch.ones(1)), "w.safetensors does not fit the network: it has no place for x"),
    ],
    ids=["good", "nan", "missing", "foreign"],
)  # fmt: skip
def test_a_weights_file_is_opened_before_a_run(tmp_path, change, expected):
    tensors = timm.create_model("tf_efficientnet_lite0").state_dict()
    change(tensors)
    safetensors.torch.save_file(tensors, tmp_path / "w.safetensors")
    sentence = told(tmp_path, weights="file:w.safetensors", **LITE)
    assert sentence is None if expected is None else sentence.startswith(f"my.yaml: models: mine: {expected}")


def test_a_refused_pickle_does_not_repeat_torchs_advice_to_load_it_unsafely(tmp_path):
    torch.save({"a": print}, tmp_path / "w.pt")
    sentence = told(tmp_path, weights="file:w.pt", **LITE)
    assert sentence.startswith(
        "my.yaml: models: mine: w.pt cannot be read safely as weights: it holds more than tensors"
    )
    assert "weights_only" not in sentence and "trust" not in sentence


def test_a_weights_file_that_has_gone_after_it_was_read_is_not_asked_for(tmp_path):
    from study.config.specs import weights_id
    from study.paths import RESULTS, StudyPaths

    kept = StudyPaths(RESULTS / raw()["study"]).weights(weights_id(LITE["architecture"], "file:gone.pt"))
    assert "gone.pt does not exist" in told(tmp_path, weights="file:gone.pt", **LITE)
    write_json(kept, {})
    assert told(tmp_path, weights="file:gone.pt", **LITE) is None


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"num_classes": 7}, "arguments: num_classes is not for the config to set: the data decide it; remove it."),
        ({"pretrained": True}, "arguments: pretrained is not for the config to set: weights says it; remove it."),
        ({"drop_rate": "x"}, "arguments: drop_rate is 'x', but must be a number from 0 to less than 1."),
        ({"foo": 1}, "the arguments of timm/tf_efficientnet_lite0.in1k do not fit it: EfficientNet.__init__() got"),
        ({"drop_rate": "0.2"}, None),
    ],
)
def test_arguments_of_a_timm_network_are_tried(tmp_path, arguments, expected):
    try:
        sentence = told(tmp_path, weights="hub", arguments=arguments, **LITE)
    except StudyError as error:
        sentence = re.sub(r", line \d+", "", str(error))
    assert sentence is None if expected is None else sentence.startswith(f"my.yaml: models: mine: {expected}")
