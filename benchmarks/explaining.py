"""Explaining a network: every form of explanation under its certificate, beside a forward pass.

Both networks learn by a fast recipe, in a folder that is deleted afterwards: a Transformer a+b mod
113, and Chughtai et al.'s MLP the products in S5, whose 156 subgroups all compete.

    pass        the model as it is written over all pairs, in float32
    explain     the last checkpoint explained, the tables of the group already made
    every       the same over checkpoints of the whole run: "the circuit was there before", a curve
"""

import tempfile

import torch

from benchmarks.timing import Spread, milliseconds, parser, show
from grokscope.explain.explanation import explain
from grokscope.papers import EXPERIMENTS
from grokscope.snapshot import Snapshot
from grokscope.spec import Spec
from grokscope.training.machine import use_threads
from grokscope.training.run import Run
from grokscope.training.train import train

LEARNERS: dict[str, Spec] = {
    "a+b mod 113, Transformer": EXPERIMENTS["demo"].spec,
    "S5, MLP": EXPERIMENTS["demo_group"].spec,
}
CHECKPOINTS = 8  # of each run, evenly spread


def one_pass(snapshot: Snapshot) -> None:
    """The logits of all pairs."""
    with torch.no_grad():
        snapshot.model(snapshot.task.inputs)


def explained(run: Run, step: int) -> str:
    """What the network at a step is found to do."""
    found = explain(Snapshot.of(run, step))
    return found.algorithm or found.verdict


def main() -> None:
    args = parser(__doc__, threads=2, rounds=1).parse_args()
    result: dict[str, object] = {"threads": args.threads, "rounds": args.rounds}
    rows, notes = [], []
    with tempfile.TemporaryDirectory() as folder:
        for name, spec in LEARNERS.items():
            use_threads()
            run = train(spec, folder)
            use_threads(args.threads)
            last = Snapshot.of(run)
            explained(run, run.steps[-1])  # makes the group's tables
            times = {
                "pass": [milliseconds(one_pass, last) for _ in range(args.rounds)],
                "explain": [
                    milliseconds(explained, run, run.steps[-1]) for _ in range(args.rounds)
                ],
            }
            some = run.steps[:: max(1, len(run.steps) // CHECKPOINTS)]
            found: list[str] = []
            times["every"] = [
                milliseconds(lambda s=step, r=run, f=found: f.append(explained(r, s)))
                for step in some
            ]
            spreads = {k: Spread.of(x) for k, x in times.items()}
            ratio = spreads["explain"].median / spreads["pass"].median
            result[name] = {k: x.median for k, x in spreads.items()} | {"ratio": ratio}
            rows += [[name, k, *x.cells] for k, x in spreads.items()]
            path = ", ".join(f"{step}: {what}" for step, what in zip(some, found, strict=True))
            notes.append(f"{name}: {ratio:.0f} passes an explanation. By step: {path}.")
    title = "Explaining one checkpoint"
    show(args, result, title, ["network", "what", "median ms", "10–90 %"], rows, notes)


if __name__ == "__main__":
    main()
