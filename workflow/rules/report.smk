# Figures and pages from the tables, the pages marked for `snakemake --report`; report/items.yaml says which there are.


report: "../../report/workflow.rst"


rule figures:
    input:
        tables=TABLES,
        near_duplicates=NEAR_DUPLICATES,
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
        predictions=ANSWERS,
        dataset=PATHS.dataset_record,
        figures=FIGURES,
        config=PATHS.config,
    output:
        LANDING,
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
        older_code=OLDER_CODE,
    shell:
        "python -m study pages --study {params.study:q} --output {params.pages:q} > {log:q} 2>&1"
