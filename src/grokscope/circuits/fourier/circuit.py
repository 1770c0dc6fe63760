"""The neuron-level Fourier circuit: waves of a few frequencies in the neurons and in the output
map, which are a clock or a pizza; see `waves`.

Axes: pair = one input; c = an answer; neuron.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from grokscope.activations import IDENTITY
from grokscope.circuits import printed
from grokscope.circuits.circuit import Algorithm, Circuit, chosen_parts, finder
from grokscope.circuits.fourier import program
from grokscope.circuits.fourier.clock_or_pizza import CLOCK, PIZZA, clock_or_pizza
from grokscope.circuits.fourier.evidence import checks
from grokscope.circuits.fourier.fit import fit
from grokscope.circuits.fourier.waves import Waves
from grokscope.snapshot import Snapshot, once_per_snapshot
from grokscope.task import Task
from grokscope.verify.evidence import Evidence

DIGITS = 7  # that are printed: the five-neuron network decides by differences of 1e-5
OF_LOGARITHMS = ": angles of logarithms, for those of a product add"


@dataclass(frozen=True, eq=False)
class Fourier(Circuit):
    """A network rebuilt of waves; its parts are the frequencies of the output map."""

    waves: Waves
    form: ClassVar[str] = "fourier"
    title: ClassVar[str] = "waves in its neurons"
    how: ClassVar[str] = "Its neurons follow waves of a and of b, and are read out as waves of c"
    algorithms: ClassVar[tuple[str, ...]] = (CLOCK.name, PIZZA.name)

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(map(self.waves.circle.name, self.waves.keys))

    @property
    def size(self) -> int:
        return self.waves.size

    def hidden(self, task: Task) -> Float[Tensor, "pair neuron"]:
        return self.waves.hidden(task)

    def output(self) -> Float[Tensor, "neuron c"]:
        return self.waves.output()

    def logits(self, task: Task) -> Float[Tensor, "pair c"]:
        return self.waves.logits(task)

    def keeping(self, parts: Iterable[str]) -> "Fourier":
        names = chosen_parts(self, parts)
        keys = [k for k in self.waves.keys if self.waves.circle.name(k) in names]
        return replace(self, waves=self.waves.read_out_at(keys))

    @property
    def equation(self) -> str:
        inside = "α_k cos(w_k a + φ_k) + α'_k cos(w_k b + φ'_k)"
        if self.waves.has_products:
            inside += " + their products"
        act = "" if self.waves.act is IDENTITY else self.waves.act.name
        names = ", ".join(self.parts)
        return f"logit(c) = Σ_i h_i B_i cos(w_k c + φ_k + φ'_k), h_i = {act}(β + {inside}); {names}"

    def neurons(self) -> dict[str, Bool[Tensor, " neuron"]]:
        """By the frequency at which each is read out most strongly."""
        power = torch.stack([x.square().sum(dim=1) for x in self.waves.by_key])
        owner, is_read = power.argmax(dim=0), power.sum(dim=0) > 0
        return {name: (owner == i) & is_read for i, name in enumerate(self.parts)}

    def program(self) -> str:
        waves, circle = self.waves, self.waves.circle
        answers = [circle.points_of(c) for c in range(circle.n_answers)]
        is_plain = answers == [[c] for c in range(circle.n)]
        return printed.program(
            program,
            self.equation,
            N=str(circle.n),
            A=printed.listed(circle.a.tolist()),
            B=printed.listed(circle.b.tolist()),
            C=f"[[c] for c in range({circle.n})]" if is_plain else printed.listed(answers),
            WAVES=str(waves.frequencies),
            KEYS=str(waves.keys),
            BIAS=printed.listed(_digits(waves.bias.tolist())),
            NEURONS=printed.in_lines(_neurons(waves)),
            act=waves.act.python,
        )

    def checks(self, snapshot: Snapshot) -> tuple[Evidence, ...]:
        return *checks(snapshot, self.waves), *clock_or_pizza(snapshot, self.waves).evidence

    def algorithm(self, snapshot: Snapshot) -> Algorithm | None:
        """Clock or pizza; see `clock_or_pizza`."""
        algorithm = clock_or_pizza(snapshot, self.waves).algorithm
        if algorithm is None or snapshot.lens.name != "multiplicative":
            return algorithm
        return replace(algorithm, how=algorithm.how + OF_LOGARITHMS)


@finder(Fourier)
@once_per_snapshot
def find(snapshot: Snapshot) -> Fourier:
    """The waves that fit a network best; see `fit`, also for what it is not applicable to."""
    return Fourier(fit(snapshot))


def _neurons(waves: Waves) -> list[str]:
    """The source of each neuron that is read out; where no nonlinearity stands between, of their
    sums: one for each wave of the answer."""
    if waves.act is IDENTITY:
        waves = replace(
            waves, inner=waves.inner @ waves.rows, rows=torch.eye(waves.rows.shape[1]).double()
        )
    each = (waves.inner[:1], *waves.by_frequency, waves.rows.T)
    constant, *inner, rows = (x[:, waves.is_read].T.tolist() for x in each)
    sources = []
    for c, row, *own in zip(constant, rows, *inner, strict=True):
        held = {k: _digits(x) for k, x in zip(waves.frequencies, own, strict=True) if any(x)}
        sources.append(str((*_digits(c), held, _digits(row))))
    return sources


def _digits(numbers: Sequence[float]) -> list[float]:
    return [float(f"{x:.{DIGITS}g}") if x else x for x in numbers]
