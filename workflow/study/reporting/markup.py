"""From a table to a page: cells, the CSV to download, and the templates, which escape every name they are given."""

import base64
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import numpy as np
import pandas as pd

from study.files import write_text

TEMPLATES = Path(__file__).parents[3] / "report" / "templates"
BANNER = (
    "Synthetic data: rendered shapes, not CIFAR-100. The numbers say that the workflow works, "
    "nothing about ImageNet transfer."
)


class Column(NamedTuple):
    """One column: its key in the frame, its title, how to write a number (None: text, left aligned), a second line.

    `below` names a column of ready text that stands small under the value.
    """

    key: str
    title: str
    show: Callable[[float], str] | None = None
    below: str | None = None


def data_uri(content: bytes, kind: str) -> str:
    """`content` as an address that needs no other file."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def table(
    title: str, frame: pd.DataFrame, columns: Sequence[Column], csv: tuple[str, bytes], note: str = ""
) -> dict[str, Any]:
    """What the template shows as one table; `csv` is the name and the content of the file that its link downloads."""
    return {
        "title": title,
        "note": note,
        "columns": [{"title": column.title, "number": column.show is not None} for column in columns],
        "rows": [[_cell(row, column) for column in columns] for row in frame.to_dict("records")],
        "csv_name": csv[0],
        "csv": data_uri(csv[1], "text/csv;charset=utf-8"),
    }


def _cell(row: dict[str, Any], column: Column) -> dict[str, Any]:
    value = row[column.key]
    below = row[column.below] if column.below else ""
    if column.show is None:
        return {"text": "–" if pd.isna(value) else str(value), "sort": "", "number": False, "below": below}
    known = not np.isnan(value)
    return {"text": column.show(value), "sort": repr(float(value)) if known else "", "number": True, "below": below}


def environment() -> jinja2.Environment:
    """The templates of the report; everything that is not a template's own text is escaped."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def write_page(template: str, path: Path, **content: Any) -> None:
    """Render `template` into the file `path`."""
    write_text(path, environment().get_template(template).render(**content))
