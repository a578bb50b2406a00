"""One look for every figure: colours, fonts, and files that are the same bytes every time."""

import collections
import html
import re
import textwrap
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from study.files import atomic_write
from study.findings.compare import SCRATCH, headline
from study.findings.results import Results

# Two hues with one meaning everywhere, after Okabe & Ito's colour-blind safe palette: (headline's model, any other).
# Each stands out from a white and from a dark page by a contrast of 3 at least.
RANDOM, PRETRAINED = ("#B34700", "#D87B3F"), ("#0072B2", "#5B9BC7")
INK, FAINT, GRID, WARNING = "#1A1A1A", "#666666", "#DDDDDD", "#B23A00"
CORRECT_MAP = "Blues"
WIDTH = 9.0  # inches; 864 pixels in a browser

SETTINGS: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "Helvetica"],  # matplotlib carries the first one
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,  # a label with two dollar signs is a label, not a formula
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#888888",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": False,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "figure.titlesize": 11,
    "figure.titleweight": "bold",
    "svg.fonttype": "none",  # text stays text: searchable, and small
    "svg.hashsalt": "study",  # element names from the content, not from a random number
    "path.simplify": False,
}
STYLE = re.compile(r' style="([^"]*)"')


def new_figure(width: float, height: float, title: str) -> Figure:
    """An empty figure of `width` × `height` inches with its title at the left; call inside `settings`."""
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.suptitle(textwrap.fill(title, int(width * 10)), x=0.0, ha="left")
    return figure


def settings() -> Any:
    """A context in which matplotlib draws in the study's style, whatever the user's own settings are."""
    defaults = {key: value for key, value in mpl.rcParamsDefault.items() if key != "backend"}
    return mpl.rc_context({**defaults, **SETTINGS})


def save(figure: Figure, path: Path, synthetic: bool) -> None:
    """Write `figure`, labelled "synthetic data" above its top right corner where it shows no real data."""
    if synthetic:
        figure.text(1.0, 1.005, "synthetic data", ha="right", va="bottom", color=WARNING, fontsize=8.5, weight="bold")
    with atomic_write(path) as temporary:
        figure.savefig(temporary, dpi=150, metadata={"Date": None}, bbox_inches="tight", pad_inches=0.1)
        temporary.write_text(compact(temporary.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")


def compact(svg: str) -> str:
    """`svg` with every style that stands in it more than once as a class, and without indents: half the size."""
    count = collections.Counter(STYLE.findall(svg))
    classes = {style: f"s{place}" for place, style in enumerate(style for style, times in count.items() if times > 1)}
    sheet = "".join(f".{name}{{{html.unescape(style)}}}" for style, name in classes.items())
    named = STYLE.sub(lambda found: f' class="{classes[found[1]]}"' if found[1] in classes else found[0], svg)
    with_sheet = named.replace("</style>", html.escape(sheet, quote=False) + "</style>", 1)
    return re.sub(r"\n +", "\n", with_sheet)


def colours(results: Results) -> dict[str, str]:
    """A colour per model: by its hue, random or pretrained weights; the two models of the headline are stronger."""
    two = headline(results)
    accented = (two.model, two.other) if two else ()
    return {
        model: (RANDOM if entry.regime in SCRATCH else PRETRAINED)[model not in accented]
        for model, entry in results.config.models.items()
    }


def wrap(text: str, width: int, lines: int = 3) -> str:
    """`text` in at most `lines` lines of `width` characters, ending in … where it is cut."""
    return "\n".join(textwrap.wrap(text, width, max_lines=lines, placeholder=" …")) or text[:width]


def percent_axis(axis: Axes, label: str, which: str = "x") -> None:
    """Label an axis whose data are already in percent, with a light grid and few ticks."""
    (axis.set_xlabel if which == "x" else axis.set_ylabel)(label)
    getattr(axis, f"{which}axis").set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 5, 10]))
    axis.grid(axis=which)


def say(axis: Axes, text: str) -> None:
    """Put a sentence where a plot would be, where there are no data."""
    axis.set_axis_off()
    axis.text(0.5, 0.5, text, ha="center", va="center", transform=axis.transAxes, color=FAINT, fontsize=10)


def dodge(count: int, height: float = 0.7) -> list[float]:
    """Offsets of `count` marks within a row of height 1, the first on top (rows grow downwards)."""
    if count == 1:
        return [0.0]
    return [height * (place / (count - 1) - 0.5) for place in range(count)]
