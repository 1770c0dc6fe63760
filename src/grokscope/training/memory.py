"""How much memory a run takes at its peak, said before it is taken.

What is counted are the tables that are made at once: of training pairs in a step, of the pairs of
an evaluation, of all pairs in a reading or an explanation, and what each member keeps. The few
numbers that are no sizes are measured: `python -m benchmarks.memory` holds what is said against
what is taken (docs/memory.md).

Axes: pair = one input; row = a row of a fold's table.
"""

from dataclasses import dataclass

import torch

from grokscope.errors import BadInput
from grokscope.models.model import Model
from grokscope.tap import record
from grokscope.task import Task
from grokscope.training.choice import asked_step
from grokscope.training.loss import DTYPES
from grokscope.training.losses import Objective, cross_entropy, cross_entropy_per_class
from grokscope.training.machine import free_memory
from grokscope.training.run import Run
from grokscope.training.steps import why_not_native
from grokscope.training.unit import one_unit_of
from grokscope.training.update import sketch

PAIRS_AT_ONCE = 20_000  # in an evaluation
AT_ONCE_ON_GPU = 10 * PAIRS_AT_ONCE  # of all members
MOST_LOGITS = 60_000_000  # of a table that is read as one, or explained without a sample
LOGITS_AT_ONCE = 8_000_000  # of a larger one
SHARE = 4  # a sample has a quarter of what would be read as one

CODE = 45_000_000  # bytes of libraries that the first step brings in
OF_READING = 100_000_000  # and those that a reading does, and a page
OF_EXPLAINING = 80_000_000
OF_PAGE = 50_000_000
MOST_DRAWN, DRAWN = 2_500_000, 80  # logits that a page has, and bytes of each
STACKED = 8  # copies of the weights: gradients, temporaries, checkpoints as they are written
NATIVELY = 4  # of the native step, which makes no temporaries
IN_PROOF = 60  # bytes for each pair and term: a fold and its errors, in float64
EVIDENCE = 8  # tables of logits in float64
GRAPH = 1.2  # copies of an activation that autograd keeps


@dataclass(frozen=True)
class Needs:
    """Bytes of training: of an evaluation and of a step, one member after the other; `kept` by
    each member, and `graph`, what autograd holds of each during a step."""

    evaluation: int
    step: int
    kept: int
    graph: int

    def of(self, members: int = 1) -> int:
        """At the peak, of so many in one stack."""
        passing = max(self.evaluation, self.step + members * self.graph)
        return CODE + members * self.kept + passing

    def side_by_side(self) -> "Needs":
        """Where all members take a step at once, and are evaluated at once."""
        return Needs(10 * self.evaluation, 0, self.kept, self.graph + self.step)

    def most(self, free: int) -> int:
        """How many members fit into so many bytes; at least one."""
        evaluated = (free - CODE - self.evaluation) / self.kept
        trained = (free - CODE - self.step) / (self.kept + self.graph)
        return max(1, int(min(evaluated, trained)))


@dataclass(frozen=True)
class Widths:
    """Numbers for each pair: `activations`, all that a pass names; `neurons` of the last hidden
    layer; `classes`, of all its answers. Of a fold `mixed`, its neurons and direct path, and
    `terms` that are mixed; of its table `rows`, whatever the pairs, and `rows_per_pair`."""

    activations: int
    neurons: int
    classes: int
    mixed: int = 0
    terms: int = 0
    rows: int = 0
    rows_per_pair: int = 0

    @classmethod
    @torch.no_grad()
    def of(cls, task: Task, model: Model, whole: bool = False) -> "Widths":
        """Those of a model, seen on two and on four of its inputs; `whole`: of all positions."""
        few = task.inputs[:2]
        named = record(model if whole else model.last, few)
        named["logits"] = model.last(few)
        activations = sum(x.numel() for x in named.values()) // len(few)
        neurons = named["mlp_post"].shape[-1] if "mlp_post" in named else 0
        classes = named["logits"].numel() // len(few)
        fold = None if whole else model.fold(few)
        if fold is None:
            return cls(activations, neurons, classes)
        four = model.fold(task.inputs[:4])
        assert four is not None
        more = max(1, len(four.rows) - len(fold.rows))
        per_pair = (len(four.table) - len(fold.table)) // more
        return cls(
            activations,
            fold.n_neurons,
            fold.W_L.shape[1],
            mixed=fold.table.shape[1],
            terms=fold.rows.shape[1],
            rows=len(fold.table) - per_pair * len(fold.rows),
            rows_per_pair=per_pair,
        )


def widths_of(run: Run, model: Model) -> Widths:
    """Those of a run's model as its formulation computes it."""
    return Widths.of(run.task, model, whole=run.spec.formulation == "reference")


def training(run: Run, model: Model, device: str = "cpu") -> Needs:
    """What training members like this run takes on `device`."""
    spec, x, w = run.spec, widths_of(run, model), DTYPES[run.spec.precision].itemsize
    n, n_pairs = int(run.is_train.sum()), len(run.is_train)
    is_folded = bool(x.mixed) and asked_step(spec) in ("fast", "folded", "native")
    n_weights = sum(v.numel() for v in model.parameters())
    state = sum(v.numel() * v.element_size() for v in sketch(spec, model).values())
    tables = n_pairs * (8 * (run.task.inputs.shape[1] + run.task.n_read) + 2)
    is_native = _is_native(run, model, device)
    copies = NATIVELY if is_native else STACKED
    kept = state + copies * w * n_weights + tables
    loss = x.classes * (w + 16 if spec.loss_precision == "float64" else 3 * w)
    passed = x.mixed + x.neurons + x.classes if is_folded else x.activations
    if is_native and one_unit_of(model) is not None:
        return _of_unit(n, n_pairs, run.task.inputs.shape[1], kept)
    if is_native:
        return _natively(x, n, min(n_pairs, PAIRS_AT_ONCE), kept)
    evaluation = min(n_pairs, PAIRS_AT_ONCE) * max(w * passed, loss)
    if not is_folded:
        return Needs(evaluation, 0, kept, n * (int(GRAPH * w * x.activations) + loss))
    written_out = Objective.of(spec).loss in (cross_entropy, cross_entropy_per_class)
    step = n * (w * (2 * x.mixed + x.classes) + (0 if written_out else 2 * loss))
    kept += n * x.terms * (28 + 3 * w)  # the plan of which rows make which pair
    graph = 2 * w * x.mixed * (x.rows + x.rows_per_pair * n)
    if x.rows_per_pair:  # the layers below the last
        graph += n * int(GRAPH * w * max(0, x.activations - 2 * x.neurons - x.classes))
    return Needs(evaluation, step, kept, graph)


def _is_native(run: Run, model: Model, device: str) -> bool:
    spec = run.spec
    reason = why_not_native(
        model, run.task.inputs, spec.loss_precision, Objective.of(spec), device
    )  # fmt: skip
    return asked_step(spec) in ("fast", "native") and reason is None


def _natively(x: Widths, n: int, at_once: int, kept: int) -> Needs:
    """Of the native step, which holds the pairs of one block: what is left are rows, weights and
    tables, with their gradients."""
    terms = 28 * x.terms  # bytes of a pair: its rows in 64 and 32 bits, weights and gradients
    evaluation = at_once * (terms + 4 * x.mixed * x.rows_per_pair + 10)
    graph = n * terms + 8 * x.mixed * (x.rows + x.rows_per_pair * n)
    if x.rows_per_pair:
        graph += n * int(GRAPH * 4 * max(0, x.activations - 2 * x.neurons - x.classes))
    return Needs(evaluation, 0, kept + n * 12 * x.terms, graph)


def _of_unit(n: int, n_pairs: int, digits: int, kept: int) -> Needs:
    """Of the native step of one unit: five digits a byte and the answer are kept, and while they
    are packed there are two copies in 64 bits."""
    return Needs(n_pairs * (16 * digits + 30), 0, kept + (n + n_pairs) * (digits // 5 + 5), 0)


def reading(run: Run, model: Model, is_explained: bool) -> int:
    """Bytes of reading a run and writing its page: of the last checkpoint and the one that is
    measured, each as it is and in its canonical view, and one pass; or of its explanation, which
    is held while the page is drawn."""
    plain = _measured(run, model)
    if not is_explained:
        return plain
    logits = run.task.answers.numel() * run.task.n_answers
    drawn = OF_PAGE + (DRAWN * logits if logits <= MOST_DRAWN else 0)
    return max(plain, explaining(run.task, model) + drawn)


def _measured(run: Run, model: Model) -> int:
    x, n_pairs, n = widths_of(run, model), len(run.is_train), int(run.is_train.sum())
    classes = run.task.n_read * run.task.n_answers
    if n_pairs * classes <= MOST_LOGITS:
        return CODE + OF_READING + 4 * n_pairs * (4 * _tables(x) + x.activations)
    hidden = 4 * n_pairs * 4 * x.neurons
    return CODE + OF_READING + hidden + n * classes * 36  # of the train logits, in float64


def explaining(task: Task, model: Model) -> int:
    """Bytes of explaining a network: its tables, those of its canonical view and of two controls,
    and the evidence in float64; of a large one on a sample, the hidden layer block by block."""
    x, n_pairs, classes = Widths.of(task, model), len(task.inputs), task.n_read * task.n_answers
    held = CODE + OF_EXPLAINING
    if n_pairs * classes > MOST_LOGITS:
        held += n_pairs * (IN_PROOF * max(1, x.terms) + 200)
        n_pairs = MOST_LOGITS // (SHARE * classes)
    return held + n_pairs * (4 * 4 * _tables(x) + 8 * (EVIDENCE * classes + 2 * x.neurons))


def _tables(x: Widths) -> int:
    """Numbers for each pair that a snapshot holds once all of it was asked for."""
    return max(x.mixed, x.neurons) + x.neurons + x.classes


def refuse(what: str, needed: int, instead: str, device: str = "cpu") -> None:
    """Raise `BadInput` where more is needed than is free."""
    free = free_memory(device)
    if needed > free:
        raise BadInput(
            f"{what} needs about {needed / 1e9:,.1f} GB of memory on {device}, and "
            f"{free / 1e9:,.1f} GB are free. {instead}"
        )
