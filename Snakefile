"""How much does ImageNet transfer buy on CIFAR-100? A grid of models × seeds, and a report computed from its runs.

What depends on what stands in workflow/rules/, the science in config.yaml, the machine in profiles/.
"""

from snakemake.utils import min_version

min_version("9.20")


configfile: "config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"


if STUDY.search:

    include: "workflow/rules/search.smk"

else:

    include: "workflow/rules/compare.smk"
    include: "workflow/rules/report.smk"


onstart:
    preflight(START)
    if workflow.dag_settings.forcerun or workflow.dag_settings.forceall:
        delete_output_backups(PATHS)


onsuccess:
    delete_output_backups(PATHS)


onerror:
    delete_output_backups(PATHS)


rule all:
    default_target: True
    input:
        TABLES,
        NEAR_DUPLICATES,
        PATHS.summary,
        FIGURES,
        PAGES,
