# From the official files, or the synthetic stand-in, to dataset.npz.


rule obtain:
    output:
        Path("resources") / "{dataset}-{files}.json",
    log:
        LOGS / "obtain-{dataset}-{files}.log",
    retries: 2  # a broken download goes on where it stopped
    localrule: True
    conda:
        "../../envs/train.yaml"
    params:
        mirrors=lambda wildcards: " ".join(
            f"--mirror {shlex.quote(url)}" for url in STUDY.dataset.mirrors
        ),
    shell:
        'python -m study obtain --dataset {wildcards.dataset} --source "$STUDY_DATA" {params.mirrors}'
        " --output {output:q} 2> >(tee {log:q} >&2)"


rule prepare:
    input:
        source_record,
    output:
        dataset=RESULTS / "dataset.npz",
        record=RESULTS / "dataset.json",  # small, so that Snakemake compares its content: a touch is no change
    log:
        LOGS / "prepare.log",
    localrule: True
    conda:
        "../../envs/train.yaml"
    params:
        dataset=STUDY.dataset.name,
        fraction=STUDY.dataset.validation.fraction,
        seed=STUDY.dataset.validation.seed,
        fingerprint=data_fingerprint(STUDY),
    shell:
        'python -m study prepare --source "$STUDY_DATA"'
        " --dataset {params.dataset} --fraction {params.fraction} --seed {params.seed} --output {output.dataset:q}"
        " > {log:q} 2>&1"


rule record:
    output:
        RESULTS / "config.json",
    log:
        LOGS / "record.log",
    localrule: True
    conda:
        "../../envs/analyse.yaml"
    params:
        config=canonical_json(study_record(STUDY, COMPUTE)),
    shell:
        "python -m study record --config {params.config:q} --output {output:q} > {log:q} 2>&1"
