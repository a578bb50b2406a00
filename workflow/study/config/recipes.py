"""How a network is trained: the recipes of config.yaml, and of every spec."""

import dataclasses
from typing import Literal

from study.config.options import Number, Steps, Whole, checked, option

MACRO = "val_macro_accuracy"  # the mean of the classes' accuracies, each class counting the same
Monitored = Literal["val_loss", "val_accuracy", "val_macro_accuracy"]


@checked
class Validation:
    """A stratified split of the training images."""

    fraction: Number = option(description="share of the training images held out", gt=0, lt=0.9)
    seed: Whole = option(description="decides which images; the same for all seeds of a run", ge=0, lt=2**32)


@checked
class Plateau:
    """Cut the learning rate when the monitored metric stops improving."""

    watch: Monitored
    patience: Whole = option(description="epochs without improvement before a cut", ge=1)
    factor: Number = option(gt=0, lt=1)
    min_learning_rate: Number = option(ge=0)


@checked
class EarlyStopping:
    """End the run when the monitored metric stops improving."""

    watch: Monitored
    patience: Whole = option(description="epochs without improvement before the end", ge=1)
    min_delta: Number = option(0.0, "an improvement must exceed this", ge=0)


@checked
class Schedule:
    """A learning rate that follows the step number: linear warm-up, level stretch, cosine or line to zero."""

    shape: Literal["cosine", "linear"] = option(description="linear with a long warm-up is the one-cycle schedule")
    warmup_epochs: Number = option(ge=0)
    hold_epochs: Number = option(0.0, "at the full rate, between the two", ge=0)


@checked
class Crop:
    """Random resized crop (Szegedy et al. 2015), as torchvision draws it, but with one try per image instead of ten."""

    scale: Number = option(description="smallest share of the image's area", gt=0, le=1)
    ratio: Number = option(description="largest aspect ratio, either way", ge=1, le=4)


@checked
class Augmentation:
    """What happens to a training image; a probability or size of zero switches a transformation off."""

    horizontal_flip: Number = option(0.0, "probability", ge=0, le=1)
    alternating_flip: bool = option(False, "mirror each image every other epoch, half of them in the first")
    vertical_flip: Number = option(0.0, "probability", ge=0, le=1)
    shift: Whole | Number = option(
        0, "pixels of the stored image, or a fraction of its side such as 0.0625; edges reflected", ge=0, le=16
    )
    crop: Crop | None = None
    cutout: Whole | Number = option(
        0,
        "side of the square that is blanked (DeVries & Taylor 2017), in pixels of the stored image or as a fraction",
        ge=0,
        le=32,
    )
    mixup: Number = option(0.0, "alpha of the Beta distribution of mixup (Zhang et al. 2018)", ge=0, le=10)
    cutmix: Number = option(
        0.0, "alpha of CutMix (Yun et al. 2019); with mixup too, each batch draws one of the two", ge=0, le=10
    )

    def __post_init__(self) -> None:
        if self.alternating_flip and self.horizontal_flip:
            raise ValueError("alternating_flip takes the place of horizontal_flip; set horizontal_flip to 0")
        if self.crop is not None and self.shift:
            raise ValueError("crop and shift both move the image; set shift to 0, or crop to null")
        for name, most in (("shift", 0.5), ("cutout", 1)):
            value = getattr(self, name)
            if isinstance(value, float) and value > most:
                raise ValueError(f"{name} is {value}; give whole pixels, or a fraction of the side of at most {most}")

    def share(self, name: str, side: int) -> float:
        """Return `shift` or `cutout` as a fraction of the side of images of `side` pixels."""
        value = getattr(self, name)
        return value if isinstance(value, float) else value / side


@checked
class Muon:
    """Orthogonalised momentum for kernels (https://kellerjordan.github.io/posts/muon), SGD for biases and head."""

    momentum: Number = option(description="of the kernels", ge=0, lt=1)
    newton_schulz: Whole = option(description="steps towards an orthogonal matrix", ge=1, le=10)
    bias_learning_rate: Number = option(gt=0)
    sgd_momentum: Number = option(description="of biases and head, Nesterov's", gt=0, lt=1)
    whitening_epochs: Whole = option(description="in which the bias of scratch_fast's first layer is trained", ge=1)


@checked
class Probe:
    """Start the head from logistic regression on the pretrained features (Kumar et al. 2022)."""

    images: Whole = option(description="training images whose features are used", ge=1)
    epochs: Whole = option(description="of the regression", ge=1, le=1000)


@checked
class Regression:
    """The head of a frozen backbone by multinomial logistic regression, without validation images."""

    l2: list[Number] = option(
        description="penalties to choose from by cross-validation: half of each times the squared weights, beside the "
        "mean loss",
        min_length=1,
    )
    few: Number = option(description="the penalty where a class has one or two images, too few to choose by", gt=0)
    folds: Whole = option(5, "of the cross-validation, where each class has as many images", ge=3, le=20)

    def __post_init__(self) -> None:
        if min(self.l2) <= 0:
            raise ValueError("l2 must be more than 0: without a penalty the regression has no end")


@checked
class Recipe:
    """Everything about training that is not the network, its input or the data."""

    optimizer: Literal["adam", "adamw", "sgd", "muon", "lbfgs"] = option(
        description="sgd: Nesterov momentum 0.9; muon: with a section muon; lbfgs: with a section regression"
    )
    muon: Muon | None = None
    regression: Regression | None = option(None, "in place of epochs of training: the head is fitted at once")
    learning_rate: Number | None = option(None, gt=0)
    head_learning_rate: Number | None = option(
        None, "of the new classifier, where it differs from the backbone's", gt=0
    )
    weight_decay: Number | None = option(None, "of matrices and kernels, not of biases and norms", ge=0)
    batch_size: Whole | None = option(None, ge=1)
    epochs: Whole = option(ge=1, le=100_000)
    images_seen: Whole | Steps[Whole] | None = option(
        None,
        "images in the whole run, which epochs divides into equal parts of passes that follow each other, whatever the "
        "number of training images; also as {5: 20000, 25: 75000}: from that many images per class on",
    )
    images_seen_at_least: Whole | None = option(
        None, "where epochs passes are fewer images than this, so many are seen instead: few images more often", ge=1
    )
    augmentation: Augmentation | None
    input_sizes: list[Whole] | None = option(
        None, "pixels of the training images in each epoch, where they differ from the model's input_size", min_length=1
    )
    frozen_norms: bool = option(False, "batch norms keep the statistics of the pretrained weights")
    frozen_blocks: Whole = option(0, "first blocks that are not trained, and the stem before them", ge=0)
    frozen_depthwise: bool = option(False, "depthwise kernels and the scales of their batch norms are not trained")
    probe: Probe | None = None
    label_smoothing: Number = option(0.0, ge=0, lt=1)
    schedule: Schedule | None = None
    plateau: Plateau | None
    early_stopping: EarlyStopping | None
    ema: Number | None = option(None, "decay per step of the averaged weights that are judged and kept", gt=0, lt=1)
    class_weights: Literal["balanced"] | None = option(
        None, "balanced: in the loss every class weighs the same, however many training images it has"
    )
    best_epoch: Literal["val_loss", "val_accuracy", "val_macro_accuracy", "last"] = option(
        description="the metric that chooses the epoch whose weights are kept and tested; val_macro_accuracy: the mean "
        "of the classes' accuracies, for classes of unequal size, and of equal epochs the later; last: validation "
        "labels choose nothing, and only the last epoch is judged"
    )
    validation: Validation | None = option(None, "a split of its own, instead of the study's")
    precision: Literal["bfloat16"] | None = option(
        None,
        "bfloat16 where compute: precision is auto and the CPU has it (AVX-512 BF16, AMX), too; of a frozen model, "
        "for its features",
    )

    def __post_init__(self) -> None:
        self._check_regression()
        if self.schedule is not None and self.plateau is not None:
            raise ValueError("schedule and plateau both set the learning rate; set one of them to null")
        if self.schedule is not None and self.schedule.warmup_epochs + self.schedule.hold_epochs >= self.epochs:
            raise ValueError(f"schedule: warmup_epochs and hold_epochs must be less than the {self.epochs} epochs")
        if self.input_sizes is not None and len(self.input_sizes) != self.epochs:
            raise ValueError(
                f"input_sizes has {len(self.input_sizes)} entries for {self.epochs} epochs; give each its own"
            )
        if self.input_sizes is not None and not all(8 <= size <= 1024 for size in self.input_sizes):
            raise ValueError("input_sizes must be from 8 to 1024 pixels")
        budgets = self.images_seen.values() if isinstance(self.images_seen, dict) else [self.images_seen or self.epochs]
        if any(budget < self.epochs for budget in budgets):
            raise ValueError(f"images_seen must be at least the {self.epochs} epochs that divide it")
        if self.images_seen is not None and self.images_seen_at_least is not None:
            raise ValueError("images_seen and images_seen_at_least both set the budget; set one of them to null")
        has_budget = self.images_seen is not None or self.images_seen_at_least is not None
        if has_budget and self.augmentation is not None and self.augmentation.alternating_flip:
            raise ValueError("images_seen has passes that are no epochs; use horizontal_flip, not alternating_flip")
        if self.best_epoch == "last" and (self.plateau is not None or self.early_stopping is not None):
            raise ValueError("best_epoch last lets validation choose nothing; set plateau and early_stopping to null")
        if self.frozen_blocks and not self.frozen_norms:
            raise ValueError("frozen_blocks needs frozen_norms: true, because their statistics would move on")
        if (self.optimizer == "muon") != (self.muon is not None):
            raise ValueError("optimizer muon and a section muon go together; add the one or remove the other")
        if self.muon is not None and (self.plateau is not None or self.head_learning_rate is None):
            raise ValueError("optimizer muon needs a head_learning_rate, and takes no plateau; set it to null")

    def budget(self, images: int) -> int:
        """Return how many images a run sees at most that trains on `images`, each counted as often as it is seen."""
        return self.images_seen or max(self.epochs * images, self.images_seen_at_least or 0)

    @property
    def watched(self) -> set[str]:
        """The metrics by which epochs are judged."""
        watchers = [one for one in (self.plateau, self.early_stopping) if one is not None]
        return {self.best_epoch, *(one.watch for one in watchers)}

    def _check_regression(self) -> None:
        """Raise ValueError unless the recipe has what a regression, or what training needs, and nothing else."""
        if (self.optimizer == "lbfgs") != (self.regression is not None):
            raise ValueError("optimizer lbfgs and a section regression go together; add the one or remove the other")
        for name in ("learning_rate", "weight_decay", "batch_size"):
            if self.regression is None and getattr(self, name) is None:
                raise ValueError(f"{name} is missing; config.yaml shows what it looks like")
        if self.regression is None:
            return
        kept = {"optimizer": "lbfgs", "regression": self.regression, "epochs": 1, "best_epoch": "last"}
        for one in dataclasses.fields(self):
            wanted = kept.get(one.name, None if one.default is dataclasses.MISSING else one.default)
            if one.name not in ("validation", "class_weights") and getattr(self, one.name) != wanted:
                raise ValueError(f"optimizer lbfgs fits the head at once; set {one.name} to {wanted or 'null'}")
