"""Augmentation, resizing and normalisation, on cases small enough to check by hand."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from study.training.inputs import FeatureInputs, ImageInputs, augment, resize
from study.training.streams import generator, stream_seed


def ramp(count: int = 1) -> torch.Tensor:
    """Images whose pixel (c, y, x) has the value of its position, all different."""
    return torch.arange(count * 3 * 32 * 32, dtype=torch.float32).view(count, 3, 32, 32)


def test_a_certain_flip_without_shift_mirrors_every_image():
    images = ramp(4)
    flipped = augment(images, {"horizontal_flip": 1.0, "shift": 0}, generator(0, 1, "augment"))
    assert torch.equal(flipped, images.flip(3))


def test_no_flip_and_no_shift_changes_nothing():
    images = ramp(4)
    assert torch.equal(augment(images, {"horizontal_flip": 0.0, "shift": 0}, generator(0, 1, "augment")), images)


@given(st.integers(0, 2**31 - 1), st.integers(1, 8))
def test_a_shift_is_one_of_the_windows_of_the_reflected_image(seed, shift):
    image = ramp()
    shifted = augment(image, {"horizontal_flip": 0.0, "shift": shift}, generator(seed, 1, "augment"))
    padded = torch.nn.functional.pad(image, (shift,) * 4, mode="reflect")
    windows = padded.unfold(2, 32, 1).unfold(3, 32, 1)  # [1, 3, 2s+1, 2s+1, 32, 32]
    hits = (windows == shifted[:, :, None, None]).all(dim=(0, 1, 4, 5))
    assert hits.sum() == 1


def test_images_of_a_batch_are_augmented_each_in_its_own_way():
    images = ramp().expand(64, -1, -1, -1)
    shifted = augment(images, {"horizontal_flip": 0.5, "shift": 4}, generator(0, 1, "augment"))
    assert len({tuple(image.flatten().tolist()) for image in shifted}) > 30


def test_evaluation_input_is_scaled_and_normalised_but_never_augmented():
    pixels = torch.full((2, 3, 32, 32), 255, dtype=torch.uint8)
    pixels[1] = 51
    spec = {"input": {"size": 32, "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.5, 1.0]},
            "recipe": {"augmentation": {"horizontal_flip": 1.0, "shift": 4}}}  # fmt: skip
    batch = ImageInputs(pixels, spec).batch(torch.tensor([1, 0]))
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
