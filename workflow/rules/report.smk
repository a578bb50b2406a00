# Figures and pages from the tables, marked for `snakemake --report`.

from study.reporting.figures import figure_names
from study.reporting.pages import page_names

FIGURES = [
    marked("figures", "report/captions/{}.rst", name) for name in figure_names(RECORD)
]
FRAGMENTS = [
    PATHS.folder / "pages" / name
    for name in page_names(RECORD)
    if name in ("landing.html", "index.html")
]
PAGES = [
    marked("pages", "report/captions/table_{}.rst", name)
    for name in page_names(RECORD)
    if name not in ("landing.html", "index.html")
]
REPORTING = sorted((SOURCES / "workflow" / "study" / "reporting").glob("*.py"))


rule figures:
    input:
        tables=TABLES,
        near_duplicates=NEAR_DUPLICATES,
        predictions=[run / "predictions.npz" for run in COMPARED],
        config=PATHS.config,
        dataset=PATHS.dataset_record,
        code=REPORTING,
    output:
        FIGURES,
    log:
        LOGS / "figures.log",
    conda:
        "../../envs/analyse.yaml"
    params:
        study=PATHS.folder,
        figures=PATHS.folder / "figures",
    shell:
        "python -m study figures --study {params.study:q} --output {params.figures:q} > {log:q} 2>&1"


rule pages:
    input:
        tables=TABLES,
        near_duplicates=NEAR_DUPLICATES,
        summary=PATHS.summary,
        records=[run / "run.json" for run in COMPARED],
        predictions=[run / "predictions.npz" for run in COMPARED],
        dataset=PATHS.dataset_record,
        figures=PATHS.folder
        / "figures"
        / ("search.svg" if STUDY.search else "accuracy.svg"),
        config=PATHS.config,
        code=REPORTING,
        templates=sorted((SOURCES / "report" / "templates").glob("*")),
    output:
        FRAGMENTS,
        PAGES,
    log:
        LOGS / "pages.log",
    conda:
        "../../envs/analyse.yaml"
    params:
        study=PATHS.folder,
        pages=PATHS.folder / "pages",
        training_code=training_code_sha256(),  # the last page says which runs are of older code
    shell:
        "python -m study pages --study {params.study:q} --output {params.pages:q} > {log:q} 2>&1"
