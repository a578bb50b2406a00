"""The headline figure: every seed of every model, the most accurate on top."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.findings import text
from study.findings.compare import headline
from study.findings.results import Results
from study.reporting.style import FAINT, INK, WIDTH, colours, hue, name_row, new_figure, percent_axis, rows_only, say


def ranked(results: Results) -> list[str]:
    """The models by their mean on the test images, the highest first; those without a finished run come last."""
    means = results.rows("models", metric=results.measure).set_index("model")["mean"].reindex(results.models)
    return means.sort_values(ascending=False, kind="stable", na_position="last").index.tolist()


def draw_accuracy(results: Results) -> Figure:
    """Test accuracy: one row per model, a dot per seed, a bar for the mean's interval, a bracket over the headline."""
    models, two = ranked(results), headline(results)
    figure = new_figure(WIDTH, 1.5 + 0.44 * len(models), f"{results.measured.capitalize()} of every run")
    axis = figure.subplots()
    if results.rows("runs", outcome="finished").empty:
        say(axis, "No run finished.")
        return figure
    for row, model in enumerate(models):
        model_row(axis, row, results, model)
    rows_only(axis, len(models), 1.3 if two else 0.75)
    axis.set_xlim(0, axis.get_xlim()[1])
    classes = len(results.dataset.fine_names)
    percent_axis(axis, f"{results.measured} (%); chance is {100 / classes:.3g} %")
    if two and np.isfinite(two.difference):
        means = results.rows("models", metric=results.measure).set_index("model")["mean"]
        _bracket(axis, *(100 * means[[two.other, two.model]]), text.points(two.difference))
    return figure


def model_row(axis: Axes, row: int, results: Results, model: str) -> None:
    """A line to the mean, its interval over seeds as a bar, and a dot for every seed."""
    colour, label = colours(results)[model], results.labels[model]
    runs = results.rows("runs", model=model)
    finished = 100 * runs.loc[runs["outcome"] == "finished", results.measure]
    counts = runs["outcome"].value_counts()
    lost = [f"{counts[outcome]} {outcome}" for outcome in ("diverged", "missing") if outcome in counts]
    label += f" ({', '.join(lost)} of {len(runs)})" if lost else ""
    if finished.empty:
        name_row(axis, row, label, text.NOTHING, FAINT)
        return
    (summary,) = results.rows("models", model=model, metric=results.measure).to_dict("records")
    axis.plot([0, 100 * summary["mean"]], [row, row], color=colour, lw=1, alpha=0.45, zorder=1)
    if not np.isnan(summary["ci_low"]):
        axis.plot([100 * summary["ci_low"], 100 * summary["ci_high"]], [row, row], color=colour, lw=9, alpha=0.3,
                  solid_capstyle="butt", zorder=2)  # fmt: skip
    axis.plot(finished, [row] * len(finished), "o", color=colour, ms=6, alpha=0.75, mew=0, zorder=3)
    name_row(axis, row, label, text.mean_and_sd(summary["mean"], summary["sd"]), hue(results, model)[0])


def _bracket(axis: Axes, start: float, end: float, said: str) -> None:
    """An arrow from one mean to the other above all rows, and dotted lines down to where they are."""
    axis.vlines([start, end], -0.8, axis.get_ylim()[0], color=FAINT, lw=0.8, ls=":", zorder=0)
    arrow = {"arrowstyle": "<->", "color": INK, "lw": 1.1, "shrinkA": 0, "shrinkB": 0}
    axis.annotate("", (end, -0.8), (start, -0.8), arrowprops=arrow)
    axis.annotate(f"{said} points", ((start + end) / 2, -0.8), (0, 3), textcoords="offset points", ha="center",
                  va="bottom", weight="bold", color=INK)  # fmt: skip
