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
from grokscope.circuits.fourier.bound import Claim
from grokscope.circuits.fourier.bound import waves as waves_bound
from grokscope.circuits.fourier.clock_or_pizza import CLOCK, PIZZA, clock_or_pizza
from grokscope.circuits.fourier.evidence import checks
from grokscope.circuits.fourier.fit import fit
from grokscope.circuits.fourier.pieces import Columns, Pieces, count, has, owners
from grokscope.circuits.fourier.waves import Waves
from grokscope.circuits.printed import to_bits
from grokscope.snapshot import Snapshot, once_per_snapshot
from grokscope.task import Task
from grokscope.verify.evidence import Evidence
from grokscope.verify.network import Bound, Network

DIGITS = 7  # that are printed: the five-neuron network decides by differences of 1e-5
Wave = tuple[float, ...]  # its size and phase; of what has no place its size; () for none
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
        return count(self.waves)

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

    def rounded(self, bits: int) -> "Fourier":
        x = Pieces.of(self.waves)
        inner = {k: [to_bits(piece, bits) for piece in each] for k, each in x.inner.items()}
        outer = {k: to_bits(piece, bits) for k, piece in x.outer.items()}
        return replace(self, waves=replace(x, inner=inner, outer=outer).together)

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
        return {self.waves.circle.name(k): mine for k, mine in owners(self.waves).items()}

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
            BIAS=printed.listed(
                [_digits(x) for x in waves.bias.tolist()] if waves.bias.any() else []
            ),
            NEURONS=_table(waves),
            act=waves.act.python,
        )

    def mechanism(self, network: Network, task: Task) -> Bound | None:
        """That of angles which add up."""
        return waves_bound(network, Claim.of(self.waves.circle, self.waves.keys, task))

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


def _table(waves: Waves) -> str:
    """The source of the neurons, those of one frequency together."""
    x, constants, lines = Pieces.of(waves), waves.inner[0].tolist(), []
    inner = {k: _named(each, k) for k, each in x.inner.items()}
    outer = {k: _polar(piece) for k, piece in x.outer.items()}
    for k, mine in owners(waves).items():
        those = mine.nonzero()[:, 0].tolist()
        lines += [f"    # {waves.circle.name(k)}: {len(those)}"] if those else []
        lines += [f"    {_neuron(i, constants[i], inner, outer)}," for i in those]
    return "\n".join(["[", *lines, "]"])


def _neuron(
    i: int,
    constant: float,
    inner: dict[int, dict[str, list[Wave]]],
    outer: dict[int, list[Wave]],
) -> str:
    """The source of one neuron; see `program`."""
    each = ((k, {name: of[i] for name, of in x.items() if of[i]}) for k, x in inner.items())
    waves = {k: named for k, named in each if named}
    answer = {k: x[i] for k, x in outer.items() if x[i]}
    return str((waves, answer, *([_digits(constant)] if constant else [])))


def _named(each: Sequence[Columns], k: int) -> dict[str, list[Wave]]:
    """A wave's pieces as the program names them; a and b together where they have the same."""
    shared, apart, *both = each
    is_one, alike = ~has(apart), _polar(shared)
    of_a, of_b = _polar(shared + apart), _polar(shared - apart)
    named = {
        "a, b": [x if one else () for x, one in zip(alike, is_one.tolist(), strict=True)],
        "a": [() if one else x for x, one in zip(of_a, is_one.tolist(), strict=True)],
        "b": [() if one else x for x, one in zip(of_b, is_one.tolist(), strict=True)],
    }
    names = ("a+b", "a-b") if k else ("neither",)
    return named | dict(zip(names, map(_polar, both), strict=False))


def _polar(piece: Columns) -> list[Wave]:
    """Of each neuron the size and the phase of a wave as they are printed, () where it has none; of
    what has no place, its size."""
    if len(piece) == 1:
        return [(_digits(x),) if x else () for x in piece[0].tolist()]
    size, phase = piece.norm(dim=0).tolist(), torch.atan2(-piece[1], piece[0]).tolist()
    return [(_digits(x), _digits(y)) if x else () for x, y in zip(size, phase, strict=True)]


def _digits(number: float) -> float:
    return float(f"{number:.{DIGITS}g}")
