# Weights once, features once per frozen backbone, then one job per model and seed.


rule weights:
    output:
        tensors=RESULTS / "weights" / "{weights}.safetensors",
        record=RESULTS / "weights" / "{weights}.json",
    log:
        LOGS / "weights-{weights}.log",
    localrule: True  # compute nodes may have no network, and one fetch serves all
    conda:
        "../../envs/train.yaml"
    params:
        architecture=lambda wildcards: WEIGHTS[wildcards.weights].architecture,
        source=lambda wildcards: WEIGHTS[wildcards.weights].weights,
        file_sha256=weights_file_sha256,
    shell:
        "python -m study weights --architecture {params.architecture:q} --source {params.source:q}"
        " --output {output.tensors:q} > {log:q} 2>&1"


rule features:
    input:
        dataset=ancient(RESULTS / "dataset.json"),  # features are of all images, however they are split
        weights=features_weights,
    output:
        RESULTS / "features" / "{features}.npz",
    log:
        LOGS / "features-{features}.log",
    conda:
        "../../envs/train.yaml"
    threads: STUDY.compute.threads
    resources:
        gpu=GPUS,
    params:
        spec=lambda wildcards: canonical_json(FEATURES[wildcards.features]),
        dataset=RESULTS / "dataset.npz",
    shell:
        "python -m study features --spec {params.spec:q} --dataset {params.dataset:q} --weights {input.weights:q}"
        " --output {output:q} > {log:q} 2>&1"


# The spec is a parameter, so that a changed config repeats the runs whose spec it changed, and no other.
# The log is added to, because the job of a killed Snakemake may still write there. With allow_missing there is no such
# rule: what is there is compared, whatever spec it is of.
if not STUDY.allow_missing:

    rule train:
        input:
            weights=weights_record,
            dataset=RESULTS / "dataset.json",
            features=features_file,
        output:
            RUN / "history.csv",
            RUN / "predictions.npz",
            RUN / "model.safetensors",
            RUN / "run.json",
        log:
            LOGS / "train" / "{model}-{seed}.log",
        conda:
            "../../envs/train.yaml"
        threads: STUDY.compute.threads
        resources:
            gpu=GPUS,
        params:
            spec=lambda wildcards: canonical_json(
                run_spec(STUDY, wildcards.model, int(wildcards.seed), COMPUTE)
            ),
            weights=lambda wildcards, input: (
                f"--weights '{input.weights}'" if input.weights else ""
            ),
            path=str(RUN / "spec.json"),
        shell:
            "python -m study train {params.path:q} --spec {params.spec:q} {params.weights}"
            " >> {log:q} 2>&1"
