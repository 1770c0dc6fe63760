"""The networks of the three pools, as data: which cells, and how many seeds of each.

A cell is a task, an architecture, a share of data and a weight decay. All are small MLPs on tables
modulo 31 with a <= b, so that no mirror gives an answer away:

    logits = (E[a] + E[b])² U        squares, 48 neurons
    logits = relu([x[a] | y[b]] W) U   relus, 48 neurons

with AdamW at lr .05 and no warmup. `same` are cells at the edge, where some networks generalise by
the end of the budget and some do not, chosen by a pilot of ten seeds a cell.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields

from grokscope.spec import Spec

P, RECORD = 31, 2_000
SQUARES = ("model=pairsquare", "model.embed=input_tied", "model.d_embed=48",
           "model.collapsed_hidden=true", "model.collapsed_out=true")  # fmt: skip
RELUS = ("model=mlp", "model.d_embed=32", "model.d_mlp=48")
SUM = ("task=a+b",)
PRODUCT = ("task=a*b", "task.zero=false")
SQUARE_SUM = ("task=a**2+b**2",)
SHUFFLED = ("task=shuffled",)
BASE = Spec(
    task_args={"p": P, "triangle": True},
    lr=0.05,
    warmup=0,
    grok_at=0.95,
    grok_patience=3,
    stop_after_grok=0,
    eval_every=5,
    checkpoint_every=10**9,
    record=RECORD,
)


FREE = (  # what may differ from the pools' own: told by the table, or of no matter to training
    "task", "task_args", "train_fraction", "weight_decay", "lr", "steps", "seed", "split_seed",
    "label_seed", "eval_every", "checkpoint_every", "record", "stop_after_grok", "give_up_after",
)  # fmt: skip


def unlike(spec: Spec) -> str | None:
    """In which setting a network is trained otherwise than those of the pools, task, share of data,
    weight decay, learning rate, budget and seeds apart, with what theirs have; None in none."""
    alike = [BASE.override(*model) for model in (SQUARES, RELUS)]
    for name in (f.name for f in fields(spec) if f.name not in FREE):
        value, theirs = getattr(spec, name), [getattr(x, name) for x in alike]
        if value not in theirs:
            return f"{name} {value} (known: {' or '.join(dict.fromkeys(map(str, theirs)))})"
    return None


@dataclass(frozen=True)
class Cell:
    """Networks that differ in their seeds alone. `label` is of a control its kind, why it cannot
    generalise, and of the same-configuration pool which part of the protocol it is for:
    "calibrate", "test", "task" or "architecture"."""

    task: tuple[str, ...]
    model: tuple[str, ...]
    train_fraction: float
    weight_decay: float
    seeds: int
    steps: int
    label: str | None = None
    settings: tuple[str, ...] = ()

    def specs(self) -> Iterator[Spec]:
        own = (
            f"train_fraction={self.train_fraction}",
            f"weight_decay={self.weight_decay}",
            f"steps={self.steps}",
        )
        spec = BASE.override(*self.task, *self.model, *own, *self.settings)
        for seed in range(self.seeds):
            yield spec.override(f"seed={seed}")


MIXED = tuple(
    Cell(task, model, fraction, decay, 30, 3_000)
    for task in (SUM, PRODUCT, SQUARE_SUM)
    for model in (SQUARES, RELUS)
    for fraction in (0.4, 0.55, 0.7, 0.85)
    for decay in (0.3, 1.0, 2.0)
)


def _edge(
    label: str, task: tuple[str, ...], model: tuple[str, ...], *cells: tuple[float, float, int]
) -> tuple[Cell, ...]:
    """Cells of a hundred seeds: a share of data, a weight decay, and the budget in steps."""
    return tuple(Cell(task, model, f, decay, 100, steps, label) for f, decay, steps in cells)


SAME = (
    *_edge("calibrate", SUM, SQUARES, (0.65, 3.0, 5_000), (0.65, 3.1, 5_000), (0.7, 3.1, 3_000)),
    *_edge("calibrate", SUM, SQUARES, (0.7, 3.2, 3_000), (0.75, 3.35, 3_000), (0.75, 3.45, 3_000)),
    *_edge("calibrate", SUM, SQUARES, (0.8, 3.8, 3_000), (0.8, 4.0, 3_000)),
    *_edge("test", SUM, SQUARES, (0.65, 2.95, 5_000), (0.65, 3.05, 5_000), (0.7, 3.15, 3_000)),
    *_edge("test", SUM, SQUARES, (0.7, 3.25, 3_000), (0.75, 3.4, 3_000), (0.75, 3.5, 3_000)),
    *_edge("test", SUM, SQUARES, (0.8, 3.75, 3_000), (0.8, 3.9, 3_000)),
    *_edge("task", PRODUCT, SQUARES, (0.7, 3.05, 3_000), (0.7, 3.15, 3_000)),
    *_edge("task", SQUARE_SUM, SQUARES, (0.7, 2.9, 3_000), (0.7, 3.05, 3_000)),
    *_edge("architecture", SUM, RELUS, (0.7, 1.0, 10_000), (0.75, 1.0, 10_000)),
)

CONTROL = tuple(
    Cell(task, model, fraction, decay, 40, 6_000, label, settings)
    for model in (SQUARES, RELUS)
    for label, task, settings, cells in (
        ("random labels", SUM, ("label_noise=1",), ((0.5, 0.3), (0.6, 1.0))),
        ("no decay", SUM, (), ((0.4, 0.0), (0.5, 0.0))),
        ("too little data", SUM, (), ((0.2, 0.3), (0.25, 1.0))),
        ("a table without structure", SHUFFLED, (), ((0.5, 0.3), (0.6, 1.0))),
    )
    for fraction, decay in cells
)
CELLS: dict[str, tuple[Cell, ...]] = {"mixed": MIXED, "same": SAME, "control": CONTROL}
