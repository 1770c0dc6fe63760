"""Networks a CPU-minute: a sweep's batch beside plain PyTorch that trains one after another.

The networks are MLPs on a+b mod 59, by a recipe that groks. Both sides train the same networks, to
the step at which each stops, and evaluate all pairs every ten steps. The plain side is what one
writes: the model as a module, autograd, torch's AdamW, float64 cross-entropy on the training pairs,
and a forward pass of all pairs for an evaluation. Its networks are the first `--plain` of the
batch. Seconds are of one processor and one thread; `--rounds` is the number of networks.

    train, read, explain    CPU-milliseconds of a network in the sweep
    bytes                   of the table, a network
"""

import tempfile
import time
from dataclasses import replace
from pathlib import Path

import polars as pl
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from benchmarks.timing import parser, show
from grokscope.score import is_right
from grokscope.spec import Spec
from grokscope.sweep import read_table
from grokscope.sweep.batch import Batch, How, do
from grokscope.sweep.table import SHARDS
from grokscope.training.machine import use_threads
from grokscope.training.run import Run

SPEC = Spec(
    task_args={"p": 59},
    model="mlp",
    train_fraction=0.6,
    lr=5e-2,
    weight_decay=3.0,
    steps=600,
    stop_after_grok=60,
    eval_every=10,
)


class Plain(nn.Module):
    """The same MLP, as one writes it."""

    def __init__(self, weights: dict[str, torch.Tensor]):
        super().__init__()
        self.W_x, self.W_y, self.W, self.W_U = (
            nn.Parameter(weights[name].clone()) for name in ("W_x", "W_y", "W", "W_U")
        )

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        x = torch.cat([self.W_x[inputs[:, 0]], self.W_y[inputs[:, 1]]], dim=1)
        return torch.relu(x @ self.W) @ self.W_U


def train_plainly(spec: Spec, steps: int) -> tuple[float, float]:
    """Train one network for so many steps; its last test accuracy, and CPU-seconds."""
    run = Run(spec, Path(spec.id))
    inputs, answers, is_train = run.task.inputs, run.task.answers, run.is_train
    model = Plain(dict(run.new_model().named_parameters()))
    adamw = torch.optim.AdamW(
        model.parameters(), spec.lr, spec.betas, spec.eps, weight_decay=spec.weight_decay
    )
    start, accuracy = time.process_time(), 0.0
    for step in range(steps):
        if step % spec.eval_every == 0:
            with torch.no_grad():
                logits = model(inputs)
                cross_entropy(logits.double(), answers, reduction="none")
                accuracy = float(is_right(logits, answers)[~is_train].double().mean())
        adamw.zero_grad()
        cross_entropy(model(inputs[is_train]).double(), answers[is_train]).backward()
        for group in adamw.param_groups:
            group["lr"] = spec.lr * min(1.0, (step + 1) / max(1, spec.warmup))
        adamw.step()
    return accuracy, time.process_time() - start


def of_sweep(count: int, read: str, folder: Path) -> pl.DataFrame:
    """The table of so many networks, made as one batch, and the bytes of its file."""
    specs = [replace(SPEC, seed=seed) for seed in range(count)]
    do(Batch.of(specs), How(str(folder), str(folder / "work"), read))
    return read_table(folder)


def main() -> None:
    made = parser(__doc__, threads=1, rounds=64)
    made.add_argument("--plain", type=int, default=2, help="networks of the plain side; default 2")
    made.add_argument("--read", default="explain", choices=("events", "keys", "explain"))
    args = made.parse_args()
    use_threads(args.threads)
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        table = of_sweep(args.rounds, args.read, Path(folder))
        seconds = (time.process_time() - start) / len(table)
        n_bytes = sum(f.stat().st_size for f in Path(folder, SHARDS).iterdir()) / len(table)
    first = table.sort("seed").head(args.plain)
    plain = [
        train_plainly(replace(SPEC, seed=row["seed"]), row["step"]) for row in first.to_dicts()
    ]
    ours_each = first["cpu_s_train"].to_numpy()
    ratios = sorted(p / ours for (_, p), ours in zip(plain, ours_each, strict=True))
    costs = {
        name: table[column].mean() if column in table.columns else None
        for name, column in (("train", "cpu_s_train"), ("read", "cpu_s_read"),
                             ("explain", "cpu_s_explain"))
    }  # fmt: skip
    result = {
        "networks": len(table),
        "grokked": table["grokked"].count() / len(table),
        "cpu_s": {**costs, "all": seconds},
        "networks_per_cpu_minute": {
            "trained": 60 / table["cpu_s_train"].mean(),  # pyright: ignore[reportOperatorIssue]
            "trained_and_read": 60 / seconds,
            "plain": 60 * len(plain) / sum(p for _, p in plain),
        },
        "ratio": ratios[len(ratios) // 2],
        "plain_test_accuracy": [accuracy for accuracy, _ in plain],
        "bytes": n_bytes,
    }
    rates = result["networks_per_cpu_minute"]
    show(
        args,
        result,
        f"{len(table)} MLPs on a+b mod 59, {args.threads} thread",
        ("", "networks a CPU-minute"),
        [
            ["plain PyTorch, trained", f"{rates['plain']:.1f}"],
            ["a sweep, trained", f"{rates['trained']:.1f}"],
            [f"a sweep, --read {args.read}", f"{rates['trained_and_read']:.1f}"],
        ],
        [
            f"Training is {result['ratio']:.1f} times as fast. "
            f"{100 * result['grokked']:.0f} % grok; {n_bytes:,.0f} bytes a network.",
        ],
    )


if __name__ == "__main__":
    main()
