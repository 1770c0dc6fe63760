"""What waves are tested on: whether the neurons and the output map are made of them, and whether
their phases add up.

Axes: neuron; c = an answer.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from grokscope.activations import IDENTITY
from grokscope.canonical import spread_after
from grokscope.circuits.circle import Circle
from grokscope.circuits.fourier.fit import fit_rows
from grokscope.circuits.fourier.squares import design_of_pairs, least_squares
from grokscope.circuits.fourier.waves import Waves, functions_of_pairs
from grokscope.measures.weights import output_map
from grokscope.score import accuracy, centred, explained_variance
from grokscope.snapshot import Snapshot
from grokscope.verify.evidence import Evidence, Tested, Unit, at_least

EXPLAINED, OPEN = 0.85, 0.7  # of the neurons' variance: Nanda et al. call a neuron localised at .85
PHASE_LAW = 0.9  # mean cosine of what ψ misses the sum by: PAIR's neurons are within 10 degrees


class OfWaves(Tested):
    """What a Fourier circuit is tested on."""

    NEURONS = "neurons' variance explained by their waves"
    ONE_FREQUENCY = "neurons of one frequency"
    OUTPUT_MAP = "output map explained by waves of the answer"
    PHASE_LAW = "law of phases: mean cos(ψ - φ - φ')"
    REBUILT = "accuracy of the rebuilt network", Unit.SHARE


def checks(s: Snapshot, waves: Waves) -> tuple[Evidence, ...]:
    """The evidence for these waves in a network."""
    return (
        _neurons_explained(s, waves),
        _one_frequency(s, waves),
        _output_map_explained(s, waves),
        _phase_law(waves),
        _rebuilt(s, waves),
    )


def _neurons_explained(s: Snapshot, waves: Waves) -> Evidence:
    """How much of the hidden layer's variance over pairs, each neuron counted as strongly as it is
    read out, the waves' activations explain; for the controls, of the hidden layer as they are
    fitted, before or after the nonlinearity."""
    weight, post = _read_out(s), s.exact_post
    varies, claimed = (x - x.mean(dim=0) for x in (post, waves.hidden(s.task)))
    fitted = post if waves.act is IDENTITY else s.mlp_pre.double()
    total = (fitted - fitted.mean(dim=0)).square().sum(dim=0) @ weight

    def like(circle: Circle, frequencies: Sequence[int]) -> float:
        design = design_of_pairs(circle, frequencies, s.task, waves.has_products)
        _, missed = least_squares(design, fitted)
        return float(1 - missed @ weight / total.clamp(min=1e-300))

    controls = {
        "other frequencies": like(waves.circle, _other_frequencies(waves)),
        "relabelled elements": like(_relabelled(waves.circle), waves.frequencies),
    }
    value = explained_variance(varies, claimed, weight)
    return at_least(OfWaves.NEURONS, value, EXPLAINED, OPEN, controls=controls)


def _read_out(s: Snapshot) -> Float[Tensor, " neuron"]:
    """How strongly each neuron is read out: the squared norm of its centred row."""
    return centred(output_map(s)).square().sum(dim=1)


def _other_frequencies(waves: Waves) -> list[int]:
    """As many frequencies as the hidden layer has, at random from the others."""
    everything = range(1, waves.circle.n // 2 + 1)
    rest = [k for k in everything if k not in waves.frequencies] or list(everything)
    return sorted(rest[i] for i in _shuffle(len(rest))[: len(waves.frequencies)].tolist())


def _shuffle(n: int) -> Tensor:
    """An order of so many things, at random."""
    return torch.randperm(n, generator=torch.Generator().manual_seed(0))


@lru_cache(maxsize=8)
def _relabelled(circle: Circle) -> Circle:
    """The same circle with the symbols at each other's places, at random."""
    order = _shuffle(len(circle.a))
    return replace(circle, a=circle.a[order], b=circle.b[order])


def _one_frequency(s: Snapshot, waves: Waves) -> Evidence:
    """The share of the neurons read out with one wave for at least 85 % of what they do before they
    are bent (Nanda et al. 2023)."""
    blocks = functions_of_pairs(waves.circle, waves.frequencies, s.task, waves.has_products)
    power = torch.stack(
        [((x.T.cov() @ w) * w).sum(dim=0) for x, w in zip(blocks, waves.by_frequency, strict=True)]
    )
    share = power.amax(dim=0) / power.sum(dim=0).clamp(min=1e-300)
    weight = _read_out(s)
    is_read = waves.is_read & (weight > 1e-3 * weight.max())
    value = float((share[is_read] >= EXPLAINED).double().mean()) if is_read.any() else 0.0
    return Evidence(OfWaves.ONE_FREQUENCY, value, why="the others have several")


def _output_map_explained(s: Snapshot, waves: Waves) -> Evidence:
    """What the waves of the answer explain of the output map's rows, less their means."""
    W, reached = output_map(s), ~waves.circle.unreached
    weight = spread_after(s)[0].square()

    def explained(claimed: Float[Tensor, "neuron c"]) -> float:
        x, y = (centred(w[:, reached]).T for w in (W, claimed))
        return explained_variance(x, y, weight)

    order = _shuffle(W.shape[1])
    relabelled = replace(waves, rows=fit_rows(waves.circle, waves.keys, W[:, order])).output()
    return at_least(
        OfWaves.OUTPUT_MAP,
        explained(waves.output()),
        OPEN,
        controls={"relabelled elements": explained(relabelled[:, order.argsort()])},
    )


def _phase_law(waves: Waves) -> Evidence:
    """The mean of cos(ψ - φ - φ') over neurons and key frequencies, each as strong as it acts on
    the logits: 1 where the output's phase is the sum of the inputs', 0 by chance."""
    if not waves.circle.is_one_to_one:
        why = "an answer stands for several places, so its wave has no phase"
        return Evidence(OfWaves.PHASE_LAW, math.nan).inconclusive(why)
    law, shuffled = _mean_cosine(waves), _mean_cosine(_rows_elsewhere(waves))
    spread = math.sqrt(-2 * math.log(min(1.0, max(1e-9, abs(law)))))
    controls = {"shuffled": shuffled, "circular spread in radians": spread}
    return at_least(OfWaves.PHASE_LAW, law, PHASE_LAW, OPEN, controls=controls)


def _mean_cosine(waves: Waves) -> float:
    phases = [waves.phases(k) for k in waves.keys if k]
    missed = torch.cat([x.c * x.both.conj() for x in phases])  # exp(i(ψ - φ - φ')), as it acts
    return float(missed.real.sum() / missed.abs().sum().clamp(min=1e-300))


def _rows_elsewhere(waves: Waves) -> Waves:
    """The same with the rows of the output map given to other neurons."""
    return replace(waves, rows=waves.rows[_shuffle(len(waves.rows))])


def _rebuilt(s: Snapshot, waves: Waves) -> Evidence:
    """How often the rebuilt network is right, and with its rows at other neurons."""
    answers = s.task.answers
    return Evidence(
        OfWaves.REBUILT,
        accuracy(waves.logits(s.task), answers),
        controls={
            "network": accuracy(s.logits, answers),
            "its rows at other neurons": accuracy(_rows_elsewhere(waves).logits(s.task), answers),
        },
    )
