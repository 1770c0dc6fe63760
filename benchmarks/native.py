"""The native step beside that of torch, on six shapes, and the floor of the core.

Each step is loss, gradients and AdamW, at one thread; each evaluation is of all pairs. Times are
milliseconds of the processor, medians of turns; ratios are of pairs of one turn. The floor is the
step's arithmetic, without padding, at the best rate that torch's matrix product or the native tile
reaches here. Sparse parity's is that of its matrix products, which the native step, where it looks
sums up, has no need of; its weights stay those of a start, where every pair has a gradient.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from dataclasses import replace

from benchmarks.engine import Engine
from benchmarks.step import multiply_adds, rates
from benchmarks.timing import Action, Spread, parser, processor, rounds_of, show
from grokscope.models.transformer import Transformer
from grokscope.papers.pair2023 import PARITY
from grokscope.spec import Spec
from grokscope.training import native
from grokscope.training.machine import keep_memory, use_threads
from grokscope.training.run import Run
from grokscope.training.steps import factors_of, fastest_of_torch
from grokscope.training.unit import one_unit_of

SHARE = 0.4  # of the pairs, where it is not Nanda's
SHAPES = {
    "transformer, mod 113": Spec(),
    "mlp, S5": Spec(
        task="composition", task_args={"group": "S5"}, model="mlp", train_fraction=SHARE
    ),
    "mlp, mod 113": Spec(model="mlp", train_fraction=SHARE),
    "mlp, mod 59": Spec(task_args={"p": 59}, model="mlp", train_fraction=SHARE),
    "pair, mod 67": Spec(
        task_args={"p": 67, "triangle": True}, model="pair", train_fraction=SHARE,
        loss="cross_entropy_per_class",
    ),
    "parity, 64 neurons": replace(PARITY, model_args={"d_mlp": 64}, lr=1e-12),
}  # fmt: skip


def flop(spec: Spec) -> float:
    """Of a step: what the pairs read out, and the products that its tables are; forward, and twice
    backward."""
    run = Run.of(spec)
    model, n = run.new_model(), int(run.is_train.sum())
    if one_unit_of(model) is not None:
        return 4 * n * sum(w.numel() for w in model.parameters())
    if isinstance(model, Transformer):
        return 2 * multiply_adds(model, n)
    fold, factors = model.fold(run.task.inputs[:2]), factors_of(model)
    assert fold is not None
    assert factors is not None
    tables, weights = 0, dict(model.named_parameters())
    for one, *other in (factors.left, factors.right, factors.W_L):
        if other:
            width = weights[other[0].name].shape[not other[0].is_transposed]
            stop = len(weights[one.name]) if one.stop is None else one.stop
            inner = weights[one.name].shape[1]
            tables += (stop - one.start) * inner * width
    return 6 * (n * fold.n_neurons * fold.n_classes + tables)


def main() -> None:
    arguments = parser(__doc__, threads=1, rounds=20)
    args = arguments.parse_args()
    if (reason := native.why_not()) is not None:
        arguments.error(f"no native step: {reason}")
    use_threads(args.threads)
    keep_memory()
    reached = rates()
    best = max(reached.values())
    result: dict[str, object] = {"gflops": reached, "instruction_set": native.library().in_use()}
    rows = []
    for shape, spec in SHAPES.items():
        timed: dict[str, Action] = {}
        of_torch = fastest_of_torch(Run.of(spec).new_model())
        for name, formulation in (("torch", of_torch), ("native", "native")):
            one = Engine(spec, formulation)
            timed[name], timed[f"{name} evaluation"] = one.step, one.evaluate
        ms = rounds_of(timed, args.rounds)
        spread = {name: Spread.of(times) for name, times in ms.items()}
        ratios = {
            f"times{what}": Spread.of(
                [a / b for a, b in zip(ms[f"torch{what}"], ms[f"native{what}"], strict=True)]
            )
            for what in ("", " evaluation")
        }
        floor = flop(spec) / best / 1e6
        result[shape] = {
            **{f"{name}_ms": x.median for name, x in spread.items()},
            **{f"{name}_ms_p10_p90": x.p10_p90 for name, x in spread.items()},
            **{name: x.median for name, x in ratios.items()},
            **{f"{name}_p10_p90": x.p10_p90 for name, x in ratios.items()},
            "floor_ms": floor,
            "of_floor": spread["native"].low / floor,
        }
        cells = [x for s in spread.values() for x in s.cells[:1]]
        told = [f"{x.median:.2f} ({x.low:.2f} – {x.high:.2f})" for x in ratios.values()]
        own = f"{spread['native'].low / floor:.2f}"
        rows.append([shape, *cells[::2], told[0], f"{floor:.1f}", own, *cells[1::2], told[1]])
    told = ", ".join(f"{name} {rate:.0f}" for name, rate in reached.items())
    notes = [
        f"GFLOP/s: {told}; the steps ran {native.library().in_use()} on {processor()}.",
        "times: how many times faster, the median of pairs and from where to where 80 % of them "
        "lie. Against the floor stands the 10th percentile.",
    ]
    columns = ["shape", "torch", "native", "times", "floor", "of floor"]
    columns += ["evaluation", "native", "times"]
    show(args, result, "A step and an evaluation, CPU ms of one core", columns, rows, notes)


if __name__ == "__main__":
    main()
