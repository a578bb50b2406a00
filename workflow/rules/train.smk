# Weights once, features once per frozen backbone, then one job per model and seed.


rule weights:
    output:
        tensors=PATHS.weights("{weights}"),
        record=PATHS.weights("{weights}").with_suffix(".json"),
    log:
        LOGS / "weights-{weights}.log",
    localrule: True  # compute nodes may have no network, and one fetch serves all
    conda:
        ENVIRONMENTS["train"]
    params:
        architecture=lambda wildcards: WEIGHTS[wildcards.weights].architecture,
        source=lambda wildcards: WEIGHTS[wildcards.weights].weights,
        file_sha256=weights_file_sha256,
    shell:
        "python -m study weights --architecture {params.architecture:q} --source {params.source:q}"
        " --output {output.tensors:q} > {log:q} 2>&1"


rule features:
    input:
        dataset=ancient(PATHS.dataset_record),  # features are of all images, however they are split
        weights=features_weights,
    output:
        PATHS.features("{features}"),
    log:
        LOGS / "features-{features}.log",
    conda:
        ENVIRONMENTS["train"]
    threads: STUDY.compute.threads
    resources:
        gpu=GPUS,
    params:
        plan=lambda wildcards: PATHS.planned_features(wildcards.features),
        dataset=PATHS.dataset,
    shell:
        "python -m study features --plan {params.plan:q} --dataset {params.dataset:q} --weights {input.weights:q}"
        " --output {output:q} > {log:q} 2>&1"


# The hash of the spec is a parameter, so that a changed config repeats the runs whose spec it changed, and no other.
# Snakemake deletes a job's log before it starts, so the run's folder keeps it under a second name (a hard link), and all
# attempts add to it; the job of a killed Snakemake may still write there. With allow_missing there is no such rule: what
# is there is compared, whatever spec it is of.
if not STUDY.allow_missing:

    rule train:
        input:
            weights=weights_record,
            dataset=PATHS.dataset_record,
            features=features_file,
        output:
            [RUN / name for name in RUN_FILES],
        log:
            LOGS / "train" / "{subset}{model}-{seed}.log",
        conda:
            ENVIRONMENTS["train"]
        threads: STUDY.compute.threads
        resources:
            gpu=GPUS,
        params:
            spec_sha256=lambda wildcards: spec_of(
                STUDY, run_key(wildcards), START.compute
            ).sha256(),
            plan=lambda wildcards: PATHS.planned_run(*run_key(wildcards)),
            weights=lambda wildcards, input: (
                f"--weights '{input.weights}'" if input.weights else ""
            ),
            path=str(RUN / SPEC),
        shell:
            'kept=$(dirname {params.path:q})/train.log; touch "$kept" && ln -f "$kept" {log:q} 2> /dev/null || true; '
            "python -m study train {params.path:q} --plan {params.plan:q} {params.weights} >> {log:q} 2>&1"
