# The checked config, and the paths and small look-ups that the rules share. What they compute stands in the package.

import shlex


from study.config.planning import (
    data_fingerprint,
    features_spec,
    spec_of,
    study_record,
)
from study.config.record import StudyRecord
from study.config.specs import weights_id
from study.data.dataset import LARGEST_INSIDE
from study.files import canonical_json, file_digest, read_json, sha256_text
from study.fingerprints import sources_sha256, training_code_sha256
from study.orchestration.jobs import delete_output_backups
from study.orchestration.overview import describe
from study.orchestration.restore import has_gone
from study.orchestration.start import (
    check_report,
    compared_runs,
    is_of_other_config,
    preflight,
    refuse_untrainable,
    start,
)
from study.paths import PREDICTIONS, RUN_FILES, RUN_RECORD, SPEC, RunKey, subset_folder
from study.reporting.items import ALL_TABLES, DOCUMENT, figure_files

# Snakemake counts jobs where they go to a cluster, and cores where they do not; in a dry run it counts both.
COUNTED = workflow.resource_settings
IS_CLUSTER = COUNTED.nodes is not None and (
    COUNTED.cores is None or workflow.output_settings.dryrun
)

with exit_with_sentence():
    # In the order of their rank: what the command line names comes after the default.
    START = start(
        config,
        [DEFAULTS, *(path for path in workflow.configfiles if Path(path) != DEFAULTS)],
        IS_CLUSTER,
    )
    STUDY, PATHS = START.study, START.paths
    COMPARED = compared_runs(STUDY, PATHS, START.published)
    TAKEN = [*START.published.values()]  # folders of published runs

LOGS = PATHS.folder / "logs"
RUN = PATHS.folder / "runs" / "{model}" / "{subset}seed-{seed}"
RECORD = study_record(STUDY, START.compute)
RECORDED = StudyRecord.from_json(RECORD)
MODELS = {name: STUDY.models[name] for name in STUDY.grid.models}
FEATURES_OF = {
    name: features_spec(STUDY, name, START.compute) for name in STUDY.featured()
}
WEIGHTS = {
    weights_id(model.architecture, model.weights): model
    for model in (STUDY.models[name] for name in {*MODELS, *FEATURES_OF})
    if model.weights
}
FEATURES = {spec.id: spec for spec in FEATURES_OF.values()}
SUBSETS = {
    subset_folder(run.images_per_class): run.images_per_class for run in STUDY.runs()
}
GPUS = 1 if START.compute.device == "cuda" else 0


def escaped(text):
    """`text` for where Snakemake formats it."""
    return str(text).replace("{", "{{").replace("}", "}}")


ENVIRONMENTS = {
    name: escaped(PROJECT / "envs" / f"{name}.yaml") for name in ("train", "analyse")
}
# The code that tables and report depend on.
ANALYSIS = sources_sha256("analysis/*.py")
# The page of provenance says which runs are of older code.
OLDER_CODE = [training_code_sha256(), sources_sha256("equivalent_code.yaml")]
REPORTING = sources_sha256("findings/*.py", "reporting/*.py", "../../report/items.yaml")
TEMPLATES = sources_sha256("../../report/templates/*", "../../report/captions/figure_*")


# What each run said of every image, from which tables and pages are computed; of a published run, its record names it.
ANSWERS = [run / (RUN_RECORD if run in TAKEN else PREDICTIONS) for run in COMPARED]


wildcard_constraints:
    model="|".join(MODELS),
    # A folder of its own for runs on few images per class, nothing for those on all; an empty pattern would not count.
    subset="|".join(f"(?:{subset})" for subset in SUBSETS),
    seed="[0-9]+",
    weights="|".join(WEIGHTS) or "none",
    features="|".join(FEATURES) or "none",


# The data's whereabouts travel outside the rules: moving them must not look like a change of the data.
EXPORTS = {
    "PYTHONPATH": PROJECT / "workflow",
    "PYTHONUTF8": 1,  # whatever the locale, paths and labels are UTF-8
    "STUDY_DATA": START.source,
    "STUDY_WORKFLOW": 1,
    "STUDY_RUNS_PER_GPU": STUDY.compute.runs_per_gpu,
}
PREFIX = " ".join(f"{name}={shlex.quote(str(path))}" for name, path in EXPORTS.items())
shell.prefix(escaped(f"export {PREFIX}; "))


def run_key(wildcards):
    """The run that these wildcards are of."""
    return RunKey(wildcards.model, int(wildcards.seed), SUBSETS[wildcards.subset])


def weights_record(wildcards):
    """The record of the weights that a model starts from, or nothing."""
    model = MODELS[wildcards.model]
    if not model.weights:
        return []
    return PATHS.weights(weights_id(model.architecture, model.weights)).with_suffix(
        ".json"
    )


def features_file(wildcards):
    """The features that a frozen model's head trains on, or nothing."""
    if wildcards.model not in FEATURES_OF:
        return []
    return PATHS.features(FEATURES_OF[wildcards.model].id)


def features_weights(wildcards):
    """The weights of a frozen backbone."""
    return PATHS.weights(FEATURES[wildcards.features].weights.id)


def weights_file_sha256(wildcards):
    """The content of a weights file that the user names: another content is other weights, a touch is not.

    Of a file that has gone, the record of what was read from it once is as good.
    """
    kind, _, name = WEIGHTS[wildcards.weights].weights.partition(":")
    path = Path(name).expanduser()
    if kind == "file" and path.is_file():
        return file_digest(path)
    record = PATHS.weights(wildcards.weights).with_suffix(".json")
    return (
        read_json(record)["file_sha256"] if kind == "file" and record.exists() else ""
    )


def in_menu(tables):
    """The archive as the Snakemake report's menu has it; the report itself stands in the first view."""
    return report(
        tables,
        caption="report/captions/all_tables_csv.rst",
        category="All tables",
        labels={"title": "Every table as a CSV file"},
    )


FIGURES = [PATHS.folder / "figures" / name for name in figure_files(RECORDED)]
PAGES = [
    PATHS.folder / "pages" / DOCUMENT,
    in_menu(PATHS.folder / "pages" / ALL_TABLES),
]
LANDING = PATHS.folder / "pages" / "landing.html"
# The report does not need all of these, but they are results too: what is deleted is made again.
RESULTS_OF_RUNS = (
    []
    if STUDY.allow_missing
    else [run / name for run in COMPARED if run not in TAKEN for name in RUN_FILES]
)

if workflow.is_main_process:
    with exit_with_sentence():
        refuse_untrainable(START, IS_CLUSTER)
        check_report(sys.argv, START, [*FIGURES, *PAGES])
        if workflow.output_settings.dryrun:
            print(
                describe(STUDY, START.compute, PATHS, START.published), file=sys.stderr
            )
