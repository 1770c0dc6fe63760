"""One training step: the plain one, what an expert would write, grokscope's, and the core's floor.

The step is that of Nanda et al. 2023: their Transformer on a+b mod 113, full batch of 30 % of the
pairs (3,830), float32 weights, a loss faithful to float64, AdamW. No variant evaluates the test
pairs. The allocator remedy `keep_memory` is on for all of them.

    reference   the model as it is written, at all positions, by autograd; torch's fused AdamW
    last        only what the answer's position needs, by autograd; torch's fused AdamW
    folded      grokscope's folded step; torch's fused AdamW
    torch       grokscope's folded step and AdamW: what `train` runs without the native step
    native      the native step and AdamW: what `train` runs where it is built

Times are of the processor, all threads together. Variants are timed in turns, one call of each
after another, and a ratio is the median of those of one round. They are timed at one thread, at one
with MKL's cure, and at two. On AMD's processors MKL, which torch multiplies with, may take a slower
path than the core has; the cure is a library that answers "Intel" when MKL asks who made the
processor, loaded before it.

The floor is the arithmetic of the folded step at the best rate that any product of matrices reaches
here on one core: torch's, torch's with the cure, or the native tile of each instruction set. Peak
memory is what a fresh process takes for the step beyond the imports, the task and the model.
"""

import json
import multiprocessing
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from argparse import Namespace
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.engine import Engine
from benchmarks.timing import Action, Spread, cpu_milliseconds, parser, processor, rounds_of, show
from grokscope.models.transformer import Transformer
from grokscope.spec import Spec
from grokscope.training import native
from grokscope.training.loss import cross_entropy
from grokscope.training.machine import keep_memory, use_threads
from grokscope.training.run import Run
from grokscope.training.stack import Stack
from grokscope.training.steps import Examples, make_step

SPEC = Spec()  # its defaults are those of Nanda et al. 2023
SIDE = 1024  # of the matrices that the rates are measured with
CURE = "int mkl_serv_intel_cpu_true(void) { return 1; }"
AT = {"1 thread": (1, False), "1 thread, MKL cured": (1, True), "2 threads": (2, False)}


def problem() -> tuple[Transformer, Examples]:
    """The model with its initial weights, and what it is taught."""
    run = Run.of(SPEC)
    model = run.new_model()
    assert isinstance(model, Transformer)
    return model, Examples(run.task.inputs[run.is_train], run.task.answers[run.is_train])


def reference(model: Transformer, examples: Examples) -> Action:
    return by_autograd(model, model.forward, examples)


def last(model: Transformer, examples: Examples) -> Action:
    return by_autograd(model, model.last, examples)


def by_autograd(
    model: Transformer, logits: Callable[[Tensor], Tensor], examples: Examples
) -> Action:
    optimizer = torch_adamw(list(model.parameters()))

    def step() -> None:
        optimizer.zero_grad()
        cross_entropy(logits(examples.inputs), examples.answers).backward()
        optimizer.step()

    return step


def folded(model: Transformer, examples: Examples) -> Action:
    stack = Stack([model], "cpu", torch.float32)
    one_step = make_step("folded", model, [examples], SPEC.loss_precision)
    stack.flat.grad = stack.grad
    optimizer = torch_adamw([stack.flat])

    def step() -> None:
        one_step(stack)
        optimizer.step()

    return step


def engine(name: str) -> Action:
    """The step that `train` takes, by this formulation."""
    return Engine(SPEC, name).step


def torch_adamw(weights: list[Tensor]) -> torch.optim.AdamW:
    return torch.optim.AdamW(
        weights, lr=SPEC.lr, betas=SPEC.betas, eps=SPEC.eps, weight_decay=SPEC.weight_decay,
        fused=True,
    )  # fmt: skip


VARIANTS: dict[str, Callable[[Transformer, Examples], Action]] = {
    "reference": reference,
    "last": last,
    "folded": folded,
    "torch": lambda *_: engine("folded"),
    **({"native": lambda *_: engine("native")} if native.why_not() is None else {}),
}


def multiply_adds(model: Transformer, n_pairs: int) -> int:
    """How many multiply-adds a folded step needs, forward and backward, without padding.

    With D = d_model, H heads, M = d_mlp, C classes, n symbols, W = M + C:

        tables   q and W_K q: 2 D²;  scores: 2n D H;  values: 2n D²;  W_O [W_in | W_U]: D² W;
                 values pushed through it: 2n D W;  W_out W_U: M D C;
                 the base row: D² + 2 D W + D C
        a pair   mixing 2H rows of the table: 2H W;  reading out: M C

    Backward takes twice as many: of each product, the gradient of either factor.
    """
    n, D, H = model.equals, model.W_E.shape[1], model.W_Q.shape[0]
    M, C = model.W_in.shape[1], model.W_U.shape[1]
    W = M + C
    base = D**2 + 2 * D * W + D * C
    tables = 2 * D**2 + 2 * n * D * H + 2 * n * D**2 + D**2 * W + 2 * n * D * W + M * D * C + base
    return 3 * (tables + n_pairs * (2 * H * W + M * C))


def rates() -> dict[str, float]:
    """GFLOP/s of one core, by each product of matrices that is there."""
    x, y, out = torch.randn(SIDE, SIDE), torch.randn(SIDE, SIDE), torch.empty(SIDE, SIDE)
    products: dict[str, Action] = {"torch": lambda: torch.mm(x, y, out=out)}
    if native.why_not() is None:
        products |= _tiles(x, y, out)
    return {
        name: 2 * SIDE**3 / 1e6 / min(cpu_milliseconds(action) for _ in range(6))
        for name, action in products.items()
    }


def _tiles(x: Tensor, y: Tensor, out: Tensor) -> dict[str, Action]:
    """The product by the native tile of each instruction set."""
    core = native.library()

    def multiply(name: str) -> None:
        used = core.in_use()
        core.use(name)
        core.multiply(SIDE, x.data_ptr(), y.data_ptr(), out.data_ptr())
        core.use(used)

    return {f"native {name}": partial(multiply, name) for name in core.instruction_sets()}


def peak_mib(name: str, threads: int) -> float:
    """MiB that a variant takes at its peak beyond the imports, the task and the model; in a process
    of its own, so that nothing else has taken them before."""
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=fresh) as pool:
        return pool.submit(_peak_here, name, threads).result()


def _peak_here(name: str, threads: int) -> float:
    use_threads(threads)
    keep_memory()
    model, examples = problem()
    torch_adamw([torch.zeros(1)])  # imports much at its first use, and that is no part of a step
    before = highest_mib()
    step = VARIANTS[name](model, examples)
    for _ in range(5):
        step()
    return highest_mib() - before


def highest_mib() -> float:
    """The most memory this process has held. The kernel's own count for the process, where it is to
    be had: `ru_maxrss` begins with that of the process it was started from."""
    status = Path("/proc/self/status")
    if status.exists():
        counts = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(counts["VmHWM"].split()[0]) / 1024
    highest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return highest / (2**20 if sys.platform == "darwin" else 1024)


def here(threads: int, rounds: int) -> dict[str, dict[str, list[float]] | dict[str, float]]:
    """In this process: the CPU milliseconds of each variant, a number a round, and the rates."""
    use_threads(1)
    reached = rates()
    use_threads(threads)
    keep_memory()
    steps = {name: make(*problem()) for name, make in VARIANTS.items()}
    return {"ms": rounds_of(steps, rounds), "gflops": reached}


def apart(threads: int, rounds: int, cure: str | None) -> dict[str, dict[str, list[float]]]:
    """The same in a process of its own, with the library `cure` loaded before MKL."""
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    if cure is not None:
        environment["LD_PRELOAD"] = cure
    command = [sys.executable, "-m", "benchmarks.step", "--here", "--threads", str(threads)]
    command += ["--rounds", str(rounds)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def make_cure(folder: Path) -> str | None:
    """The library that cures MKL, built; None where that cannot be done."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        return None
    source, made = folder / "cure.c", folder / "cure.so"
    source.write_text(CURE)
    done = subprocess.run([compiler, "-shared", "-fPIC", "-o", made, source], capture_output=True)
    return str(made) if done.returncode == 0 else None


def main() -> None:
    arguments = parser(__doc__, threads=0, rounds=8)
    arguments.add_argument("--here", action="store_true", help="print the times of this process")
    args = arguments.parse_args()
    if args.here:
        print(json.dumps(here(args.threads, args.rounds)))
        return
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        cure = make_cure(Path(folder))
        for name, (threads, is_cured) in AT.items():
            if args.threads in (0, threads) and (cure is not None or not is_cured):
                found[name] = apart(threads, args.rounds, cure if is_cured else None)
    memory = {name: peak_mib(name, 1) for name in VARIANTS}
    _show(args, found, memory)


def _show(args: Namespace, found: Mapping[str, Any], memory: Mapping[str, float]) -> None:
    model, examples = problem()
    gflop = 2 * multiply_adds(model, len(examples.answers)) / 1e9
    reached = {
        (f"{name}, MKL cured" if "cured" in at else name): rate
        for at, x in found.items()
        for name, rate in x["gflops"].items()
        if name == "torch" or "cured" not in at
    }
    floor = 1e3 * gflop / max(reached.values())
    result: dict[str, object] = {"gflop": gflop, "gflops": reached, "floor_ms": floor}
    rows = []
    for at, x in found.items():
        ms = x["ms"]
        rows.append([at])
        result[at] = told = {}
        for name, own in ms.items():
            by = {
                other: Spread.of([a / b for a, b in zip(ms[other], own, strict=True)])
                for other in ("reference", "last")
            }
            spread = Spread.of(own)
            told[name] = {
                "ms": spread.median, "ms_p10_p90": spread.p10_p90, "of_floor": spread.low / floor,
                **{f"times_{k}": y.median for k, y in by.items()},
                **{f"times_{k}_p10_p90": y.p10_p90 for k, y in by.items()},
            }  # fmt: skip
            faster = [f"{y.median:.1f} ({y.low:.1f}–{y.high:.1f})" for y in by.values()]
            rows.append([f"  {name}", *spread.cells, *faster, f"{spread.low / floor:.1f}"])
    result["peak_mib"] = dict(memory)
    peaks = ", ".join(f"{name} {mib:.0f}" for name, mib in memory.items())
    rates_told = ", ".join(f"{name} {rate:.0f}" for name, rate in reached.items())
    show(
        args,
        result,
        f"A training step of Nanda's Transformer, a+b mod 113, {len(examples.answers):,} pairs",
        ["step", "CPU ms", "10–90 %", "× reference", "× last", "of floor"],
        rows,
        [
            f"{args.rounds} rounds, in turns; torch {torch.__version__}; {processor()}.",
            "× says how many times faster, with the 10th and the 90th percentile.",
            f"floor: {gflop:.2f} GFLOP of a folded step in {floor:.1f} ms, at the best of these "
            f"GFLOP/s of one core: {rates_told}. Against it stands the 10th percentile.",
            f"peak MiB: {peaks}.",
        ],
    )


if __name__ == "__main__":
    main()
