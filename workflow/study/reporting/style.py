"""One look for every figure: colours, fonts, and files that are the same bytes every time."""

import collections
import html
import re
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from study.files import atomic_write
from study.findings.compare import SCRATCH, headline
from study.findings.results import Results

# Two hues with one meaning everywhere, after Okabe & Ito's colour-blind safe palette: (headline's model, any other).
# Each stands out from a white and from a dark page by a contrast of 3 at least; page.css has the same.
RANDOM, PRETRAINED = ("#B34700", "#D87B3F"), ("#0072B2", "#5B9BC7")
INK, FAINT, GRID, BAND, WARNING = "#1A1A1A", "#666666", "#DDDDDD", "#EFEFEF", "#B23A00"
# What a reader sees of these on a dark screen: an SVG file asks for itself which it is.
DARK = {
    "#FFFFFF": "#15181C", INK: "#ECECEC", FAINT: "#B0B6BD", "#444444": "#C6CBD0", "#888888": "#7D868F",
    GRID: "#333A42", BAND: "#262C33", WARNING: "#FF9C66", "#00735C": "#5FD0B0", "#9C2A6B": "#F08BC3",
    RANDOM[0]: "#FF9C5C", RANDOM[1]: "#B06A3C", PRETRAINED[0]: "#5BB5EA", PRETRAINED[1]: "#3C7CA6",
}  # fmt: skip
# From the paper's own colour, whichever it is, to one for the whole class.
SHARE_MAP = LinearSegmentedColormap.from_list("share", [(0, 0.447, 0.698, 0), (0, 0.447, 0.698, 1)])
WIDTH = 5.4  # inches: 518 pixels in a browser, so that a telephone shows it by a third smaller and no less

SETTINGS: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "Helvetica"],  # matplotlib carries the first one
    "font.size": 9.5,
    "text.color": INK,
    "text.parse_math": False,  # a label with two dollar signs is a label, not a formula
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9.5,
    "axes.labelcolor": FAINT,
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
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "figure.titlesize": 11.5,
    "figure.titleweight": "bold",
    "svg.fonttype": "none",  # text stays text: searchable, and small
    "svg.hashsalt": "study",  # element names from the content, not from a random number
    "pdf.fonttype": 42,  # letters stay letters there, too
    "path.simplify": False,
}
UNSTABLE = {".svg": "Date", ".pdf": "CreationDate", ".png": "Software"}  # what would make another file every time
STYLE = re.compile(r' style="([^"]*)"')
COLOUR = re.compile(r"(?:fill|stroke): (#[0-9a-f]{6})")


def new_figure(width: float, height: float, title: str) -> Figure:
    """An empty figure of `width` × `height` inches with its title at the left; call inside `settings`."""
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.suptitle(textwrap.fill(title, int(width * 11)), x=0.0, ha="left")
    return figure


def settings() -> Any:
    """A context in which matplotlib draws in the study's style, whatever the user's own settings are."""
    defaults = {key: value for key, value in mpl.rcParamsDefault.items() if key != "backend"}
    return mpl.rc_context({**defaults, **SETTINGS})


def save(figure: Figure, synthetic: bool, *paths: Path) -> None:
    """Write `figure` into each of `paths`, .svg, .pdf or .png; above it stands "synthetic data" if they are."""
    if synthetic:
        figure.text(1.0, 1.005, "synthetic data", ha="right", va="bottom", color=WARNING, fontsize=8.5, weight="bold")
    for path in paths:
        with atomic_write(path) as temporary:
            tight = {} if path.suffix == ".png" else {"bbox_inches": "tight", "pad_inches": 0.1}
            figure.savefig(temporary, dpi=100, metadata={UNSTABLE[path.suffix]: None}, **tight)
            if path.suffix == ".svg":
                svg = compact(temporary.read_text(encoding="utf-8"))
                temporary.write_text(svg, encoding="utf-8", newline="\n")


def compact(svg: str) -> str:
    """`svg` without indents, half the size: styles stand in it once, as classes, with their colours in the dark."""
    count = collections.Counter(STYLE.findall(svg))
    dark = {style: _in_the_dark(style) for style in count}
    named = [style for style, times in count.items() if times > 1 or dark[style]]
    classes = {style: f"s{place}" for place, style in enumerate(named)}
    light_sheet = "".join(f".{name}{{{html.unescape(style)}}}" for style, name in classes.items())
    dark_sheet = "".join(f".{name}{{{dark[style]}}}" for style, name in classes.items() if dark[style])
    at_night = f"@media screen and (prefers-color-scheme:dark){{{dark_sheet}}}"
    sheet = light_sheet + at_night * bool(dark_sheet)
    placed = STYLE.sub(lambda found: f' class="{classes[found[1]]}"' if found[1] in classes else found[0], svg)
    with_sheet = placed.replace("</style>", html.escape(sheet, quote=False) + "</style>", 1)
    return re.sub(r"\n +", "\n", with_sheet)


def _in_the_dark(style: str) -> str:
    """The colours of a style that are others on a dark screen."""
    changed = [found[0].replace(found[1], DARK[found[1].upper()]) for found in COLOUR.finditer(style)
               if found[1].upper() in DARK]  # fmt: skip
    return ";".join(changed)


def colours(results: Results) -> dict[str, str]:
    """A colour per model: by its hue, random or pretrained weights; the two models of the headline are stronger."""
    two = headline(results)
    accented = (two.model, two.other) if two else ()
    return {model: hue(results, model)[model not in accented] for model in results.models}


def hue_name(results: Results, model: str) -> str:
    """What weights a model starts from, as page.css calls their hue."""
    return "random" if results.config.models[model].regime in SCRATCH else "pretrained"


def hue(results: Results, model: str) -> tuple[str, str]:
    """The strong and the pale colour of the weights that a model starts from; letters take the strong one."""
    return RANDOM if hue_name(results, model) == "random" else PRETRAINED


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


def name_row(axis: Axes, row: float, name: str, said: str, colour: str = INK) -> None:
    """Write a row's name above its line, and what is `said` of it beyond the line's end; rows grow downwards."""
    of_row = {"xycoords": axis.get_yaxis_transform(), "textcoords": "offset points", "annotation_clip": False}
    axis.annotate(name, (0, row), (0, 5), ha="left", va="bottom", **of_row)
    axis.annotate(said, (1, row), (8, 0), ha="left", va="center", weight="bold", color=colour, **of_row)


def rows_only(axis: Axes, count: int, top: float = 0.75) -> None:
    """Show an axis as `count` rows whose names `name_row` writes, from the first on top."""
    axis.set_ylim(count - 0.6, -top)
    axis.set_yticks([])
    axis.spines["left"].set_visible(False)


def apart(places: Sequence[float], room: Sequence[float], low: float, high: float) -> list[float]:
    """Move `places` no further than each needs to have its `room`, between `low` and `high` if all fit."""
    rooms = np.asarray(room, float)
    order = np.argsort(places, kind="stable")
    found = np.asarray(places, float)[order]
    between = (rooms[order][1:] + rooms[order][:-1]) / 2
    starts = np.concatenate([[0], np.cumsum(between)])  # where each would be above the first if all touched
    found = np.maximum.accumulate(np.maximum(found, low) - starts) + starts
    found = np.minimum.accumulate((np.minimum(found, high) - starts)[::-1])[::-1] + starts if len(found) else found
    moved = np.empty(len(found))
    moved[order] = found
    return moved.tolist()
