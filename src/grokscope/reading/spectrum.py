"""Which lens a checkpoint's weights are sparsest in, and which parts of it hold them."""

from collections.abc import Sequence
from dataclasses import dataclass

from grokscope.errors import lookup
from grokscope.measures.spectra import compare, even_spectrum, lens_of, spectrum
from grokscope.measures.weights import symbol_weights
from grokscope.snapshot import Snapshot


@dataclass(frozen=True)
class Spectrum:
    """The lenses of a task scored on one checkpoint, and its weights in one of them."""

    task: str
    step: int | None
    laws: dict[str, str]  # lens -> how it reads the task
    scores: dict[str, float]  # lens -> nats sparser than chance, the best first
    by_weight: dict[str, dict[str, float]]
    winner: str | None
    lead: float  # of the first over the next, in nats
    margin: float  # that it must exceed
    lens: str  # the one shown
    shares: dict[str, dict[str, float]]  # weight -> part -> share of its power
    chance: dict[str, dict[str, float]]


def read_spectrum(s: Snapshot, lens: str | None = None, weights: Sequence[str] = ()) -> Spectrum:
    """The spectrum of these folded weights, by default of all, in the lens of this name, by default
    the winner, or the task's own where none wins.

    Raises `UnknownName` for a lens or weight that does not exist, `NotApplicable` where there is
    none at all.
    """
    lenses, own = compare(s), lens_of(s, lens)
    shown = own.name if lens or lenses.winner is None else lenses.winner
    folded = symbol_weights(s)
    for weight in weights:
        lookup("weight", weight, folded)
    chosen = list(weights) or list(folded)
    return Spectrum(
        task=s.task.name,
        step=s.step,
        laws={x.name: x.law for x in s.task.lenses},
        scores={name: lenses.scores[name].value for name in lenses.ranking},
        by_weight={k: {w: x.value for w, x in v.items()} for k, v in lenses.by_weight.items()},
        winner=lenses.winner,
        lead=lenses.lead,
        margin=lenses.margin,
        lens=shown,
        shares={weight: spectrum(s, weight, shown) for weight in chosen},
        chance={weight: even_spectrum(s, weight, shown) for weight in chosen},
    )
