"""What tests read of a report, and the tables it is made from."""

import re
from html.parser import HTMLParser

from study.analysis.tables import write_tables
from study.config.record import read_record
from study.reporting.items import DOCUMENT, figure_files, report_pages


def analyse(study):
    """The tables of a study."""
    write_tables(study, study / "tables")


def config_of_study(study):
    return read_record(study / "config.json")


def figure_names(config):
    return figure_files(config)


def view_names(config):
    """The story, and every page of the report."""
    return ["story", *(page.name for page in report_pages(config))]


def views(study):
    """What stands in each view of a study's report, by its name."""
    _, *found = re.split(r'(?=<article class="view)', (study / "pages" / DOCUMENT).read_text(encoding="utf-8"))
    found[-1] = found[-1].partition("</main>")[0]
    return {re.search(r'id="([^"]+)"', one)[1]: one for one in found}


class Parsed(HTMLParser):
    """The start tags of a page with their attributes, and its text."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data
