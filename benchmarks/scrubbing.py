"""Two hundred checkpoints of eight maps, scrubbed in a browser without a GPU.

The page of a made-up run is opened in Chromium (`apt-get install chromium`; Playwright drives it),
and its slider is moved by one checkpoint a frame, from the last to the first.

    script    what the page's own script takes for a frame
    main      all work of the page's thread for a frame: script, styles, layout, painting
    draw      putting the frame on the screen, by the processor
    interval  from frame to frame; a screen of 60 Hz shows none earlier than 16.7 ms
"""

import json
import shutil
import tempfile
from pathlib import Path
from statistics import quantiles
from typing import Any

import numpy as np

from benchmarks.timing import Spread, parser, show
from grokscope.page.page import asset
from grokscope.page.stacks import stack

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
CHECKPOINTS, MAPS = 200, 8
TRACED = {"main": "ProxyMain::BeginMainFrame", "draw": "Display::DrawAndSwap"}
SCRUB = """async () => {
  const slider = document.getElementById("time"), script = [], interval = [];
  let before = await new Promise(requestAnimationFrame);
  for (let i = Number(slider.max); i >= 0; i--) {
    let start, work;
    requestAnimationFrame(() => { start = performance.now(); });
    slider.value = String(i);
    slider.dispatchEvent(new Event("input"));
    const now = await new Promise((next) => requestAnimationFrame((t) => {
      work = performance.now() - start;
      next(t);
    }));
    script.push(work);
    interval.push(now - before);
    before = now;
  }
  return { script, interval };
}"""


def main() -> None:
    args = parser(__doc__, threads=1, rounds=3).parse_args()
    if CHROMIUM is None:
        raise SystemExit("No Chromium is installed: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "maps.html"
        file.write_text(eight_maps(), encoding="utf-8")
        times = scrubbed(file, args.rounds)
    slowest = {name: quantiles(found, n=20)[-1] for name, found in times.items()}
    result = {"checkpoints": CHECKPOINTS, "maps": MAPS, "rounds": args.rounds}
    result |= {f"{name}_p95_ms": x for name, x in slowest.items()}
    rows = [[k, Spread.of(x).cells[0], f"{slowest[k]:.1f}"] for k, x in times.items()]
    show(args, result, "milliseconds a frame", ["what", "median", "95th percentile"], rows, [])


def scrubbed(file: Path, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of every frame of every round, after one that is not counted."""
    from playwright.sync_api import sync_playwright  # pyright: ignore[reportMissingImports]

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(file.as_uri())
        page.wait_for_selector("[data-ready]")
        page.wait_for_timeout(500)
        page.evaluate(SCRUB)
        found: dict[str, list[float]] = {"script": [], "interval": []}
        events, ends = _trace(page)
        for _ in range(rounds):
            for name, times in page.evaluate(SCRUB).items():
                found[name] += times
        ends()
        browser.close()
    for name, event in TRACED.items():
        found[name] = [x["dur"] / 1000 for x in events if x["name"] == event and "dur" in x]
    return {name: found[name] for name in ("script", "main", "draw", "interval")}


def _trace(page: Any) -> tuple[list[dict[str, Any]], Any]:
    """Chromium's own record of what it does, from now until the function is called."""
    session, events, done = page.context.new_cdp_session(page), [], []
    session.on("Tracing.dataCollected", lambda found: events.extend(found["value"]))
    session.on("Tracing.tracingComplete", lambda _: done.append(True))
    session.send("Tracing.start", {"traceConfig": {"includedCategories": ["cc", "viz"]}})

    def ends() -> None:
        session.send("Tracing.end")
        while not done:
            page.wait_for_timeout(50)

    return events, ends


def eight_maps() -> str:
    """A page of two hundred checkpoints with eight maps of 113 by 113 in view."""
    t, a, b = np.ogrid[:CHECKPOINTS, :113, :113]
    film = stack(np.cos(0.4 * a + 0.02 * t) * np.cos(0.4 * b) * t).packed()
    fact = {
        "id": "maps", "task": "a+b mod 113", "seed": 0, "frames": list(range(CHECKPOINTS)),
        "opens": CHECKPOINTS - 1, "log": True,
        "checkpoints": CHECKPOINTS, "rows": {}, "unit": "nats",
        "chance": {"accuracy": 0, "loss": None},
        "events": [], "phases": [], "trace": {"step": [], "figures": []},
        "stacks": {**{f"film {i}": film for i in range(MAPS)}, "activations": film},
        "symbols": {"a": None, "c": None}, "operators": [], "parts": [],
        "neurons": {
            "index": list(range(MAPS)), "parts": [None] * MAPS, "shares": [None] * MAPS,
            "total": MAPS, "films": list(range(MAPS)), "waves": [],
        },
    }  # fmt: skip
    return (
        f"<!doctype html><html><head><style>{asset('explorable.css')}</style>"
        '</head><body class="grokscope"><main><article data-run="0"><figure data-panel="films">'
        '<figcaption></figcaption><div class="drawing"></div></figure></article></main>'
        f'<script type="application/json" id="facts">{json.dumps([fact])}</script>'
        f"<script>{asset('explorable.js')}</script></body></html>"
    )


if __name__ == "__main__":
    main()
