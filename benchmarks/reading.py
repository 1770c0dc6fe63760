"""Reading 400 checkpoints: ours, by the published definitions, and beside plain forward passes.

A Transformer learns a+b mod 113 by a fast recipe, with a checkpoint after every step, in a folder
that is deleted afterwards. Of 400 checkpoints each reading loads the file and computes the loss
restricted to five frequencies (those that hold most of the last checkpoint's logits), the train
loss with each of them excluded and with all, and the train loss itself (Nanda et al. 2023, 5.1), on
one thread.

    ours    grokscope's measures of a `Snapshot`
    plain   the definitions: the logits of all 12,769 pairs by the model as it is written, their
            projections on the vectors cos w_k(a+b) and sin w_k(a+b), cross-entropy in float64
    nanda   every measure of Nanda et al. that grokscope has: each restricted and excluded variant
            (all 56 single frequencies among them), similarities and explained variance, neurons,
            attention, keys by each rule, losses, accuracies, Gini, squared weights
    pass    one forward pass of the model as it is written over all pairs, in float32
    own     the product's own forward pass over all pairs, as `Snapshot.logits` takes it

Times are of the processor. All but the first are timed on some checkpoints in between, and scaled
to 400; the ratios are of times of one checkpoint, one after the other. That ours and plain
give the same is checked there too, with the weights taken to float64.
"""

import math
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.timing import Spread, cpu_milliseconds, parser, show
from grokscope.errors import NotApplicable
from grokscope.measures.keys import key_parts
from grokscope.measures.measure import chosen, evaluate
from grokscope.models.model import Model
from grokscope.snapshot import Snapshot
from grokscope.spec import Spec
from grokscope.training.loss import cross_entropy
from grokscope.training.machine import use_threads
from grokscope.training.run import Run
from grokscope.training.tensors import read_tensors
from grokscope.training.train import train

P, N_KEYS, N_CHECKPOINTS = 113, 5, 400
LEARNER = Spec(lr=2e-2, steps=N_CHECKPOINTS - 1, checkpoint_every=1, eval_every=100)
MEASURES = (
    "train_loss",
    "restricted_loss_sum",
    "excluded_loss_sum_train",
    "excluded_loss_sum_train_by_key",
)
NANDA = (
    *("restricted", "characters", "neurons", "attention", "key_rules"),  # families
    *("gini", "sum_of_squares", "train_loss", "test_loss", "all_loss"),
    *("train_accuracy", "test_accuracy", "all_accuracy"),
)
PLAIN_EVERY = 50  # checkpoints of ours between two of the plain reading
NANDA_EVERY = 20


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
        "restricted_loss_sum[all]": float(cross_entropy(kept + logits.mean(dim=0), task.answers)),
        "excluded_loss_sum_train": removed(kept),
        **{f"excluded_loss_sum_train_by_key[{k}]": removed(part) for k, part in parts.items()},
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
    return max(abs(one[name] - other[name]) for name in other)


def time_readings(run: Run, last: Snapshot, rounds: int) -> dict[str, list[float]]:
    """The milliseconds of each checkpoint that each kind of reading read."""
    times: dict[str, list[float]] = {"ours": [], "plain": [], "nanda": [], "pass": [], "own": []}
    every = chosen(NANDA)
    other = run.new_model().requires_grad_(False)

    def next_by_ours(models: Iterator[tuple[int, Model]]) -> None:
        _, model = next(models)
        ours(replace(last, model=model))

    def load(step: int) -> Snapshot:
        other.load_state_dict(read_tensors(run.checkpoint(step))[0])
        return replace(last, model=other)

    def by_plain(step: int) -> None:
        plain(load(step))

    def by_nanda(step: int) -> None:
        snapshot = load(step)
        for name in every:
            with suppress(NotApplicable):  # no key parts of its own yet
                evaluate(snapshot, [name])

    def by_pass(step: int) -> None:
        with torch.no_grad():
            load(step).model(last.task.inputs)

    def by_own(step: int) -> None:
        _ = load(step).logits

    for _ in range(rounds):
        models = run.models()
        for k, step in enumerate(run.steps):
            times["ours"].append(cpu_milliseconds(next_by_ours, models))
            if k % PLAIN_EVERY == PLAIN_EVERY // 2:
                times["plain"].append(cpu_milliseconds(by_plain, step))
            if k % NANDA_EVERY == NANDA_EVERY // 2:
                times["nanda"].append(cpu_milliseconds(by_nanda, step))
                times["pass"].append(cpu_milliseconds(by_pass, step))
                times["own"].append(cpu_milliseconds(by_own, step))
    return times


def main() -> None:
    args = parser(__doc__, threads=1, rounds=1).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        use_threads()
        run = train(LEARNER, folder)
        use_threads(args.threads)
        last = last_snapshot(run)
        times = time_readings(run, last, args.rounds)
        seen = [run.model(step) for step in run.steps[PLAIN_EVERY // 2 :: PLAIN_EVERY]]
        single = max(difference(last, model) for model in seen)
        exact = max(difference(last, model.double()) for model in seen)
        readings = ours(last)
    seconds = {name: N_CHECKPOINTS * sum(x) / len(x) / 1e3 for name, x in times.items()}
    spreads = {name: Spread.of(x) for name, x in times.items()}
    over = {
        name: Spread.of([x / y for x, y in zip(times["nanda"], times[name], strict=True)])
        for name in ("pass", "own")
    }
    result = {
        **{f"{name}_s_400": s for name, s in seconds.items()},
        **{f"{name}_ms": x.median for name, x in spreads.items()},
        **{f"{name}_ms_p10_p90": x.p10_p90 for name, x in spreads.items()},
        "ratio": seconds["plain"] / seconds["ours"],
        "nanda_over_pass": over["pass"].median,
        "nanda_over_own": over["own"].median,
        "nanda_over_own_p10_p90": over["own"].p10_p90,
        "max_difference": exact,
        "max_difference_float32": single,
        "keys": last.keys,
        "last_checkpoint": readings,
        "checkpoints": {name: len(x) for name, x in times.items()},
        "threads": args.threads,
        "rounds": args.rounds,
    }
    rows = [
        [name, f"{seconds[name]:.1f}", *x.cells, f"{seconds[name] / seconds['ours']:.1f} ×"]
        for name, x in spreads.items()
    ]
    show(
        args,
        result,
        f"Reading {N_CHECKPOINTS} checkpoints of a+b mod 113 ({N_KEYS} keys)",
        ["reading", "CPU s for 400", "median CPU ms", "10–90 %", "of ours"],
        rows,
        [
            f"threads: {args.threads}; files read included; keep_memory() on for all; but for "
            f"ours, the mean of {', '.join(f'{len(x)} ({name})' for name, x in times.items())} "
            "checkpoints, times 400.",
            f"All measures of Nanda et al. take {' ('.join(over['own'].cells)}) of the product's "
            f"own passes, and {' ('.join(over['pass'].cells)}) float32 reference passes.",
            f"Largest difference of ours and plain: {exact:.1e} with float64 weights, {single:.1e} "
            "with the stored float32 ones.",
        ],
    )


if __name__ == "__main__":
    main()
