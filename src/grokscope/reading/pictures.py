"""What figures are drawn of: pictures of a reading over its checkpoints, as plain numbers."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float

from grokscope.measures.spectra import even_spectrum
from grokscope.reading.answers import Answers, answers
from grokscope.reading.attention import Attention, attention
from grokscope.reading.cosets import FollowedCosets, cosets
from grokscope.reading.facts import Facts
from grokscope.reading.film import Film, film
from grokscope.reading.grid import Grid, grid
from grokscope.reading.irreps import IrrepShares, irreps
from grokscope.reading.neurons import ShownNeurons, output_map, shown_neurons
from grokscope.reading.reading import Reading
from grokscope.reading.waves import Cycle, Parts, circles, cycle, symbol_order, waves
from grokscope.snapshot import Snapshot

FOLLOWS = 0.5  # of the variation of a neuron that a part explains
MOST_FILMS = 4  # neurons whose activations are shown over (a, b) at every checkpoint


@dataclass(frozen=True, eq=False)
class Pictures:
    """A reading as it is drawn at these `steps`. Each thing is measured when it is first asked for,
    and once; None stands for what the run does not have."""

    reading: Reading
    steps: list[int]

    @property
    def facts(self) -> Facts:
        return self.reading.facts

    @cached_property
    def grid(self) -> Grid | None:
        """The pairs, where there is a picture over (a, b)."""
        return grid(self.reading.snapshot)

    @cached_property
    def neurons(self) -> ShownNeurons | None:
        return shown_neurons(self.reading)

    @cached_property
    def filmed(self) -> list[int]:
        """The places of the shown neurons whose activations are filmed: of each of the first key
        parts the one that follows it most."""
        if self.grid is None or self.neurons is None or self.reading.keys is None:
            return []
        return self.neurons.purest(self.reading.keys.names)[:MOST_FILMS]

    @cached_property
    def circles(self) -> list[str]:
        """The parts on whose circles the embedding is shown."""
        return circles(self.reading)

    @cached_property
    def waves(self) -> dict[str, Parts]:
        """The parts that neurons are shown beside, as functions of a and of c: those that some
        neuron follows."""
        n = self.neurons
        if n is None:
            return {}
        pairs = zip(n.parts, n.shares, strict=True)
        return waves(self.reading, [part for part, share in pairs if (share or 0) >= FOLLOWS])

    @cached_property
    def cycles(self) -> dict[str, Cycle | None]:
        """The cycle that functions of a, b and c go around."""
        return {role: cycle(self.reading.snapshot, role) for role in "abc"}

    def symbol_order(self, role: str) -> list[int] | None:
        """The symbols in the order of the elements they stand for; None where that is their
        own."""
        return symbol_order(self.reading.snapshot, role)

    def even_spectrum(self, weight: str) -> dict[str, float]:
        """What each part of a folded weight would hold if all were spread evenly."""
        return even_spectrum(self.reading.snapshot, weight, self.reading.lens)

    @cached_property
    def film(self) -> Film:
        """What changes from step to step."""
        return film(self.reading, self.steps, self.grid, self.neurons, self.filmed, self.circles)

    @cached_property
    def activations(self) -> Float[np.ndarray, "neuron row column"] | None:
        """What each shown neuron does with each pair, at the last checkpoint."""
        if self.grid is None or self.neurons is None:
            return None
        post = self.reading.snapshot.mlp_post[:, self.neurons.index].float()
        return np.stack([self.grid.picture(x) for x in post.T])

    @cached_property
    def shown_pairs(self) -> Float[np.ndarray, "row column"] | None:
        """Which pairs the network was shown: 1, or 0 for the others."""
        if self.grid is None or not self.reading.run.knows_split:
            return None
        return self.grid.picture(self.reading.run.is_train.float())

    @cached_property
    def attention(self) -> Attention | None:
        return attention(self.reading, self.steps)

    @cached_property
    def answers(self) -> Answers | None:
        return answers(self.reading)

    @cached_property
    def irreps(self) -> IrrepShares | None:
        """Those that neurons may lie in."""
        return None if self.neurons is None else irreps(self.reading.run.task, self.reading.keys)

    @cached_property
    def cosets(self) -> FollowedCosets | None:
        """Those that neurons follow."""
        if self.neurons is None:
            return None
        s = self.reading.snapshot
        return cosets(s, untrained(self.reading), self.neurons.index, output_map(s))

    @property
    def parts(self) -> list[str]:
        """The parts that have a colour, the same in every figure: key parts first, then those of
        the circuit, then those that neurons follow."""
        keys, circuit = self.reading.keys, self.answers and self.answers.circuit
        names = [
            *(keys.names if keys else ()),
            *(circuit.parts if circuit else ()),
            *self.waves,
            *(part for part in (self.neurons.parts if self.neurons else ()) if part),
            *(self.irreps.parts if self.irreps else ()),
        ]
        return list(dict.fromkeys(names))


def untrained(r: Reading) -> Snapshot | None:
    """The run at step 0, where that is a checkpoint and not the last."""
    if r.snapshot.step == 0 or 0 not in r.run.steps:
        return None
    ((step, model),) = r.run.models([0])
    return replace(r.snapshot, model=model, step=step)
