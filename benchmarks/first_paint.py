"""How long a report takes to its first contentful paint on a slow machine: `python -m benchmarks.first_paint REPORT`.

Needs Playwright for Python and Chromium on the PATH, as the browser tests do.
"""

import shutil
import statistics
import sys
from pathlib import Path

SLOWER = 4  # times, by Chromium's own brake on the processor
REPEATS = 7
PAINTED = """() => new Promise((done) => new PerformanceObserver((list, observer) => {
  for (const one of list.getEntriesByName("first-contentful-paint")) { observer.disconnect(); done(one.startTime); }
}).observe({type: "paint", buffered: true}))"""


def first_paints(report: Path) -> list[float]:
    """Seconds from the request for the file `report` to its first contentful paint, each in a window of its own."""
    from playwright.sync_api import sync_playwright

    found = []
    with sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for _ in range(REPEATS):
            context = browser.new_context(offline=True, viewport={"width": 1280, "height": 800})
            page = context.new_page()
            context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
            page.goto(report.resolve().as_uri(), wait_until="commit")
            found.append(page.evaluate(PAINTED) / 1000)
            context.close()
        browser.close()
    return found


if __name__ == "__main__":
    for name in sys.argv[1:]:
        seconds = first_paints(Path(name))
        print(f"{name}: {statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})")
