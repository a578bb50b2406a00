"""The one exception a user may see, and what a wrong name was meant to be."""

import contextlib
import difflib
import re
from collections.abc import Iterable, Iterator

LONGEST = 1500  # characters: a sentence quotes what is wrong, however long that is


class StudyError(Exception):
    """One sentence for the user: which file or key, what was wrong with it, and what to do.

    It is made one printable line, because it may quote anything.
    """

    def __init__(self, sentence: str) -> None:
        line = " ".join(re.sub(r"\x1b\[[0-9;]*m", "", sentence).split())
        if len(line) > LONGEST:
            line = f"{line[: LONGEST // 2]} [...] {line[-LONGEST // 2 :]}"
        super().__init__("".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in line))


def nearest(name: str, known: Iterable[str]) -> str:
    """Return '; did you mean X?' for the known name closest to `name`, or the list of them where none is close."""
    known = [str(one) for one in known]
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(sorted(known))}" if known and len(known) <= 25 else ""


@contextlib.contextmanager
def exit_with_sentence() -> Iterator[None]:
    """End the process with the sentence of a StudyError, for code that Snakemake calls."""
    try:
        yield
    except StudyError as error:
        raise SystemExit(f"Error: {error}") from None
