"""How much does ImageNet transfer buy on CIFAR-100? A grid of models × seeds, and a report computed from its runs.

What depends on what stands in workflow/rules/, the science in config.yaml, the machine in profiles/.
"""

import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.20")

# Code, default config and report texts are the project's, from wherever it is used: by -s, --directory or as a module.
PROJECT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).absolute()
DEFAULTS = PROJECT / "config.yaml"
sys.path.insert(0, str(PROJECT / "workflow"))

from study.config.yaml_files import check_files, merge, read_yaml
from study.errors import exit_with_sentence

with exit_with_sentence():
    check_files([DEFAULTS, *workflow.configfiles])


configfile: DEFAULTS


if not workflow.modifier.is_main_snakefile():
    # A module's config is not in a file, but changes config.yaml as a --configfile would.
    config = merge(read_yaml(DEFAULTS), config)


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/search.smk" if STUDY.search else "workflow/rules/compare.smk"


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
        AUGMENTED,
        TABLES,
        NEAR_DUPLICATES,
        FIGURES + PAGES,
        RESULTS_OF_RUNS,
