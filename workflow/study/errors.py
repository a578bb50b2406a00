"""The one exception a user may see."""


class StudyError(Exception):
    """One sentence for the user: which file or key, what was wrong with it, and what to do."""
