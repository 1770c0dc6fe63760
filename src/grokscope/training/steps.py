"""Formulations of one training step: the plain reference, and faster ones that are equal to it.

A step turns a stack of weights into the losses of its members and writes the gradients into
`stack.grad`. The spec names the formulation; "fast" is the fastest that the model has. A fast one
is a *checked rewrite*: before its first use on a shape it must give the reference's loss and
gradients in float64, at random weights with non-zero biases, or `RewriteError` is raised. The
native one knows float32 alone, and is held to the same by the norm of its error.

Axes: pair = one training input; operand = a, b; member = one network.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.func import functional_call, vmap

from grokscope.errors import BadInput, RewriteError, lookup
from grokscope.models.model import Factors, Fold, Model
from grokscope.training import native as core
from grokscope.training.dropout import Dropout, check_dropout
from grokscope.training.folded import Plan, folded_loss, is_written_out
from grokscope.training.losses import (
    CROSS_ENTROPY,
    Objective,
    clipped_bce,
    cross_entropy_per_class,
)
from grokscope.training.stack import Stack
from grokscope.training.stacked import StackedPlan, fill, stacked_loss
from grokscope.training.unit import Digits, UnitStep, one_unit_of, why_not_unit

TOLERANCE = 1e-10
NATIVE_TOLERANCE = 1e-5  # of the norm of an error, relative to that of the gradient


@dataclass(frozen=True, eq=False)
class Examples:
    """What one member trains on."""

    inputs: Int[Tensor, "pair operand"]
    answers: Int[Tensor, " pair *answer"]
    computed: dict[object, Any] = field(default_factory=dict, init=False)  # of these alone

    def to(self, device: str) -> "Examples":
        return Examples(self.inputs.to(device), self.answers.to(device))

    def __getitem__(self, pairs: slice) -> "Examples":
        return Examples(self.inputs[pairs], self.answers[pairs])


Step = Callable[[Stack], Float[Tensor, " member"]]
Formulation = Callable[..., Step]  # of model, examples, loss_precision and objective, as below


def reference(
    model: Model,
    examples: Sequence[Examples],
    loss_precision: str,
    objective: Objective = CROSS_ENTROPY,
) -> Step:
    """The model as it is written, every position, by autograd."""
    return _by_autograd(Called(model, "forward"), examples, loss_precision, objective)


def last(
    model: Model,
    examples: Sequence[Examples],
    loss_precision: str,
    objective: Objective = CROSS_ENTROPY,
) -> Step:
    """Only what the answer's position needs, by autograd: for models that do not fold."""
    return _by_autograd(Called(model, "last"), examples, loss_precision, objective)


def dropped(
    model: Model,
    examples: Sequence[Examples],
    loss_precision: str,
    objective: Objective,
    dropout: Dropout,
) -> Step:
    """As `last`, without the neurons that dropout leaves out in this step."""
    called = Called(model, "last")

    def member_loss(k: int, weights: dict[str, Tensor], step: int) -> Tensor:
        inputs, answers = examples[k].inputs, examples[k].answers
        tap = dropout.tap(k, step)
        logits = functional_call(called, prefixed(weights), (inputs, tap))
        return objective.each(logits, answers, loss_precision).mean()

    def step(stack: Stack) -> Float[Tensor, " member"]:
        each = enumerate(stack.members())
        losses = torch.stack([member_loss(k, w, stack.step) for k, w in each])
        stack.backward(losses)
        return losses.detach()

    return step


def folded(
    model: Model,
    examples: Sequence[Examples],
    loss_precision: str,
    objective: Objective = CROSS_ENTROPY,
) -> Step:
    """The model's tables, mixed by sparse products, with written-out gradients."""
    called = Called(model, "fold")
    plans: list[Plan | None] = [None] * len(examples)

    def member_loss(k: int, weights: dict[str, Tensor]) -> Tensor:
        fold: Fold = functional_call(called, prefixed(weights), (examples[k].inputs,))
        plan = plans[k] = plans[k] or Plan(fold.rows, len(fold.table))
        return folded_loss(fold, plan, examples[k].answers, loss_precision, objective)

    return _one_after_the_other(member_loss)


def stacked(
    model: Model,
    examples: Sequence[Examples],
    loss_precision: str,
    objective: Objective = CROSS_ENTROPY,
) -> Step:
    """The folded step of all members at once, for a GPU; cross-entropy alone."""
    if not is_written_out(objective):
        return folded(model, examples, loss_precision, objective)
    some, tables = fill(*_columns(examples)), stacked_tables(model)
    fold, rows = first_fold(model, examples[0].inputs), rows_of(model, some.inputs)
    scale = 1 / fold.n_classes if objective.loss is cross_entropy_per_class else 1.0
    plan: StackedPlan | None = None

    def step(stack: Stack) -> Float[Tensor, " member"]:
        nonlocal plan
        table, weights, W_L = tables(stack.weights, some.inputs)
        plan = plan or StackedPlan(rows, table.shape[1], some)
        losses = scale * stacked_loss(table, weights, W_L, fold, plan, loss_precision)
        stack.backward(losses)
        return losses.detach()

    return step


def native(
    model: Model,
    examples: Sequence[Examples],
    loss_precision: str,
    objective: Objective = CROSS_ENTROPY,
) -> Step:
    """The fold in C++, by `grokscope-core`: float32, cross-entropy, in blocks of pairs. Or a
    network of one unit, which is none."""
    if (unit := one_unit_of(model)) is not None:
        return UnitStep(unit, model, [Digits(e.inputs, e.answers) for e in examples], objective)
    with torch.no_grad():
        first = [model.fold(e.inputs) for e in examples]
    plans = [core.Plan(f, e.answers) for f, e in zip(first, examples, strict=True) if f is not None]
    per_class = objective.loss is cross_entropy_per_class
    scale = 1 / (first[0].n_classes if per_class and first[0] is not None else 1)
    if (factors := factors_of(model)) is not None:
        shapes = {name: w.shape for name, w in model.named_parameters()}
        return core.FactoredStep(factors, shapes, plans, scale)
    called = Called(model, "fold")

    def member_loss(k: int, weights: dict[str, Tensor]) -> Tensor:
        fold: Fold = functional_call(called, prefixed(weights), (examples[k].inputs,))
        return core.native_loss(fold, plans[k], scale)

    return _one_after_the_other(member_loss)


Tables = tuple[Tensor, Tensor | None, Tensor]  # table, weights and W_L, each with a row a member


def stacked_tables(model: Model) -> Callable[[dict[str, Tensor], Tensor], Tables]:
    """A function of all members' weights and inputs to their folds' tables."""
    called = Called(model, "fold")

    def of_one(weights: dict[str, Tensor], inputs: Tensor) -> tuple[Tensor, ...]:
        fold: Fold = functional_call(called, prefixed(weights), (inputs,))
        return fold.table, fold.W_L, *(() if fold.weights is None else (fold.weights,))

    def of_all(weights: dict[str, Tensor], inputs: Tensor) -> Tables:
        table, W_L, *mixing = vmap(of_one)(weights, inputs)
        return table, mixing[0] if mixing else None, W_L

    return of_all


@torch.no_grad()
def first_fold(model: Model, inputs: Int[Tensor, "pair operand"]) -> Fold:
    """The fold of one pair: what is alike for all members and pairs."""
    fold = model.fold(inputs[:1])
    assert fold is not None
    return fold


@torch.no_grad()
def rows_of(
    model: Model, inputs: Int[Tensor, "member pair operand"]
) -> Int[Tensor, "member pair term"]:
    """Which rows of its table make which pair of each member."""
    folds = [model.fold(some) for some in inputs]
    return torch.stack([fold.rows for fold in folds if fold is not None])


def _columns(examples: Sequence[Examples]) -> tuple[list[Tensor], list[Tensor]]:
    return [e.inputs for e in examples], [e.answers for e in examples]


FORMULATIONS: dict[str, Formulation] = {
    "reference": reference,
    "last": last,
    "folded": folded,
    "stacked": stacked,
    "native": native,
}


def make_step(
    name: str,
    model: Model,
    examples: Sequence[Examples],
    loss_precision: str,
    objective: Objective = CROSS_ENTROPY,
    dropout: Dropout | None = None,
) -> Step:
    """The formulation called `name` ("fast": see `fastest`), checked on first use; with dropout,
    whatever its name, `dropped`."""
    if dropout is not None:
        check_dropout(model, examples[0].inputs)
        return dropped(model, examples, loss_precision, objective, dropout)
    check_step(name, model)
    device = str(examples[0].answers.device)
    if name == "fast":
        name = fastest(model, examples[0].inputs, loss_precision, objective, device)
    formulation = FORMULATIONS[name]
    if formulation is native:
        reason = why_not_native(model, examples[0].inputs, loss_precision, objective, device)
        if reason is not None:
            raise BadInput(
                f"formulation=native cannot be taken: {reason}. Or use formulation=fast, which "
                "then is the step of torch."
            )
        if can_fold(model):
            check_rewrite(folded, model, examples[0], objective)
        check_native(model, examples[0], objective)
    elif formulation is not reference:
        check_rewrite(formulation, model, examples[0], objective)
    return formulation(model, examples, loss_precision, objective)


def fastest(
    model: Model,
    inputs: Int[Tensor, "pair operand"],
    loss_precision: str,
    objective: Objective = CROSS_ENTROPY,
    device: str = "cpu",
) -> str:
    """The best formulation that this model, trained so on `device`, has on this machine."""
    if why_not_native(model, inputs, loss_precision, objective, device) is None:
        return "native"
    return fastest_of_torch(model, device)


def fastest_of_torch(model: Model, device: str = "cpu") -> str:
    """The best that needs no library."""
    if not can_fold(model):
        return "last"
    return "folded" if device == "cpu" else "stacked"


@torch.no_grad()
def why_not_native(
    model: Model,
    inputs: Int[Tensor, "pair operand"],
    loss_precision: str,
    objective: Objective = CROSS_ENTROPY,
    device: str = "cpu",
) -> str | None:
    """Why a model that is trained so on `device` is not trained natively; None where it can be."""
    if (reason := core.why_not()) is not None:
        return reason
    weight = next(model.parameters())
    if weight.dtype != torch.float32:
        return "it is for precision=float32"
    if device != "cpu":
        return f"it is for --device cpu, not {device}"
    has_unit = one_unit_of(model) is not None
    is_clipped = has_unit and objective == Objective(clipped_bce)
    if not (is_written_out(objective) or is_clipped) or loss_precision != "float64":
        losses = "cross-entropy or clipped_bce" if has_unit else "cross-entropy"
        return f"it is for {losses}, temperature=1 and loss_precision=float64"
    if has_unit:
        return why_not_unit(model.act)
    fold = model.fold(inputs[:2]) if can_fold(model) else None
    if fold is None:
        return f"`{type(model).__name__}` has no fold"
    return core.why_not_fold(fold)


def factors_of(model: Model) -> Factors | None:
    """Those of the model, unless its fold was written anew after them."""
    for cls in type(model).__mro__:
        if "factors" in vars(cls):
            return model.factors()
        if "fold" in vars(cls):
            return None
    return None


def check_step(name: str, model: Model) -> None:
    """Raise unless `name` is a step that this model can take."""
    lookup("formulation", name, {"fast": None, **FORMULATIONS})
    if name in ("folded", "stacked") and not can_fold(model):
        raise BadInput(
            f"`{type(model).__name__}` has no fold. Use formulation=fast or formulation=last."
        )


def logits_of(
    model: Model,
    weights: dict[str, Tensor],
    inputs: Int[Tensor, "pair operand"],
    formulation: str,
) -> Float[Tensor, "pair *answer c"]:
    """The logits of `model` with these weights, computed as `formulation` computes them."""
    if formulation == "reference":
        return functional_call(Called(model, "forward"), prefixed(weights), (inputs,))
    if formulation != "last" and can_fold(model):
        fold: Fold = functional_call(Called(model, "fold"), prefixed(weights), (inputs,))
        return fold.logits()
    return functional_call(Called(model, "last"), prefixed(weights), (inputs,))


def can_fold(model: Model) -> bool:
    """Whether the model says how it folds."""
    return model.folds


_checked: set[tuple[object, ...]] = set()


def check_rewrite(
    formulation: Formulation,
    model: Model,
    examples: Examples,
    objective: Objective = CROSS_ENTROPY,
) -> None:
    """Raise `RewriteError` unless `formulation` equals `reference` on this model, to 1e-10.

    Compared in float64, at random weights, biases too, on at most 200 of the examples:
    the logits, the loss, and each weight's gradient, relative to the largest entry. What has passed
    is not checked again in this process, unless the shapes or the model's settings differ.
    """
    key = (formulation, *_key(model, objective))
    if key in _checked:
        return
    few = examples[:: max(1, len(examples.answers) // 200)].to("cpu")
    twin = deepcopy(model).to(device="cpu", dtype=torch.float64).requires_grad_()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in twin.parameters():  # not at its own: biases of 0 could hide a wrong fold
            weight.copy_(0.2 * torch.randn(weight.shape, generator=generator, dtype=weight.dtype))
    stacks = [Stack([twin], "cpu", torch.float64) for _ in range(2)]
    plain, fast = (
        build(twin, [few], "float64", objective)(stack)
        for build, stack in zip((reference, formulation), stacks, strict=True)
    )
    weights: dict[str, Tensor] = dict(twin.named_parameters())
    with torch.no_grad():
        logits = [logits_of(twin, weights, few.inputs, f) for f in ("reference", "fast")]
    wrong = {"loss": _off(plain, fast), "logits": _off(*logits)}
    for name, exact in stacks[0].gradients.items():
        wrong[f"gradient of {name}"] = _off(exact, stacks[1].gradients[name])
    worst = max(wrong, key=lambda name: wrong[name])
    if not wrong[worst] <= TOLERANCE:
        raise RewriteError(
            f"formulation `{formulation.__name__}` of {type(model).__name__} does not equal the "
            f"reference: the {worst} is off by {wrong[worst]:.1e} (allowed {TOLERANCE:.0e}). Mend "
            "the model's fold, or train with formulation=reference."
        )
    _checked.add(key)


def check_native(model: Model, examples: Examples, objective: Objective = CROSS_ENTROPY) -> None:
    """Raise `RewriteError` unless the native step equals in float64 the folded one, or where there
    is none the reference.

    Of float32 numbers 1e-10 cannot be asked: the error of all gradients together is below 1e-5 of
    them in norm, at random weights of the size that networks begin with, biases too, on at most 200
    of the examples; and so is that of the loss. What has passed is not checked again.
    """
    key = ("native", core.name(), *_key(model, objective))
    if key in _checked:
        return
    few = examples[:: max(1, len(examples.answers) // 200)].to("cpu")
    generator = torch.Generator().manual_seed(0)
    plain = deepcopy(model).to(device="cpu", dtype=torch.float32).requires_grad_()
    with torch.no_grad():
        for weight in plain.parameters():
            drawn = torch.randn(weight.shape, generator=generator)
            weight.copy_(drawn * (weight.shape[-2] if weight.ndim > 1 else 100) ** -0.5)
    exact, trusted = deepcopy(plain).double(), folded if can_fold(model) else reference
    stacks = [
        Stack([twin], "cpu", dtype)
        for twin, dtype in ((exact, torch.float64), (plain, torch.float32))
    ]
    losses = [
        build(twin, [few], "float64", objective)(stack)
        for build, twin, stack in zip((trusted, native), (exact, plain), stacks, strict=True)
    ]
    wrong = [
        _off_in_norm(exact, found) for exact, found in (losses, [stack.grad for stack in stacks])
    ]
    if not max(wrong) <= NATIVE_TOLERANCE:
        raise RewriteError(
            f"formulation `native` of {type(model).__name__} does not equal the "
            f"{trusted.__name__} one in float64: the loss is off by {wrong[0]:.1e} and the "
            f"gradient by {wrong[1]:.1e} (allowed {NATIVE_TOLERANCE:.0e}). Train with "
            f"formulation={trusted.__name__}, and tell us."
        )
    _checked.add(key)


def check_fold(model: Model, inputs: Int[Tensor, "pair operand"]) -> None:
    """Raise `RewriteError` unless the model's fold is right, as it was written; see
    `check_rewrite`."""
    examples = Examples(inputs, torch.zeros(len(inputs), dtype=torch.long))
    with torch.enable_grad():
        check_rewrite(folded, model.written, examples)


def _key(model: Model, objective: Objective) -> tuple[object, ...]:
    shapes = tuple((k, tuple(w.shape)) for k, w in model.named_parameters())
    settings = sorted((k, repr(v)) for k, v in vars(model).items() if not k.startswith("_"))
    return objective, type(model), shapes, tuple(settings)


def _off_in_norm(exact: Tensor, other: Tensor) -> float:
    return float((exact - other).norm() / exact.norm().clamp(1e-30))


def _off(exact: Tensor, other: Tensor) -> float:
    return float((exact - other).abs().max() / exact.abs().max().clamp(1e-30))


class Called(nn.Module):
    """A model that, called as a module, runs one of its methods."""

    def __init__(self, model: Model, method: str):
        super().__init__()
        self.model, self.method = model, method

    def forward(self, *args: Any) -> Any:
        return getattr(self.model, self.method)(*args)


def prefixed(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"model.{name}": w for name, w in weights.items()}


def _one_after_the_other(member_loss: Callable[[int, dict[str, Tensor]], Tensor]) -> Step:
    """The step of a loss that is said of one member, by its number and weights."""

    def step(stack: Stack) -> Float[Tensor, " member"]:
        losses = torch.stack([member_loss(k, w) for k, w in enumerate(stack.members())])
        stack.backward(losses)
        return losses.detach()

    return step


def _by_autograd(
    called: Called, examples: Sequence[Examples], loss_precision: str, objective: Objective
) -> Step:
    """Members side by side by `vmap`; the shorter training sets are filled up with weight 0."""
    inputs, answers, divisor = fill(*_columns(examples))
    share = 1 / divisor

    def member_loss(weights: dict[str, Tensor], *data: Tensor) -> Tensor:
        inputs, answers, share = data
        logits = functional_call(called, prefixed(weights), (inputs,))
        return (objective.each(logits, answers, loss_precision) * share).sum()

    def step(stack: Stack) -> Float[Tensor, " member"]:
        losses = vmap(member_loss)(stack.weights, inputs, answers, share)
        stack.backward(losses)
        return losses.detach()

    return step
