"""A study of three models on 1, 5 and all images of each class: it is stopped, goes on, and has its tables."""

import signal
import subprocess
import time

from project import SNAKEMAKE
from test_demo import rows

MODELS = ["scratch_cnn", "efficientnet_lite0_frozen", "efficientnet_lite0_fast"]
STUDY = {
    "study": "few",
    "grid": {"models": MODELS, "seeds": [0]},
    "labels": {"models": MODELS, "images_per_class": [1, 5], "seeds": [0]},
    "models": {
        "efficientnet_lite0_frozen": {"recipe": "logistic_head", "input_size": 32},
        "efficientnet_lite0_fast": {"input_size": 32},
    },
    "recipes": {
        "demo_scratch": {"images_seen": {"1": 1000, "5": 3000}, "epochs": 2, "best_epoch": "last"},
        "modern_fast": {
            "images_seen": {"1": 400, "5": 800}, "epochs": 2, "input_sizes": [32, 32], "best_epoch": "last",
            "schedule": {"warmup_epochs": 0.2}, "probe": {"images": 500, "epochs": 3},
        },
    },
    "ladder": [],
}  # fmt: skip


def test_a_study_on_few_images_is_stopped_and_goes_on_where_it_was(fresh):
    config = ("workflow/presets/demo.yaml", fresh.overlay("few", STUDY))
    results = fresh.folder / "results" / "few"
    command = [*SNAKEMAKE, "--configfile", *config, "--until", "analyse"]
    begun = subprocess.Popen(command, cwd=fresh.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    patience = time.monotonic() + 900
    while begun.poll() is None and not list(results.glob("runs/*/per-class-*/seed-0/run.json")):
        assert time.monotonic() < patience
        time.sleep(0.2)
    begun.send_signal(signal.SIGTERM)
    begun.wait()
    ended = {path: path.stat().st_mtime_ns for path in results.glob("runs/**/run.json")}
    assert 0 < len(ended) < 9
    done = fresh.snakemake("--until", "analyse", config=config)
    assert done.returncode == 0, done.stdout
    assert {path: path.stat().st_mtime_ns for path in ended} == ended
    assert f"runs there already: {len(ended)};" in done.stdout
    runs = rows(results / "tables" / "label_runs.csv")
    assert [(row["model"], row["images_per_class"], row["outcome"]) for row in runs] == [
        (model, number, "finished") for model in MODELS for number in ("1", "5")
    ]
    assert len(rows(results / "tables" / "runs.csv")) == 3  # the main tables speak of all images
    curve = rows(results / "tables" / "label_curve.csv")
    assert [row["images_per_class"] for row in curve] == ["1", "5", "27"] * 3
    worth = rows(results / "tables" / "effective_data.csv")
    assert {(row["model"], row["baseline"]) for row in worth} == {(model, "scratch_cnn") for model in MODELS[1:]}
    assert [job for job in fresh.planned(*config) if job.startswith("train")] == []
