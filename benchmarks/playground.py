"""The playground on one core: when its network memorises and generalises, and how it is drawn.

The page is opened in Chromium, which with its worker has one core to itself, and trains at full
speed. Seconds are of the clock, from pressing play; a frame is drawn with all that changes.

    memorised, generalised   seconds until the page says so
    interval                 from one drawn frame to the next, in milliseconds
    work                     all work of the page's thread for a frame, of the processor
"""

import os
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.scrubbing import CHROMIUM, OPTIONS
from benchmarks.timing import Spread, parser, show
from grokscope.page.playground import write_playground

LONGEST = 120  # seconds
WATCH = """() => {
  window.drawn = [];
  let seen = document.body.dataset.frames;
  (function watch() {
    if (document.body.dataset.frames !== seen) window.drawn.push(performance.now());
    seen = document.body.dataset.frames;
    requestAnimationFrame(watch);
  })();
}"""


def main() -> None:
    args = parser(__doc__, threads=1, rounds=3).parse_args()
    if CHROMIUM is None:
        raise SystemExit("No Chromium is installed: apt-get install chromium")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        file = write_playground(Path(folder) / "playground.html")
        each = [watched(file) for _ in range(args.rounds)]
    found = {name: [x for one in each for x in one[name]] for name in each[0]}
    rows = [[name, *Spread.of(times).cells] for name, times in found.items()]
    result = {name: Spread.of(times).median for name, times in found.items()}
    show(args, result, "the default network", ["what", "median", "10 to 90 %"], rows, [])


def watched(file: Path) -> dict[str, list[float]]:
    """One run until it has generalised."""
    from playwright.sync_api import sync_playwright  # pyright: ignore[reportMissingImports]

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(file.as_uri())
        page.wait_for_selector("body[data-ready]")
        page.select_option("#speed", "1e9")
        page.evaluate(WATCH)
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        before, start = _work(session), time.perf_counter()
        page.click("#play")
        memorised = _until(page, "Memorised", start)
        generalised = _until(page, "Generalised", start)
        work, drawn = _work(session) - before, page.evaluate("window.drawn")
        browser.close()
    intervals = [y - x for x, y in pairwise(drawn)]
    return {
        "memorised": [memorised],
        "generalised": [generalised],
        "interval": intervals,
        "work": [1000 * work / len(drawn)],
    }


def _until(page: Any, word: str, start: float) -> float:
    """Seconds from the start until the page says so."""
    while word not in page.inner_text("#told"):
        if time.perf_counter() - start > LONGEST:
            raise SystemExit(f"the page did not say “{word}” within {LONGEST} seconds")
        page.wait_for_timeout(50)
    return time.perf_counter() - start


def _work(session: Any) -> float:
    """Seconds of the processor that the page's thread has worked."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return next(x["value"] for x in metrics if x["name"] == "TaskDuration")


if __name__ == "__main__":
    main()
