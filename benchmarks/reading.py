"""Reading 400 checkpoints: restricted, excluded and train loss, ours and by their definitions.

A Transformer learns a+b mod 113 by a fast recipe, with a checkpoint after every step, in a folder
that is deleted afterwards. Of 400 checkpoints each reading loads the file and computes the loss
restricted to five frequencies (those that hold most of the last checkpoint's logits), the train
loss with each of them excluded and with all, and the train loss itself (Nanda et al. 2023, 5.1), on
one thread.

    ours    grokscope's measures of a `Snapshot`
    plain   the definitions: the logits of all 12,769 pairs by the model as it is written, their
            projections on the vectors cos w_k(a+b) and sin w_k(a+b), cross-entropy in float64

The plain one is timed on a few checkpoints in between, and scaled to 400. That both give the same
is checked there too, with the weights taken to float64.
"""

import math
import tempfile
from collections.abc import Iterator
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.timing import Spread, milliseconds, parser, show
from grokscope.measures.keys import key_parts
from grokscope.measures.measure import evaluate
from grokscope.models.model import Model
from grokscope.snapshot import Snapshot
from grokscope.spec import Spec
from grokscope.training.files import read_tensors
from grokscope.training.loss import cross_entropy
from grokscope.training.machine import use_threads
from grokscope.training.run import Run
from grokscope.training.train import train

P, N_KEYS, N_CHECKPOINTS = 113, 5, 400
LEARNER = Spec(lr=2e-2, steps=N_CHECKPOINTS - 1, checkpoint_every=1, eval_every=100)
MEASURES = (
    "train_loss",
    "restricted_loss_all",
    "excluded_loss_train",
    "excluded_loss_train_by_key",
)
PLAIN_EVERY = 50  # checkpoints of ours between two of the plain reading


def ours(snapshot: Snapshot) -> dict[str, float]:
    """The readings as grokscope computes them."""
    return evaluate(snapshot, MEASURES)


def plain(snapshot: Snapshot) -> dict[str, float]:
    """The same readings by their definitions, on all pairs."""
    task, is_train = snapshot.task, snapshot.is_train
    with torch.no_grad():
        logits = snapshot.model(task.inputs)[:, :P].double()
    total = task.inputs.sum(dim=1)

    def removed(part: Float[Tensor, "pair c"]) -> float:
        return float(cross_entropy((logits - part)[is_train], task.answers[is_train]))

    parts = {name: _on_frequency(logits, total, name) for name in snapshot.keys or ()}
    kept = torch.stack(list(parts.values())).sum(dim=0)
    return {
        "train_loss": float(cross_entropy(logits[is_train], task.answers[is_train])),
        "restricted_loss_all": float(cross_entropy(kept + logits.mean(dim=0), task.answers)),
        "excluded_loss_train": removed(kept),
        **{f"excluded_loss_train_by_key[{k}]": removed(part) for k, part in parts.items()},
    }


def _on_frequency(
    logits: Float[Tensor, "pair c"], total: Tensor, name: str
) -> Float[Tensor, "pair c"]:
    """The projection of each class's logits on cos w_k(a+b) and sin w_k(a+b)."""
    angle = 2 * math.pi / P * int(name.removeprefix("frequency ")) * total.double()
    part = torch.zeros_like(logits)
    for wave in (angle.cos(), angle.sin()):
        u = wave / wave.norm()
        part += torch.outer(u, u @ logits)
    return part


def last_snapshot(run: Run) -> Snapshot:
    """The last checkpoint, with the five parts that hold most of its logits as keys."""
    last = Snapshot.of(run)
    shares = key_parts(last).shares
    keys = sorted(shares, key=lambda name: shares[name], reverse=True)[:N_KEYS]
    return replace(last, keys=tuple(keys))


def difference(snapshot: Snapshot, model: Model) -> float:
    """The largest absolute difference between the two readings of a model."""
    seen = replace(snapshot, model=model)
    one, other = ours(seen), plain(seen)
    assert one.keys() == other.keys()
    return max(abs(one[name] - other[name]) for name in one)


def time_readings(run: Run, last: Snapshot, rounds: int) -> tuple[list[float], list[float]]:
    """The milliseconds of each checkpoint that ours read, and of those the plain reading did."""
    own, slow = [], []
    other = run.new_model().requires_grad_(False)

    def next_by_ours(models: Iterator[tuple[int, Model]]) -> None:
        _, model = next(models)
        ours(replace(last, model=model))

    def by_plain(step: int) -> None:
        other.load_state_dict(read_tensors(run.checkpoint(step))[0])
        plain(replace(last, model=other))

    for _ in range(rounds):
        models = run.models()
        for k, step in enumerate(run.steps):
            own.append(milliseconds(next_by_ours, models))
            if k % PLAIN_EVERY == PLAIN_EVERY // 2:
                slow.append(milliseconds(by_plain, step))
    return own, slow


def main() -> None:
    args = parser(__doc__, threads=1, rounds=1).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        use_threads()
        run = train(LEARNER, folder)
        use_threads(args.threads)
        last = last_snapshot(run)
        own, slow = time_readings(run, last, args.rounds)
        seen = [run.model(step) for step in run.steps[PLAIN_EVERY // 2 :: PLAIN_EVERY]]
        single = max(difference(last, model) for model in seen)
        exact = max(difference(last, model.double()) for model in seen)
        readings = ours(last)
    ours_s = sum(own) / args.rounds / 1e3
    plain_s = N_CHECKPOINTS * sum(slow) / len(slow) / 1e3
    each, each_plain = Spread.of(own), Spread.of(slow)
    result = {
        "ours_s_400": ours_s,
        "plain_s_400": plain_s,
        "ratio": plain_s / ours_s,
        "ours_ms": each.median,
        "ours_ms_p10_p90": each.p10_p90,
        "plain_ms": each_plain.median,
        "plain_ms_p10_p90": each_plain.p10_p90,
        "max_difference": exact,
        "max_difference_float32": single,
        "keys": last.keys,
        "last_checkpoint": readings,
        "plain_checkpoints": len(slow),
        "threads": args.threads,
        "rounds": args.rounds,
    }
    rows = [
        ["ours", f"{ours_s:.1f}", *each.cells, "1.0 ×"],
        ["plain", f"{plain_s:.1f}", *each_plain.cells, f"{plain_s / ours_s:.1f} ×"],
    ]
    show(
        args,
        result,
        f"Restricted, excluded ({N_KEYS} keys and all) and train loss of {N_CHECKPOINTS} "
        "checkpoints, a+b mod 113",
        ["reading", "seconds for 400", "median ms", "10–90 %", "of ours"],
        rows,
        [
            f"threads: {args.threads}; files read included; keep_memory() on for both; plain: "
            f"the mean of {len(slow)} checkpoints, times {N_CHECKPOINTS}.",
            f"Largest difference of any reading: {exact:.1e} with float64 weights, {single:.1e} "
            "with the stored float32 ones.",
        ],
    )


if __name__ == "__main__":
    main()
