# Every table, and summary.json, from what the runs wrote. One job reads all runs: it takes seconds, and needs no torch.

COMPARISON = (
    "runs",
    "models",
    "contrasts",
    "classes",
    "superclasses",
    "class_differences",
    "superclass_differences",
    "confusion",
    "errors",
    "calibration",
    "agreement",
    "mcnemar",
    "hardest",
    "sensitivity",
    "ladder",
    "claims",
    "learning",
    "costs",
    "front",
)
TABLES = [PATHS.table(name) for name in (["search"] if STUDY.search else COMPARISON)]
# A search never looks at the test images.
NEAR_DUPLICATES = [] if STUDY.search else [PATHS.table("near_duplicates")]


# Of the images alone, so that it is not looked for again when a run or the analysis changes.
rule duplicates:
    input:
        dataset=PATHS.dataset_record,
    output:
        PATHS.table("near_duplicates"),
    log:
        LOGS / "duplicates.log",
    conda:
        ENVIRONMENTS["analyse"]
    threads: 2
    params:
        dataset=PATHS.dataset,
        code=sources_sha256("analysis/duplicates.py"),
    shell:
        "python -m study duplicates --dataset {params.dataset:q} --output {output:q} > {log:q} 2>&1"


rule analyse:
    input:
        runs=[run / "run.json" for run in COMPARED],
        predictions=[run / "predictions.npz" for run in COMPARED],
        histories=[run / "history.csv" for run in COMPARED],
        near_duplicates=NEAR_DUPLICATES,
        config=PATHS.config,
        dataset=PATHS.dataset_record,
    output:
        tables=TABLES,
        summary=PATHS.summary,
    log:
        LOGS / "analyse.log",
    conda:
        ENVIRONMENTS["analyse"]
    params:
        study=PATHS.folder,
        tables=PATHS.tables,
        code=sources_sha256("analysis/*.py"),
        compared=len(COMPARED),  # with allow_missing, a run that has gone is in no input that changed
    shell:
        "python -m study analyse --study {params.study:q} --output {params.tables:q} --summary {output.summary:q}"
        " > {log:q} 2>&1"
