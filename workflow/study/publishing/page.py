"""The page that tells what a published study found, and the parts of a README that quote it.

Nothing of it is typed that a table says: when runs have been added, `python -m study describe` writes it again.
"""

import os
import re
import textwrap
from collections.abc import Sequence
from pathlib import Path

import jinja2
import numpy as np

from study.analysis.uncertainty import MIN_SEEDS
from study.data.dataset import TEST, TRAIN, VALIDATION, read_labels
from study.errors import StudyError
from study.files import read_json, write_text
from study.findings import text
from study.findings.compare import difference
from study.findings.results import Results, best_model, read_table
from study.findings.runs import lost_runs, notice, sharing
from study.paths import NEAR_DUPLICATES_TABLE, StudyPaths, table_names
from study.publishing import findings
from study.publishing.verify import verify
from study.reporting import style
from study.reporting.accuracy import draw_accuracy

TEMPLATE = Path(__file__).with_name("page.md.j2")
FIGURE = "accuracy.svg"
WIDTH = 120
BEGIN, END = "<!-- reference:begin {part} {folder} -->", "<!-- reference:end -->"


def describe(published: Path, page: Path, readme: Path | None) -> None:
    """Verify a published study; write the `page` on it, its figure beside it, and the marked parts of the `readme`.

    Raises StudyError if the study is not what its evidence says, or a part is not marked in the readme.
    """
    verify(published)
    results = read_published(published)
    texts = {page: page_text(results)} | ({} if readme is None else {readme: renewed(readme, results, page)})
    with style.settings():
        style.save(draw_accuracy(results), page.with_name(FIGURE), results.synthetic)
    for path, content in texts.items():
        write_text(path, content)


def read_published(published: Path) -> Results:
    """Read what a published study has of what the report is made from: all but images and logits."""
    paths = StudyPaths(published)
    if not paths.published_labels.exists():
        raise StudyError(f"{published} is not a published study; `python -m study publish` makes one.")
    config = read_json(paths.config)
    names = [*table_names(config), NEAR_DUPLICATES_TABLE]
    return Results(
        study=published,
        folder=paths.tables,
        config=config,
        tables={name: read_table(paths.table(name)) for name in names},
        dataset=read_labels(paths.published_labels),
    )


def page_text(results: Results) -> str:
    """The page in Markdown. Raises StudyError if no run has finished."""
    if best_model(results.tables["models"]) is None:
        raise StudyError(f"{results.study}: no run has finished, so there is nothing to tell yet.")
    environment = jinja2.Environment(trim_blocks=True, undefined=jinja2.StrictUndefined, autoescape=False)
    environment.filters["fold"] = _fold
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return (
        template.render(
            folder=results.study.as_posix(),
            title=f"What pretraining is worth: {results.config['dataset']['title']}, on a {_device(results)}",
            answer=findings.answer(results),
            same_network=findings.same_network(results),
            notice=notice(results.tables["runs"]),
            figure=FIGURE,
            results=results_table(results),
            was_run=_was_run(results),
            ladder=_ladder(results),
            contrasts=_contrasts(results),
            findings=[
                findings.classes_without_gain(results),
                findings.remaining_errors(results),
                findings.cost_of_a_point(results),
            ],
            claims=_claims(results),
            literature=_literature(results),
            limits=_limits(results),
        ).rstrip()
        + "\n"
    )


def _device(results: Results) -> str:
    return {"cpu": "CPU", "cuda": "GPU"}[results.config["compute"]["device"]]


def renewed(readme: Path, results: Results, page: Path) -> str:
    """The text of the `readme` with the parts that are marked as the study's written from it.

    Raises StudyError if one is not marked.
    """
    link, figure, folder = (
        Path(os.path.relpath(path, readme.parent)).as_posix() for path in (page, page.with_name(FIGURE), results.study)
    )
    content = readme.read_text(encoding="utf-8")
    paragraphs = [
        _fold(findings.answer(results)),
        _fold(findings.same_network(results)),
        f"[![Test accuracy of every run]({figure})]({link})",
        _fold(f"{_so_far(results)}[More on this study]({link})."),
    ]
    said = {
        "answer": "\n\n".join(filter(None, paragraphs)) + "\n",
        "results": f"{results_table(results)}\n\n{_fold(_was_run(results))} [Details, claims and limits]({link}).\n",
    }
    for part, new in said.items():
        begin = BEGIN.format(part=part, folder=folder)
        marked = f"{re.escape(begin)}\n.*?{re.escape(END)}"
        content, count = re.subn(marked, lambda _, new=f"{begin}\n{new}{END}": new, content, flags=re.DOTALL)
        if count != 1:
            raise StudyError(f"{readme} has {count} parts between {begin} and {END}; mark one.")
    return content


def results_table(results: Results) -> str:
    """A row per model: its training, every seed, mean ± SD, interval, minutes."""
    seconds, unit = findings.run_seconds(results)
    rows = []
    for model in results.models:
        of_model = results.rows("runs", model=model)
        done = of_model[of_model["outcome"] == "finished"].sort_values("seed")
        row = results.rows("models", model=model, metric="test_accuracy").iloc[0]
        seeds = ", ".join(map(text.percent, done["test_accuracy"]))
        lost = of_model.loc[of_model["outcome"] != "finished", "outcome"].value_counts()
        if len(lost):
            seeds += f" ({', '.join(f'{count} {outcome}' for outcome, count in lost.sort_index().items())})"
        mean = text.mean_and_sd(row["mean"], row["sd"])
        interval = text.spread(row["ci_low"], row["ci_high"])
        minutes = text.minutes(seconds.get(model, np.nan))
        rows.append([results.labels[model], findings.training(results, model), seeds.strip(), mean, interval, minutes])
    time = f"{unit} per run" + ", shared" * (sharing(results) > 1)
    heads = ["model", "training", "test accuracy of every seed (%)", "mean ± SD", "95 % interval over seeds", time]
    return _table(heads, rows)


def _was_run(results: Results) -> str:
    """On what it ran, and how many images there were."""
    named = " or ".join(f"{name} ({text.counted(threads, 'thread')})" for name, threads in findings.machines(results))
    parts = [f"{len(results.dataset.ids(part)):,}" for part in (TRAIN, VALIDATION, TEST)]
    return (
        f"Measured on {named}, with {parts[0]} training, {parts[1]} validation and {parts[2]} test images; the "
        "validation images made every choice."
    )


def _so_far(results: Results) -> str:
    finished, every = len(results.rows("runs", outcome="finished")), len(results.tables["runs"])
    return "" if finished == every else f"{finished} of {every} runs so far. "


def _ladder(results: Results) -> str:
    """A row per step that has been run, with the interval of its difference to the one before."""
    steps = results.tables["ladder"]
    if steps["n_seeds"].eq(0).all():
        return ""
    rows, before = [], None
    for step in steps.to_dict("records"):
        found = findings.between_runs(results, step["model"], before)
        interval = f"{text.points(step['low'])} to {text.points(step['high'])}"
        if np.isnan(step["low"]):
            interval = "–" if found is None else f"({text.points(found[0])} to {text.points(found[1])})"
        rows.append([str(step["step"]), step["change"], step["label"], text.percent(step["accuracy"]),
                     text.points(step["difference"]), interval])  # fmt: skip
        before = step["model"]
    return _table(["step", "change", "model", "accuracy (%)", "points", "95 % interval (or range)"], rows)


def _contrasts(results: Results) -> str:
    """The comparisons of the study that are not steps of the ladder."""
    ladder = results.tables["ladder"]["model"].tolist()
    steps = set(zip(ladder[1:], ladder[:-1], strict=True))
    rows = []
    for pair in results.contrasts:
        found = difference(results, *pair)
        if pair in steps or found is None:
            continue
        interval = " to ".join(map(text.points, found.ends))
        names = [results.labels[name] for name in pair]
        rows.append([*names, text.points(found.difference), f"({interval})" if np.isnan(found.low) else interval])
    return _table(["model", "minus", "points", "95 % interval (or range)"], rows) if rows else ""


def _claims(results: Results) -> str:
    tested = [claim for claim in results.tables["claims"].to_dict("records") if claim["n_seeds"]]
    rows = [
        [claim["text"], claim["source"], text.percent(claim["measured"], 2), claim["verdict"], claim["reason"]]
        for claim in tested
    ]
    return _table(["claim", "source", "measured (% or points)", "verdict", "why"], rows) if rows else ""


def _literature(results: Results) -> str:
    """What others published for such models; nothing of it was measured here."""
    rows = [[one["label"], text.published(one["accuracy"]), one["source"], one["note"]] for one in results.literature]
    return _table(["model", "test accuracy (%)", "source", "note"], rows) if rows else ""


def _limits(results: Results) -> list[str]:
    """What the numbers do not cover, with what can be computed of it."""
    models = results.rows("models", metric="test_accuracy")
    few = [results.labels[row.model] for row in models.itertuples() if 0 < row.n_seeds < MIN_SEEDS]
    epochs = results.rows("runs", outcome="finished")["epochs"].astype(int)
    epochs = sorted({epochs.min(), epochs.max()})
    best = best_model(results.tables["models"])
    found = results.rows("sensitivity", model=best, subset="without_near_duplicates").iloc[0]
    copies = len(results.tables[NEAR_DUPLICATES_TABLE])
    limits = [
        f"The runs trained for {' to '.join(map(str, epochs))} epochs. Larger budgets would raise most accuracies, "
        "most of all from random weights, and so would probably shrink the gains from pretraining.",
        "Each model has one recipe, and more effort went into some recipes than into others.",
        "Training, validation and test images are one fixed split; no interval covers the choice of another.",
        "Many of the classes occur in ImageNet too. The study does not say how much of the gain comes from that.",
        f"{copies:,} test images are near-duplicates of training or validation images. Without them "
        f"{results.labels[best]} has {text.percent(found['accuracy'])} % ({text.points(found['difference'])} points).",
        _where_timed(results),
    ]
    labels_of: dict[str, list[str]] = {}
    for model in results.config["models"].values():
        if "note" in model:
            labels_of.setdefault(model["note"], []).append(model["label"])
    limits[:0] = [f"{'; '.join(labels)}: {note}" for note, labels in labels_of.items()]
    if few:
        limits.insert(0, f"Fewer than {MIN_SEEDS} seeds so far, and so no interval: {'; '.join(few)}.")
    if results.synthetic:
        limits.insert(0, "The images are synthetic: the numbers show only that the workflow works.")
    runs = results.tables["runs"]
    return limits + lost_runs(results.config, runs[runs["outcome"] != "missing"])


def _where_timed(results: Results) -> str:
    kinds, at_once = len(findings.machines(results)), sharing(results)
    if kinds > 1:
        return f"Times are from {kinds} kinds of machine, with whatever else ran on them, so compare them only roughly."
    if at_once > 1:
        return f"Up to {at_once} runs shared a GPU; a run on its own takes less time."
    return "Times are from one kind of machine, with whatever else ran on it."


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _fold(said: str, indent: int = 0) -> str:
    return textwrap.fill(said, WIDTH - indent, break_long_words=False, break_on_hyphens=False).replace(
        "\n", "\n" + " " * indent
    )
