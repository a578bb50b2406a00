# From the official files, or the synthetic stand-in, to dataset.npz.


rule download:
    output:
        Path("resources") / "{archive}.tar.gz",
    log:
        LOGS / "download-{archive}.log",
    retries: 2
    localrule: True
    conda:
        "../../envs/train.yaml"
    params:
        dataset=STUDY.dataset.name,
        mirrors=STUDY.dataset.mirrors,
    shell:
        "python -m study download --dataset {params.dataset} --mirror {params.mirrors:q} --output {output:q}"
        " 2> >(tee {log:q} >&2)"


rule render:
    output:
        SYNTHETIC,
    log:
        LOGS / "render.log",
    localrule: True
    conda:
        "../../envs/train.yaml"
    shell:
        'python -m study render --output "$STUDY_DATA" > {log:q} 2>&1'


rule prepare:
    input:
        source_files,
    output:
        RESULTS / "dataset.npz",
    log:
        LOGS / "prepare.log",
    localrule: True
    conda:
        "../../envs/train.yaml"
    params:
        dataset=STUDY.dataset.name,
        fraction=STUDY.dataset.validation.fraction,
        seed=STUDY.dataset.validation.seed,
    shell:
        'python -m study prepare --source "$STUDY_DATA"'
        " --dataset {params.dataset} --fraction {params.fraction} --seed {params.seed} --output {output:q}"
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
