"""A page in a browser without a network, and what is asked of every page in it."""

import base64
import csv
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from grokscope.page.stacks import LEVELS, NOTHING


class Opened:
    """A browser with the network off, and what it complained of or asked for."""

    def __init__(self, browser, **options):
        self.context = browser.new_context(offline=True, **options)
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda m: self.complaints.append(m.text))
        self.page.on("pageerror", lambda e: self.complaints.append(str(e)))
        self.page.on("request", lambda r: self.requests.append(r.url))

    def open(self, file: Path, link: str = ""):
        self.page.goto(file.as_uri() + link)
        self.page.wait_for_selector("body[data-ready]", timeout=20_000)
        self.page.wait_for_timeout(100)
        return self.page

    def figure(self, name: str):
        """Unfolded and in view, and so drawn."""
        found = self.page.locator(f"figure[data-panel={name}]")
        found.evaluate("x => { for (const d of [x.closest('details')]) if (d) d.open = true; }")
        found.scroll_into_view_if_needed()
        self.page.wait_for_timeout(150)
        return found

    def saved(self, figure) -> list[list[str]]:
        """The rows of a figure's CSV without its notes."""
        with self.page.expect_download() as waiting:
            figure.get_by_role("button", name="CSV", exact=True).click()
        lines = Path(waiting.value.path()).read_text(encoding="utf-8").splitlines()
        return list(csv.reader(line for line in lines if not line.startswith("#")))

    def table(self, figure) -> list[dict[str, str]]:
        """The same by the names in the first row."""
        names, *rows = self.saved(figure)
        return [dict(zip(names, row, strict=True)) for row in rows]


def unfold(page) -> None:
    """Open what is for specialists."""
    page.evaluate("for (const x of document.querySelectorAll('.specialists')) x.open = true")
    page.wait_for_timeout(100)


def seen_through(opened: Opened, file: Path) -> None:
    """The whole page is seen on a telephone: no complaint or request, nothing too wide or empty."""
    page = opened.open(file)
    unfold(page)
    height = page.evaluate("document.documentElement.scrollHeight")
    for y in range(0, height, 700):
        page.evaluate(f"scrollTo(0, {y})")
        page.wait_for_timeout(20)
    assert opened.complaints == []
    assert opened.requests == [file.as_uri()]
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 400, "it can be read on a telephone"
    empty = page.eval_on_selector_all("figure .drawing", "x => x.filter((y) => !y.children.length)")
    assert empty == []


def unpacked(packed: dict[str, Any]) -> np.ndarray:
    """A picture of the page, as web/src/decode.js unpacks it."""
    steps = np.frombuffer(zlib.decompress(base64.b64decode(packed["content"])), dtype=np.uint8)
    steps = steps.reshape(packed["shape"])
    levels = np.cumsum(steps, axis=0, dtype=np.uint8).view(np.int8)
    return np.where(levels == NOTHING, np.nan, levels.astype(float) / LEVELS * packed["scale"])
