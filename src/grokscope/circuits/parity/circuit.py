"""Sparse parity: the answer is the parity of a few digits, and the others distract.

With χ(x) = ±1 as an odd or an even number of the digits S are 1, the circuit is

    logit(1) - logit(0) = offset + height χ(x)

a Walsh function (Barak et al. 2022; Merrill et al. 2023; "1s and 0s" of the PAIR explorable). S is
found by what the network does, not by its weights: the digits whose flip moves the logits most are
candidates, and of their subsets the one whose parity explains most of the logits is S.

Axes: pair = one input of the task; digit; subset = a set of digits; c = even, odd; neuron.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import product
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from grokscope.canonical import digit_weights_of
from grokscope.circuits import printed
from grokscope.circuits.circuit import Circuit, chosen_parts, finder
from grokscope.circuits.parity import program
from grokscope.circuits.parity.bound import by_setting
from grokscope.circuits.parity.evidence import checks, named, other_digits
from grokscope.circuits.parity.flips import explained, influences, margins, sign
from grokscope.circuits.printed import round_, to_bits
from grokscope.errors import NotApplicable
from grokscope.measures.keys import KEY_SHARE
from grokscope.snapshot import Snapshot
from grokscope.task import Task
from grokscope.verify.evidence import Evidence
from grokscope.verify.network import Bound, Network

CANDIDATES = 10  # digits, of which all subsets are tried


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
        return (named(self.digits),)

    @property
    def size(self) -> int:
        return len(self.digits) + 2

    def logits(self, task: Task) -> Float[Tensor, "pair c"]:
        z = self.offset + self.height * sign(task.inputs, self.digits)
        return torch.stack([torch.zeros_like(z), z], dim=1)

    def keeping(self, parts: Iterable[str]) -> "Parity":
        return self if chosen_parts(self, parts) else replace(self, height=0.0)

    def rounded(self, bits: int) -> "Parity":
        offset, height = to_bits(torch.tensor([self.offset, self.height]), bits).tolist()
        return replace(self, offset=offset, height=height)

    def others(self, seed: int) -> "Parity | None":
        digits = other_digits(self.digits, self.n_digits, seed)
        return None if digits is None else replace(self, digits=digits)

    @property
    def equation(self) -> str:
        added = " + ".join(f"x{i}" for i in self.digits)
        return (
            f"answer = ({added}) mod 2; logit(1) - logit(0) = {self.offset:.3g} ± {self.height:.3g}"
        )

    def program(self) -> str:
        return printed.program(
            program,
            self.equation,
            DIGITS=str(self.digits),
            OFFSET=str(round_(self.offset)),
            HEIGHT=str(round_(self.height)),
        )

    def neurons(self) -> dict[str, Bool[Tensor, " neuron"]]:
        return {} if self.carriers is None else {self.parts[0]: self.carriers}

    def mechanism(self, network: Network, task: Task) -> Bound:
        """That of its digits."""
        return by_setting(network, task.inputs, self.digits)

    def checks(self, snapshot: Snapshot) -> tuple[Evidence, ...]:
        return checks(snapshot, self.digits, self.height, self.carriers)


@finder(Parity)
def find(snapshot: Snapshot) -> Parity:
    """The parity that explains most of the logits over the task's inputs, all or a sample. Raises
    `NotApplicable` if the task is not one of digits, or if no parity explains 1 %."""
    task = snapshot.task
    if task.digits is None:
        raise NotApplicable(f"an input of `{task.name}` is not a row of digits with a parity.")
    if len(task.inputs) < 2 or margins(snapshot).std() <= 0:
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
    z, x = margins(snapshot), sign(task.inputs, subsets[best])
    height = float(((z - z.mean()) * (x - x.mean())).mean() / x.var(correction=0))
    offset = float(z.mean() - height * x.mean())
    return Parity(subsets[best], task.inputs.shape[1], offset, height, _carriers(snapshot))


def _carriers(s: Snapshot) -> Bool[Tensor, " neuron"] | None:
    """The neurons that hold at least 1 % of what the neurons do to the logits: of the sum over them
    of a neuron's standard deviation times its weight out."""
    weights = digit_weights_of(s.model)
    if not weights:
        return None
    power = s.mlp_post.double().std(dim=0) * weights[1][:, 0].double().abs()
    return power >= KEY_SHARE * power.sum().clamp(min=1e-300)
