"""The whole workflow on seven classes without superclasses: no table, figure, page or claim speaks of them."""

from project import DEMO

from study.analysis.registry import table_names
from study.config.record import read_record
from study.findings.results import read_table
from study.paths import NEAR_DUPLICATES_TABLE

OVERLAY = {
    "study": "seven",
    "dataset": {"name": "synthetic7"},
    "grid": {"seeds": [0]},
    "models": {"efficientnet_lite0_frozen": {"input_size": 32}},
    "recipes": {"demo_scratch": {"epochs": 2}, "linear_head": {"epochs": 2}},
}


def test_seven_classes_without_superclasses_go_through_the_whole_workflow(fresh):
    config = (DEMO, fresh.overlay("seven", OVERLAY))
    done = fresh.snakemake(config=config)
    assert done.returncode == 0, done.stdout
    done = fresh.snakemake("--report", "report.html", config=config)
    assert done.returncode == 0, done.stdout
    results = fresh.folder / "results" / "seven"
    names = [*table_names(read_record(results / "config.json")), NEAR_DUPLICATES_TABLE]
    assert {path.stem for path in (results / "tables").glob("*.csv")} == {*names}
    assert not [path for path in results.rglob("*superclass*") if "logs" not in path.parts]
    for path in (results / "tables").glob("*.csv"):
        lines = path.read_text(encoding="utf-8").splitlines()
        assert "superclass" not in lines[0], path
    assert read_table(results / "tables" / "claims.csv").empty  # those of config.yaml are about CIFAR-100
    assert len({*(results / "figures").iterdir()}) >= 5
    assert (fresh.folder / "report.html").stat().st_size > 100_000
