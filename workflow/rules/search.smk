# What a search has in place of a comparison: its trials as a table, a figure and a page. It never sees a test image.

from study.paths import SEARCH_TABLE

TABLES = PATHS.table(SEARCH_TABLE)
NEAR_DUPLICATES = []


report: "../../report/workflow.rst"


rule search_table:
    input:
        runs=[run / "run.json" for run in COMPARED],
        predictions=[run / "predictions.npz" for run in COMPARED],
        config=PATHS.config,
        dataset=PATHS.dataset_record,
    output:
        table=TABLES,
    log:
        LOGS / "search-table.log",
    conda:
        ENVIRONMENTS["analyse"]
    params:
        study=PATHS.folder,
        code=ANALYSIS,
        compared=len(COMPARED),  # with allow_missing, a run that has gone is in no input that changed
    shell:
        "python -m study search-table --study {params.study:q} --output {output.table:q} > {log:q} 2>&1"


rule search_report:
    input:
        table=TABLES,
        config=PATHS.config,
    output:
        FIGURES,
        PAGES,
        LANDING,
    log:
        LOGS / "search-report.log",
    conda:
        ENVIRONMENTS["analyse"]
    params:
        study=PATHS.folder,
        code=REPORTING,
        templates=TEMPLATES,
    shell:
        "python -m study search-report --study {params.study:q} > {log:q} 2>&1"
