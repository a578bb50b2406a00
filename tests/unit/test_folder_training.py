"""What training makes of a folder's pictures: any size, mapped from a file, hundreds of classes of unequal counts."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from configs import changed, raw, refusal
from pydantic import TypeAdapter, ValidationError
from runs import fast_spec, history, recipe, scratch_spec, train, write_spec
from torch.nn import functional

from study.analysis.evidence import Evidence, ThinEvidence
from study.analysis.runs import read_predictions
from study.config.recipes import Augmentation
from study.config.specs import InputSpec
from study.data.dataset import TEST, TRAIN, VALIDATION, Dataset, read_dataset, read_labels
from study.files import read_json
from study.models.fast import ScratchFast
from study.models.scratch import ScratchCNN
from study.paths import StudyPaths
from study.training import device as devices
from study.training import loop
from study.training.augment import cutout, transform
from study.training.inputs import ImageInputs, as_tensor
from study.training.regression import FITTING, Problem
from study.training.setup import make_setup
from study.training.steps import loss_and_correct
from study.training.streams import generator

INPUT = InputSpec(size=24, mean=[0.5] * 3, std=[0.25] * 3)


def make_folder_data(study, classes: int = 257, side: int = 40, counts: tuple[int, int] = (2, 2)) -> Dataset:
    """Noise at `side` px: of the first half of the classes `counts[0]` training images, of the others `counts[1]`."""
    rng = np.random.default_rng(0)
    train = np.repeat(np.arange(classes), [counts[one >= classes / 2] for one in range(classes)])
    fine = np.concatenate([train, *[np.arange(classes)] * 2]).astype(np.uint16 if classes > 256 else np.uint8)
    split = np.repeat([TRAIN, VALIDATION, TEST], [len(train), classes, classes]).astype(np.uint8)
    images = rng.integers(0, 256, (len(fine), side, side, 3), dtype=np.uint8)
    meta = {"name": "tiny", "title": "Tiny", "fingerprint": "tiny", "validation": {"fraction": 0.25, "seed": 0}}
    data = Dataset(images=images, fine=fine, coarse=None, split=split, coarse_names=[], meta=meta,
                   fine_names=[f"class {one}" for one in range(classes)])  # fmt: skip
    data.write(StudyPaths(study).dataset)
    return data


def test_a_run_on_mapped_pictures_of_257_classes_is_read_back_with_every_class(tmp_path):
    make_folder_data(tmp_path)
    path = write_spec(tmp_path, scratch_spec(epochs=1, best_epoch="val_macro_accuracy"))
    train(path)
    labels = read_labels(StudyPaths(tmp_path).dataset)
    found = read_predictions(path.parent, read_json(path.parent / "run.json"), 0.5, labels)
    with np.load(path.parent / "predictions.npz") as stored:
        assert found.test.predicted.tolist() == stored["test_logits"].argmax(1).tolist()
    assert read_json(path.parent / "run.json")["data"]["test"] == 257


def test_the_evidence_of_257_classes_names_the_last_of_them():
    for classes in (255, 256, 257):
        best, true = np.arange(classes), np.arange(classes)[::-1]
        evidence = Evidence.of_logits(5 * np.eye(classes), true, best // 2)
        again = Evidence.from_arrays(evidence.to_arrays(true, best // 2), true, best // 2)
        assert again.predicted.tolist() == best.tolist()
        assert again.superclass.tolist() == evidence.superclass.tolist() == (best // 2).tolist()
        thin = ThinEvidence(evidence.predicted, evidence.log_true)
        assert ThinEvidence.from_arrays(thin.to_arrays(true), true).predicted.tolist() == best.tolist()


def test_mapped_images_give_the_batches_of_images_in_memory(tmp_path):
    data = make_folder_data(tmp_path, classes=4)
    np.save(tmp_path / "images.npy", data.images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    ids = torch.tensor([7, 0, 3])
    kept = Augmentation(horizontal_flip=0.5, shift=3, cutout=8)
    for size in (24, 40, 64):
        spec = replace(INPUT, size=size)
        one, other = (ImageInputs(as_tensor(images), spec, kept) for images in (mapped, data.images))
        assert torch.equal(one.plain(ids, size), other.plain(ids, size))
        batches = [inputs.batch(ids, generator(0, 1, "augment")) for inputs in (one, other)]
        assert torch.equal(*batches) and batches[0].is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("size", [32, 64, 160, 224])
def test_the_networks_from_scratch_take_the_sizes_of_photographs(size):
    images = torch.rand(2, 3, size, size)
    cnn = ScratchCNN([4, 8, 16], 1, 3, hidden=16, dropout=0.0, input_size=size, classes=3)
    assert cnn(images).shape == (2, 3)
    fast = ScratchFast([8, 8, 8], [8, 8, 8], classes=3)
    fast.initialise(images)
    assert fast(images).isfinite().all()


def test_scratch_fast_trains_on_mapped_pictures_at_sizes_of_its_own(tmp_path):
    make_folder_data(tmp_path, classes=3, counts=(8, 8))
    spec = fast_spec(input_sizes=[40, 48], augmentation={"horizontal_flip": 0.5, "shift": 0.0625})
    spec = replace(spec, network=replace(spec.network, input=replace(INPUT, size=48)))
    path = write_spec(tmp_path, spec)
    train(path)
    assert read_json(path.parent / "run.json")["outcome"] == "finished"


# --- augmentation in fractions ----------------------------------------------------------------------------------------


def test_a_fraction_of_the_side_is_as_many_pixels():
    images = torch.rand(6, 3, 32, 32)
    for whole, fraction in ((4, 0.125), (2, 0.0625)):
        for size in (32, 48):
            shifted = [
                transform(images, Augmentation(shift=shift), size, generator(0, 1, "augment"))
                for shift in (whole, fraction)
            ]
            assert torch.equal(*shifted)
    assert Augmentation(cutout=8).share("cutout", 32) == Augmentation(cutout=0.25).share("cutout", 160) == 0.25
    blanked = cutout(torch.ones(50, 3, 160, 160), 0.25, generator(0, 1, "augment"))
    assert (blanked == 0)[:, 0].sum((1, 2)).max() == 40 * 40


def test_pixels_stay_whole_and_fractions_below_half():
    adapter = TypeAdapter(Augmentation)
    for given, kept in ((3, 3), ("3", 3), (0.125, 0.125), ("0.125", 0.125)):
        value = adapter.validate_python({"shift": given}).shift
        assert (value, type(value)) == (kept, type(kept))
    for wrong in ({"shift": 0.6}, {"shift": 2.5}, {"shift": 17}, {"cutout": 1.5}, {"shift": True}, {"shift": "far"}):
        with pytest.raises(ValidationError):
            adapter.validate_python(wrong)


# --- few images, unequal classes --------------------------------------------------------------------------------------


def setup_of(study, **changes) -> loop.Setup:
    spec = scratch_spec(**changes)
    device = devices.prepare(spec.compute)
    return make_setup(spec, StudyPaths(study), read_dataset(StudyPaths(study).dataset), device)[0]


def test_few_images_are_seen_more_often_and_many_as_often_as_there_are_epochs(tmp_path):
    make_folder_data(tmp_path, classes=4, counts=(5, 5))
    few = setup_of(tmp_path, epochs=3, images_seen_at_least=130)
    orders = [few.order(epoch) for epoch in (1, 2, 3)]
    assert [len(order) for order in orders] == [43, 43, 44]
    assert np.ptp(np.bincount(torch.cat(orders))) <= 1  # each of the 20 images six or seven times
    many = setup_of(tmp_path, epochs=3, images_seen_at_least=50)
    assert all(sorted(many.order(epoch)) == sorted(many.train) for epoch in (1, 2, 3))
    assert (few.spec.recipe.budget(20), recipe(epochs=3, images_seen_at_least=50).budget(20)) == (130, 60)
    both = raw()["recipes"]["modern_fast"] | {"images_seen": 9, "images_seen_at_least": 9}
    assert "set one of them to null" in refusal(changed("recipes.modern_fast", both))


def test_balanced_classes_weigh_the_same_in_the_loss(tmp_path):
    make_folder_data(tmp_path, classes=2, counts=(9, 3))
    weights = setup_of(tmp_path, class_weights="balanced").class_weights
    assert weights.tolist() == pytest.approx([12 / (2 * 9), 12 / (2 * 3)])
    assert setup_of(tmp_path).class_weights is None
    logits, labels = torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 1])
    loss, _ = loss_and_correct(logits, labels, None, 0.0, weights)
    each = functional.cross_entropy(logits, labels, reduction="none")
    assert loss.item() == pytest.approx((weights * each).sum().item() / weights.sum().item())


def test_a_balanced_regression_on_unequal_classes_is_one_on_repeated_images():
    rng = torch.Generator().manual_seed(0)
    features, labels = torch.randn(12, 4, generator=rng), torch.tensor([0] * 9 + [1] * 3)
    weighted = Problem(features, labels, 2, torch.tensor([12 / 18, 12 / 6]))
    again = torch.tensor([*range(9), *[9, 10, 11] * 3])
    repeated = Problem(features[again], labels[again], 2)
    for one in (weighted, repeated):
        one.fit(0.1, FITTING)
    torch.testing.assert_close(weighted.weight, repeated.weight, atol=1e-3, rtol=0)


def test_macro_accuracy_counts_classes_alike_and_chooses_the_later_of_equal_epochs(tmp_path):
    make_folder_data(tmp_path, classes=3, counts=(4, 1))
    setup = setup_of(tmp_path)
    logits = loop.predict(setup, setup.train)
    right = (logits.argmax(1) == setup.labels[setup.train]).double()
    labels = setup.labels[setup.train]
    by_hand = np.mean([right[labels == one].mean().item() for one in range(3)])
    assert loop.judge(setup, setup.train)[2] == pytest.approx(by_hand)
    rows = [{"val_macro_accuracy": value, "val_accuracy": value} for value in (0.5, 0.75, 0.75, 0.6)]
    chosen = {}
    for metric in ("val_macro_accuracy", "val_accuracy"):
        progress = loop.Progress()
        for number, row in enumerate(rows, 1):
            chosen[metric] = number if progress.is_best(row, metric) else chosen[metric]
            progress.history.append(row)
    assert chosen == {"val_macro_accuracy": 3, "val_accuracy": 2}


def test_the_history_has_the_macro_accuracy_where_it_is_watched(tmp_path):
    make_folder_data(tmp_path, classes=3, counts=(4, 1))
    path = write_spec(tmp_path, scratch_spec(epochs=2, best_epoch="val_macro_accuracy", class_weights="balanced"))
    train(path)
    rows = history(path.parent)
    best = max(float(row["val_macro_accuracy"]) for row in rows)
    chosen = read_json(path.parent / "run.json")["chosen_epoch"]
    assert float(rows[chosen - 1]["val_macro_accuracy"]) == best
