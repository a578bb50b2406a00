"""The benchmarks measure what they say they do: the same images, the same network, ratios of the right figures."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from benchmarks import gpu, recipes, time_to_accuracy, timms, usual, usual_run
from benchmarks.cases import CASES, case_setup, case_spec
from benchmarks.near_duplicates import curve
from benchmarks.run import ROOT, speedups
from benchmarks.throughput import COMPILED, EAGER, FIXED, USUAL, our_step
from benchmarks.timing import steps_per_second
from runs import scratch_spec, write_spec

from study.config.planning import run_spec
from study.config.specs import ComputeSpec
from study.config.study import load_config
from study.models import network as networks
from study.training.inputs import ImageInputs
from study.training.trial import random_dataset

COMPUTE = ComputeSpec(device="cpu", threads=1, precision="float32")

INPUT = case_spec("scratch_cnn 32 px", COMPUTE).network.input


def test_speedups_are_ratios_to_the_usual_way_and_to_a_fixed_input():
    rates = {USUAL: 100.0, EAGER: 150.0, COMPILED: 300.0, FIXED: 320.0}
    rows = [{"case": "lite0 96 px", "path": path, "used": int(path == COMPILED), "images_per_second": rate}
            for path, rate in rates.items()]  # fmt: skip
    ratios = speedups(pd.DataFrame(rows)).to_dict("records")
    assert ratios == [{"case": "lite0 96 px", "eager_over_usual": 1.5, "compiled_over_usual": 3.0,
                       "used_over_usual": 3.0, "real_over_fixed_input": 0.9375}]  # fmt: skip


def test_the_usual_way_sees_the_pixels_that_we_see():
    data = random_dataset(600)
    loaded = usual.dataset(data.images, data.fine, INPUT)
    loaded.transform.transforms = loaded.transform.transforms[-2:]  # no augmentation
    ours = ImageInputs(torch.from_numpy(data.images).permute(0, 3, 1, 2), INPUT).batch(torch.tensor([7]))[0]
    theirs, label = loaded[7]
    torch.testing.assert_close(theirs, ours, atol=1e-6, rtol=0)
    assert label == data.fine[7]


def test_both_ways_train_the_network():
    data, device = random_dataset(1200), torch.device("cpu")
    setup = case_setup("scratch_cnn 32 px", COMPUTE, data, device)
    plain = case_setup("scratch_cnn 32 px", COMPUTE, data, device).network
    loader = usual.endless(usual.dataset(data.images, data.fine, INPUT), 64, 1, device)
    for network, step in (
        (setup.network, our_step(setup, False)),
        (plain, usual.make_step(plain, loader, COMPUTE, device)),
    ):
        before = network.blocks[0].weight.detach().clone()
        assert steps_per_second(step, 0.0, device) > 0
        assert not torch.equal(before, network.blocks[0].weight)


@pytest.mark.parametrize("name", CASES)
def test_every_case_is_a_spec_of_random_images_in_the_right_shape(name):
    data = random_dataset(1200)
    assert np.bincount(data.split).tolist() == [900, 100, 200]
    assert case_spec(name, COMPUTE).network.input.size == int(name.split()[1])


def test_the_time_to_an_accuracy_ends_with_the_first_epoch_that_passes_it(tmp_path):
    write_history(
        tmp_path / "ours" / "fast" / "seed-0",
        pd.DataFrame({"val_accuracy": [0.3, 0.6, 0.55, 0.7], "seconds": [10.0, 20.0, 30.0, 40.0]}),
    )
    (row,) = time_to_accuracy.table(tmp_path / "ours").to_dict("records")
    assert (row["run"], row["epochs"], row["seconds"], row["best_val_accuracy"]) == ("ours/fast/seed-0", 4, 100.0, 0.7)
    assert [row[f"seconds_to_{target}"] for target in (40, 60, 70)] == [30.0, 30.0, 100.0]
    assert np.isnan(row["seconds_to_81"])


def write_history(folder, history):
    folder.mkdir(parents=True)
    history.to_csv(folder / "history.csv", index=False)


def test_a_step_of_a_recipe_and_of_each_other_way_moves_the_network():
    config = load_config(yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8")))
    recipe = replace(config.recipes["modern_fast"], batch_size=8)
    config.recipes["modern_fast"] = recipe
    spec = run_spec(config, "efficientnet_lite0_fast", 0, replace(COMPUTE, precision="bfloat16"))
    spec = replace(spec, recipe=replace(spec.recipe, probe=None))
    steps = recipes.steps_of(spec, 32, torch.device("cpu"), images=600)
    assert list(steps) == [USUAL, recipes.TIMM_FLOAT, recipes.TIMM_BFLOAT, recipes.OURS]
    for step, network in steps.values():
        before = network.get_classifier().weight.detach().clone()
        step()
        assert not torch.equal(before, network.get_classifier().weight)


def test_timms_loader_gives_normalised_images_of_the_size_asked_for():
    data = random_dataset(600)
    images, labels = next(timms.endless(data.images, data.fine, INPUT, 48, 16, 0, torch.device("cpu")))
    assert images.shape == (16, 3, 48, 48) and labels.shape == (16,)
    assert abs(images.mean()) < 0.5 and 0.3 < images.std() < 1.5


def test_a_run_in_the_usual_way_leaves_a_history_that_the_table_reads(tmp_path):
    path = write_spec(tmp_path, scratch_spec())
    folder = tmp_path / "histories" / "scratch_cnn"
    usual_run.train(path, folder, epochs=2, learning_rate=1e-3, batch_size=16, size=64)
    (row,) = time_to_accuracy.table(tmp_path / "histories").to_dict("records")
    assert (row["run"], row["epochs"]) == ("histories/scratch_cnn", 2)
    assert 0 <= row["best_val_accuracy"] <= 1 and row["seconds"] > 0


@pytest.mark.parametrize("row", gpu.ROWS, ids=lambda row: f"{row[0]}-{row[3]}")
def test_the_rows_of_the_gpu_table_are_runs_of_one_size(row):
    architecture, arguments, size, batch_size = row
    spec = gpu.row_spec(architecture, arguments, size, batch_size, "cuda")
    assert (spec.network.input.size, spec.recipe.batch_size, spec.recipe.input_sizes) == (size, batch_size, None)
    assert networks.build(spec.network, 100).eval()(torch.zeros(1, 3, size, size)).shape == (1, 100)


@pytest.mark.parametrize(("architecture", "arguments"), [
    ("scratch_cnn", {"channels": [8], "convolutions": 1, "kernel_size": 3, "hidden": 16, "dropout": 0.1}),
    ("scratch_fast", {"widths": [8, 8, 8], "inner": [8, 8, 8]}),
])  # fmt: skip
def test_a_row_of_the_gpu_table_compares_three_ways(architecture, arguments):
    found = gpu.time_row(gpu.row_spec(architecture, arguments, 32, 16, "cpu"), 1, 0.01, images=200)
    assert list(found) == ["model", "size", "batch_size", "usual", "timm", "ours", "over_faster"]
    assert found["over_faster"] == found["ours"] / max(found["usual"], found["timm"])
    assert torch.are_deterministic_algorithms_enabled()  # as the study has it, also after the others


def test_the_curve_takes_its_thresholds_from_even_places_and_is_of_odd_ones():
    """Eight test images; 0, 1 and 2 are judged 0 or 1, 3 is judged 2, the others are not in the list."""
    listed = pd.DataFrame({"TestID": [0, 1, 2, 3], "TrainID": [9] * 4, "Judgment": [0, 1, 1, 2]})
    score = np.array([5.0, 4, 1, 2, 0, 3, 9, -np.inf])
    half, all_ = curve(score, listed, (0.5, 1.0)).to_dict("records")
    assert (half["threshold"], half["hits"], half["listed"], half["0 and 1"]) == (5, 0, 0, 0)
    # 5 is reached by no odd one. At 1, which the second of the even ones has: of the odd ones 1, 3 and 5 reach it
    assert (all_["threshold"], all_["hits"], all_["listed"], all_["0 and 1"], all_["2"]) == (1, 3, 2, 1, 1)
