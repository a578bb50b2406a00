"""A study takes the runs that are published with its settings as they are, and trains the others."""

import shutil

import pytest
from publications import content
from study_factory import COMPUTE, make_config, make_study

from study.analysis.tables import write_tables
from study.data.dataset import read_labels
from study.errors import StudyError
from study.files import write_json
from study.orchestration.check import check_study
from study.orchestration.overview import describe
from study.orchestration.published import published_runs, take_published
from study.orchestration.start import compared_runs
from study.paths import RunKey, StudyPaths
from study.publishing.publish import publish

MODELS = {"scratch_cnn": 0.4, "lite0_finetune": 0.8}
DIVERGED = ("lite0_finetune", 1)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = make_study(tmp_path_factory.mktemp("study") / "fake", MODELS, seeds=[0, 1], diverged=[DIVERGED])
    publish(folder, folder.parent / "published")
    return folder


def config_of(study, seeds=(0, 1), **recipe):
    """The study's config, with its published folder, other seeds, and changes to the recipe."""
    config = make_config([*MODELS], seeds).model_copy(update={"published": str(study.parent / "published")})
    config.recipes["short"] = type(config.recipes["short"])(**vars(config.recipes["short"]) | recipe)
    return config


def test_published_runs_of_the_same_settings_are_taken_and_the_others_trained(study, tmp_path):
    results, published = StudyPaths(tmp_path), StudyPaths(study.parent / "published")
    config = config_of(study, seeds=(0, 1, 2))
    taken = published_runs(config, COMPUTE, results)
    assert taken == {RunKey(model, seed): published.run(model, seed) for model in MODELS for seed in (0, 1)}
    compared = compared_runs(config, results, taken)
    assert [path for path in compared if path not in taken.values()] == [results.run(model, 2) for model in MODELS]
    said = describe(config, COMPUTE, results, taken)
    assert "  runs there already: 4 (4 of them published); " in said and "older code" in said
    assert "not known before a run has finished of: scratch_cnn, lite0_finetune;" in said
    assert "not known" not in describe(config_of(study), COMPUTE, results, taken)
    assert published_runs(config_of(study, epochs=9), COMPUTE, results) == {}
    assert published_runs(make_config([*MODELS], [0]), COMPUTE, results) == {}


def test_tables_of_taken_runs_are_the_published_ones_also_at_the_next_start(study, tmp_path):
    results, config = StudyPaths(tmp_path), config_of(study)
    taken = published_runs(config, COMPUTE, results)
    take_published(taken, results)
    for name in ("dataset.npz", "config.json"):
        shutil.copy(study / name, tmp_path)
    write_tables(tmp_path, results.tables)
    assert content(results.tables) == content(study.parent / "published/tables")
    assert published_runs(config, COMPUTE, results) == taken and RunKey(*DIVERGED) in taken
    shutil.copytree(study / "runs/scratch_cnn/seed-0", results.run("scratch_cnn", 0), dirs_exist_ok=True)
    results.run("scratch_cnn", 1).joinpath("run.json").unlink()  # as of a run that was stopped
    assert published_runs(config, COMPUTE, results).keys() == taken.keys() - {
        RunKey("scratch_cnn", 0), RunKey("scratch_cnn", 1)
    }  # fmt: skip


def test_taken_runs_are_no_fault(study, tmp_path, capsys):
    results = StudyPaths(tmp_path)
    take_published(published_runs(config_of(study), COMPUTE, results), results)
    write_json(tmp_path / "dataset.json", read_labels(study / "dataset.npz").meta)
    check_study(tmp_path)
    assert "of 4 runs no checksums are recorded" in capsys.readouterr().out


def test_a_published_folder_that_does_not_fit_is_refused(study, tmp_path):
    config = config_of(study)
    with pytest.raises(StudyError, match=r"config: published: .* is not a published study; correct the path"):
        published_runs(config.model_copy(update={"published": str(tmp_path)}), COMPUTE, StudyPaths(tmp_path))
    other = make_config([*MODELS], [0], "cifar100").model_copy(update={"published": config.published})
    with pytest.raises(StudyError, match="is of other data, or another split, than this study"):
        published_runs(other, COMPUTE, StudyPaths(tmp_path))
