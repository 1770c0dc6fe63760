"""What an explanation is: a circuit, which says from its own few numbers what the logits of every
input are.

An explanation that cannot be run cannot be wrong. A circuit is a program: `logits` runs it, and
`program` prints it as Python that anyone can run without this package's models. Whether it is true
of a network is for `verify` to say, not for the circuit.

One form of explanation is one folder, with its `find`: from a snapshot to the circuit that fits it
best, or `NotApplicable` with the reasons why there is none.

Axes: pair = one input; c = an answer; neuron = a hidden unit.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from typing import ClassVar, TypeVar, cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from grokscope.activations import Activation
from grokscope.canonical import activation_of, canonical
from grokscope.errors import BadInput, NotApplicable, unknown
from grokscope.score import centred
from grokscope.snapshot import Snapshot
from grokscope.task import Task
from grokscope.verify.evidence import Evidence
from grokscope.verify.low_rank import best_low_rank
from grokscope.verify.network import Bound, Network, best

ROWS = 8  # for each answer, logits looked at to find the directions they span
RANK = 1e-6  # of the largest singular value


@dataclass(frozen=True)
class Algorithm:
    """What a network does, by a name, and how, in words a student can read."""

    name: str
    how: str


class Circuit(ABC):
    """An explanation that can be run.

    It consists of named `parts` (frequencies, irreps, digits, ...), each of which is a circuit of
    its own: the logits of the whole are the sum of its parts' and of what belongs to none.
    """

    form: ClassVar[str]  # "convolution", "coset", ...
    title: ClassVar[str]  # what kind of explanation it is, in words
    how: ClassVar[str]  # what a network does of which it is true, in a sentence without its stop
    algorithms: ClassVar[tuple[str, ...]]  # the names it may give; none: a null hypothesis
    needs: ClassVar[Activation | None] = None  # what its neurons must be; None: anything

    @property
    @abstractmethod
    def parts(self) -> tuple[str, ...]:
        """The names of its parts."""

    @property
    @abstractmethod
    def size(self) -> int:
        """How many real numbers it uses."""

    @abstractmethod
    def logits(self, task: Task) -> Float[Tensor, "pair c"]:
        """What it predicts for every input of a task, in float64. A constant for each pair is left
        open: it changes no answer and no loss."""

    @abstractmethod
    def keeping(self, parts: Iterable[str]) -> "Circuit":
        """The circuit of these parts alone. Raises `UnknownName` for one that it has not."""

    @property
    @abstractmethod
    def equation(self) -> str:
        """What it computes, in a line a student can read."""

    @abstractmethod
    def program(self) -> str:
        """Python source that defines `logits(a, b)`, a list, and `answer(a, b)`; of digits,
        `logits(digits)` and `answer(digits)`."""

    def hidden(self, task: Task) -> Float[Tensor, "pair neuron"] | None:
        """The activations it says the network's neurons have, after the nonlinearity; None of a
        circuit that speaks of logits alone."""
        return None

    def output(self) -> Float[Tensor, "neuron c"] | None:
        """The map from neurons to answers that it says the network has."""
        return None

    def neurons(self) -> dict[str, Bool[Tensor, " neuron"]]:
        """Which of the network's neurons each part claims."""
        return {}

    def rounded(self, bits: int) -> "Circuit | None":
        """The same with numbers of so many bits (see `to_bits`), for its price; None of a form that
        does not say what its numbers are."""
        return None

    def others(self, seed: int) -> "Circuit | None":
        """A control: parts that the circuit leaves out, drawn at random, of as many dimensions;
        None where too few are left out."""
        return None

    def checks(self, snapshot: Snapshot) -> tuple[Evidence, ...]:
        """The evidence that only circuits of this form have, with its controls."""
        return ()

    def algorithm(self, snapshot: Snapshot) -> Algorithm | None:
        """What a network does of which it is true; None where a form has several algorithms, and
        what is measured does not say which."""
        return Algorithm(self.form, self.how)

    def mechanism(self, network: Network, task: Task) -> Bound | None:
        """The accuracy that its own account of the network proves; None of a form that has no
        proof of its own."""
        return None

    def low_rank(self, network: Network, task: Task) -> Bound | None:
        """The accuracy that the directions of its logits help to prove, whatever computes them; see
        `verify.low_rank`. None where they may be any, as a lookup table's."""
        return best_low_rank(network, self._directions(task))

    def bound(self, network: Network, task: Task) -> Bound | None:
        """The better of the two."""
        bounds = (self.low_rank(network, task), self.mechanism(network, task))
        return best(bound for bound in bounds if bound is not None)

    def _directions(self, task: Task) -> Float[Tensor, "c r"]:
        """An orthonormal basis of what its logits span, but for a constant, seen on a random sample
        of pairs, eight for each answer. Not a number where these logits are none."""
        some = torch.randperm(len(task.inputs), generator=torch.Generator().manual_seed(0))
        logits = centred(self.logits(task.at(some[: ROWS * task.n_answers])))
        if not logits.isfinite().all():
            return logits.new_full((task.n_answers, 1), torch.nan)
        _, scale, Vh = torch.linalg.svd(logits, full_matrices=False)
        return Vh[scale > RANK * scale[0]].T

    @property
    def is_null(self) -> bool:
        """Whether it says what the network answers, and not how."""
        return not self.algorithms


Find = Callable[[Snapshot], Circuit]


@dataclass(frozen=True)
class Form:
    """A form of explanation: its circuits, and how one is found in a network."""

    circuit: type[Circuit]
    find: Find
    needs_all_pairs: bool  # it cannot be found on a sample of them


FORMS: dict[str, Form] = {}

F = TypeVar("F", bound=Find)


def finder(circuit: type[Circuit], needs_all_pairs: bool = False) -> Callable[[F], F]:
    """Make a form of explanation available by name, through the function that finds its circuits.
    It is given the canonical view of a network, and is not asked about one of other neurons than
    its circuits need.

    Raises `BadInput` for the name of another form, and for a circuit that lacks a name.
    """

    def register(find: F) -> F:
        for name in ("form", "title", "how", "algorithms"):
            if not hasattr(circuit, name):
                raise BadInput(
                    f"the form of `{find.__name__}` has no `{name}`. Write @finder(Mine) with its "
                    f"class, and give the class {name} = ..."
                )
        taken = FORMS.get(circuit.form)
        if taken is not None and taken.find.__module__ != find.__module__:
            raise BadInput(
                f"`{circuit.form}` is a form of explanation already. Give yours another name."
            )
        of_view = _of_view(find, circuit)
        FORMS[circuit.form] = Form(circuit, of_view, needs_all_pairs)
        return of_view

    return register


def _of_view(find: F, circuit: type[Circuit]) -> F:
    """The same, asked of the canonical view, but for networks whose neurons are known not to be
    what the circuits need."""

    @wraps(find)
    def checked(snapshot: Snapshot) -> Circuit:
        view = canonical(snapshot)
        act = None if circuit.needs is None else activation_of(view)
        if circuit.needs is not None and act is not None and act is not circuit.needs:
            raise NotApplicable(
                f"the form `{circuit.form}` needs {circuit.needs.name} neurons; this network has "
                f"{act.name}."
            )
        return find(view)

    return cast(F, checked)


def chosen_parts(circuit: Circuit, parts: Iterable[str]) -> tuple[str, ...]:
    """These parts, in the circuit's order. Raises `UnknownName` for one that it has not."""
    wanted = list(parts)
    for name in wanted:
        if name not in circuit.parts:
            raise unknown("part", name, circuit.parts)
    return tuple(name for name in circuit.parts if name in wanted)
