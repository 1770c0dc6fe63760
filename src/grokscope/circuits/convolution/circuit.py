"""Group convolution: logit(c | a, b) = kernel(a⁻¹ c b⁻¹), the kernel in few parts of R^G.

One form for many accounts: on Z/p with few frequencies Nanda et al.'s sum of cosines of w_k(a+b-c)
(2023); through the discrete logarithm multiplication; on any group Chughtai et al.'s characters
(2023), which are the kernels that are class functions, and Wu et al.'s ρ-sets (2024), which are
others. A kernel changes nothing when a and c, or b and c, are multiplied alike ("bi-equivariant").

Axes: g = an element; pair = one input; c = an answer.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from grokscope.algebra.groups import Group
from grokscope.algebra.lenses import Lens
from grokscope.algebra.names import element_names
from grokscope.algebra.splits import Split, isotypic
from grokscope.circuits import printed
from grokscope.circuits.circle import Circle, circle_of, logarithm
from grokscope.circuits.circuit import Circuit, chosen_parts
from grokscope.circuits.convolution import program_circle, program_group
from grokscope.circuits.convolution.evidence import of_kernel
from grokscope.circuits.convolution.kernel import Ends, at_places, drawn, lens_for, places
from grokscope.circuits.printed import to_bits
from grokscope.snapshot import Snapshot
from grokscope.task import Task
from grokscope.verify.evidence import Evidence


@dataclass(frozen=True, eq=False)
class Convolution(Circuit):
    """The parts `keys` of a kernel on a group. `ends` are the logits where there is no quotient,
    as in products with 0: of class 0 where the product is 0, of the others there, and of class 0
    elsewhere."""

    lens: Lens
    keys: tuple[str, ...]
    whole: Float[Tensor, " g"]  # the kernel with all parts
    ends: Ends = (0.0, 0.0, 0.0)
    form: ClassVar[str] = "convolution"
    title: ClassVar[str] = "a formula for its logits"
    how: ClassVar[str] = (
        "It gives each answer a score by how far the answer is from the right one, a sum of a few "
        "waves that is highest at the right answer; how its neurons do so is left open"
    )
    algorithms: ClassVar[tuple[str, ...]] = ("convolution",)

    @property
    def group(self) -> Group:
        assert self.lens.group is not None
        return self.lens.group

    @property
    def split(self) -> Split:
        return isotypic(self.group)

    @property
    def parts(self) -> tuple[str, ...]:
        return self.keys

    @property
    def size(self) -> int:
        return self.split.part(self.keys).shape[1] + (3 if any(self.ends) else 0)

    @property
    def kernel(self) -> Float[Tensor, " g"]:
        """The kernel in its key parts: one number for each element."""
        return self.split.project(self.keys, self.whole[:, None])[:, 0]

    def logits(self, task: Task) -> Float[Tensor, "pair c"]:
        return at_places(self.kernel, self.ends, places(task, lens_for(task, self.lens)))

    def keeping(self, parts: Iterable[str]) -> "Convolution":
        return replace(self, keys=chosen_parts(self, parts))

    def rounded(self, bits: int) -> "Convolution":
        ends = to_bits(torch.tensor(self.ends), bits).tolist()
        return replace(self, whole=to_bits(self.whole, bits), ends=tuple(ends))

    def others(self, seed: int) -> "Convolution | None":
        names = drawn(self.split, self.keys, seed)
        return None if names is None else replace(self, keys=names)

    @property
    def equation(self) -> str:
        if self.group.is_addition or bool(self.group.centre.all()):
            return (
                f"logit(c) = Σ_k A_k cos(w_k x - φ_k), x how far c lies from the right answer, "
                f"{self.lens.law}; {', '.join(self.keys)}"
            )
        return (
            f"logit(c) = kernel(a⁻¹ c b⁻¹) on {self.group.name}; its irreps: {', '.join(self.keys)}"
        )

    def program(self) -> str:
        circle = circle_of(self.lens, len(self.lens.answers))
        return self._on_group() if circle is None else self._on_circle(circle)

    def _on_circle(self, circle: Circle) -> str:
        """The kernel as waves."""
        answers = torch.full_like(circle.points, -1)  # the place of each
        answers[circle.answers] = circle.points
        ordered = torch.empty_like(self.kernel)
        ordered[logarithm(self.group)] = self.kernel
        return printed.program(
            program_circle,
            self.equation,
            N=str(circle.n),
            A=printed.listed(circle.a.tolist()),
            B=printed.listed(circle.b.tolist()),
            C=printed.listed(answers.tolist()),
            WAVES=printed.in_lines(_waves(ordered), "{}"),
            ENDS=str(tuple(map(printed.round_, self.ends))),
        )

    def _on_group(self) -> str:
        """The kernel by classes of conjugate elements, each called by its first."""
        names = [json.dumps(name, ensure_ascii=False) for name in element_names(self.group)]
        value = dict(enumerate(map(printed.round_, self.kernel.tolist())))
        classes = [alike.tolist() for alike in self.group.classes]
        rows = (f"{names[alike[0]]}: { {g: value[g] for g in alike} }" for alike in classes)
        return printed.program(
            program_group,
            self.equation,
            **printed.moves_of(self.group),
            INVERSE=printed.listed(self.group.inverse.tolist()),
            KERNEL=printed.in_lines(map(printed.wrapped, rows), "{}"),
        )

    def checks(self, snapshot: Snapshot) -> tuple[Evidence, ...]:
        return of_kernel(snapshot, self.lens, self.whole)


def _waves(kernel: Float[Tensor, " g"]) -> list[str]:
    """The waves of a function on a circle that are not 0, as frequency: (amplitude, phase); their
    sum is the function less its mean."""
    n = len(kernel)
    spectrum = torch.fft.rfft(kernel.double())
    height, phase = 2 / n * spectrum.abs(), -spectrum.angle()
    if n % 2 == 0:
        height[-1] /= 2
    floor = 1e-9 * float(height.max())
    return [
        f"{k}: ({printed.round_(float(height[k]))}, {printed.round_(float(phase[k]))})"
        for k in range(1, len(spectrum))
        if float(height[k]) > floor
    ]
