"""Explaining a network: every form of explanation under its certificate, beside a forward pass.

All learn by a fast recipe, in a folder that is deleted afterwards: sixteen MLPs a+b mod 59 as a
stack, two of the PAIR explorable's a+b mod 31, Chughtai et al.'s MLP the products in S4, and a
small Transformer a+b mod 59. Times are of the processor; each explanation is paired with a forward
pass before it.

    train       a network, in its stack, evaluations and files included
    first       the first network of its task: what networks of a task share is computed with it
    explain     the last checkpoint of every one after that, each several times
    every       the same over checkpoints of one run: "the circuit was there before", a curve
    kept        what was found, read from the run's folder again
    ratio       an explanation over the model as it is written on all pairs, in float32
"""

import tempfile
from dataclasses import replace

import torch

from benchmarks.timing import Spread, cpu_milliseconds, parser, show
from grokscope.explain.explanation import explain
from grokscope.papers import EXPERIMENTS
from grokscope.reading.explained import explained
from grokscope.snapshot import Snapshot
from grokscope.spec import Spec
from grokscope.training.machine import keep_memory, use_threads
from grokscope.training.run import Run, spread
from grokscope.training.train import train

SUM = Spec(
    task_args={"p": 59},
    model="mlp",
    lr=5e-2,
    weight_decay=3.0,
    train_fraction=0.6,
    steps=600,
    stop_after_grok=60,
    eval_every=10,
    checkpoint_every=50,
)
PAIR = Spec(
    task_args={"p": 31, "triangle": True},
    model="pair",
    model_args={"d_embed": 24, "d_mlp": 24},
    lr=1e-2,
    weight_decay=0.5,
    train_fraction=0.7,
    steps=400,
    checkpoint_every=200,
)
GROUP = replace(
    EXPERIMENTS["demo_group_adamw"].spec,
    task_args={"group": "S4"},
    train_fraction=0.7,
    steps=300,
    checkpoint_every=200,
)
TRANSFORMER = replace(
    EXPERIMENTS["demo"].spec,
    task_args={"p": 59},
    model_args={"d_model": 64, "d_mlp": 128},
    train_fraction=0.5,
    steps=300,
    checkpoint_every=100,
)
SEEDS, STACKED = 2, 16
CHECKPOINTS = 4  # of one run
LEARNERS: dict[str, list[Spec]] = {
    "a+b mod 59, MLP": [replace(SUM, seed=k) for k in range(STACKED)],
    "a+b mod 31, PAIR's MLP": [replace(PAIR, seed=k) for k in range(SEEDS)],
    "S4, MLP": [replace(GROUP, seed=k) for k in range(SEEDS)],
    "a+b mod 59, Transformer": [TRANSFORMER],
}


def one_pass(snapshot: Snapshot) -> None:
    """The logits of all pairs."""
    with torch.no_grad():
        snapshot.model(snapshot.task.inputs)


def said(run: Run, step: int) -> str:
    """What the network at a step is found to do."""
    found = explain(Snapshot.of(run, step))
    return found.algorithm or found.verdict


def timed(runs: list[Run], rounds: int) -> tuple[dict[str, list[float]], list[float], str]:
    """The times of each kind, the ratios, and what was found over one run."""
    times: dict[str, list[float]] = {
        "first": [cpu_milliseconds(said, runs[0], runs[0].steps[-1])],
        "pass": [],
        "explain": [],
        "every": [],
        "kept": [],
    }
    for run in runs[1:] or runs * rounds:
        last = Snapshot.of(run)
        one_pass(last)
        times["pass"].append(cpu_milliseconds(one_pass, last))
        times["explain"].append(cpu_milliseconds(said, run, run.steps[-1]))
    found: list[str] = []
    some = spread(runs[0].steps, CHECKPOINTS)
    for step in some:
        times["every"].append(cpu_milliseconds(lambda s=step: found.append(said(runs[0], s))))
    for run in runs[:SEEDS]:
        explained(run)
        times["kept"].append(cpu_milliseconds(explained, run))
    ratios = [e / p for e, p in zip(times["explain"], times["pass"], strict=True)]
    path = ", ".join(f"{step}: {x}" for step, x in zip(some, found, strict=True))
    return times, ratios, path


def main() -> None:
    args = parser(__doc__, threads=1, rounds=2).parse_args()
    keep_memory()
    result: dict[str, object] = {"threads": args.threads, "rounds": args.rounds}
    rows, notes = [], ["Times are of the processor, all threads together."]
    with tempfile.TemporaryDirectory() as folder:
        for name, specs in LEARNERS.items():
            use_threads(args.threads)
            spent = cpu_milliseconds(lambda s=specs: train(s, folder, stacked=True))
            times, ratios, path = timed(train(specs, folder, stacked=True), args.rounds)
            times = {"train": [spent / len(specs)], **times}
            spreads = {k: Spread.of(x) for k, x in times.items()}
            ratio = Spread.of(ratios)
            result[name] = {k: x.median for k, x in spreads.items()} | {
                "ratio": ratio.median,
                "ratio_p10_p90": ratio.p10_p90,
            }
            rows += [[name, k, *x.cells] for k, x in spreads.items()]
            rows.append([name, "ratio", *ratio.cells])
            notes.append(f"{name}, by step: {path}.")
    title = "Explaining one checkpoint"
    show(args, result, title, ["network", "what", "median CPU ms", "10–90 %"], rows, notes)


if __name__ == "__main__":
    main()
