"""The first example and the demo over 20 seeds: when each memorises and groks, and what is proved.

Every seed trains alone, as `grokscope run hello seed=S` would, in a folder that is deleted
afterwards; `--rounds` is the number of seeds, `--only` names one of the two, `--formulation` the
step that trains them, as in `grokscope list formulations`. CPU-seconds are this process's own,
imports left out, from the spec to the written page.

    memorised, grokked    steps, by the definition of a run's events
    first                 whether it had the answers by heart, while the test was half wrong
    named, proved         the algorithm of the certificate that holds, and the accuracy proved
"""

import tempfile
import time
from dataclasses import replace
from math import floor
from pathlib import Path
from typing import Any

from benchmarks.timing import Spread, parser, show
from grokscope.page.page import write_page
from grokscope.papers import EXPERIMENTS
from grokscope.reading.reading import read
from grokscope.training.machine import use_threads
from grokscope.training.steps import FORMULATIONS
from grokscope.training.train import train

NAMES = ("hello", "demo")
COLUMNS = ("seed", "memorised", "first", "grokked", "named", "proved", "cpu_s")


def row(name: str, seed: int, folder: Path, formulation: str = "fast") -> dict[str, Any]:
    """What became of one seed of a recipe, by this step."""
    start = time.process_time()
    spec = replace(EXPERIMENTS[name].spec, seed=seed, formulation=formulation)
    reading = read(train(spec, folder))
    write_page(reading)
    seconds = time.process_time() - start
    facts, explained = reading.facts, reading.facts.explanation
    assert explained is not None
    return {
        "seed": seed,
        "memorised": facts.events.t_memorize,
        "first": facts.memorised_first,
        "grokked": facts.events.t_grok,
        "named": explained.algorithm,
        "proved": 0.0 if explained.bound is None else explained.bound.accuracy,
        "cpu_s": seconds,
    }


def main() -> None:
    made = parser(__doc__, threads=1, rounds=20)
    made.add_argument("--only", choices=NAMES, help="one of the two")
    made.add_argument("--formulation", default="fast", choices=FORMULATIONS, help="of the step")
    args = made.parse_args()
    use_threads(args.threads)
    for name in NAMES if args.only is None else (args.only,):
        with tempfile.TemporaryDirectory() as folder:
            rows = [row(name, seed, Path(folder), args.formulation) for seed in range(args.rounds)]
        seconds = Spread.of([r["cpu_s"] for r in rows])
        result = {"recipe": name, "threads": args.threads, "cpu_s": seconds.median, "rows": rows}
        cells = [[_cell(r[column]) for column in COLUMNS] for r in rows]
        note = f"Median {seconds.median:.1f} CPU-seconds, {seconds.low:.1f} – {seconds.high:.1f}."
        show(args, result, name, list(COLUMNS), cells, [note])


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{floor(1000 * value) / 1000:.3f}"  # nothing is proved to be 1 by rounding
    return str(value)


if __name__ == "__main__":
    main()
