"""What the config says of the comparison itself: which models against which, steps of a ladder, images to doubt."""

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from study.config.fields import DataName, Strict, Text
from study.config.options import Whole
from study.files import file_digest


class Comparison(Strict):
    model: str = Field(description="a model of the grid")
    baseline: str = Field(description="another model of the grid; the difference is model minus this one")

    @model_validator(mode="after")
    def _two_models(self) -> "Comparison":
        if self.model == self.baseline:
            raise ValueError(f"baseline and model are both {self.model!r}; name another baseline")
        return self


class Step(Strict):
    model: str = Field(description="a model of models:; it need not be in the grid")
    change: Text = Field(description="what is different from the step before, in words")
    dataset: DataName | None = Field(default=None, description="the data that it is about; null: any")


class Trials(Strict):
    """What it took to find a recipe's settings: an accuracy is worth less, the more trials chose it."""

    count: Annotated[Whole, Field(ge=1)] | None = Field(description="how many trials; null where nobody counted them")
    note: Text = Field(description="whose they were, and on which images they were judged")


def read_test_images(key: str, file: str, images: int) -> list[int]:
    """Return the positions (0 to `images` - 1) in the official test file that `file` lists, ascending, each once.

    A whole number a line, of a table with commas the first on the line; names of columns on top, and what follows a #,
    are left out. Raises ValueError, for the option `key`, if `file` is not such a list.
    """
    try:
        lines = Path(file).expanduser().read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        kind = type(error).__name__
        raise ValueError(f"{key}: {file} cannot be read as text ({kind}); correct it, or set it to null") from None
    entries = [(number, text) for number, line in enumerate(lines, 1) if (text := line.partition("#")[0].strip())]
    if entries and "," in entries[0][1] and not any(character.isdigit() for character in entries[0][1]):
        del entries[0]
    entries = [(number, text.partition(",")[0].strip()) for number, text in entries]
    for number, text in entries:
        if not re.fullmatch("[0-9]{1,9}", text) or int(text) >= images:
            wrong = f"{text[:40]!r} is not a whole number from 0 to {images - 1}"
            raise ValueError(f"{key}: {file}, line {number}: {wrong}")
    found = {int(text) for _, text in entries}
    if not 0 < len(found) < images:
        raise ValueError(f"{key}: {file} lists {len(found)} of {images} test images; list some, but not all")
    return sorted(found)


def list_record(key: str, file: str | None, images: int) -> dict[str, Any] | None:
    """The list as config.json has it: the file's name, its sha256, and the positions; None where there is none."""
    if file is None:
        return None
    path = Path(file).expanduser()
    return {"file": path.name, "sha256": file_digest(path), "images": read_test_images(key, file, images)}
