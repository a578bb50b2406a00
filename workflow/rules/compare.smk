# Every table, and summary.json, from what the runs wrote. One job reads all runs: it takes seconds, and needs no torch.

TABLES = [
    RESULTS / "tables" / f"{name}.csv"
    for name in (
        "runs",
        "models",
        "contrasts",
        "classes",
        "superclasses",
        "confusion",
        "errors",
        "calibration",
        "claims",
        "learning",
        "costs",
    )
]


rule analyse:
    input:
        runs=[run / "run.json" for run in RUNS],
        predictions=[run / "predictions.npz" for run in RUNS],
        histories=[run / "history.csv" for run in RUNS],
        config=RESULTS / "config.json",
        dataset=RESULTS / "dataset.json",
        code=sorted((SOURCES / "workflow" / "study" / "analysis").glob("*.py")),
    output:
        tables=TABLES,
        summary=RESULTS / "summary.json",
    log:
        LOGS / "analyse.log",
    conda:
        "../../envs/analyse.yaml"
    params:
        study=RESULTS,
        tables=RESULTS / "tables",
    shell:
        "python -m study analyse --study {params.study:q} --output {params.tables:q} --summary {output.summary:q}"
        " > {log:q} 2>&1"
