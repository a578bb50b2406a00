"""How much does ImageNet transfer buy on CIFAR-100? A grid of models × seeds, and a report computed from its runs.

What depends on what stands in workflow/rules/, the science in config.yaml, the machine in profiles/.
"""

import sys
from pathlib import Path

from snakemake.utils import min_version, update_config

min_version("9.20")

# Code, default config and report texts are the project's, from wherever it is used: by -s, --directory or as a module.
PROJECT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).absolute()
DEFAULTS = PROJECT / "config.yaml"
sys.path.insert(0, str(PROJECT / "workflow"))

from study.config.yaml_files import check_files, read_yaml
from study.errors import StudyError

try:
    check_files([DEFAULTS, *workflow.configfiles])
except StudyError as error:
    raise SystemExit(f"Error: {error}")


configfile: DEFAULTS


if not workflow.modifier.is_main_snakefile():
    # A module's config is not in a file, but changes config.yaml as a --configfile would.
    own, config = config, read_yaml(DEFAULTS)
    update_config(config, own)


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"


if STUDY.search:

    include: "workflow/rules/search.smk"

else:

    include: "workflow/rules/compare.smk"
    include: "workflow/rules/report.smk"


# Snakemake would say no more than that a file "does not exist".
if "--report-after-run" not in sys.argv and any(
    argument.partition("=")[0] == "--report" for argument in sys.argv
):
    if missing := [path for path in (*FIGURES, *PAGES) if not Path(path).exists()]:
        raise SystemExit(
            f"Error: there is nothing to report yet ({missing[0]} is missing): run the study first, with the same "
            "command but without --report."
        )


# The report does not need all of these, but they are results too: what is deleted is made again.
RESULTS_OF_RUNS = [run / name for run in COMPARED for name in RUN_FILES]
if STUDY.allow_missing:
    RESULTS_OF_RUNS = []


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
        RESULTS_OF_RUNS,
