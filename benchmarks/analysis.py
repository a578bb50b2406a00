"""How long the analysis of a large study takes: 50 synthetic runs of CIFAR-100's size, in a process of its own."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from study.data.dataset import TEST, TRAIN, VALIDATION, Dataset
from study.errors import StudyError
from study.files import write_json, write_text

MODELS, SEEDS = 10, 5
PER_CLASS = {TRAIN: 450, VALIDATION: 50, TEST: 100}
CLASSES, SUPERCLASSES = 100, 20
FINGERPRINT = "bench"
# The child says its peak itself: the one that the kernel tells its parent counts what the parent held before.
MEASURED = """
import sys
from study.__main__ import main
from study.machine.memory import process_peak_mb
failed = main()
print(process_peak_mb())
sys.exit(failed)
"""


def bench_analysis(folder: Path, models: int = MODELS, seeds: int = SEEDS) -> list[dict]:
    """Make a study of models × seeds runs under `folder`, analyse it, and say what that took.

    One row for the near-duplicates, one for everything else: {"what", "seconds", "peak_memory_mb", "runs"}; the memory
    is the whole process's (resident). Needs 200 MB of disk and 6 MB for every run.
    """
    study = folder / "bench"
    make_study(study, models, seeds)
    tables = study / "tables"
    near = ["--dataset", str(study / "dataset.npz"), "--output", str(tables / "near_duplicates.csv")]
    all_tables = ["--study", str(study), "--output", str(tables)]
    return [_timed("duplicates", near, models * seeds), _timed("analyse", all_tables, models * seeds)]


def make_study(study: Path, models: int, seeds: int) -> None:
    """Write a study with CIFAR-100's numbers of images and classes, and runs of 50 to 90 % accuracy."""
    random = np.random.default_rng(0)
    fine = np.tile(np.arange(CLASSES, dtype=np.uint8), sum(PER_CLASS.values()))
    split = np.repeat([*PER_CLASS], [CLASSES * count for count in PER_CLASS.values()]).astype(np.uint8)
    Dataset(
        images=_images(random, len(fine)),
        fine=fine,
        coarse=fine // (CLASSES // SUPERCLASSES),
        split=split,
        fine_names=[f"class_{number}" for number in range(CLASSES)],
        coarse_names=[f"group_{number}" for number in range(SUPERCLASSES)],
        meta={"name": "bench", "title": "Bench", "synthetic": True, "fingerprint": FINGERPRINT, "validation": None},
    ).write(study / "dataset.npz")
    names = [f"model_{number}" for number in range(models)]
    grid = [{"model": name, "seed": seed, "settings_sha256": ""} for name in names for seed in range(seeds)]
    write_json(study / "config.json", _config(names, grid))
    difficulty = random.normal(size=len(fine)).astype(np.float32)
    for run in grid:
        folder = study / "runs" / run["model"] / f"seed-{run['seed']}"
        folder.mkdir(parents=True, exist_ok=True)
        parts = {}
        for name, code in (("val", VALIDATION), ("test", TEST)):
            ids = np.flatnonzero(split == code).astype(np.int32)
            logits = random.standard_normal((len(ids), CLASSES), dtype=np.float32)
            gain = 3 + 0.3 * names.index(run["model"]) - difficulty[ids]
            logits[np.arange(len(ids)), fine[ids]] += gain
            parts |= {f"{name}_ids": ids, f"{name}_logits": logits}
        np.savez(folder / "predictions.npz", **parts)
        header = "epoch,train_loss,train_eval_accuracy,val_loss,seconds,images_per_second\n"
        write_text(folder / "history.csv", header + "1,1.0,0.9,1.0,1.0,1.0\n")
        write_json(folder / "run.json", run | _record())


def _images(random: np.random.Generator, count: int) -> np.ndarray:
    """Blotches with some noise: neighbouring pixels are alike, as in photographs."""
    images = random.integers(0, 224, (count, 8, 8, 3), dtype=np.uint8).repeat(4, axis=1).repeat(4, axis=2)
    images += random.integers(0, 32, images.shape, dtype=np.uint8)
    return images


def _config(names: list[str], grid: list[dict]) -> dict:
    return {
        "study": "bench",
        "dataset": {"name": "bench", "title": "Bench", "synthetic": True, "superclasses": SUPERCLASSES},
        "baseline": names[0],
        "models": {name: {"label": name, "regime": "scratch"} for name in names},
        "grid": grid,
        "contrasts": [{"model": name, "baseline": names[0]} for name in names[1:]],
        "equivalence_margin": 0.05,
        "suspect_labels": None,
        "allow_missing": False,
        "ladder": [{"model": name, "label": name, "change": name} for name in names],
        "claims": [],
    }


def _record() -> dict:
    cost = {"train_seconds": 1.0, "images_per_second": 1.0, "peak_memory_mb": 1.0, "features_seconds": None}
    return {
        "outcome": "finished",
        "epochs": 1,
        "chosen_epoch": 1,
        "parameters": 1,
        "macs": 1,
        "cost": cost,
        "data": {"fingerprint": FINGERPRINT},
        "validation": None,
        "environment": {"device_name": "none"},
    }


def _timed(step: str, arguments: list[str], runs: int) -> dict:
    """Run `study STEP` in a process of its own and measure it. Raises StudyError if it fails."""
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", MEASURED, step, *arguments], stdout=subprocess.PIPE, text=True)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise StudyError(f"bench: `study {step}` failed; what it said stands above.")
    return {"what": step, "seconds": seconds, "peak_memory_mb": float(done.stdout.split()[-1]), "runs": runs}
