"""A grid of the demo's kind that trains in seconds, and what of its results must be the same every time."""

from pathlib import Path

from project import DEMO, Project

QUICK = {
    "grid": {"models": ["scratch_cnn", "efficientnet_lite0_frozen"], "seeds": [0, 1]},
    "models": {
        "scratch_cnn": {"arguments": {"channels": [4, 8], "convolutions": 1, "hidden": 16, "dropout": 0.1}},
        "efficientnet_lite0_frozen": {"input_size": 32},
    },
    "recipes": {"linear_head": {"epochs": 12}},
    "ladder": [],
}
TIMES = ("costs.csv", "front.csv", "provenance.csv")  # they hold seconds, or when a run ended


def quick(project: Project, epochs: int = 12) -> tuple[str, str]:
    """The config files of the quick grid in `project`; its CNNs train for so many epochs."""
    recipes = QUICK["recipes"] | {"demo_scratch": {"epochs": epochs, "batch_size": 64}}
    return DEMO, project.overlay("quick", QUICK | {"recipes": recipes})


def lasting_results(results: Path) -> dict[str, bytes]:
    """The content of all predictions and tables that a repetition must give again to the byte."""
    tables = [path for path in (results / "tables").glob("*.csv") if path.name not in TIMES]
    paths = [*tables, *results.glob("runs/*/*/predictions.npz")]
    assert len(paths) > len(tables) > 10
    return {path.relative_to(results).as_posix(): path.read_bytes() for path in paths}
