"""The page that tells what a published study found, and the parts of a README that quote it.

Nothing of it is typed that a table says: when runs have been added, `python -m study describe` writes it again.
"""

import os
import re
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from study.data.dataset import read_labels
from study.errors import StudyError
from study.files import write_text
from study.findings import text, topics, worth
from study.findings.compare import SCRATCH, best_of, between_runs, difference, headline
from study.findings.headline import answer, same_network
from study.findings.limits import limits
from study.findings.results import Results, best_model, read_results
from study.findings.runs import (
    all_runs,
    minutes_unit,
    notice,
    run_seconds,
    sharing,
    training,
    training_compute,
    was_run,
)
from study.paths import StudyPaths
from study.publishing.verify import verify

TEMPLATE = Path(__file__).with_name("page.md.j2")
FIGURE = "accuracy.svg"
WIDTH = 120
BEGIN, END = "<!-- reference:begin {part} {folder} -->", "<!-- reference:end -->"
PARTS = ("answer", "figure", "results", "labels", "compute")
WORTH = {  # what a section is made from: table, figure, its text for readers who cannot see it
    "labels": ("effective_data", "label_curve.svg", "Accuracy by labelled images per class"),
    "compute": ("compute_needed", "budget_curve.svg", "Accuracy by training compute"),
}


def describe(published: Path, page: Path, readme: Path | None) -> Results:
    """Verify a published study; write the `page` on it, and the marked parts of the `readme`; return what it has.

    The page shows FIGURE, which is to lie beside it. Raises StudyError if the study is not what its evidence says, or
    no part is marked in the readme.
    """
    verify(published)
    results = read_published(published)
    texts = {page: page_text(results)} | ({} if readme is None else {readme: renewed(readme, results, page)})
    for path, content in texts.items():
        write_text(path, content)
    return results


def read_published(published: Path) -> Results:
    """Read what a published study has of what the report is made from: all but images and logits."""
    paths = StudyPaths(published)
    if not paths.published_labels.exists():
        raise StudyError(f"{published} is not a published study; `python -m study publish` makes one.")
    return read_results(published, paths.tables, read_labels(paths.published_labels))


def page_text(results: Results) -> str:
    """The page in Markdown. Raises StudyError if no run has finished."""
    if best_model(results.tables["models"]) is None:
        raise StudyError(f"{results.study}: no run has finished, so there is nothing to tell yet.")
    found, sections = answer(results), _worth(results)
    kind = f" in {sections[0]['part']}" if sections else ""
    environment = jinja2.Environment(trim_blocks=True, undefined=jinja2.StrictUndefined, autoescape=False)
    environment.filters["fold"] = _fold
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return (
        template.render(
            folder=results.study.as_posix(),
            is_own=results.is_own,
            title=f"What pretraining is worth{kind}: {results.config.dataset.title}, on a {_device(results)}",
            answer=f"**{found.claim}.** {' '.join(found.details)}",
            same_network=same_network(results),
            notice=notice(all_runs(results)),
            figure=FIGURE,
            results=results_table(results, results.models),
            is_frozen=any(model.regime == "frozen" for model in results.config.models.values()),
            was_run=" ".join(was_run(results)),
            worth=sections,
            is_of_budgets=len(worth.at_budgets(results)) > 0,
            ladder=_ladder(results),
            contrasts=_contrasts(results),
            findings=[
                f"**{topics.classes(results)}.** {' '.join(topics.about_classes(results))}",
                f"**{topics.confusions(results)}.** {topics.remaining_errors(results)}",
                f"**{topics.costs(results)}.** {topics.times_and_accuracy(results)}",
            ],
            claims=_claims(results),
            untested=int((results.tables["claims"]["n_seeds"] == 0).sum()),
            literature=_literature(results),
            limits=limits(results),
            thin="label_runs" in results.tables,
        ).rstrip()
        + "\n"
    )


def _device(results: Results) -> str:
    return {"cpu": "CPU", "cuda": "GPU"}[results.config.compute.device]


def renewed(readme: Path, results: Results, page: Path) -> str:
    """The text of the `readme` with those of PARTS that are marked as the study's written from it.

    Raises StudyError if none is marked, or one twice.
    """
    link, figure, folder = (
        Path(os.path.relpath(path, readme.parent)).as_posix() for path in (page, page.with_name(FIGURE), results.study)
    )
    content, found = readme.read_text(encoding="utf-8"), answer(results)
    runs = all_runs(results)
    finished = int((runs["outcome"] == "finished").sum())
    so_far = "" if finished == len(runs) else f" {finished} of {len(runs)} runs so far."
    sections, title = _worth(results), "Test accuracy of every run"
    if sections:
        title, figure = sections[0]["title"], figure.replace(FIGURE, sections[0]["figure"])
    more = f"{so_far} [More on this study]({link})."
    said = {
        "answer": _fold(f"**{found.claim}.** {' '.join(found.details)}{more}") + "\n",
        "figure": f"[![{title}]({figure})]({link})\n",
        "results": results_table(results, _in_short(results)) + "\n",
    } | {one["part"]: _fold(one["finding"] + more) + "\n" for one in sections}
    marked = 0
    for part in said:
        begin = BEGIN.format(part=part, folder=folder)
        pattern = f"{re.escape(begin)}\n.*?{re.escape(END)}"
        content, count = re.subn(pattern, lambda _, new=f"{begin}\n{said[part]}{END}": new, content, flags=re.DOTALL)
        if count > 1:
            raise StudyError(f"{readme} has {count} parts between {begin} and {END}; mark one.")
        marked += count
    if not marked:
        begin = BEGIN.format(part=PARTS[0], folder=folder)
        raise StudyError(f"{readme} has no part between {begin} and {END}; mark where the study's answer is to stand.")
    return content


def _in_short(results: Results) -> list[str]:
    """The baseline, the models of the headline, and the best of every kind, in report order."""
    two = headline(results)
    kept = {results.config.baseline, *(best_of(results, kinds) for kinds in (SCRATCH, ("frozen",), ("finetune",)))}
    return [model for model in results.models if model in kept | ({two.model, two.other} if two else set())]


def results_table(results: Results, models: Sequence[str]) -> str:
    """A row for each of the `models`: its training, every seed, mean ± SD, interval, minutes."""
    seconds, computed, rows = run_seconds(results), training_compute(results), []
    for model in models:
        of_model = results.rows("runs", model=model)
        done = of_model[of_model["outcome"] == "finished"].sort_values("seed")
        row = results.rows("models", model=model, metric=results.measure).iloc[0]
        seeds = ", ".join(map(text.percent, done[results.measure]))
        lost = of_model.loc[of_model["outcome"] != "finished", "outcome"].value_counts()
        if len(lost):
            seeds += f" ({', '.join(f'{count} {outcome}' for outcome, count in lost.sort_index().items())})"
        mean = text.mean_and_sd(row["mean"], row["sd"])
        intervals = [text.spread(row[f"{kind}_low"], row[f"{kind}_high"]) for kind in ("ci", "both")]
        minutes = text.minutes(seconds.get(model, np.nan))
        rows.append([results.labels[model], training(results, model), seeds.strip(), mean, *intervals,
                     text.number(computed[model], 0), minutes])  # fmt: skip
    time = f"{minutes_unit(results.finished_costs())} per run" + ", shared" * (sharing(results) > 1)
    heads = ["model", "training", f"{results.measured} of every seed (%)", "mean ± SD", "95 % interval over seeds",
             "over seeds and images", "10¹² MACs", time]  # fmt: skip
    return _table(heads, rows)


def _worth(results: Results) -> list[dict[str, str]]:
    """What pretrained weights are worth in labels, and in compute, where the study tells: finding and table."""
    sections = []
    for part, (name, figure, title) in WORTH.items():
        if name not in results.tables or results.tables[name].empty:
            continue
        rows = results.tables[name].to_dict("records")
        table = _in_labels(results, rows) if part == "labels" else _in_compute(results, rows) + _at_budgets(results)
        more = worth.by_nll(results) if part == "labels" else []
        finding = " ".join([f"**{topics.FINDINGS[part](results)}.**", *more])
        sections.append({"part": part, "figure": figure, "title": title, "finding": finding, "table": table})
    return sections


def _in_labels(results: Results, rows: list[dict[str, Any]]) -> str:
    return _table(
        ["model", "images per class", "accuracy (%)", "without pretraining", "images per class", "times as many"],
        [
            [results.labels[row["model"]], f"{row['images_per_class']:g}", text.percent(row["accuracy"]),
             results.labels[row["baseline"]], worth.amount(row, "effective"), worth.amount(row, "multiplier")]
            for row in rows
        ],
    )  # fmt: skip


def _in_compute(results: Results, rows: list[dict[str, Any]]) -> str:
    return _table(
        ["model", "accuracy (%)", "from random weights", "times the training compute"],
        [
            [results.labels[row["model"]], text.percent(row["accuracy"]), worth.start_of(results, row["curve"]),
             worth.amount(row, "times")]
            for row in rows
        ],
    )  # fmt: skip


def _at_budgets(results: Results) -> str:
    """The accuracies of the curves at equal budgets, as a table with its heading."""
    rows = results.tables["matched_budgets"].to_dict("records")
    heads = ["budget (10¹² MACs)", "pretrained", "used", "accuracy (%)", "from random weights", "used", "accuracy (%)",
             "points", "95 % interval"]  # fmt: skip
    cells = [
        [text.number(row["compute"], 0), worth.start_of(results, row["curve"]), text.number(row["compute_model"], 0),
         text.percent(row["accuracy"]), worth.start_of(results, row["baseline"]),
         text.number(row["compute_baseline"], 0), text.percent(row["accuracy_baseline"]),
         text.points(row["difference"]), f"{text.points(row['low'])} to {text.points(row['high'])}"]
        for row in rows
    ]  # fmt: skip
    table = _table(heads, cells)
    return f"\n\n### At equal budgets\n\n{table}" if rows else ""


def _ladder(results: Results) -> str:
    """A row per step that has been run, with the interval of its difference to the one before."""
    steps = results.tables["ladder"]
    if steps["n_seeds"].eq(0).all():
        return ""
    rows, before = [], None
    for step in steps.to_dict("records"):
        found = between_runs(results, step["model"], before)
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
    for pair in results.config.contrasts:
        found = difference(results, *pair)
        if pair in steps or found is None:
            continue
        interval = " to ".join(map(text.points, found.ends))
        names = [results.labels[name] for name in pair]
        errors = text.change(found.error_ratio)
        if not np.isnan(found.error_ratio_low):
            errors += f" ({text.change(found.error_ratio_low)} to {text.change(found.error_ratio_high)})"
        points = f"({interval})" if np.isnan(found.low) else interval
        rows.append([*names, text.points(found.difference), points, errors])
    return _table(["model", "minus", "points", "95 % interval (or range)", "errors"], rows) if rows else ""


def _claims(results: Results) -> str:
    tested = [claim for claim in results.tables["claims"].to_dict("records") if claim["n_seeds"]]
    rows = [
        [claim["text"], claim["source"], text.percent(claim["measured"], 2), claim["verdict"], claim["reason"]]
        for claim in tested
    ]
    return _table(["claim", "source", "measured (% or points)", "verdict", "why"], rows) if rows else ""


def _literature(results: Results) -> str:
    """What others published for such models; nothing of it was measured here."""
    keys = ("selection", "source", "note")
    rows = [
        [one["label"], text.published(one["accuracy"]), text.images_said(one), *(one[key] for key in keys)]
        for one in results.literature
    ]
    heads = ["model", "test accuracy (%)", "trained on (images)", "chosen on", "source", "note"]
    return _table(heads, rows) if rows else ""


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _fold(said: str, indent: int = 0) -> str:
    return textwrap.fill(said, WIDTH - indent, break_long_words=False, break_on_hyphens=False).replace(
        "\n", "\n" + " " * indent
    )
