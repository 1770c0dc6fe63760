"""The report of a run of 200 checkpoints, beside reading them.

A Transformer learns a+b mod 113 by a fast recipe, with a checkpoint after every second step, in a
folder that is deleted afterwards.

    read    the reading: every measure at every checkpoint, the circuits and their certificates
    again   the same where the measures are in the run's trace.parquet already
    page    the page of a reading: pictures of at most 120 checkpoints, packed
"""

import tempfile

from benchmarks.timing import Spread, milliseconds, parser, show
from grokscope.page.page import page
from grokscope.reading.reading import Reading, read
from grokscope.spec import Spec
from grokscope.training.machine import use_threads
from grokscope.training.train import train

CHECKPOINTS = 200
LEARNER = Spec(lr=2e-2, steps=2 * CHECKPOINTS - 2, checkpoint_every=2, eval_every=20)


def main() -> None:
    args = parser(__doc__, threads=2, rounds=3).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = train(LEARNER, folder)
        use_threads(args.threads)
        readings: list[Reading] = []
        times = {"read": [milliseconds(lambda: readings.append(read(run)))]}
        times["again"] = [
            milliseconds(lambda: readings.append(read(run))) for _ in range(args.rounds)
        ]
        pages: list[str] = []
        times["page"] = [
            milliseconds(lambda r=r: pages.append(page(r))) for r in readings[-args.rounds :]
        ]
        checkpoints = len(run.steps)
    spreads = {k: Spread.of(x) for k, x in times.items()}
    size = len(pages[-1].encode()) / 1e6
    result = {"threads": args.threads, "rounds": args.rounds, "checkpoints": checkpoints}
    result |= {f"{k}_ms": x.median for k, x in spreads.items()} | {"page_mb": size}
    rows = [[k, *x.cells] for k, x in spreads.items()]
    notes = [f"The page has {size:.1f} MB."]
    show(args, result, f"{checkpoints} checkpoints", ["what", "median ms", "10–90 %"], rows, notes)


if __name__ == "__main__":
    main()
