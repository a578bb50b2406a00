# Every table from what the runs wrote. One job reads all runs: it takes seconds, and needs no torch.

from study.analysis.registry import table_names
from study.paths import NEAR_DUPLICATES_TABLE

TABLES = [PATHS.table(name) for name in table_names(RECORDED)]
NEAR_DUPLICATES = PATHS.table(NEAR_DUPLICATES_TABLE)


# Of the images alone, so that it is not looked for again when a run or the analysis changes; with a network's features,
# if the config names one for it.
rule duplicates:
    input:
        dataset=PATHS.dataset_record,
        features=(
            PATHS.features(FEATURES_OF[STUDY.duplicate_features].id)
            if STUDY.duplicate_features
            else []
        ),
    output:
        NEAR_DUPLICATES,
    log:
        LOGS / "duplicates.log",
    conda:
        ENVIRONMENTS["analyse"]
    threads: 2
    params:
        dataset=PATHS.dataset,
        code=sources_sha256(
            "analysis/duplicates.py",
            "analysis/look_alikes.py",
            "analysis/alignment.py",
        ),
        features=lambda wildcards, input: (
            f"--features '{input.features}'" if input.features else ""
        ),
    shell:
        "python -m study duplicates --dataset {params.dataset:q} {params.features} --output {output:q} > {log:q} 2>&1"


rule analyse:
    input:
        runs=[run / "run.json" for run in COMPARED],
        predictions=ANSWERS,
        histories=[run / "history.csv" for run in COMPARED],
        near_duplicates=NEAR_DUPLICATES,
        config=PATHS.config,
        dataset=PATHS.dataset_record,
    output:
        TABLES,
    log:
        LOGS / "analyse.log",
    conda:
        ENVIRONMENTS["analyse"]
    params:
        study=PATHS.folder,
        tables=PATHS.tables,
        code=ANALYSIS,
        compared=len(COMPARED),  # with allow_missing, a run that has gone is in no input that changed
    shell:
        "python -m study analyse --study {params.study:q} --output {params.tables:q} > {log:q} 2>&1"


include: "report.smk"
