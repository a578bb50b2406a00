import pandas as pd
import pytest
from study_factory import make_study

from study.analysis.tables import write_tables
from study.reporting import text
from study.reporting.calibration import calibration_page
from study.reporting.mistakes import confusions_page
from study.reporting.sources import read_sources
from study.reporting.tables import contrasts_table


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Three models of three seeds, one of which lost two of them."""
    lost = [("lite0_frozen", 0), ("lite0_frozen", 1)]
    study = make_study(tmp_path_factory.mktemp("results") / "fake", diverged=lost)
    write_tables(study, study / "tables")
    return read_sources(study, study / "tables")


def shown(table):
    """A page's table as a reader sees it; what stands small under a value in a column of its own."""
    titles = [column["title"] for column in table["columns"]]
    rows = [[cell["text"] for cell in row] + [cell["below"] for cell in row] for row in table["rows"]]
    return pd.DataFrame(rows, columns=titles + [f"{title} below" for title in titles])


def test_p_values_as_text():
    assert [text.p_value(p) for p in (1.0, 0.0423, 0.001, 0.000999, 0.0, float("nan"))] == [
        *["1.000", "0.042", "0.001", "< 0.001", "< 0.001", "–"]
    ]


def test_differences_show_p_only_where_seeds_can_tell(sources):
    made = contrasts_table(sources)
    frame = shown(made).set_index(["Model", "Metric"])
    assert frame.loc[("Lite0 finetune", "test accuracy"), "p, Holm"] == "< 0.001"
    assert frame.loc[("Lite0 finetune", "test top-5"), "p, Holm"] == "–"
    assert frame.loc[("Lite0 frozen", "test accuracy"), "p, Holm"] == "–"  # a single seed is left of it
    assert frame["Ahead (% of pairs)"].loc["Lite0 finetune"].tolist() == ["100"] * 3
    assert frame["Ahead (% of pairs) below"].loc[("Lite0 frozen", "test accuracy")] == "of 3 pairs"
    assert "Holm's method for 1 comparison of test accuracy" in made["note"]


def test_calibration_shows_every_model_run_and_bin_that_has_images(sources):
    by_model, by_run, by_bin = map(shown, calibration_page(sources))
    runs = sources.tables["runs"]
    assert by_model["Model"].tolist() == ["Scratch cnn", "Lite0 finetune", "Lite0 frozen"]
    assert by_run["Temperature"].tolist()[:3] == [f"{one:.3f}" for one in runs["temperature"][:3]]
    assert by_run["ECE (%), scaled"].tolist()[6:8] == ["–", "–"]  # diverged
    assert by_model["ECE (%)"].tolist()[2] == by_run["ECE (%)"].tolist()[8]  # the mean of one seed
    assert (by_bin["Images of a seed"] != "0.0").all()


def test_errors_and_pairs_are_those_of_the_tables(sources):
    errors, pairs, mistakes = map(shown, confusions_page(sources))
    assert errors["by chance (%)"].tolist() == ["4.0"] * 3
    row = sources.rows("errors", model="scratch_cnn").iloc[0]
    assert errors.iloc[0]["of which within the superclass (%)"] == text.percent(row["within_superclass"])
    assert pairs.groupby("Model").size().tolist() == [20, 20, 20]
    first, confusion = pairs.iloc[0], sources.rows("confusion", model="scratch_cnn")
    a, b = (int(first[title].removeprefix("class ")) for title in ("Class", "and class"))
    way = confusion[confusion["true_id"].isin([a, b]) & confusion["predicted_id"].isin([a, b])]
    mixed = way.loc[way["true_id"] != way["predicted_id"], "count"].sum()
    assert first["Taken for each other (%)"] == text.percent(mixed / (2 * 10 * 3))  # 10 images a class, 3 seeds
    assert len(mistakes) == 90
