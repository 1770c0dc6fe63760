"""Networks a second on a GPU against the size of the stack: one by one, at once, and as one graph.

A network-step is one training step of one network, its AdamW included: the MLP of Chughtai et al.
on a+b mod 59, 40 % of the pairs, or Nanda et al.'s Transformer on a+b mod 113, 30 %; float32.

    folded      one member after the other, as on a CPU
    stacked     all members at once: what `train` runs on a GPU
    graph       ten such steps captured as a CUDA graph, and replayed

Where there is no CUDA device nothing is measured, and that is said.
"""

import time
from collections.abc import Callable

import torch

from benchmarks.timing import parser, show
from grokscope.spec import Spec
from grokscope.training.run import Run
from grokscope.training.stack import Stack
from grokscope.training.steps import Examples, make_step
from grokscope.training.update import Update

PROBLEMS = {
    "mlp 59": Spec(task_args={"p": 59}, model="mlp", train_fraction=0.4),
    "transformer 113": Spec(),
}
SIZES = (1, 4, 16, 64, 256, 1024)
IN_GRAPH = 10  # steps
LEAST = 0.5  # seconds of a measurement


def stepper(spec: Spec, size: int, formulation: str, device: str) -> Callable[[], None]:
    """A training step of so many networks, whose count stays on the device."""
    run = Run.of(spec, "nowhere")
    pairs, taught = run.task.inputs[run.is_train], run.task.answers[run.is_train]
    model, examples = run.new_model(), Examples(pairs, taught).to(device)
    stack = Stack([model] * size, device, torch.float32)
    gradients = make_step(formulation, stack.template, [examples] * size, spec.loss_precision)
    update = Update([spec] * size, stack)
    count = torch.zeros((), dtype=torch.float64, device=device)

    def step() -> None:
        nonlocal count
        gradients(stack)
        update(stack, count)
        count += 1

    return step


def captured(step: Callable[[], None]) -> Callable[[], None]:
    """`IN_GRAPH` steps as one CUDA graph."""
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(IN_GRAPH):
            step()
    return graph.replay


def rate(step: Callable[[], None], networks: int, device: str, least: float = LEAST) -> float:
    """Network-steps a second; `networks` of them are a call."""

    def wait() -> None:
        if device.startswith("cuda"):
            torch.cuda.synchronize()

    step()
    wait()
    calls, start = 0, time.perf_counter()
    while (passed := time.perf_counter() - start) < least:
        for _ in range(5):
            step()
        wait()
        calls += 5
    return calls * networks / passed


def rates(spec: Spec, size: int, device: str, least: float = LEAST) -> dict[str, float | None]:
    """Network-steps a second by each way; None where the device has no memory for it, or torch
    cannot capture it."""
    found: dict[str, float | None] = {}
    for way in ("folded", "stacked", "graph"):
        if way == "graph" and not device.startswith("cuda"):
            continue
        try:
            step = stepper(spec, size, "folded" if way == "folded" else "stacked", device)
            each = size
            if way == "graph":
                step, each = captured(step), size * IN_GRAPH
            found[way] = rate(step, each, device, least)
        except RuntimeError:  # as those of memory and of captures are
            found[way] = None
    return found


def main() -> None:
    args = parser(__doc__, threads=1, rounds=1).parse_args()
    if not torch.cuda.is_available():
        print("No CUDA device was found, so nothing was measured. torch: " + torch.__version__)
        return
    rows, result = [], {"device": torch.cuda.get_device_name(), "torch": torch.__version__}
    for name, spec in PROBLEMS.items():
        for size in SIZES:
            found = rates(spec, size, "cuda")
            result |= {f"{name}, {size}, {way}": x for way, x in found.items()}
            cells = ["-" if x is None else f"{x:,.0f}" for x in found.values()]
            rows.append([name, str(size), *cells])
    show(
        args,
        result,
        f"Network-steps a second on {torch.cuda.get_device_name()}",
        ["network", "in the stack", "folded", "stacked", "graph"],
        rows,
        ["Each number is of at least half a second. A dash: no memory for it, or not captured."],
    )


if __name__ == "__main__":
    main()
