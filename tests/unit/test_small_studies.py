"""Studies of which little is there still have every figure and page."""

import shutil

from study_factory import make_study
from written_pages import Parsed, analyse, config_of_study, figure_names, views

from study.files import read_json, write_json
from study.reporting.pages import draw_figures, write_pages


def test_a_study_of_one_model_and_one_seed_has_every_figure_and_page(tmp_path):
    folder = make_study(tmp_path / "one", {"scratch_cnn": 0.5}, seeds=[4])
    analyse(folder)
    draw_figures(folder, folder / "tables", folder / "figures")
    write_pages(folder, folder / "tables", folder / "figures", folder / "pages")
    assert sorted(path.name for path in (folder / "figures").iterdir()) == sorted(figure_names(config_of_study(folder)))
    said = Parsed(views(folder)["story"]).text
    assert "It is the only model, so there is nothing to compare it with." in said
    assert "1 model, seed 4: 1 run on CPU" in said


def test_a_study_in_which_every_run_diverged_has_every_figure_and_page(tmp_path):
    lost = [("scratch_cnn", 0), ("lite0_finetune", 0)]
    folder = make_study(tmp_path / "lost", {"scratch_cnn": 0.5, "lite0_finetune": 0.6}, seeds=[0], diverged=lost)
    analyse(folder)
    draw_figures(folder, folder / "tables", folder / "figures")
    write_pages(folder, folder / "tables", folder / "figures", folder / "pages")
    assert "No run finished" in Parsed(views(folder)["story"]).text


def test_a_study_with_missing_runs_has_every_page_with_a_notice(tmp_path):
    folder = make_study(tmp_path / "some", {"scratch_cnn": 0.5, "lite0_finetune": 0.6})
    config = read_json(folder / "config.json") | {"allow_missing": True}
    write_json(folder / "config.json", config)
    shutil.rmtree(folder / "runs" / "scratch_cnn")
    analyse(folder)
    draw_figures(folder, folder / "tables", folder / "figures")
    write_pages(folder, folder / "tables", folder / "figures", folder / "pages")
    for name, view in views(folder).items():
        assert "Incomplete: 3 of 6 runs of this study are missing." in view, name
    assert "All 3 runs of Scratch cnn are missing" in Parsed(views(folder)["story"]).text
