"""What is about to run, said before it starts: the grid, its time as far as it was measured, its disk space."""

import shlex
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from study.analysis.older_code import is_older
from study.config.planning import run_spec, spec_of
from study.config.specs import ComputeSpec, RunSpec, trained_spec
from study.config.study import Config
from study.data.dataset import TEST
from study.data.folder import NAME as FOLDER
from study.errors import StudyError
from study.files import read_json
from study.findings.text import duration
from study.orchestration.check_machine import checked_seconds
from study.paths import MACHINE, RUN_RECORD, RunKey, StudyPaths

NETWORK_BYTES = 25e6  # of a network of six million parameters
FEATURE_BYTES = 1280 * 4  # of an image, as EfficientNet-B0 pools it


@dataclass
class Earlier:
    """What earlier starts left: which runs, which are damaged, of other code or settings; seconds an image by model."""

    done: set[RunKey] = field(default_factory=set)
    damaged: list[Path] = field(default_factory=list)
    older_code: list[str] = field(default_factory=list)
    other_settings: dict[str, list[str]] = field(default_factory=dict)  # {what differs: runs}
    seconds: dict[str, list[float]] = field(default_factory=dict)


def describe(
    study: Config, compute: ComputeSpec, paths: StudyPaths, published: Mapping[RunKey, Path] = MappingProxyType({})
) -> str:
    """Return the grid in a few lines: models, seeds, device, time and disk, and what earlier starts left behind.

    `published` are the folders of runs that are taken from a published study.
    """
    lines = [f"Study {study.study}: {len(study.runs())} runs on {compute.device}, threads per run: {compute.threads}"]
    lines += [f"  {note}" for note in study.data.notes]
    for name in study.grid.models:
        model = study.models[name]
        seeds = ", ".join(str(seed) for seed in study.seeds_of(name))
        lines.append(f"  {name}: {model.regime} at {model.input_size} px, recipe {model.recipe}, seeds {seeds}")
    lines += [*_label_runs(study), _visible(study)]
    earlier = _earlier_runs(study, compute, paths, published)
    taken = f" ({len(published)} of them published)" if published else ""
    lines.append(f"  runs there already: {len(earlier.done)}{taken}; {disk_gb(study):.1f} GB on disk when all are")
    if len(earlier.done) < len(study.runs()):
        lines.append(f"  {_time_left(study, compute, earlier)}")

    def named(runs: list[str]) -> str:
        return "all of these" if len(runs) == len(earlier.done) else ", ".join(runs)

    if earlier.damaged:
        lines.append(
            "  damaged, so that their run.json cannot be read; train them again by deleting them and starting again: "
            f"rm -r {shlex.join(map(str, earlier.damaged))}"
        )
    if earlier.older_code:
        lines.append(
            f"  trained by older code: {named(earlier.older_code)}; --forcerun train renews them, if you want that"
        )
    if earlier.other_settings:
        fate = "compared as they are" if study.allow_missing else "trained again (of a copied folder: --forcerun train)"
        lines.append(f"  {fate}, because the config has changed:")
        lines += [f"    {', '.join(runs)}: {what}" for what, runs in earlier.other_settings.items()]
    return "\n".join(lines)


def changed_settings(old: RunSpec, new: RunSpec) -> str:
    """Return the settings of the config in which two runs differ, with both values where they are short."""
    before, now = _flat(old.to_json()), _flat(new.to_json())
    changed = []
    for key in {**before, **now}:
        values = [str(settings.get(key, "not set")) for settings in (before, now)]
        section, _, rest = key.partition(": ")
        is_of_config = section not in ("compute", "features") and (section != "weights" or rest == "source")
        if is_of_config and values[0] != values[1]:
            changed.append(f"{key} {' -> '.join(values)}" if max(map(len, values)) <= 40 else key)
    return ", ".join(changed)


def _flat(section: dict[str, Any], above: str = "") -> dict[str, Any]:
    """Return {"recipe: epochs": value} of nested sections."""
    found: dict[str, Any] = {}
    for key, value in section.items():
        found |= _flat(value, f"{above}{key}: ") if isinstance(value, dict) else {f"{above}{key}": value}
    return found


def _visible(study: Config) -> str:
    """Return a line on what the test images can tell, however long one trains."""
    from study.analysis.power import DISAGREEING, smallest_seen
    from study.analysis.unequal import counted_images, is_unequal

    data, images = study.data, study.data.test_images
    counted, unequal = images, ""
    if data.name == FOLDER and is_unequal(data.labels):
        counted, unequal = counted_images(data.labels.fine[data.labels.ids(TEST)], data.labels), ", of unequal classes"
    points = 100 * smallest_seen(counted)
    return (
        f"  with {images:,} test images{unequal}, gains below ±{points:.{int(points < 2)}f} points cannot be seen "
        f"(where models disagree on {100 * DISAGREEING:.0f} % of them)"
    )


def _label_runs(study: Config) -> list[str]:
    """Return a line for each number of images per class that models are trained on beside all."""
    lines = []
    for number in sorted(study.labels.images_per_class) if study.labels else ():
        seeds = ", ".join(str(seed) for seed in study.labels.seeds_of(number))
        lines.append(f"  on {number} of the images of each class: {', '.join(study.labels.models)}, seeds {seeds}")
    return lines


def _earlier_runs(study: Config, compute: ComputeSpec, paths: StudyPaths, published: Mapping[RunKey, Path]) -> Earlier:
    earlier = Earlier()
    for run in study.runs():
        folder = published.get(run, paths.run(*run))
        if not (folder / RUN_RECORD).exists():
            continue
        earlier.done.add(run)
        try:
            record = read_json(folder / RUN_RECORD)
        except StudyError:
            earlier.damaged.append(folder)
            continue
        try:
            spec = trained_spec(folder, record)
            if is_older(record, spec):
                earlier.older_code.append(run.folder)
            wanted = spec_of(study, run, compute)
            if spec and spec.settings_sha256() != wanted.settings_sha256():
                earlier.other_settings.setdefault(changed_settings(spec, wanted), []).append(run.folder)
                earlier.done -= set() if study.allow_missing else {run}
            if run not in published:  # which may have been trained on another machine
                images = study.images_seen(run.model, run.images_per_class)
                earlier.seconds.setdefault(run.model, []).append(record["cost"]["train_seconds"] / images)
        except (KeyError, TypeError):  # what this version writes was not known yet
            earlier.older_code.append(run.folder)
    return earlier


def _time_left(study: Config, compute: ComputeSpec, earlier: Earlier) -> str:
    """Return how long the missing runs take, by finished runs of the same models or a check, or that it is unknown."""
    checked = checked_seconds(compute)
    unknown, left, sources = [], 0.0, set()
    for name in study.grid.models:
        missing = [run for run in study.runs() if run.model == name and run not in earlier.done]
        if not missing:
            continue
        finished = earlier.seconds.get(name, [])
        by_check = checked.get(run_spec(study, name, 0, compute).settings_sha256())
        if finished:
            each, source = statistics.mean(finished), "the finished runs"
        elif by_check is not None:
            each, source = by_check / study.images_seen(name), f"{MACHINE} (make check-machine)"
        elif name in study.seconds_per_image and compute.device == "cpu":
            each, source = study.seconds_per_image[name], "a core of another machine"
        else:
            unknown.append(name)
            continue
        left += each * sum(study.images_seen(name, run.images_per_class) for run in missing)
        sources.add(source)
    if unknown:
        named = ", ".join(unknown)
        return f"how long it takes is not known before a run has finished of: {named}; make check-machine measures it"
    return (
        f"the rest takes about {duration(left)} if run one after the other, judged by {' and '.join(sorted(sources))}"
    )


def disk_gb(study: Config) -> float:
    """Return 10^9 bytes of results: data, predictions, models, and features where a backbone is frozen."""
    data = study.data
    stored = data.images * (3 * data.image_size**2 + 28)
    run = data.images * data.classes * 4 * 0.25 + NETWORK_BYTES  # logits of validation and test images
    frozen = sum(study.models[name].regime == "frozen" for name in study.grid.models)
    return (stored + run * len(study.runs()) + frozen * data.images * FEATURE_BYTES) / 1e9
