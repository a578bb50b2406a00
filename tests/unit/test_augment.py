"""Augmentation, on images small enough to check by hand, and against other implementations."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from study.config.recipes import Augmentation, Crop
from study.training.augment import bicubic_weights, cutout, draw_mixing, is_mixed, mix, transform
from study.training.streams import generator


def ramp(count: int = 1) -> torch.Tensor:
    """Images in [0, 1] whose pixel (c, y, x) has the value of its position, all different."""
    pixels = count * 3 * 32 * 32
    return (torch.arange(pixels, dtype=torch.float32) / pixels).view(count, 3, 32, 32)


def draw(seed: int = 0) -> torch.Generator:
    return generator(seed, 1, "augment")


@pytest.mark.parametrize(("key", "axis"), [("horizontal_flip", 3), ("vertical_flip", 2)])
def test_a_certain_flip_mirrors_every_image_exactly(key, axis):
    images = ramp(4)
    assert torch.equal(transform(images, Augmentation(**{key: 1.0}), 32, draw()), images.flip(axis))


def test_nothing_switched_on_changes_nothing():
    images = ramp(4)
    assert torch.equal(transform(images, Augmentation(), 32, draw()), images)


@pytest.mark.parametrize("size", [48, 96, 224])
def test_resizing_alone_is_torchs_bicubic_away_from_the_edges(size):
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    inner = slice(size // 16, -size // 16)  # torch repeats the edge, here the image is mirrored there
    expected = functional.interpolate(images, size=(size, size), mode="bicubic").clamp(0, 1)
    got = transform(images, Augmentation(), size, draw())
    torch.testing.assert_close(got[:, :, inner, inner], expected[:, :, inner, inner], atol=1e-5, rtol=0)


@settings(deadline=None)
@given(st.integers(0, 2**31 - 1), st.integers(1, 8))
def test_a_shift_is_one_of_the_windows_of_the_reflected_image(seed, shift):
    image = ramp()
    shifted = transform(image, Augmentation(shift=shift), 32, draw(seed))
    padded = functional.pad(image, (shift,) * 4, mode="reflect")
    windows = padded.unfold(2, 32, 1).unfold(3, 32, 1)  # [1, 3, 2s+1, 2s+1, 32, 32]
    hits = (windows == shifted[:, :, None, None]).all(dim=(0, 1, 4, 5))
    assert hits.sum() == 1


def test_images_of_a_batch_are_augmented_each_in_its_own_way():
    images = ramp().expand(64, -1, -1, -1)
    shifted = transform(images, Augmentation(horizontal_flip=0.5, shift=4), 32, draw())
    assert len({tuple(image.flatten().tolist()) for image in shifted}) > 30


@given(st.floats(-14, 45))
def test_bicubic_weights_sum_to_one_and_read_a_whole_pixel_exactly(position):
    weights = bicubic_weights(torch.tensor([[position, round(position)]]), 32, 16)
    torch.testing.assert_close(weights.sum(2), torch.ones(1, 2), atol=1e-4, rtol=0)
    mirrored = abs(round(position)) if round(position) < 32 else 62 - round(position)
    assert weights[0, 1].argmax() == mirrored
    assert weights[0, 1].max() == pytest.approx(1, abs=1e-6)


def test_crops_have_the_areas_and_shapes_that_were_asked_for():
    # A ramp along x gives the width of a crop: the difference between its last and its first column.
    columns = ((torch.arange(32) + 0.5) / 32).expand(500, 3, 32, 32)
    rows = columns.transpose(2, 3).contiguous()
    recipe = Augmentation(crop=Crop(scale=0.25, ratio=1.5))
    size = 64
    spans = []
    for images, axis in ((columns, 3), (rows, 2)):
        out = transform(images, recipe, size, draw()).mean(dim=(1, 5 - axis))  # [500, 64] along the axis
        spans.append((out[:, size - 9] - out[:, 8]) / ((size - 17) / size))  # inside, where no edge is mirrored
    area, ratio = spans[0] * spans[1], spans[0] / spans[1]
    assert 0.22 < area.min() < 0.35 and 0.85 < area.max() <= 1.05
    assert area.mean() == pytest.approx(0.6, abs=0.05)  # a little under (0.25 + 1) / 2: long crops are cut at the edge
    assert ratio.min() > 1 / 1.6 and ratio.max() < 1.6
    assert ratio.log().mean() == pytest.approx(0, abs=0.05)


def test_cutout_blanks_a_square_whose_centre_is_in_the_image():
    out = cutout(torch.ones(300, 3, 32, 32), 8 / 32, draw())
    blanked = (out[:, 0] == 0).flatten(1).sum(1)
    assert blanked.max() == 64 and (blanked == 64).float().mean() > 0.4
    assert blanked.min() >= 16  # a quarter of it stays inside at a corner
    assert torch.equal(out[:, 0], out[:, 2])


def test_mixup_is_the_weighted_mean_with_the_image_before():
    images = torch.arange(4.0).view(4, 1, 1, 1).expand(4, 3, 8, 8).clone()
    mixing = draw_mixing(Augmentation(mixup=0.4), 8, np.random.default_rng(0))
    mixed, share = mix(images, torch.tensor(mixing)), mixing[0]
    expected = [share * i + (1 - share) * ((i - 1) % 4) for i in range(4)]
    assert 0 < share < 1
    torch.testing.assert_close(mixed[:, 0, 0, 0], torch.tensor(expected))


@given(st.integers(0, 2**32 - 1))
def test_cutmix_takes_its_share_of_pixels_from_the_image_before(seed):
    images = torch.arange(3.0).view(3, 1, 1, 1).expand(3, 3, 16, 16).clone()
    mixing = draw_mixing(Augmentation(cutmix=1.0), 16, np.random.default_rng(seed))
    mixed, share = mix(images, torch.tensor(mixing)), mixing[0]
    for i in range(3):
        own, other = (mixed[i] == i).float().mean(), (mixed[i] == (i - 1) % 3).float().mean()
        assert own == pytest.approx(share) and own + other == pytest.approx(1)
    assert images[1].eq(1).all()  # the batch itself is left alone


def test_with_both_alphas_some_batches_are_mixed_and_some_cut():
    kinds = set()
    for seed in range(20):
        images = torch.arange(2.0).view(2, 1, 1, 1).expand(2, 3, 8, 8).clone()
        mixing = draw_mixing(Augmentation(mixup=1.0, cutmix=1.0), 8, np.random.default_rng(seed))
        mixed = mix(images, torch.tensor(mixing))
        kinds.add(0 < mixed[0, 0, 0, 0].item() < 1)  # of both images only where they are mixed
    assert kinds == {True, False}
    assert is_mixed(Augmentation(cutmix=1.0)) and not is_mixed(Augmentation()) and not is_mixed(None)
