"""What an account of a network costs to write down, in bits, and what it leaves over at that price:
one curve on which all accounts of a network stand.

An account's numbers are written as whole numbers of b bits of a step for each kind (amplitudes,
values on cosets, ...), with the fewest b by which it still gives the network's answers. Beside it
stand a table of the answers, which leaves all else open, and a table of all that it says: the
logits of every pair, and the activations where it speaks of neurons, in numbers of as many bits.
One that takes more than that explains nothing. (Description length: Rissanen 1978.)

Axes: pair = one input; c = an answer.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import log2

from jaxtyping import Float, Int
from torch import Tensor

from grokscope.circuits.circuit import Circuit
from grokscope.score import accuracy, centred, explained_variance, said
from grokscope.snapshot import Snapshot
from grokscope.verify.evidence import ANSWERS, VALUES, Evidence, OfAll, at_most

FEWEST, MOST = 2, 24  # bits of a number: a sign and a place; those of float32
DRAWN = 12  # of a curve: more change nothing that can be seen
LOST = 0.001  # of the pairs, whose answer may change
ROUNDING = 1e-6  # of the largest logit


@dataclass(frozen=True)
class Paid:
    """A circuit with numbers of so many bits: their sum, on which share of the pairs it gives the
    network's answer alone, and which share of the logits' variance it leaves over."""

    bits_a_number: int
    bits: int
    agrees: float
    left_over: float


def price(s: Snapshot, circuit: Circuit, n_pairs: int) -> Iterator[Evidence]:
    """The price of a circuit of a network on so many pairs, of which `s` may be a sample; nothing
    for a form that does not round its numbers."""
    if circuit.rounded(MOST) is None:
        return
    x, n_answers, output = _coarsest(_Asked.of(s), circuit), s.task.n_answers, circuit.output()
    said_of_each = n_answers + (0 if output is None else len(output))
    values = float(n_pairs * said_of_each * x.bits_a_number)
    tables = {ANSWERS: n_pairs * log2(n_answers), VALUES: values}
    yield at_most(OfAll.PRICE, float(x.bits), values, controls=tables)
    yield Evidence(OfAll.PRICE_OF_ONE, float(x.bits_a_number))
    yield Evidence(OfAll.LEFT_OVER, x.left_over)


def curve(s: Snapshot, circuit: Circuit) -> tuple[Paid, ...]:
    """What finer numbers cost, and what they leave over; nothing for a form that does not round."""
    if circuit.rounded(MOST) is None:
        return ()
    asked = _Asked.of(s)
    return tuple(asked.paid(circuit, bits) for bits in range(FEWEST, DRAWN + 1))


@dataclass(frozen=True, eq=False)
class _Asked:
    """A network's centred logits, and its answers."""

    s: Snapshot
    logits: Float[Tensor, "pair c"]
    answers: Int[Tensor, " pair"]

    @classmethod
    def of(cls, s: Snapshot) -> "_Asked":
        logits = centred(s.logits)
        return cls(s, logits, said(logits))

    def paid(self, circuit: Circuit, bits: int) -> Paid:
        rounded = circuit.rounded(bits)
        assert rounded is not None
        claimed = centred(rounded.logits(self.s.task))
        left_over = 1 - explained_variance(self.logits, claimed)
        return Paid(bits, circuit.size * bits, self._agreeing(claimed), left_over)

    def _agreeing(self, claimed: Float[Tensor, "pair c"]) -> float:
        """The share of the pairs on which the network's answer is ahead of all others by more than
        rounding: coarse numbers make ties, which are no answer."""
        doubt = (ROUNDING * claimed.abs().max()).expand(len(claimed), 1)
        return accuracy(claimed.scatter_add(1, self.answers[:, None], -doubt), self.answers)


def _coarsest(asked: _Asked, circuit: Circuit) -> Paid:
    """With the fewest bits by which it gives the network's answer as often as by the most."""
    finest = asked.paid(circuit, MOST)
    coarser = (asked.paid(circuit, bits) for bits in range(FEWEST, MOST))
    return next((x for x in coarser if x.agrees >= finest.agrees - LOST), finest)
