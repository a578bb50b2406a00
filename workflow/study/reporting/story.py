"""The story: one page of at most eight parts, each headed by a finding that is computed from the tables."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from study.analysis.provenance import weights_name
from study.findings import text, topics
from study.findings.compare import headline
from study.findings.doubts import leaks
from study.findings.headline import answer
from study.findings.limits import how_to_read
from study.findings.results import Results, best_model
from study.findings.runs import lost_runs, was_run
from study.reporting.certainty import calibration_page, how_sure_section
from study.reporting.claims import claims_in_short, claims_page
from study.reporting.classes import class_differences_page, classes_page, classes_section
from study.reporting.confusion import confusion_section, errors_table, mistakes_table
from study.reporting.costs import front_section, front_table, minutes_heading
from study.reporting.curve_pages import budget_curve_page, label_curve_page, learning_page
from study.reporting.hero import dots, only_one_right
from study.reporting.images import two_labels_page
from study.reporting.items import Page, report_pages
from study.reporting.ladder import ladder_page
from study.reporting.markup import Column, prose, table
from study.reporting.methods import citation, command, paragraphs, repeat
from study.reporting.recipes import recipes_page

Section = dict[str, Any]


class Topic(NamedTuple):
    """A part of the story: its anchor, its name in the list of contents, its finding, and what makes its content.

    `page` is the page with all there is on it, which the story links to.
    """

    anchor: str
    short: str
    page: str
    make: Callable[[Results], Section]


def story(results: Results, figures: Callable[[str], Section]) -> list[Section]:
    """The parts of the story in order; `figures` gives the section that shows a figure of that file name."""
    pages = {page.name: page for page in report_pages(results.config)}
    topics_here = [topic for topic in TOPICS if topic.page in pages and is_new(results, topic)]
    of_worth = [topic for topic in topics_here if topic.anchor in WORTH]
    return [_part(results, topic, pages, figures) for topic in topics_here if topic not in of_worth[1:]]


def is_new(results: Results, topic: Topic) -> bool:
    """Would the part say more than the answer did? A ladder of two steps is the answer once more."""
    return topic.anchor != "gain" or int(results.tables["ladder"]["difference"].notna().sum()) > 1


def _part(results: Results, topic: Topic, pages: dict[str, Page], figures: Callable[[str], Section]) -> Section:
    page = pages[topic.page]
    finding = topics.FINDINGS[page.finding or "methods"](results)
    content = {"lead": [], "sections": [], "folded": [], "figures": [], "links": [], "notes": []} | topic.make(results)
    content["sections"] += [figures(name) for name in content.pop("figures")]
    more = [(page.file, f"All about this: {page.title}")]
    more += [(pages[name].file, said) for name, said in content["links"] if name in pages]
    named = {"kind": "part", "anchor": topic.anchor, "short": topic.short, "finding": finding, "links": more}
    return content | named


def _answer(results: Results) -> Section:
    found = answer(results)
    claims = claims_in_short(results) if results.config.claims else {"sentence": "", "rows": []}
    verdicts = results.tables["claims"]["verdict"].value_counts() if claims["rows"] else {}
    said = ", ".join(f"{count} {verdict}" for verdict, count in dict(verdicts).items())
    top = {"kind": "hero", "title": "Test accuracy of every run", "answer": found, "dots": dots(results),
           "baseline": results.labels[results.config.baseline]}  # fmt: skip
    only = only_one_right(results, headline(results))
    return {
        "lead": [*lost_runs(results), *leaks(results)],
        "sections": [top, *([only] if only else [])],
        "folded": [
            models_in_numbers(results),
            *([literature(results)] if results.literature else []),
            *(claims_page(results) if claims["rows"] else []),
        ],
        "notes": [one for one in (said and f"Claims: {said}.", claims["sentence"]) if one],
        "links": [
            ("how_each_model_was_trained", "How each model was trained"),
            ("claims_reproduced_or_not", "What others claim, with verdicts"),
            ("images_hard_to_classify", "Images that are hard to classify"),
        ],
    }


def models_in_numbers(results: Results) -> Section:
    """The table of the models: accuracy with its spread over seeds, and what a run takes."""
    models, runs = results.tables["models"], results.tables["runs"]
    by_metric = models.pivot(index="model", columns="metric", values="mean").reindex(results.models)
    frame = models[models["metric"] == results.measure].set_index("model").reindex(results.models)
    costs, best = results.finished_costs(), best_model(models)
    seconds = costs.groupby("model")["run_seconds"].mean()
    rows = []
    for name, entry in results.config.models.items():
        planned, seeds = int((runs["model"] == name).sum()), int(frame.loc[name, "n_seeds"])
        tags = ["best by validation"] * (name == best) + ["baseline"] * (name == results.config.baseline)
        kind = f"{text.REGIMES[entry.regime].short}, {entry.input_size} px"
        weights = f", weights: {weights_name(entry.weights, entry.redraw)}" if entry.weights else ""
        rows.append({
            "label": entry.label, "kind": "; ".join([kind + weights, *tags]),
            "seeds": str(seeds) if seeds == planned else f"{seeds} of {planned}",
            "test": frame.loc[name, "mean"], "sd": frame.loc[name, "sd"],
            "interval": text.spread(frame.loc[name, "ci_low"], frame.loc[name, "ci_high"]),
            "range": text.spread(frame.loc[name, "min"], frame.loc[name, "max"]) if seeds > 1 else text.NOTHING,
            "validation": by_metric.loc[name, "val_accuracy"], "train": by_metric.loc[name, "train_accuracy"],
            "minutes": seconds.get(name, np.nan),
        })  # fmt: skip
    columns = [
        Column("label", "Model", None, "kind"),
        Column("seeds", "Seeds"),
        Column("test", "Test (%)", text.percent, bar=True),
        Column("sd", "SD over seeds", text.deviation),
        Column("interval", "95 % interval, seeds (%)"),
        Column("range", "Lowest – highest (%)"),
        Column("validation", "Validation (%)", text.percent),
        Column("train", "Train (%)", text.percent),
        Column("minutes", minutes_heading(costs), text.minutes),
    ]
    return table("The models in numbers", pd.DataFrame(rows), columns, results.csv("models"))


def literature(results: Results) -> Section:
    """Published numbers with their sources; nothing in them was measured here."""
    frame = pd.DataFrame([
        entry | {"accuracy": text.published(entry["accuracy"]), "model_kind": text.REGIMES[entry["model_kind"]].short,
                 "training_images": text.images_said(entry)}
        for entry in results.literature
    ])  # fmt: skip
    columns = [Column("label", "Model", None, "model_kind"), Column("accuracy", "Test (%)"),
               Column("training_images", "Trained on (images)"), Column("selection", "Chosen on"),
               Column("source", "Source"), Column("note", "Caveat")]  # fmt: skip
    csv = ("literature.csv", frame.to_csv(index=False, lineterminator="\n").encode())
    return table("From the literature, not measured here", frame, columns, csv)


def _gain(results: Results) -> Section:
    return {"figures": ["ladder.svg"], "folded": [one for one in ladder_page(results) if one["kind"] == "table"]}


def _curves(page: Callable[[Results], list[Section]]) -> Callable[[Results], Section]:
    """The panel of one of the pages of curves, and its tables folded."""

    def make(results: Results) -> Section:
        panel, *more = page(results)
        return {"sections": [panel], "folded": [one for one in more if one["kind"] == "table"]}

    return make


def _classes(results: Results) -> Section:
    rest = [one for one in classes_page(results) if one["kind"] == "table"]
    return {
        "lead": topics.about_classes(results),
        "sections": [classes_section(results)],
        "folded": [*(one for one in class_differences_page(results) if one["kind"] == "table"), *rest],
    }


def _confusions(results: Results) -> Section:
    return {
        "sections": [confusion_section(results), *two_labels_page(results)],
        "folded": [errors_table(results), mistakes_table(results)],
    }


def _certainty(results: Results) -> Section:
    by_model, *_ = calibration_page(results)
    return {
        "lead": topics.calibrations(results),
        "sections": [how_sure_section(results)],
        "figures": ["calibration.svg"],
        "folded": [by_model],
    }


def _costs(results: Results) -> Section:
    return {"sections": [front_section(results)], "folded": [front_table(results)]}


def _methods(results: Results) -> Section:
    cite = citation(results)
    return {
        "sections": [
            prose("What was run", paragraphs("training", results), was_run(results)),
            *recipes_page(results),
            prose("How to read it", points=how_to_read(results)),
            prose("How to repeat it", ["From the project's folder:"], command=command(results.config.study)),
            repeat(results),
            *([prose("How to cite it", command=cite)] if cite else []),
        ],
        "links": [("how_each_model_was_trained", "How each model was trained")],
    }


WORTH = ("labels", "compute", "gain")  # of these, the first that a study has: the others have their pages
TOPICS = (
    Topic("answer", "The answer", "which_model_is_better", _answer),
    Topic("learning", "Learning curves", "learning_curves_loss_and_overfitting", _curves(learning_page)),
    Topic("labels", "Worth in labels", "what_labels_are_worth", _curves(label_curve_page)),
    Topic("compute", "Worth in compute", "accuracy_by_compute_and_budget", _curves(budget_curve_page)),
    Topic("gain", "Where the points come from", "where_the_gain_comes_from", _gain),
    Topic("classes", "Classes that gain or lose", "classes_better_or_worse", _classes),
    Topic("confusions", "What is confused", "confused_classes_and_mistakes", _confusions),
    Topic("certainty", "How sure", "how_sure_calibration_and_seeds", _certainty),
    Topic("cost", "What it costs", "cost_time_and_memory", _costs),
    Topic("methods", "Methods", "methods_data_and_provenance", _methods),
)
