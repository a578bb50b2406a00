"""A page of the browser tests, watched for errors."""

from pathlib import Path


class Watched:
    """A page whose errors are noted, in a browser that reaches nothing but files."""

    def __init__(self, context) -> None:
        self.page = context.new_page()
        self.errors: list[str] = []
        self.page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open(self, path: Path, anchor: str = ""):
        self.page.goto("about:blank")
        self.page.goto(path.as_uri() + anchor)
        return self.page
