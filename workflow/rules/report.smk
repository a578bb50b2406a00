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
REPORTING = sources_sha256("reporting/*.py")
TEMPLATES = sources_sha256("../../report/templates/*")


rule figures:
    input:
        tables=TABLES,
        near_duplicates=NEAR_DUPLICATES,
        predictions=[run / "predictions.npz" for run in COMPARED],
        config=PATHS.config,
        dataset=PATHS.dataset_record,
    output:
        FIGURES,
    log:
        LOGS / "figures.log",
    conda:
        ENVIRONMENTS["analyse"]
    params:
        study=PATHS.folder,
        figures=PATHS.folder / "figures",
        code=REPORTING,
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
    output:
        FRAGMENTS,
        PAGES,
    log:
        LOGS / "pages.log",
    conda:
        ENVIRONMENTS["analyse"]
    params:
        study=PATHS.folder,
        pages=PATHS.folder / "pages",
        code=REPORTING,
        templates=TEMPLATES,
        training_code=training_code_sha256(),  # the last page says which runs are of older code
    shell:
        "python -m study pages --study {params.study:q} --output {params.pages:q} > {log:q} 2>&1"
