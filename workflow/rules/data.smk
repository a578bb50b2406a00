# From official files, rendered images or a folder of pictures to dataset.npz; and the config as analysis and report read
# it.

import tempfile


rule prepare:
    output:
        dataset=PATHS.dataset,
        images=[PATHS.images] if STUDY.data.image_size > LARGEST_INSIDE else [],
        record=PATHS.dataset_record,  # small, so that Snakemake compares its content: a touch is not a change
    log:
        LOGS / "prepare.log",
    retries: 0 if STUDY.data.kind == "folder" else 2  # a broken download resumes where it stopped
    localrule: True
    conda:
        ENVIRONMENTS["train"]
    threads: 8 if STUDY.data.kind == "folder" else 1
    params:
        dataset=STUDY.dataset.name,
        fraction=STUDY.dataset.validation.fraction,
        seed=STUDY.dataset.validation.seed,
        mirrors=lambda wildcards: " ".join(
            f"--mirror {shlex.quote(url)}" for url in STUDY.mirrors
        ),
        pictures=shlex.join(STUDY.dataset.arguments()),
        fingerprint=data_fingerprint(STUDY),
    shell:
        'python -m study prepare --source "$STUDY_DATA" {params.mirrors}'
        " --dataset {params.dataset} --fraction {params.fraction} --seed {params.seed} --output {output.dataset:q}"
        " {params.pictures} --workers {threads}"
        " 2> >(tee {log:q} >&2)"


# What the pictures of a folder look like to networks in training: to be looked at, so it is made before these are trained.
AUGMENTING = [
    RunKey(name, STUDY.seeds_of(name)[0])
    for name in MODELS
    if STUDY.data.kind == "folder" and STUDY.recipe_of(name).augmentation
]
AUGMENTED = [PATHS.folder / "dataset_augmented.png"] if AUGMENTING else []
if AUGMENTED:

    rule augmented:
        input:
            PATHS.dataset_record,
        output:
            AUGMENTED,
        log:
            LOGS / "augmented.log",
        priority: 1
        localrule: True
        conda:
            ENVIRONMENTS["train"]
        params:
            specs=[PATHS.planned_run(*run) for run in AUGMENTING],
            sha256=[spec_of(STUDY, run, START.compute).sha256() for run in AUGMENTING],
            dataset=PATHS.dataset,
        shell:
            "python -m study augmented {params.specs:q} --dataset {params.dataset:q} --output {output:q} > {log:q} 2>&1"


# Copied results lack Snakemake's metadata, so it cannot see that they are of another config. A file that is newer than
# their config.json, while this Snakemake lives, has it written anew all the same; so it is where data or weights have
# gone, because those are made again before the first job, and there must be one.
NEWER = (
    [tempfile.NamedTemporaryFile(prefix="config-")]
    if is_of_other_config(PATHS.config, RECORD) or has_gone(STUDY, PATHS)
    else []
)


# The content is written by `preflight`, because it is too long for a command line.
rule record:
    input:
        [file.name for file in NEWER],
    output:
        PATHS.config,
    log:
        LOGS / "record.log",
    localrule: True
    conda:
        ENVIRONMENTS["analyse"]
    params:
        sha256=sha256_text(canonical_json(RECORD)),
        planned=PATHS.planned_config,
    shell:
        "cp {params.planned:q} {output:q} 2> {log:q}"
