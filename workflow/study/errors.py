"""The one exception a user may see."""

import re

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
