"""A peer's training step: TransformerLens 2.18.0 on the task of its Grokking_Demo.

TransformerLens is what most people train this network with. 2.18.0 is the last version with
HookedTransformer as the demo uses it; it needs an older numpy than ours, so it lives in
an environment of its own, `.venv-peers`, which `python -m benchmarks.peers --install` makes.

    train         HookedTransformer: loss, gradients, AdamW
    train + test  and the loss of the test pairs, without a graph: the demo's step
    ours          the step that grokscope's `train` runs here

Times are of the processor, all threads of a process together.

The two sit in two processes and take turns, so that both meet the same noise; while one computes,
the other waits to be asked. The peer runs as its users run it: without `keep_memory`, which is
ours. The networks differ a little: the demo's has 113 output classes and frozen biases, ours 114
and trained ones.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.step import SPEC, engine, problem
from benchmarks.timing import Spread, cpu_milliseconds, parser, show
from grokscope.training.machine import keep_memory, use_threads
from grokscope.training.steps import fastest

ENVIRONMENT = Path(__file__).parent.parent / ".venv-peers"
PYTHON = ENVIRONMENT / "bin" / "python"
COMPLETE = ENVIRONMENT / ".installed"
PACKAGES = [
    ["torch==2.13.0"],
    ["torch==2.13.0", "transformer_lens==2.18.0", "numpy<2", "pyarrow<21"],
]
OFFLINE = {
    "WANDB_MODE": "offline",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
}
STEPS = 4  # of each variant in a round


def install() -> None:
    """Make the environment of the peers."""
    COMPLETE.unlink(missing_ok=True)
    run = [[sys.executable, "-m", "venv", str(ENVIRONMENT)]]
    run += [[str(PYTHON), "-m", "pip", "install", *packages] for packages in PACKAGES]
    for command in run:
        subprocess.run(command, check=True, stdout=sys.stderr)
    COMPLETE.touch()


class Peer:
    """The other process: asked for times on its standard input, it answers on its output."""

    def __init__(self, threads: int):
        script = Path(__file__).with_name("peer_transformer_lens.py")
        self.process = subprocess.Popen(
            [str(PYTHON), str(script), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **OFFLINE},
        )

    def milliseconds(self, variant: str, times: int) -> list[float]:
        """The times of so many calls of a variant, "train" or "train_and_test"."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(variant, times, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit("the peer has stopped; what it said last is above.")
        return json.loads(answer)

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *error: object) -> None:
        self.process.communicate()


def main() -> None:
    arguments = parser(__doc__, threads=2, rounds=8)
    arguments.add_argument("--install", action="store_true", help="make .venv-peers, and end")
    args = arguments.parse_args()
    if args.install:
        install()
        return
    if not COMPLETE.exists():
        print(
            "TransformerLens is not installed in .venv-peers. To install it: "
            "python -m benchmarks.peers --install",
            file=sys.stderr,
        )
        raise SystemExit(2)

    use_threads(args.threads)
    keep_memory()
    model, examples = problem()
    our_step = engine(fastest(model, examples.inputs, SPEC.loss_precision))
    times: dict[str, list[float]] = {"train": [], "train_and_test": [], "ours": []}
    with Peer(args.threads) as peer:
        for _ in range(args.rounds):
            for variant in ("train", "train_and_test"):
                times[variant] += peer.milliseconds(variant, STEPS)
            our_step()
            times["ours"] += [cpu_milliseconds(our_step) for _ in range(STEPS)]
    train, both, ours = (Spread.of(times[name]) for name in ("train", "train_and_test", "ours"))

    result = {
        "peer_train_ms": train.median,
        "peer_train_ms_p10_p90": train.p10_p90,
        "peer_train_and_test_ms": both.median,
        "peer_train_and_test_ms_p10_p90": both.p10_p90,
        "ours_ms": ours.median,
        "ours_ms_p10_p90": ours.p10_p90,
        "ratio_train": train.median / ours.median,
        "ratio_train_and_test": both.median / ours.median,
        "ratio_train_p10": train.low / ours.low,
        "threads": args.threads,
        "rounds": args.rounds,
        "steps": args.rounds * STEPS,
    }
    rows = [
        [name, *spread.cells, f"{spread.median / ours.median:.1f} ×"]
        for name, spread in {
            "TransformerLens, train": train,
            "TransformerLens, train + test": both,
            "grokscope, train": ours,
        }.items()
    ]
    show(
        args,
        result,
        "A training step on a+b mod 113, 30 % of the pairs; TransformerLens 2.18.0",
        ["step", "median ms", "10–90 %", "of ours"],
        rows,
        [
            f"threads on either side: {args.threads}; {args.rounds * STEPS} steps of each in "
            f"{args.rounds} rounds, in turns."
        ],
    )


if __name__ == "__main__":
    main()
