"""The story: one page of at most eight parts, each headed by a finding that is computed from the tables."""

from collections.abc import Callable
from typing import Any, NamedTuple

from study.findings import topics
from study.findings.compare import headline
from study.findings.limits import how_to_read
from study.findings.results import Results
from study.findings.runs import lost_runs, was_run
from study.reporting.certainty import how_sure_page
from study.reporting.claims import claims_in_short
from study.reporting.classes import classes_section
from study.reporting.confusion import confusion_section
from study.reporting.costs import front_section
from study.reporting.curve_pages import budget_curve_page, label_curve_page, learning_page
from study.reporting.hero import hero, only_one_right
from study.reporting.images import two_labels_page
from study.reporting.items import Page, report_pages
from study.reporting.markup import prose
from study.reporting.methods import citation, command, paragraphs
from study.reporting.panels import SAID
from study.reporting.recipes import recipes_page

Section = dict[str, Any]


class Topic(NamedTuple):
    """A part of the story: its anchor, its name in the menu, the page with all of it, and what makes its content.

    `make` gives a mapping of any of: `lead`, sentences; `about`, one on the two models, which panels.SAID has too;
    `sections`; `figures`, their file names; `notes`, sentences; and `links`, names of other pages.
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
    said = page.finding or "methods"
    content = {"lead": [], "about": "", "sections": [], "figures": [], "links": [], "notes": []} | topic.make(results)
    content["sections"] += [figures(name) for name in content.pop("figures")]
    links = [(page.name, f"All about this: {page.title}")]
    links += [(name, pages[name].title) for name in content["links"] if name in pages]
    return content | {
        "kind": "part", "anchor": topic.anchor, "short": topic.short, "finding": topics.FINDINGS[said](results),
        "topic": said if said in (*SAID, "answer") else "", "published": topic.anchor in WORTH, "links": links,
    }  # fmt: skip


def _answer(results: Results) -> Section:
    claims = claims_in_short(results) if results.config.claims else {"sentence": "", "rows": []}
    verdicts = results.tables["claims"]["verdict"].value_counts() if claims["rows"] else {}
    said = ", ".join(f"{count} {verdict}" for verdict, count in dict(verdicts).items())
    only = only_one_right(results, headline(results))
    return {
        "sections": [hero(results), *([only] if only else [])],
        "notes": [one for one in (*lost_runs(results), said and f"Claims: {said}.", claims["sentence"]) if one],
        "links": ["claims_reproduced_or_not", "sample_predictions"],
    }


def _curves(page: Callable[[Results], list[Section]]) -> Callable[[Results], Section]:
    """The panel of one of the pages of curves."""
    return lambda results: {"sections": page(results)[:1]}


def _classes(results: Results) -> Section:
    return {"about": " ".join(topics.about_classes(results)), "sections": [classes_section(results)]}


def _confusions(results: Results) -> Section:
    return {"sections": [confusion_section(results), *two_labels_page(results)], "links": ["images_hard_to_classify"]}


def _certainty(results: Results) -> Section:
    return {"lead": topics.calibrations(results), "sections": how_sure_page(results)}


def _methods(results: Results) -> Section:
    cite = citation(results)
    return {
        "sections": [
            prose("What was run", paragraphs("training", results), was_run(results)),
            *recipes_page(results),
            prose("How to read it", points=how_to_read(results)),
            prose("How to repeat it", ["From the project's folder:"], command=command(results.config.study)),
            *([prose("How to cite it", command=cite)] if cite else []),
        ],
        "links": ["how_each_model_was_trained"],
    }


WORTH = ("labels", "compute", "gain")  # of these, the first that a study has: the others have their pages
TOPICS = (
    Topic("answer", "The answer", "which_model_is_better", _answer),
    Topic("learning", "Learning curves", "learning_curves_loss_and_overfitting", _curves(learning_page)),
    Topic("labels", "Worth in labels", "what_labels_are_worth", _curves(label_curve_page)),
    Topic("compute", "Worth in compute", "accuracy_by_compute_and_budget", _curves(budget_curve_page)),
    Topic("gain", "Where the points come from", "where_the_gain_comes_from", lambda _: {"figures": ["ladder.svg"]}),
    Topic("classes", "Classes that gain or lose", "classes_better_or_worse", _classes),
    Topic("confusions", "What is confused", "confused_classes_and_mistakes", _confusions),
    Topic("certainty", "How sure", "how_sure_calibration_and_seeds", _certainty),
    Topic("cost", "What it costs", "cost_time_and_memory", lambda results: {"sections": [front_section(results)]}),
    Topic("methods", "Methods", "methods_data_and_provenance", _methods),
)
