"""Where everything of a study lies: the one place that knows the names of folders and files below results/<study>."""

from pathlib import Path
from typing import NamedTuple

DEFAULT_CONFIG = Path(__file__).absolute().parents[2] / "config.yaml"
RESULTS = Path("results")
MACHINE = RESULTS / "machine.json"  # what `python -m study check-machine` measured
RESOURCES = Path("resources")

HISTORY, PREDICTIONS, MODEL, RUN_RECORD = RUN_FILES = (
    "history.csv",
    "predictions.npz",
    "model.safetensors",
    "run.json",  # last, because it says that the others are there
)
SPEC = "spec.json"
HISTORY_SO_FAR, LOCK = "history.so-far.csv", "training.lock"  # of a run that has not ended
# What a published run has in place of predictions.npz: its evidence, and the numbers that this does not determine.
EVIDENCE, FROM_LOGITS = "evidence.npz", "from_logits.json"

IMAGES = "images.npy"  # beside dataset.npz, where the images are larger than those of CIFAR
NEAR_DUPLICATES_TABLE = "near_duplicates"  # of the images alone, so it has a job of its own
SEARCH_TABLE = "search"  # the one table of a search


class RunKey(NamedTuple):
    """What tells a run from the others of its study; `images_per_class` is None where it trains on all images."""

    model: str
    seed: int
    images_per_class: int | None = None

    @property
    def folder(self) -> str:
        """The run's folder below runs/."""
        return f"{self.model}/{subset_folder(self.images_per_class)}seed-{self.seed}"

    @property
    def name(self) -> str:
        """The run as messages name it."""
        few = "" if self.images_per_class is None else f" with {self.images_per_class} images per class"
        return f"{self.model} seed {self.seed}{few}"


def subset_folder(images_per_class: int | None) -> str:
    """Return the folder, with a slash, of a model's runs on a subset of the images; empty for all images."""
    return "" if images_per_class is None else f"per-class-{images_per_class}/"


def run_name(folder: Path) -> str:
    """Return a run as people name it: what follows runs/ in the path of its folder."""
    return "/".join(folder.parts[folder.parts.index("runs") + 1 :])


class StudyPaths:
    """The files of the study in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.dataset = folder / "dataset.npz"  # images, labels and split
        self.images = folder / IMAGES  # the images that dataset.npz does not hold
        self.published_labels = folder / "labels.npz"  # in a published study, dataset.npz without its images
        # which data and split dataset.npz holds; small, so that Snakemake compares its content
        self.dataset_record = folder / "dataset.json"
        self.config = folder / "config.json"  # what analysis and report need to know of the config
        self.tables = folder / "tables"
        self.plan = folder / "plan"  # what the workflow wrote at its last start, for its jobs to read
        self.planned_config = self.plan / "config.json"  # the content of config.json

    @classmethod
    def of_run(cls, run: Path) -> "StudyPaths":
        """Return the study that a run's folder belongs to (see `run`)."""
        return cls(run.parents[3 if run.parent.name.startswith("per-class-") else 2])

    @property
    def labels(self) -> Path:
        """The file to read labels and split from."""
        return self.published_labels if self.published_labels.exists() else self.dataset

    def table(self, name: str) -> Path:
        """One table."""
        return self.tables / f"{name}.csv"

    def run(self, model: str, seed: int, images_per_class: int | None = None) -> Path:
        """Folder of one run: runs/<model>/seed-<s>, or runs/<model>/per-class-<n>/seed-<s> where it trains on fewer."""
        return self.folder / "runs" / RunKey(model, seed, images_per_class).folder

    def run_folders(self) -> list[Path]:
        """Folders of the runs that are there."""
        return sorted(path for path in self.folder.glob("runs/**/seed-*") if path.is_dir())

    def weights(self, weights_id: str) -> Path:
        """Fetched pretrained weights; their record has the same name with .json."""
        return self.folder / "weights" / f"{weights_id}.safetensors"

    def features(self, features_id: str) -> Path:
        """Features of a frozen backbone."""
        return self.folder / "features" / f"{features_id}.npz"

    def planned_run(self, model: str, seed: int, images_per_class: int | None = None) -> Path:
        """The spec of a run, without the hash of its weights."""
        return self.plan / "runs" / f"{RunKey(model, seed, images_per_class).folder.replace('/', '-')}.json"

    def planned_features(self, features_id: str) -> Path:
        """The spec of a frozen backbone's features."""
        return self.plan / "features" / f"{features_id}.json"
