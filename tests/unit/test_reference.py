"""The page on a published study says what its tables say, and the repository's reference study is as published."""

import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from study_factory import make_study

from study.__main__ import main
from study.errors import StudyError
from study.files import read_json, write_json
from study.findings.headline import same_network
from study.findings.results import read_table
from study.findings.runs import training
from study.findings.topics import times_and_accuracy
from study.publishing.page import page_text, read_published, renewed
from study.publishing.publish import publish
from study.publishing.verify import verify

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
# The published studies of the repository, and the page on each.
PAGES = {
    ROOT / "reference" / "cpu": ROOT / "reference" / "README.md",
    **{ROOT / "reference" / name: ROOT / "reference" / name / "README.md" for name in ("gpu", "labels", "budgets")},
}
of_each = pytest.mark.parametrize(("folder", "page"), PAGES.items(), ids=lambda path: path.name)
MODELS = {"scratch_cnn": 0.3, "scratch_modern": 0.5, "lite0_frozen": 0.6, "lite0_finetune": 0.8}


def published_study(folder, models, seeds=(0, 1, 2), **changes):
    """A published study with a contrast of the fine-tuned model minus every other one."""
    study = make_study(folder / "fake", models, seeds, dataset="cifar100")
    config = read_json(study / "config.json")
    for name in models:
        config["models"][name]["label"] = name.replace("_", " ")
    contrasts = [{"model": "lite0_finetune", "baseline": name} for name in models if name != "lite0_finetune"]
    write_json(study / "config.json", config | {"contrasts": contrasts} | changes)
    publish(study, folder / "published")
    return folder / "published"


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    ladder = [{"model": name, "label": name, "change": f"step | {name}"} for name in MODELS]
    return published_study(tmp_path_factory.mktemp("p"), MODELS, ladder=ladder)


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    """As many runs of a study as there may be after its first hours."""
    folder = tmp_path_factory.mktemp("s")
    complete = published_study(folder, MODELS)
    for run in ("scratch_modern/seed-1", "scratch_modern/seed-2", "lite0_frozen/seed-1", "lite0_finetune/seed-0"):
        shutil.rmtree(complete / "runs" / run)
    for run in ("seed-0", "seed-1", "seed-2"):
        shutil.rmtree(complete / "runs" / "scratch_cnn" / run)
    publish(complete, complete)
    return complete


def flat(text):
    """The text without its line breaks."""
    return re.sub(r"\s+", " ", text)


def code_of(page):
    return re.search(r"```python\n(.*?)```", page, re.DOTALL)[1]


def test_the_page_counts_the_runs_that_are_there(published, started):
    assert "each: 12 runs on" in flat(page_text(read_published(published)))
    assert "each: 5 of 12 runs on" in flat(page_text(read_published(started)))


def test_the_first_sentence_compares_the_best_pretrained_model_with_the_best_from_scratch(published):
    contrasts = read_table(published / "tables/contrasts.csv")
    row = contrasts.query("metric == 'test_accuracy' and asked").set_index("baseline")
    points = {name: 100 * row.loc["scratch_modern", name] for name in ("difference", "low", "high")}
    said = flat(page_text(read_published(published)))
    assert (
        f" **With ImageNet weights, the best model trained here is {points['difference']:.1f} percentage points more "
        "accurate than the best from random weights.** That is "
    ) in said
    assert f"(95 % interval {points['low']:+.1f} to {points['high']:+.1f}), or " in said
    assert " fewer errors (" in said and "The two differ not only" in said
    assert "for lite0 finetune (3 seeds), against " in said
    assert "for scratch modern (3 seeds): " in said


@pytest.mark.parametrize(
    ("accuracies", "said"),
    [
        ({"scratch_cnn": 0.8, "lite0_finetune": 0.5}, "points less accurate than the best from random weights.**"),
        ({"scratch_cnn": 0.5, "lite0_finetune": 0.5}, "**The best models with ImageNet weights and from random "
         "weights do not differ clearly.** "),
        ({"scratch_cnn": 0.5, "scratch_b": 0.7}, " percentage points more accurate than "),
    ],
)  # fmt: skip
def test_the_first_sentence_of_other_outcomes(tmp_path, accuracies, said):
    study = make_study(tmp_path / "fake", accuracies, dataset="cifar100")
    publish(study, tmp_path / "published")
    page = page_text(read_published(tmp_path / "published"))
    assert said in flat(page)


def test_numpy_on_the_page_prints_what_the_tables_say(published, capsys):
    exec(code_of(page_text(read_published(published))), {})
    printed = capsys.readouterr().out.splitlines()
    runs = read_table(published / "tables/runs.csv").sort_values(["model", "seed"])
    for line, run in zip(printed, runs.itertuples(), strict=True):
        name, *numbers = re.fullmatch(r"runs/(\S+): ([\d.]+), top-5 ([\d.]+), NLL ([\d.]+)", line).groups()
        assert name == f"{run.model}/seed-{run.seed}"
        assert list(map(float, numbers)) == pytest.approx([run.test_accuracy, run.test_top5, run.test_nll], abs=1e-3)
    assert len(code_of(page_text(read_published(published))).split("\n")) <= 13  # ten lines, and what separates them


def test_every_step_and_comparison_has_its_interval(published):
    page = page_text(read_published(published))
    for row in read_table(published / "tables/ladder.csv").iloc[1:].itertuples():
        assert f"| {100 * row.difference:+.1f} | {100 * row.low:+.1f} to {100 * row.high:+.1f} |" in page
        assert f"step \\| {row.model}" in page
    assert "| lite0 finetune | scratch cnn |" in page
    assert "| lite0 finetune | lite0 frozen |" not in page  # a step of the ladder
    assert "so far" not in page


def test_an_unfinished_study_gives_ranges_and_says_what_is_missing(started):
    page = flat(page_text(read_published(started)))
    assert "between single runs, too few for an interval). " in page
    assert "Incomplete: 7 of 12 runs of this study are missing." in page
    assert re.search(r"\| scratch modern \| [^|]+ \| \d+\.\d \(2 missing\) \| \d+\.\d \| – \|", page)
    assert re.search(r"\| scratch cnn \| [^|]+ \| \(3 missing\) \| – \| – \| – \|", page)
    assert "too few seeds to test single classes" in page
    assert "Fewer than 3 seeds so far, and so no interval: scratch modern; lite0 frozen; lite0 finetune." in page


def test_what_pretrained_weights_are_worth_in_one_network(published, tmp_path):
    assert same_network(read_published(published)) == ""
    copy = shutil.copytree(published, tmp_path / "copy")
    config = read_json(copy / "config.json")
    random = config["models"]["lite0_finetune"] | {"weights": None, "regime": "scratch", "label": "lite0 random"}
    config["models"]["scratch_modern"] = random
    write_json(copy / "config.json", config)
    said = same_network(read_published(copy))
    assert said.startswith(
        "The same network at the same resolution, with and without pretrained weights, trained for 4 epochs with the "
        "same recipe: lite0 finetune minus lite0 random is +"
    )
    train = read_table(copy / "tables/models.csv").query("metric == 'train_accuracy'").set_index("model")["mean"] * 100
    assert f"they reach {train['lite0_finetune']:.1f} and {train['scratch_modern']:.1f} %; more epochs" in said
    models = read_table(copy / "tables/models.csv")
    models.loc[(models["model"] == "scratch_modern") & (models["metric"] == "train_accuracy"), "mean"] = 0.05
    models.to_csv(copy / "tables/models.csv", index=False)
    assert "and 5.0 %: the second has hardly begun to learn" in same_network(read_published(copy))


@pytest.mark.parametrize(
    ("entry", "recipe", "said"),
    [
        ({}, {}, "4 epochs, 224 px"),
        ({}, {"epochs": 1, "input_sizes": [160, 96, 128]}, "1 epoch, 96–160 px, tested at 224"),
        ({"input_size": 32}, {"early_stopping": {"watch": "val_loss", "patience": 8}}, "at most 4 epochs, 32 px"),
        ({"regime": "frozen"}, {}, "head only, 224 px"),
    ],
)
def test_how_a_model_was_trained_in_short(published, entry, recipe, said):
    sources = read_published(published)
    models = sources.config.models
    sources.config.recipe_of("lite0_finetune").update({"early_stopping": None, "input_sizes": None} | recipe)
    models["lite0_finetune"] = replace(models["lite0_finetune"], **({"input_size": 224} | entry))
    assert training(sources, "lite0_finetune") == said


def with_costs(published, copy, **columns):
    """A copy of a published study whose runs cost this, a value per model in the order of MODELS."""
    shutil.copytree(published, copy)
    for name, column in (("costs", "model"), ("models", "model")):
        path = copy / f"tables/{name}.csv"
        table = read_table(path)
        for key, values in columns.items():
            if key in table:
                table[key] = table[column].map(dict(zip(MODELS, values, strict=True)))
        table.to_csv(path, index=False)
    return read_published(copy)


def test_the_cost_of_a_point_is_that_of_the_next_model_on_the_front(published, tmp_path):
    sources = with_costs(
        published,
        tmp_path / "copy",
        run_seconds=[60, 180, 200, 1080],
        mean=[0.3, 0.5, 0.45, 0.8],
    )
    said = times_and_accuracy(sources)
    assert said.startswith("Mean CPU minutes per run: scratch cnn 1.0 for 30.0 %; ")
    assert "; scratch modern 3.0 for 50.0 %, 0.10 for each point more" in said  # 2 minutes for 20 points
    assert "; lite0 finetune 18.0 for 80.0 %, 0.50 for each point more. Each of the others is" in said
    assert said.endswith("less accurate than one that takes no longer: lite0 frozen (3.3).")


def test_a_point_has_no_price_where_single_runs_took_as_long_or_ran_on_another_kind_of_machine(published, tmp_path):
    results = with_costs(published, tmp_path / "copy", run_seconds=[60, 180, 200, 1080], mean=[0.3, 0.5, 0.45, 0.8])
    costs = results.tables["costs"]
    slow = (costs["model"] == "scratch_cnn") & (costs["seed"] == 2)
    costs.loc[slow, "run_seconds"] = 181  # longer than any run of the next model on the front
    said = times_and_accuracy(results)
    assert "; scratch modern 3.0 for 50.0 %; lite0 finetune 18.0 for 80.0 %, 0.50 for each point more" in said
    costs.loc[costs["model"] == "lite0_finetune", "device_name"] = "another CPU"
    assert "; lite0 finetune 18.0 for 80.0 %. Each of the others" in times_and_accuracy(results)


def test_the_notes_on_models_and_recipes_stand_among_the_limits(published, tmp_path):
    copy = shutil.copytree(published, tmp_path / "copy")
    config = read_json(copy / "config.json")
    for model in ("lite0_frozen", "lite0_finetune"):  # said once of both
        config["models"][model]["note"] = "Its weights are ours."
    config["models"]["scratch_cnn"]["note"] = "It is small."
    config["trials"] = {"short": {"count": 3, "note": "ours"}, "unused": {"count": None, "note": "not ours"}}
    write_json(copy / "config.json", config)
    page = page_text(read_published(copy))
    assert "into some recipes than into others, as far as it is recorded: short (3 trials, ours)." in flat(page)
    assert "\n- scratch cnn: It is small.\n" in page
    assert "\n- lite0 frozen; lite0 finetune: Its weights are ours.\n" in page


def test_runs_of_older_code_are_told_of(published):
    results = read_published(published)
    vars(results)["is_older"] = np.array([True, False])
    assert "- Some runs are of older code than the present one: its models" in flat(page_text(results))
    vars(results)["is_older"] = np.array([False, False])
    assert "older code" not in page_text(results)


def test_published_numbers_stand_apart(published):
    sources = read_published(published)
    sources.config.literature.clear()
    assert "Published by others" not in page_text(sources)
    entry = {
        "label": "B0, tuned",
        "accuracy": 0.8631,
        "model_kind": "finetune",
        "training_images": 50000,
        "selection": "the test images",
        "source": "A paper",
        "note": "One run.",
    }
    sources.config.literature.append(entry)
    section = page_text(sources).split("## Published by others, not measured here")[1].split("## ")[0]
    assert "\n| B0, tuned | 86.31 | 50,000 | the test images | A paper | One run. |\n" in section


def test_times_of_machines_of_several_kinds_are_said_to_compare_only_roughly(published, tmp_path):
    several = with_costs(published, tmp_path / "a", device_name=["A", "B", "A", "A"])
    assert "Times are from 2 kinds of machine" in page_text(several)
    assert "The runs are from 2 kinds of machine, so small differences" in times_and_accuracy(several)
    one = with_costs(published, tmp_path / "b", device_name=["A", "A", "A", "A"])
    assert "Times are from one kind of machine" in page_text(one)
    assert "kinds of machine" not in times_and_accuracy(one)


def test_times_of_runs_that_shared_a_gpu_are_said_to(published, tmp_path):
    sources = with_costs(published, tmp_path / "copy", clock=["wall"] * 4)
    made, noon = sources.tables["provenance"], pd.Timestamp("2026-01-01T12:00Z")
    made["device"], made["visible_gpu"] = "cuda", "GPU-1"
    made["started"] = [(noon + pd.Timedelta(minutes=10 * number)).isoformat() for number in range(len(made))]
    made["finished"] = [(noon + pd.Timedelta(minutes=10 * number + 25)).isoformat() for number in range(len(made))]
    page = flat(page_text(sources))
    assert "Up to 3 runs shared a GPU" in page  # each ends as the fourth is under way
    assert re.search(r"pretraining left out\.\*\* Up to 3 runs shared a GPU", page)
    assert "| minutes per run, shared |" in page
    made["visible_gpu"] = [f"GPU-{number % 3}" for number in range(len(made))]  # each has one of three to itself
    page = flat(page_text(sources))
    assert "with whatever else ran on it." in page and "| minutes per run |" in page


def test_the_marked_parts_of_a_readme_are_renewed_and_no_other(published, tmp_path):
    readme = tmp_path / "README.md"
    folder = os.path.relpath(published, tmp_path)
    marked = f"a\n<!-- reference:begin {{}} {folder} -->\nold\n<!-- reference:end -->\nb\n"
    other = "<!-- reference:begin answer other -->\nstays\n<!-- reference:end -->\n"
    readme.write_text(marked.format("answer") + marked.format("figure") + marked.format("results") + other)
    command = ["describe", str(published), "--output", str(tmp_path / "sub/page.md"), "--readme", str(readme)]
    assert main(command) == 0
    text = readme.read_text()
    assert text.startswith(f"a\n<!-- reference:begin answer {folder} -->\n**With ImageNet weights, ")
    assert f"<!-- reference:end -->\nb\na\n<!-- reference:begin results {folder} -->\n| model |" in text
    assert text.count("\n| ") == 6  # the head, and the baseline and the best of each of the three kinds
    assert text.endswith("<!-- reference:end -->\nb\n" + other)
    assert "old" not in text
    assert "[![Test accuracy of every run](sub/accuracy.svg)](sub/page.md)" in text
    assert (tmp_path / "sub/accuracy.svg").read_text().startswith("<?xml")
    assert main(command) == 0
    assert readme.read_text() == text


@pytest.mark.parametrize(
    ("times", "message"), [(0, "has no part between <!-- reference:begin answer "), (2, "has 2 parts between <!-- ")]
)
def test_a_readme_without_a_part_or_with_one_twice_is_refused(published, tmp_path, times, message):
    readme = tmp_path / "README.md"
    folder = os.path.relpath(published, tmp_path)
    readme.write_text(f"<!-- reference:begin answer {folder} -->\n<!-- reference:end -->\n" * times)
    with pytest.raises(StudyError, match=message):
        renewed(readme, read_published(published), tmp_path / "page.md")


@of_each
def test_a_reference_study_is_what_its_evidence_says(folder, page):
    verify(folder)


def test_all_published_studies_together_are_small_enough_to_commit():
    assert sum(path.stat().st_size for path in (ROOT / "reference").rglob("*") if path.is_file()) < 12e6


@of_each
def test_the_pages_on_a_reference_study_are_up_to_date(monkeypatch, tmp_path, folder, page):
    monkeypatch.chdir(ROOT)
    sources = read_published(folder.relative_to(ROOT))
    assert page_text(sources) == page.read_text(encoding="utf-8"), "run make reference"
    readme = README.read_text(encoding="utf-8")
    if f"{folder.relative_to(ROOT)} -->" in readme:
        assert renewed(README, sources, page) == readme, "run make reference"
    assert main(["describe", str(folder), "--output", str(tmp_path / "page.md")]) == 0
    texts = [re.findall("<text.*?</text>", (path / "accuracy.svg").read_text()) for path in (tmp_path, page.parent)]
    assert [re.sub("<[^>]*>", "", text) for text in texts[0]] == [re.sub("<[^>]*>", "", text) for text in texts[1]]
