"""From a table to a page: cells, the CSV to download, and the templates, which escape every name they are given."""

import base64
import gzip
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup
from PIL import Image

TEMPLATES = Path(__file__).parents[3] / "report" / "templates"
BANNER = (
    "Synthetic data: rendered shapes, not photographs. The numbers show that the workflow works and say nothing about "
    "ImageNet transfer."
)
LARGE = 4_000  # bytes; a larger file is compressed, and the page's script unpacks it


class Column(NamedTuple):
    """One column: its key in the frame, its title, how to write a number (None: text, left aligned), a second line.

    `below` names a column of ready text that stands small under the value. With `pictures` the frame holds lists of
    `Picture`; with `choose` a reader can pick one of the column's values, and sees the rows of the first to begin with.
    `bar` draws a bar behind each number, from 0 to it.
    """

    key: str
    title: str
    show: Callable[[float], str] | None = None
    below: str | None = None
    pictures: bool = False
    choose: bool = False
    bar: bool = False


class Picture(NamedTuple):
    """An image of the dataset by its row number, its text for readers who cannot see it, and a line below it."""

    image: int
    alt: str
    below: str = ""


def data_uri(content: bytes, kind: str) -> str:
    """`content` as an address that needs no other file."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def table(
    title: str, frame: pd.DataFrame, columns: Sequence[Column], csv: tuple[str, bytes], note: str = ""
) -> dict[str, Any]:
    """What the template shows as one table; `csv` is the name and the content of the file that its link downloads.

    Columns that are empty or the same in every row are left out and said once: `empty` has the titles of the former,
    `constant` the titles and texts of the latter.
    """
    rows = [[_cell(row, column) for column in columns] for row in frame.to_dict("records")]
    said = [_said_once(column, [row[place] for row in rows]) for place, column in enumerate(columns)]
    kept = [place for place, text_of in enumerate(said) if text_of is None] or [0]
    for place in kept:
        if columns[place].bar:
            _add_bars(frame[columns[place].key], [row[place] for row in rows])
    return {
        "kind": "table",
        "title": title,
        "note": note,
        "columns": [_head(frame, columns[place]) for place in kept],
        "rows": [[row[place] for place in kept] for row in rows],
        "constant": {columns[place].title: one for place, one in enumerate(said) if one and place not in kept},
        "empty": [columns[place].title for place, one in enumerate(said) if one == "" and place not in kept],
        "csv_name": csv[0],
        "csv": data_uri(csv[1], "text/csv;charset=utf-8"),
        "csv_packed": data_uri(gzip.compress(csv[1], mtime=0), "application/gzip") if len(csv[1]) > LARGE else "",
    }


def _said_once(column: Column, cells: list[dict[str, Any]]) -> str | None:
    """The text of a column that is the same in every row, "" for one that is empty, None for one to be shown."""
    if column.pictures or len(cells) < 2:
        return None
    texts = {(cell["text"], cell["below"]) for cell in cells}
    if len(texts) > 1:
        return None
    text, below = next(iter(texts))
    return " ".join(filter(None, [text, below and f"({below})"])) if text not in ("", "–") else below


def _add_bars(values: pd.Series, cells: list[dict[str, Any]]) -> None:
    """Give each cell of a number the ends of its bar, in percent of the cell: from 0 to the number."""
    known = values.dropna()
    low, high = min(0.0, known.min()), max(0.0, known.max(), 1.0 if known.between(0, 1).all() else 0.0)
    for value, cell in zip(values, cells, strict=True):
        if not np.isnan(value) and high > low:
            ends = sorted((-low, value - low))
            cell["bar"] = [round(float(100 * end / (high - low)), 1) for end in ends]


def chart(
    name: str,
    title: str,
    data: Any,
    note: str = "",
    shared: Mapping[str, Any] | None = None,
    scripts: Sequence[str] = (),
    numbers: str = "",
) -> dict[str, Any]:
    """An interactive panel: the script `name`.js of the templates, behind `scripts`, draws `data`, fit for JSON.

    `shared` is by name what it reads besides, and what other panels of its page may read, too; `numbers` is the table
    that has what it shows.
    """
    return {"kind": "chart", "name": name, "title": title, "data": data, "note": note, "scripts": [*scripts, name],
            "shared": shared or {}, "numbers": f"{numbers}.csv"}  # fmt: skip


def prose(title: str, paragraphs: Sequence[str] = (), points: Sequence[str] = (), command: str = "") -> dict[str, Any]:
    """A heading, and below it a command to type, paragraphs and a list."""
    return {"kind": "prose", "title": title, "command": command, "paragraphs": paragraphs, "points": points}


def fragment(title: str, html: Markup, note: str = "", **more: Any) -> dict[str, Any]:
    """A heading above `html`, which is fit to stand in the page: whoever makes it escapes the names in it.

    An inline SVG in it takes its colours from the page's variables, such as var(--random) and var(--pretrained), and
    has a viewBox, so that it is right in the dark, on paper and on a phone. `more` may have `scripts` and `groups`,
    lists of {"pictures": [Picture, …]} whose images `html` shows as <img data-image="NUMBER">.
    """
    return {"kind": "fragment", "title": title, "html": html, "note": note, **more}


def facts(title: str, pairs: Sequence[tuple[str, str]], note: str = "") -> dict[str, Any]:
    """A short table of names and values that nobody needs to sort."""
    return {"kind": "facts", "title": title, "pairs": list(pairs), "note": note}


def pictures_in(sections: Sequence[dict[str, Any]]) -> list[int]:
    """Row numbers of every image that a page's sections show, ascending."""
    cells = [cell for section in sections if section["kind"] == "table" for row in section["rows"] for cell in row]
    cells += [group for section in sections for group in section.get("groups", ())]
    return sorted({picture.image for cell in cells for picture in cell.get("pictures", ())})


def picture_uri(pixels: np.ndarray, quality: int = 90) -> str:
    """An image uint8 [height, width, 3] as an address that needs no other file.

    WebP takes a fifth of a PNG; at quality 90 nobody tells the two apart, at 70 nobody who looks at many small ones.
    """
    stored = io.BytesIO()
    Image.fromarray(pixels).save(stored, "webp", quality=quality, method=6)
    return data_uri(stored.getvalue(), "image/webp")


def _head(frame: pd.DataFrame, column: Column) -> dict[str, Any]:
    choices = list(dict.fromkeys(frame[column.key])) if column.choose else []
    return {
        "title": column.title,
        "number": column.show is not None,
        "sortable": not column.pictures,
        "choices": choices if len(choices) > 1 else [],
    }


def _cell(row: dict[str, Any], column: Column) -> dict[str, Any]:
    value = row[column.key]
    if column.pictures:
        return {"text": "", "sort": "", "number": False, "below": "", "pictures": value}
    below = row[column.below] if column.below else ""
    if column.show is None:
        return {"text": "–" if pd.isna(value) else str(value), "sort": "", "number": False, "below": below}
    known = not np.isnan(value)
    return {"text": column.show(value), "sort": repr(float(value)) if known else "", "number": True, "below": below}


def environment() -> jinja2.Environment:
    """The templates of the report; everything that is not a template's own text is escaped."""
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    return templates


def plain_environment() -> jinja2.Environment:
    """The templates of prose, which a page escapes when it shows them."""
    return environment().overlay(autoescape=False)


def render(template: str, **content: Any) -> str:
    """`template` filled with `content`."""
    return environment().get_template(template).render(**content)
