# Figures and pages from the tables, marked for `snakemake --report`. Its menu sorts categories by name: hence numbers.

from study.reporting.figures import figure_names
from study.reporting.pages import page_names

CATEGORY = {
    "accuracy": "1 Result",
    "models": "1 Result",
    "runs": "1 Result",
    "curves": "2 Learning curves",
    "classes": "3 Classes",
    "superclasses": "3 Classes",
    "confusion": "4 Confusions",
    "confusions": "4 Confusions",
    "superconfusion": "4 Confusions",
    "samples": "5 Examples",
    "cost": "6 Costs and provenance",
    "costs": "6 Costs and provenance",
    "provenance": "6 Costs and provenance",
}
TITLE = {"accuracy": "accuracy of every seed", "cost": "accuracy and cost", "confusion": "100 × 100 classes",
         "superconfusion": "20 × 20 superclasses"}  # fmt: skip


def marked(folder, caption, name):
    """`name` in `folder` as an item of the report: its kind, or `kind_model`, decides category, caption and labels."""
    kind, _, model = Path(name).stem.partition("_")
    form = "table" if name.endswith(".html") else "figure"
    labels = {"shows": TITLE.get(kind, kind), "form": form, "model": STUDY.models[model].label if model else "all"}
    return report(RESULTS / folder / name, caption=caption.format(kind), category=CATEGORY[kind], labels=labels)


FIGURES = [marked("figures", "report/captions/{}.rst", name) for name in figure_names(STUDY.grid.models)]
FRAGMENTS = [RESULTS / "pages" / name for name in page_names() if name in ("landing.html", "index.html")]
PAGES = [
    marked("pages", "report/captions/table_{}.rst", name)
    for name in page_names()
    if name not in ("landing.html", "index.html")
]
REPORTING = sorted((PACKAGE / "reporting").glob("*.py"))


rule figures:
    input:
        tables=TABLES,
        predictions=[run / "predictions.npz" for run in RUNS],
        config=RESULTS / "config.json",
        dataset=ancient(RESULTS / "dataset.npz"),
        code=REPORTING,
    output:
        FIGURES,
    log:
        LOGS / "figures.log",
    params:
        study=RESULTS,
        figures=RESULTS / "figures",
    conda:
        "../../envs/analyse.yaml"
    shell:
        "python -m study figures --study {params.study:q} --output {params.figures:q} > {log:q} 2>&1"


rule pages:
    input:
        tables=TABLES,
        records=[run / "run.json" for run in RUNS],
        figures=RESULTS / "figures" / "accuracy.svg",
        config=RESULTS / "config.json",
        code=REPORTING,
        templates=sorted((Path(workflow.basedir) / "report" / "templates").glob("*")),
    output:
        FRAGMENTS,
        PAGES,
    log:
        LOGS / "pages.log",
    params:
        study=RESULTS,
        pages=RESULTS / "pages",
    conda:
        "../../envs/analyse.yaml"
    shell:
        "python -m study pages --study {params.study:q} --output {params.pages:q} > {log:q} 2>&1"
