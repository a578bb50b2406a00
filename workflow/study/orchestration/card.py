"""The card beside a trained network: what it is, what it was trained on, how good it is, how it is used."""

from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import yaml

from study.analysis.uncertainty import wilson
from study.config.specs import RunSpec
from study.data.dataset import Labels, read_labels
from study.files import read_json, write_text
from study.paths import MODEL, PREDICTIONS, RUN_RECORD, StudyPaths

TEMPLATE = Path(__file__).with_name("card.md.j2")
CARD = Path(MODEL).with_suffix(".md").name


def write_card(folder: Path, spec: RunSpec) -> None:
    """Write the card of the run in `folder`; of one that diverged, and so left no network, remove an earlier card."""
    record = read_json(folder / RUN_RECORD)
    if record["outcome"] != "finished":
        (folder / CARD).unlink(missing_ok=True)
        return
    labels = read_labels(StudyPaths.of_run(folder).dataset)
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, keep_trailing_newline=True)
    card = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        spec=spec, data=record["data"], parameters=record["parameters"], size=spec.network.input.size,
        stored=labels.meta.get("image_size", 32), fit=labels.meta.get("fit", "crop"), classes=labels.fine_names,
        model=folder / MODEL, name=MODEL, recipe=yaml.safe_dump(spec.to_json()["recipe"], sort_keys=False),
        arguments={name: repr(value) for name, value in spec.network.arguments.items()}, **_accuracy(folder, labels),
    )  # fmt: skip
    write_text(folder / CARD, card)


def _accuracy(folder: Path, labels: Labels) -> dict[str, Any]:
    """Accuracy in percent on the test images, or of a search's trial on the validation images, with its interval."""
    with np.load(folder / PREDICTIONS) as stored:
        part = "test" if len(stored["test_ids"]) else "val"
        right = stored[f"{part}_logits"].argmax(1) == labels.fine[stored[f"{part}_ids"]]
    low, high = wilson(right.sum(), len(right))
    percents = {"accuracy": 100 * right.mean(), "low": 100 * low, "high": 100 * high}
    return percents | {"part": "test" if part == "test" else "validation"}
