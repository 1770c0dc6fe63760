"""The native step beside the folded one of torch, on five shapes, and the floor of the core.

Each step is loss, gradients and AdamW, at one thread; each evaluation is of all pairs. Times are
those of the process, in milliseconds at the 10th percentile; ratios are medians of pairs taken in
turns. The floor is the step's arithmetic, without padding, at the best rate that torch's matrix
product or the native tile reaches here.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import time
from collections.abc import Callable
from statistics import median

import torch

from benchmarks.step import multiply_adds
from benchmarks.timing import Action, Spread, parser, show
from grokscope.models.transformer import Transformer
from grokscope.spec import Spec
from grokscope.training import native
from grokscope.training.evaluation import evaluated
from grokscope.training.losses import Objective
from grokscope.training.machine import keep_memory, use_threads
from grokscope.training.optimizers.adamw import AdamW
from grokscope.training.run import Run
from grokscope.training.stack import Stack
from grokscope.training.steps import Examples, factors_of, make_step

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
}  # fmt: skip
SIDE = 1024  # of the matrices that the rates are measured with


def actions(spec: Spec, formulation: str) -> tuple[Action, Action]:
    """A step and an evaluation."""
    run, objective = Run.of(spec), Objective.of(spec)
    data = Examples(run.task.inputs[run.is_train], run.taught[run.is_train])
    every = Examples(run.task.inputs, run.taught)
    stack = Stack([run.new_model()], "cpu", torch.float32)
    stack.is_native = formulation == "native"
    gradients = make_step(formulation, stack.template, [data], spec.loss_precision, objective)
    optimizer, taken = AdamW([spec], stack), 0

    def step() -> None:
        nonlocal taken
        gradients(stack)
        with torch.no_grad():
            optimizer.update(stack, taken)
        taken += 1

    @torch.no_grad()
    def evaluate() -> None:
        weights = {name: leaf[0] for name, leaf in stack.weights.items()}
        evaluated(
            stack.template, weights, every, run.task.n_answers, objective, formulation,
            spec.loss_precision,
        )  # fmt: skip

    return step, evaluate


def flop(spec: Spec) -> float:
    """Of a step: what the pairs read out, and the products that its tables are; forward, and twice
    backward."""
    run = Run.of(spec)
    model, n = run.new_model(), int(run.is_train.sum())
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


def cpu(action: Callable[[], object]) -> float:
    """Milliseconds of the process that one call takes."""
    start = time.process_time()
    action()
    return 1e3 * (time.process_time() - start)


def rates() -> dict[str, float]:
    """GFLOP/s of one core, by each product of matrices that is there."""
    x, y, out = torch.randn(SIDE, SIDE), torch.randn(SIDE, SIDE), torch.empty(SIDE, SIDE)
    core = native.library()
    products: dict[str, Action] = {"torch": lambda: torch.mm(x, y, out=out)}
    for name in core.instruction_sets():

        def own(name: str = name) -> None:
            core.use(name)
            core.multiply(SIDE, x.data_ptr(), y.data_ptr(), out.data_ptr())

        products[f"native {name}"] = own
    used = core.in_use()
    found = {
        name: 2 * SIDE**3 / 1e6 / min(cpu(action) for _ in range(6))
        for name, action in products.items()
    }
    core.use(used)
    return found


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
        names = ("folded", "native")
        steps, evaluations = zip(*(actions(spec, name) for name in names), strict=True)
        for action in (*steps, *evaluations):
            action()
        times = [[cpu(a) for a in (*steps, *evaluations)] for _ in range(args.rounds)]
        torch_ms, own_ms, torch_eval, own_eval = (
            Spread.of(column).low for column in zip(*times, strict=True)
        )
        ratio = median(row[0] / row[1] for row in times)
        eval_ratio = median(row[2] / row[3] for row in times)
        floor = flop(spec) / best / 1e6
        found = {
            "folded_ms": torch_ms, "native_ms": own_ms, "ratio": ratio, "floor_ms": floor,
            "to_floor": own_ms / floor, "evaluation_folded_ms": torch_eval,
            "evaluation_native_ms": own_eval, "evaluation_ratio": eval_ratio,
        }  # fmt: skip
        result[shape] = found
        ms = (torch_ms, own_ms, floor, torch_eval, own_eval)
        cells = [f"{x:.1f}" for x in ms]
        rows.append(
            (shape, *cells[:2], f"{ratio:.2f}", cells[2], f"{own_ms / floor:.2f}", *cells[3:],
             f"{eval_ratio:.2f}")
        )  # fmt: skip
    told = ", ".join(f"{name} {rate:.0f}" for name, rate in reached.items())
    show(
        args, result, "A step and an evaluation, ms of one core",
        ("shape", "torch", "native", "times", "floor", "over floor", "eval", "native", "times"),
        rows, [f"GFLOP/s: {told}; the steps ran {native.library().in_use()}"],
    )  # fmt: skip


if __name__ == "__main__":
    main()
