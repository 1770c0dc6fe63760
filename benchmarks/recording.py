"""What it costs to record for forecasts: training with record=2000 beside training without.

Both train the same networks by the same steps, in turns, and keep them as a sweep does: every step,
every evaluation, the weights of landmarks. The ratio is the median of those of one round. `pool` is
a batch of 8 networks of the pools, evaluated every five steps; `alone` one of them; `hello` the
small network of the README, in a folder of its own. Seconds are of one processor and one thread.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from benchmarks.timing import Action, Spread, parser, processor, rounds_of, show
from grokscope.forecast.pools import BASE, SQUARES
from grokscope.papers import HELLO
from grokscope.spec import Spec
from grokscope.training.batch import folder_for
from grokscope.training.machine import use_threads
from grokscope.training.train import train, train_in

RECORD, STEPS = 2_000, 1_000
POOL = BASE.override(*SQUARES, "train_fraction=.5", "weight_decay=1", "stop_after_grok=none")
MADE: dict[str, tuple[Spec, int]] = {
    "pool": (POOL, 8), "alone": (POOL, 1), "hello": (HELLO.spec, 1)
}  # fmt: skip


def trained(specs: Sequence[Spec]) -> None:
    """Train these from their beginning: several as a batch without checkpoints, one by itself."""
    with tempfile.TemporaryDirectory() as folder:
        if len(specs) > 1:
            home = folder_for([spec.id for spec in specs], Path(folder))
            train_in(home, specs, checkpoints=False, save_every=1e9)
        else:
            train(specs[0], folder, save_every=1e9)


def actions(spec: Spec, count: int, steps: int) -> dict[str, Action]:
    """Training with and without a record."""
    plain = replace(spec, steps=steps, record=0, stop_after_grok=None)
    both: dict[str, Callable[[], object]] = {}
    for name, one in (("plain", plain), ("recorded", replace(plain, record=RECORD))):
        both[name] = partial(trained, [replace(one, seed=seed) for seed in range(count)])
    return both


def measured(rounds: int, steps: int = STEPS) -> dict[str, dict[str, float | list[float]]]:
    """Milliseconds of each, and by how much a record makes it longer."""
    found: dict[str, dict[str, float | list[float]]] = {}
    for name, (spec, count) in MADE.items():
        times = rounds_of(actions(spec, count, steps), rounds)
        ratios = [y / x for x, y in zip(times["plain"], times["recorded"], strict=True)]
        longer = Spread.of([ratio - 1 for ratio in ratios])
        found[name] = {
            **{side: Spread.of(x).median / count for side, x in times.items()},
            "longer": longer.median,
            "longer_p10_p90": longer.p10_p90,
        }
    return found


def main() -> None:
    args = parser(__doc__, threads=1, rounds=7).parse_args()
    use_threads(args.threads)
    found = measured(args.rounds)
    rows = [
        [name, f"{x['plain']:.0f}", f"{x['recorded']:.0f}", f"{x['longer']:+.1%}"]
        for name, x in found.items()
    ]
    show(
        args,
        {"processor": processor(), "steps": STEPS, **found},
        f"CPU milliseconds of {STEPS} steps, a network",
        ["networks", "plain", "recorded", "longer"],
        rows,
        ["hello is evaluated every 10 steps, the others every 5."],
    )


if __name__ == "__main__":
    main()
