"""The picture that a link to the report shows elsewhere: the answer in large type beside the most accurate models."""

import matplotlib as mpl
from matplotlib.figure import Figure

from study.findings.compare import headline
from study.findings.headline import answer
from study.findings.results import Results
from study.reporting.accuracy import model_row, ranked
from study.reporting.style import FAINT, INK, PRETRAINED, WARNING, rows_only, wrap

SIZE = (12.0, 6.3)  # hundreds of pixels, as places that show links ask for it
ROWS = 6


def draw_card(results: Results) -> Figure:
    """The card of the study, of `SIZE`."""
    found = answer(results)
    figure = Figure(figsize=SIZE)
    figure.text(0.05, 0.92, f"{results.config.dataset.title}: what pretraining is worth", fontsize=15, color=FAINT)
    if results.synthetic:
        figure.text(0.95, 0.92, "synthetic data", ha="right", fontsize=15, color=WARNING, weight="bold")
    figure.text(0.05, 0.86, wrap(found.claim, 38, 7), va="top", fontsize=19, weight="bold", linespacing=1.3)
    figure.text(0.05, 0.23, found.number, fontsize=58, weight="bold", color=PRETRAINED[0])
    said = [found.unit, *wrap(", ".join(filter(None, [found.pair, found.span])), 58).splitlines()]
    figure.text(0.05, 0.2, "\n".join(said), va="top", fontsize=12.5, color=FAINT, linespacing=1.3)
    with mpl.rc_context({"font.size": 12}):
        _rows(figure, results)
    return figure


def _rows(figure: Figure, results: Results) -> None:
    """The headline's two models, and the most accurate of the others."""
    two, models = headline(results), ranked(results)
    first = [two.model, two.other] if two else []
    kept = {*first, *[model for model in models if model not in first][: ROWS - len(first)]}
    shown = [model for model in models if model in kept]
    axis = figure.add_axes((0.57, 0.12, 0.3, 0.74))
    for row, model in enumerate(shown):
        model_row(axis, row, results, model)
    rows_only(axis, max(len(shown), 3))
    axis.set_xlim(0, 100)
    axis.tick_params(labelsize=12, colors=INK)
    axis.set_xlabel(f"{results.measured} (%)", fontsize=12)
