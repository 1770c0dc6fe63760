"""A table of products: logit(c | a, b) = table(ab, c), as a function of the product in few parts.

It is what a convolution is where an answer stands for several products, as in (a+b)², or where the
operation is no group's.

Axes: pair = one input; point = a product; c = an answer.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from grokscope.algebra.lenses import Lens
from grokscope.circuits import printed
from grokscope.circuits.circle import operand_points
from grokscope.circuits.circuit import Circuit, chosen_parts
from grokscope.circuits.convolution import program_table
from grokscope.circuits.convolution.circuit import Convolution
from grokscope.circuits.convolution.evidence import of_table
from grokscope.circuits.convolution.kernel import drawn, lens_for
from grokscope.circuits.printed import to_bits
from grokscope.snapshot import Snapshot
from grokscope.task import Task
from grokscope.verify.evidence import Evidence

PRODUCTS = {"additive": "(x + y) % N", "multiplicative": "x * y % N"}  # of a lens, as printed


@dataclass(frozen=True, eq=False)
class OnProduct(Circuit):
    """The parts `keys` of a table over products and answers."""

    lens: Lens
    keys: tuple[str, ...]
    whole: Float[Tensor, "point c"]  # a row for each product that occurs, in ascending order
    form: ClassVar[str] = Convolution.form
    title: ClassVar[str] = Convolution.title
    how: ClassVar[str] = Convolution.how
    algorithms: ClassVar[tuple[str, ...]] = Convolution.algorithms

    @property
    def parts(self) -> tuple[str, ...]:
        return self.keys

    @property
    def size(self) -> int:
        return (self.lens.fibres.split.part(self.keys).shape[1] + 1) * self.whole.shape[1]

    @property
    def table(self) -> Float[Tensor, "point c"]:
        """The table in its key parts and its mean for each answer."""
        return self.lens.fibres.project(("constant", *self.keys), self.whole)

    def logits(self, task: Task) -> Float[Tensor, "pair c"]:
        product = lens_for(task, self.lens).product
        assert product is not None
        return self.table[torch.searchsorted(self.lens.fibres.points, product)]

    def keeping(self, parts: Iterable[str]) -> "OnProduct":
        return replace(self, keys=chosen_parts(self, parts))

    def rounded(self, bits: int) -> "OnProduct":
        return replace(self, whole=to_bits(self.whole, bits))

    def others(self, seed: int) -> "OnProduct | None":
        names = drawn(self.lens.fibres.split, self.keys, seed)
        return None if names is None else replace(self, keys=names)

    @property
    def equation(self) -> str:
        return f"logit(c) = Σ_k u_kc cos(w_k x) + v_kc sin(w_k x); {self.lens.law}"

    def program(self) -> str:
        a, b = operand_points(self.lens)
        rows = zip(self.lens.fibres.points.tolist(), self.table.tolist(), strict=True)
        return printed.program(
            program_table,
            self.equation,
            N=str(len(self.lens.answers)),
            A=printed.listed(a.tolist()),
            B=printed.listed(b.tolist()),
            TABLE=printed.in_lines(
                (f"{point}: {list(map(printed.round_, row))}" for point, row in rows), "{}"
            ),
            product=PRODUCTS[self.lens.name],
        )

    def checks(self, snapshot: Snapshot) -> tuple[Evidence, ...]:
        return of_table(self.lens.fibres, self.whole)
