"""Sparse parity: the answer is the parity of a few digits, and the others distract.

With χ(x) = ±1 as an odd or an even number of the digits S are 1, the circuit is

    logit(1) - logit(0) = offset + height χ(x)

a Walsh function (Barak et al. 2022; Merrill et al. 2023; "1s and 0s" of the PAIR explorable). S is
found by what the network does, not by its weights: the digits whose flip moves the logits most are
candidates, and of their subsets the one whose parity explains most of the logits is S.

Axes: pair = one input of the task; digit; subset = a set of digits; c = even, odd; neuron.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from grokscope.circuits.circuit import Circuit, chosen_parts, finder
from grokscope.errors import NotApplicable
from grokscope.measures.keys import KEY_SHARE
from grokscope.models.parity import ParityMLP
from grokscope.snapshot import Snapshot, once_per_snapshot
from grokscope.task import Task
from grokscope.verify.evidence import Evidence, Tested, at_least, at_most

CANDIDATES = 10  # digits, of which all subsets are tried
EXPLAINED, OPEN = 0.9, 0.7  # of the logits' variance
ALWAYS, NEVER = 0.99, 0.01  # of inputs: that a flip changes the answer
DROPPED = 0.3  # weight of a digit that distracts beside one of S; of random features it is 1
SETTINGS = 1_024  # of the digits of S that are written out
FILLINGS = 16  # random values of the other digits, for each setting
DRAWS = 20  # of random digits


class OfDigits(Tested):
    """What a parity is tested on."""

    EXPLAINED = "logits explained by the parity of {of}"
    MINE_CHANGE = "flips of a digit of it that change the answer, least"
    OTHERS_CHANGE = "flips of another digit that change the answer, most"
    OTHERS_MOVE = "how far flipping another digit moves the logits, most"
    SETTINGS = "all settings of its digits, the others random: agreement"
    OTHER_WEIGHTS = "weight of other digits beside its own"
    NEURONS_ALONE = "agreement with its {of} neurons alone"


@dataclass(frozen=True, eq=False)
class Parity(Circuit):
    """logit(1) - logit(0) = offset ± height, as the parity of `digits` is odd or even; and the
    neurons that carry it, None where the network's are not known."""

    digits: tuple[int, ...]
    n_digits: int
    offset: float
    height: float
    carriers: Bool[Tensor, " neuron"] | None = None
    form: ClassVar[str] = "parity"
    title: ClassVar[str] = "parity of a few digits"
    how: ClassVar[str] = "It looks at a few digits only, and gives the parity of their sum"
    algorithms: ClassVar[tuple[str, ...]] = ("parity",)

    @property
    def parts(self) -> tuple[str, ...]:
        return (f"{{{','.join(map(str, self.digits))}}}",)

    @property
    def size(self) -> int:
        return len(self.digits) + 2

    def logits(self, task: Task) -> Float[Tensor, "pair c"]:
        z = self.offset + self.height * sign(task.inputs, self.digits)
        return torch.stack([torch.zeros_like(z), z], dim=1)

    def keeping(self, parts: Iterable[str]) -> "Parity":
        chosen = chosen_parts(self, parts)
        return self if chosen else replace(self, height=0.0)

    def others(self, seed: int) -> "Parity | None":
        digits = _drawn(self, seed)
        return None if digits is None else replace(self, digits=digits)

    @property
    def equation(self) -> str:
        added = " + ".join(f"x{i}" for i in self.digits)
        return (
            f"answer = ({added}) mod 2; logit(1) - logit(0) = {self.offset:.3g} ± {self.height:.3g}"
        )

    def program(self) -> str:
        return "\n".join(
            [
                f"DIGITS = {self.digits}  # of {self.n_digits}; the others do not matter",
                f"OFFSET, HEIGHT = {self.offset!r}, {self.height!r}",
                "",
                "",
                "def logits(digits):",
                "    is_odd = sum(digits[i] for i in DIGITS) % 2",
                "    return [0.0, OFFSET + HEIGHT if is_odd else OFFSET - HEIGHT]",
                "",
                "",
                "def answer(digits):",
                "    even, odd = logits(digits)",
                "    return int(odd > even)",
                "",
            ]
        )

    def neurons(self) -> dict[str, Bool[Tensor, " neuron"]]:
        return {} if self.carriers is None else {self.parts[0]: self.carriers}

    def checks(self, snapshot: Snapshot) -> tuple[Evidence, ...]:
        return (
            _variance(snapshot, self),
            *_flips(snapshot, self),
            _settings(snapshot, self),
            *_weights(snapshot, self),
            *_neurons(snapshot, self),
        )


@finder(Parity)
def find(snapshot: Snapshot) -> Parity:
    """The parity that explains most of the logits over the task's inputs, all or a sample. Raises
    `NotApplicable` if the task is not one of digits, or if no parity explains 1 %."""
    task = snapshot.task
    if task.digits is None:
        raise NotApplicable(f"an input of `{task.name}` is not a row of digits with a parity.")
    if len(task.inputs) < 2 or _margins(snapshot).std() <= 0:
        raise NotApplicable("the logits are the same for every input, so no parity explains them.")
    moved = influences(snapshot)
    candidates = sorted(moved.argsort(descending=True, stable=True)[:CANDIDATES].tolist())
    subsets = [
        tuple(d for d, chosen in zip(candidates, mask, strict=True) if chosen)
        for mask in product((False, True), repeat=len(candidates))
        if any(mask)
    ]
    shares = torch.tensor([explained(snapshot, digits) for digits in subsets])
    best = int(shares.argmax())
    if shares[best] < KEY_SHARE:
        raise NotApplicable(
            f"no parity of the digits {candidates}, which move the logits most, explains 1 % of "
            "them."
        )
    z, x = _margins(snapshot), sign(task.inputs, subsets[best])
    height = float(((z - z.mean()) * (x - x.mean())).mean() / x.var(correction=0))
    offset = float(z.mean() - height * x.mean())
    return Parity(subsets[best], task.inputs.shape[1], offset, height, _carriers(snapshot))


def sign(inputs: Int[Tensor, "pair digit"], digits: Sequence[int]) -> Float[Tensor, " pair"]:
    """1 where an odd number of these digits is 1, else -1."""
    return (2 * (inputs[:, list(digits)].sum(dim=1) % 2) - 1).double()


def explained(s: Snapshot, digits: Sequence[int]) -> float:
    """The share of the variance of logit(1) - logit(0) that the parity of these digits explains."""
    z, x = _margins(s), sign(s.task.inputs, digits)
    z, x = z - z.mean(), x - x.mean()
    scale = z.square().sum() * x.square().sum()
    return float((z @ x).square() / scale) if scale > 0 else 0.0


@once_per_snapshot
def influences(s: Snapshot) -> Float[Tensor, " digit"]:
    """How far flipping each digit moves the logits: the mean of (z(x) - z(x'))² over four times
    their variance; 1 for a digit of a parity, 0 for one that does not matter."""
    z = _margins(s)
    moved = [(z - flipped).square().mean() for flipped in _flipped(s)]
    return torch.stack(moved) / (4 * z.var(correction=0)).clamp(min=1e-300)


@once_per_snapshot
def _margins(s: Snapshot) -> Float[Tensor, " pair"]:
    return _of_logits(s.logits)


def _of_logits(logits: Float[Tensor, "pair c"]) -> Float[Tensor, " pair"]:
    return logits[:, 1].double() - logits[:, 0].double()


@once_per_snapshot
def _flipped(s: Snapshot) -> Float[Tensor, "digit pair"]:
    """logit(1) - logit(0) with each digit flipped."""
    found = []
    for i in range(s.task.inputs.shape[1]):
        inputs = s.task.inputs.clone()
        inputs[:, i] = 1 - inputs[:, i]
        found.append(_run(s, inputs))
    return torch.stack(found)


def _run(s: Snapshot, inputs: Int[Tensor, "pair digit"]) -> Float[Tensor, " pair"]:
    with torch.no_grad():
        return _of_logits(s.model.last(inputs))


def _drawn(circuit: Parity, seed: int) -> tuple[int, ...] | None:
    """As many digits, at random, and not the same; None where there is no other choice."""
    if len(circuit.digits) == circuit.n_digits:
        return None
    generator = torch.Generator().manual_seed(seed)
    while True:
        order = torch.randperm(circuit.n_digits, generator=generator)
        digits = tuple(sorted(order[: len(circuit.digits)].tolist()))
        if digits != circuit.digits:
            return digits


def _variance(s: Snapshot, circuit: Parity) -> Evidence:
    draws = [_drawn(circuit, seed) for seed in range(DRAWS)]
    random = [explained(s, digits) for digits in draws if digits is not None]
    fewer = [explained(s, [d for d in circuit.digits if d != i]) for i in circuit.digits]
    rest = [d for d in range(circuit.n_digits) if d not in circuit.digits]
    more = [explained(s, [*circuit.digits, d]) for d in rest]
    controls = {"random digits, as many": random, "one digit fewer": fewer, "one more": more}
    return at_least(
        OfDigits.EXPLAINED,
        explained(s, circuit.digits),
        EXPLAINED,
        OPEN,
        of=circuit.parts[0],
        controls={name: max(values) for name, values in controls.items() if values},
    )


def _flips(s: Snapshot, circuit: Parity) -> tuple[Evidence, ...]:
    """How often flipping a digit changes the answer, and how far it moves the logits."""
    is_odd, moved = _margins(s) > 0, influences(s)
    changed = ((_flipped(s) > 0) != is_odd).double().mean(dim=1)
    mine = torch.zeros(circuit.n_digits, dtype=torch.bool)
    mine[list(circuit.digits)] = True
    least = at_least(OfDigits.MINE_CHANGE, float(changed[mine].min()), ALWAYS)
    if mine.all():
        return (least,)
    return (
        replace(least, controls={"of other digits, mean": float(changed[~mine].mean())}),
        at_most(
            OfDigits.OTHERS_CHANGE,
            float(changed[~mine].max()),
            NEVER,
            controls={"of its digits": float(changed[mine].mean())},
        ),
        at_most(
            OfDigits.OTHERS_MOVE,
            float(moved[~mine].max()),
            NEVER,
            controls={"of its digits": float(moved[mine].mean())},
        ),
    )


def _settings(s: Snapshot, circuit: Parity) -> Evidence:
    """How often the network answers with the parity, over all settings of its digits (or as many
    as are written out), the other digits drawn at random."""
    generator, k = torch.Generator().manual_seed(0), len(circuit.digits)
    numbers = torch.arange(min(2**k, SETTINGS)).repeat_interleave(FILLINGS)
    inputs = torch.randint(2, (len(numbers), circuit.n_digits), generator=generator)
    inputs[:, list(circuit.digits)] = (numbers[:, None] >> torch.arange(k)) & 1
    z = _run(s, inputs)
    value = float(((z > 0) == (circuit.height * sign(inputs, circuit.digits) > 0)).double().mean())
    shuffled = torch.randperm(circuit.n_digits, generator=generator)
    wrong = circuit.height * sign(inputs[:, shuffled], circuit.digits) > 0
    other = float(((z > 0) == wrong).double().mean())
    return at_least(OfDigits.SETTINGS, value, ALWAYS, controls={"relabelled digits": other})


def _weights(s: Snapshot, circuit: Parity) -> tuple[Evidence, ...]:
    """Whether the network has dropped the other digits: their weights, read out, beside its own."""
    if not isinstance(s.model, ParityMLP) or len(circuit.digits) == circuit.n_digits:
        return ()
    into = (s.model.W_in[:-1].detach() * s.model.W_out.detach()[:, 0]).double()
    power = into.square().mean(dim=1)
    mine = torch.zeros(circuit.n_digits, dtype=torch.bool)
    mine[list(circuit.digits)] = True
    value = float((power[~mine].mean() / power[mine].mean().clamp(min=1e-300)).sqrt())
    return (at_most(OfDigits.OTHER_WEIGHTS, value, DROPPED, controls={"random features": 1.0}),)


def _carriers(s: Snapshot) -> Bool[Tensor, " neuron"] | None:
    """The neurons that hold at least 1 % of what the neurons do to the logits: of the sum over them
    of a neuron's standard deviation times its weight out."""
    if not isinstance(s.model, ParityMLP):
        return None
    power = s.mlp_post.double().std(dim=0) * s.model.W_out.detach()[:, 0].double().abs()
    return power >= KEY_SHARE * power.sum().clamp(min=1e-300)


def _neurons(s: Snapshot, circuit: Parity) -> tuple[Evidence, ...]:
    """Whether its neurons alone, the others at their means, answer as the network does."""
    if circuit.carriers is None:
        return ()
    hidden = torch.where(circuit.carriers, s.mlp_post, s.mlp_post.mean(dim=0))
    order = torch.randperm(hidden.shape[1], generator=torch.Generator().manual_seed(0))
    random = torch.where(circuit.carriers[order], s.mlp_post, s.mlp_post.mean(dim=0))
    is_odd = _margins(s) > 0

    def agreement(hidden: Float[Tensor, "pair neuron"]) -> float:
        return float(((_of_logits(s.read_out(hidden)) > 0) == is_odd).double().mean())

    count = int(circuit.carriers.sum())
    controls = {"random neurons, as many": agreement(random)}
    of = f"{count} of {len(order)}"
    return (Evidence(OfDigits.NEURONS_ALONE, agreement(hidden), controls=controls, of=of),)
