"""What an explanation is: a circuit, which says from its own few numbers what the logits of every
input are.

An explanation that cannot be run cannot be wrong. A circuit is a program: `logits` runs it, and
`program` prints it as Python that anyone can run without this package's models. Whether it is true
of a network is for `verify` to say, not for the circuit.

One form of explanation stands in one file, with its `find`: from a snapshot to the circuit that
fits it best, or `NotApplicable` with the reasons why there is none.

Axes: pair = one input; c = an answer; neuron = a hidden unit.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, TypeVar

from jaxtyping import Bool, Float
from torch import Tensor

from grokscope.errors import BadInput, unknown
from grokscope.snapshot import Snapshot
from grokscope.task import Task


@dataclass(frozen=True)
class Evidence:
    """One number for or against a circuit, beside what it is where there is no such circuit.

    `passes` is None where the number is told but not judged, or where its control is void;
    `is_open` where it was judged and leaves the question open. `rule` says in words what is asked
    of it, and of a void control why it is one.
    """

    name: str
    value: float
    rule: str
    passes: bool | None = None
    controls: Mapping[str, float] = field(default_factory=dict)
    is_open: bool = False


def at_least(
    name: str, value: float, need: float, open_from: float | None = None, **controls: float
) -> Evidence:
    """Evidence that must reach `need`, and leaves the question open from `open_from` on."""
    is_open = open_from is not None and open_from <= value < need
    between = "" if open_from is None else f", undecided from {open_from:g}"
    passes = None if is_open else value >= need
    named = {key.replace("_", " "): x for key, x in controls.items()}
    return Evidence(name, value, f"at least {need:g}{between}", passes, named, is_open)


def at_most(
    name: str, value: float, need: float, open_to: float | None = None, **controls: float
) -> Evidence:
    """Evidence that must not exceed `need`, and leaves the question open up to `open_to`."""
    is_open = open_to is not None and need < value <= open_to
    between = "" if open_to is None else f", undecided up to {open_to:.3g}"
    named = {key.replace("_", " "): x for key, x in controls.items()}
    passes = None if is_open else value <= need
    return Evidence(name, value, f"at most {need:,.6g}{between}", passes, named, is_open)


class Circuit(ABC):
    """An explanation that can be run.

    It consists of named `parts` (frequencies, irreps, digits, ...), each of which is a circuit of
    its own: the logits of the whole are the sum of its parts' and of what belongs to none.
    """

    form: ClassVar[str]  # "convolution", "coset", ...

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

    def others(self, seed: int) -> "Circuit | None":
        """A control: parts that the circuit leaves out, drawn at random, of as many dimensions;
        None where too few are left out."""
        return None

    def checks(self, snapshot: Snapshot) -> tuple[Evidence, ...]:
        """The evidence that only circuits of this form have, with its controls."""
        return ()


Finder = Callable[[Snapshot], Circuit]
FINDERS: dict[str, Finder] = {}
NEED_ALL_PAIRS: set[str] = set()  # forms that cannot be found on a sample of the pairs


F = TypeVar("F", bound=Finder)


def finder(form: str, needs_all_pairs: bool = False) -> Callable[[F], F]:
    """Make a form of explanation available by name, through the function that finds it."""

    def register(find: F) -> F:
        taken = FINDERS.get(form)
        if taken is not None and taken.__module__ != find.__module__:
            raise BadInput(f"`{form}` is a form of explanation already. Call yours otherwise.")
        FINDERS[form] = find
        if needs_all_pairs:
            NEED_ALL_PAIRS.add(form)
        return find

    return register


def chosen_parts(circuit: Circuit, parts: Iterable[str]) -> tuple[str, ...]:
    """These parts, in the circuit's order. Raises `UnknownName` for one that it has not."""
    wanted = list(parts)
    for name in wanted:
        if name not in circuit.parts:
            raise unknown("part", name, circuit.parts)
    return tuple(name for name in circuit.parts if name in wanted)
