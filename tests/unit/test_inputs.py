"""Resizing and normalisation, on cases small enough to check by hand; augmentation stands in test_augment.py."""

import torch

from study.config.recipes import Augmentation
from study.config.specs import InputSpec
from study.training.inputs import FeatureInputs, ImageInputs, resize
from study.training.streams import stream_seed


def test_evaluation_input_is_scaled_and_normalised_but_never_augmented():
    pixels = torch.full((2, 3, 32, 32), 255, dtype=torch.uint8)
    pixels[1] = 51
    spec = InputSpec(size=32, mean=[0.5, 0.5, 0.5], std=[0.25, 0.5, 1.0])
    batch = ImageInputs(pixels, spec, Augmentation(horizontal_flip=1.0, shift=4)).batch(torch.tensor([1, 0]))
    assert batch[0, :, 3, 5].tolist() == torch.tensor([-1.2, -0.6, -0.3]).tolist()
    assert batch[1, :, 0, 0].tolist() == [2.0, 1.0, 0.5]


def test_upsampling_keeps_constant_images_and_stays_in_range():
    assert torch.allclose(resize(torch.full((1, 3, 32, 32), 0.3), 224), torch.tensor(0.3), atol=1e-6)
    checks = ((torch.arange(32)[:, None] + torch.arange(32)) % 2).float().expand(1, 3, 32, 32)
    big = resize(checks, 96)
    assert big.shape == (1, 3, 96, 96)
    assert big.min() >= 0 and big.max() <= 1


def test_features_are_looked_up_by_row():
    inputs = FeatureInputs(torch.arange(12.0).view(4, 3))
    assert inputs.batch(torch.tensor([2, 0])).tolist() == [[6, 7, 8], [0, 1, 2]]


def test_streams_differ_by_seed_epoch_and_purpose_and_repeat_themselves():
    keys = [(s, e, p) for s in range(3) for e in range(3) for p in ("order", "augment", "dropout", "initialise")]
    seeds = [stream_seed(*key) for key in keys]
    assert len(set(seeds)) == len(keys)
    assert seeds == [stream_seed(*key) for key in keys]
    assert all(0 <= seed < 2**63 for seed in seeds)
