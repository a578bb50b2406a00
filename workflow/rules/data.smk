# From the official files, or the synthetic stand-in, to dataset.npz.

import json
import tempfile


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


# Of results that were copied without Snakemake's own records it does not know for which config they were made. A file
# that is newer than a config.json of another config, while this Snakemake lives, has it written anew all the same.
NEWER = (
    [tempfile.NamedTemporaryFile(prefix="config-")]
    if is_of_other_config(RESULTS / "config.json", RECORD)
    else []
)


rule record:
    input:
        [file.name for file in NEWER],
    output:
        RESULTS / "config.json",
    log:
        LOGS / "record.log",
    localrule: True
    conda:
        "../../envs/analyse.yaml"
    params:
        config=json.dumps(RECORD, ensure_ascii=False),  # in the order of config.yaml
    shell:
        "python -m study record --config {params.config:q} --output {output:q} > {log:q} 2>&1"
