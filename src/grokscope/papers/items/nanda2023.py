"""Nanda et al. 2023, "Progress measures for grokking via mechanistic interpretability".

What is published is of the authors' own run; ours are five seeds of their recipe, so that a number
of theirs is asked to be where one network more of ours would be.
"""

from dataclasses import replace
from functools import partial
from statistics import fmean
from typing import Any

import torch

from grokscope.measures.attention import attention_fve
from grokscope.measures.characters import logit_fve
from grokscope.measures.keys import keys_of
from grokscope.measures.leading import leading_of
from grokscope.measures.losses import all_loss
from grokscope.measures.neurons import neurons_localised, output_direction_fve
from grokscope.measures.phases import find_phases
from grokscope.measures.planes import on_diagonals, plane_norms
from grokscope.measures.restricted import (
    by_pairs,
    cosines,
    excluded_loss_sum_train_by_key,
    restricted_loss_block3,
    restricted_loss_sum,
)
from grokscope.measures.trace import trace
from grokscope.measures.weights import output_map
from grokscope.papers import nanda2023
from grokscope.papers.item import Published, Row, Size, item, seeds
from grokscope.papers.measured import curve, events, first_below, lists
from grokscope.plots.items import ablated, curves, dots, maps, spectra
from grokscope.snapshot import Snapshot
from grokscope.spec import Spec
from grokscope.training.events import Phases
from grokscope.training.loss import negative_log_likelihood
from grokscope.training.run import Run
from grokscope.verify.ablations import ablate

# Their recipe; what it costs is shared by all items of the same five networks.
FIVE = seeds(nanda2023.SPEC, 5)
MAIN = Size(FIVE, hours=1.7)
FAST = Spec(
    task_args={"p": 59}, model_args={"d_mlp": 128}, train_fraction=0.4, lr=2e-2, betas=(0.9, 0.95),
    eps=1e-6, steps=2_000, stop_after_grok=200, give_up_after=1_500, eval_every=10,
    checkpoint_every=50,
)  # fmt: skip
QUICK = Size(seeds(FAST, 2), hours=0.03)


@item(
    "nanda2023:fig2",
    shows="five seeds memorise at once and generalise after thousands of steps",
    full=MAIN,
    quick=QUICK,
    published=(
        Published("memorised", 1_400, "at most"),
        Published("generalised", 10_000),
        Published("generalises", 1, "share"),
    ),
    draw=partial(curves, columns=("train_loss", "test_loss", "test_accuracy")),
)
def fig2(run: Run) -> Row:
    """Its events and curves."""
    return {**events(run), **curve(run)}


@item(
    "nanda2023:fig3",
    shows="norms of W_E and W_L by frequency: few carry all; the keys of each seed (Table 3)",
    full=MAIN,
    quick=QUICK,
    published=(Published("key frequencies", 4),),  # the mean of the mainline and three seeds
    draw=partial(spectra, up="W_L", down="W_E", by=("seed", "keys")),
)
def fig3(run: Run) -> Row:
    """The norm of each frequency, of cos and sin together, and the key frequencies by the
    logits."""
    s = Snapshot.of(run)
    keys = [name.removeprefix("frequency ") for name in keys_of(s)]
    found = {
        {"ab": "W_E", "c": "W_L"}[role]: (x.cosine + x.sine).sqrt().tolist()
        for role, x in leading_of(s).items()
    }
    return {"keys": " ".join(keys), "key frequencies": len(keys), **found}


@item(
    "nanda2023:fig4",
    shows="logits and one neuron in the two-dimensional Fourier basis: rows and diagonals alone",
    full=MAIN,
    quick=QUICK,
    draw=partial(maps, column="logits", by="seed"),
)
def fig4(run: Run) -> Row:
    """The norms of the logits' coefficients, those of the first neuron, and the share of the logits
    on products of a frequency with itself."""
    s = Snapshot.of(run)
    logits, neuron = plane_norms(s, s.logits), plane_norms(s, s.mlp_post[:, :1])
    return {
        "on the diagonals": on_diagonals(logits),
        "logits": _short(logits),
        "neuron 0": _short(neuron),
    }


def _short(x: torch.Tensor) -> list[list[float]]:
    return [[float(f"{v:.3g}") for v in line] for line in x.tolist()]


DIRECTIONS = (0.932, 0.935, 0.968, 0.965, 0.970, 0.970, 0.964, 0.964, 0.974, 0.982)


@item(
    "nanda2023:table1",
    shows="the directions that W_L reads carry cos and sin of w(a+b)",
    full=MAIN,
    quick=QUICK,
    published=(
        Published("mean", fmean(DIRECTIONS)),
        Published("least", min(DIRECTIONS)),
        Published("largest", max(DIRECTIONS)),
    ),
    draw=partial(dots, columns=("mean", "least", "largest"), by="seed"),
)
def table1(run: Run) -> Row:
    """The share of the variance along each direction that its wave explains."""
    found = output_direction_fve(Snapshot.of(run))
    numbers = list(found.values())
    return {"mean": fmean(numbers), "least": min(numbers), "largest": max(numbers), **found}


@item(
    "nanda2023:logits",
    shows="the logits by the key cosines alone: variance, loss, and the rank of W_L (4.2)",
    full=MAIN,
    quick=QUICK,
    published=(
        Published("explained", 0.95),
        Published("loss", 2.412e-7, "decade"),
        Published("loss of the cosines", 4.7e-8, "decade"),
        Published("residue of W_L", 0.0055, "decade"),
    ),
    draw=partial(
        dots, columns=("explained", "loss", "loss of the cosines", "residue of W_L"), by="seed"
    ),
)
def logits(run: Run) -> Row:
    """What Σ α_k cos w_k(a+b-c) explains of the logits, its loss, and what of W_L lies outside the
    key frequencies, by norm."""
    s = Snapshot.of(run)
    keys, W = keys_of(s), output_map(s).T
    rest = W - s.lens.split.project(keys, W)
    alone = by_pairs(s, negative_log_likelihood(cosines(s, keys), s.fibres.answers))
    return {
        "explained": logit_fve(s)["keys"],
        "loss": all_loss(s),
        "loss of the cosines": alone["all"],
        "residue of W_L": float(rest.norm() / W.norm()),
    }


@item(
    "nanda2023:restricted",
    shows="the loss with the key sum directions alone, and with their blocks alone (4.4)",
    full=MAIN,
    quick=QUICK,
    published=(
        Published("restricted", 5.54e-8, "decade"),
        Published("3 x 3 blocks", 7.24e-8, "decade"),
        Published("neurons of one frequency", 433 / 512),
    ),
    draw=partial(
        dots, columns=("restricted", "3 x 3 blocks", "neurons of one frequency"), by="seed"
    ),
)
def restricted(run: Run) -> Row:
    """Both losses over all pairs, and the share of the neurons that follow one frequency."""
    s = Snapshot.of(run)
    return {
        "restricted": restricted_loss_sum(s)["all"],
        "3 x 3 blocks": restricted_loss_block3(s)["all"],
        "neurons of one frequency": neurons_localised(s),
    }


@item(
    "nanda2023:fig6",
    shows="train loss without one key frequency: each is needed (Fig. 6 and 15)",
    full=MAIN,
    quick=QUICK,
    published=(
        Published("least", 0.000282, "decade"),
        Published("largest", 0.07195, "decade"),
    ),
    draw=partial(dots, columns=("least", "largest"), by="seed"),
)
def fig6(run: Run) -> Row:
    """The train loss without each key frequency, the least and the largest."""
    found = excluded_loss_sum_train_by_key(Snapshot.of(run))
    return {"least": min(found.values()), "largest": max(found.values()), **found}


@item(
    "nanda2023:fig7",
    shows="memorisation, circuit formation, cleanup: the progress measures over training",
    full=Size(FIVE, hours=2.0),
    quick=QUICK,
    published=(
        Published("memorisation ends", 1_400),
        Published("formation ends", 9_400),
        Published("cleanup ends", 14_000),
    ),
    draw=partial(
        curves,
        columns=(
            "excluded_loss_sum_train",
            "restricted_loss_sum[all]",
            "gini[ab]",
            "sum_of_squares",
        ),
        marks=("memorisation ends", "formation ends", "cleanup ends"),
    ),
)
def fig7(run: Run) -> Row:
    """The ends of its phases, by a rule (`measures.phases`), theirs being set by hand; excluded and
    restricted loss, Gini coefficient and squared norm at its checkpoints."""
    measures = ("excluded_loss_sum_train", "restricted_loss_sum", "gini", "sum_of_squares")
    table = trace(run, measures)
    found, row = find_phases(run.spec, run.rows, run.task.chance, table), events(run)
    if isinstance(found, Phases):
        row |= {
            "memorisation ends": found.memorized,
            "formation ends": found.formed,
            "formation ends by its knee": found.knee,
            "cleanup ends": found.cleaned,
        }
    else:
        row["no phases"] = found
    return {**row, **lists(table)}


@item(
    "nanda2023:table2",
    shows="each head attends by one frequency (Table 2)",
    full=MAIN,
    quick=QUICK,
    published=(Published("mean", fmean((0.9903, 0.9849, 0.9907, 0.9791))),),
    draw=partial(dots, columns=("mean", "least"), by="seed"),
)
def table2(run: Run) -> Row:
    """The share of each head's scores over symbols in its best frequency."""
    found = list(attention_fve(Snapshot.of(run)).values())
    return {"mean": fmean(found), "least": min(found)}


ABLATED = {
    ("all heads", "zero"): 24.3,
    ("attention skip", "zero"): 19.1,
    ("attention", "linear"): 2.12e-7,
    ("MLP skip", "zero"): 9.12e-7,
    ("MLP skip", "mean"): 7.25e-7,
    ("neurons by their part", "polynomial"): 2.48e-7,
    ("directions of W_L kept alone", "projection"): 1.19e-7,
    ("all off W_L kept alone", "projection"): 5.27,
}


@item(
    "nanda2023:ablations",
    shows="what the network needs: heads, skips, linear attention, polynomials, directions of W_L",
    full=Size(FIVE, hours=2.1),
    quick=QUICK,
    published=(
        *(Published(f"{what}, {put}", x, "decade") for (what, put), x in ABLATED.items()),
        Published("least without a cluster", 2.0e-4, "decade"),
        Published("largest without a cluster", 2.4e-2, "decade"),
    ),
    draw=partial(
        ablated,
        columns=(*(f"{what}, {put}" for what, put in ABLATED), "heads to the MLP, zero"),
    ),
)
def ablations(run: Run) -> Row:
    """The loss over all pairs of each ablation, and the median of its random controls."""
    found = ablate(Snapshot.of(run))
    row: dict[str, Any] = {"nothing": found[0].loss}
    clusters = [x.loss for x in found if x.what.startswith("neurons of ")]
    if clusters:
        row["least without a cluster"] = min(clusters)
        row["largest without a cluster"] = max(clusters)
    for x in found[1:]:
        name = f"{x.what}, {x.put}"
        row |= {
            name: x.loss,
            f"{name}: at random": sorted(x.control_losses)[len(x.control_losses) // 2],
        }
    return row


# ---- sweeps --------------------------------------------------------------------------------------

REACHED = 0.1  # test loss, as in the authors' saved curves
FRACTIONS = {0.25: 21_848, 0.28: 15_037, 0.3: 7_930, 0.4: 3_109, 0.5: 956, 0.9: 222}


@item(
    "nanda2023:fraction",
    shows="the fewer pairs are shown, the later it generalises",
    full=Size(
        tuple(
            replace(nanda2023.SPEC, train_fraction=r, stop_after_grok=500, seed=seed, eval_every=25)
            for r in FRACTIONS
            for seed in range(3)
        ),
        hours=8,
    ),
    quick=Size(tuple(replace(FAST, train_fraction=r) for r in (0.4, 0.5, 0.7)), hours=0.04),
    published=tuple(
        Published("test loss below .1", step, "decade", {"fraction": r})
        for r, step in FRACTIONS.items()
    ),
    draw=partial(dots, columns=("test loss below .1", "generalised"), by="fraction"),
)
def fraction(run: Run) -> Row:
    """When its test loss falls below .1."""
    reached = first_below(run, "test_loss", REACHED)
    return {**events(run), "fraction": run.spec.train_fraction, "test loss below .1": reached}


@item(
    "nanda2023:decay",
    shows="without weight decay it never generalises; with more, sooner",
    full=Size(
        tuple(
            replace(nanda2023.SPEC, weight_decay=x, stop_after_grok=500, seed=seed)
            for x in (0.0, 0.3, 1.0, 3.0)
            for seed in range(2)
        ),
        hours=5,
    ),
    quick=Size(tuple(replace(FAST, weight_decay=x) for x in (0.0, 0.5, 1.0, 2.0)), hours=0.06),
    published=(
        Published("generalises", 0, "share", {"decay": 0.0}),
        Published("generalised", 10_000, "decade", {"decay": 1.0}),
        Published(
            "generalised",
            3_000,
            "decade",
            {"decay": 3.0},
            why_not="quoted at second hand with .3 and 3 exchanged; the paper was not seen",
        ),
    ),
    draw=partial(dots, columns=("generalised", "test_accuracy"), by="decay"),
)
def decay(run: Run) -> Row:
    """When it generalises."""
    return {**events(run), "decay": run.spec.weight_decay}


@item(
    "nanda2023:primes",
    shows="mod 53 it takes a decay of 5; mod 109 it is as mod 113",
    full=Size(
        tuple(
            replace(
                nanda2023.SPEC, task_args={"p": p}, weight_decay=x, stop_after_grok=500, seed=seed
            )
            for p, x in ((53, 1.0), (53, 5.0), (109, 1.0))
            for seed in range(3)
        ),
        hours=2,
    ),
    quick=Size(tuple(replace(FAST, task_args={"p": p}) for p in (31, 43, 59)), hours=0.03),
    published=(
        Published("generalises", 0, "share", {"p": 53, "decay": 1.0}),
        Published("generalises", 1, "share", {"p": 53, "decay": 5.0}),
        Published("generalises", 1, "share", {"p": 109}),
    ),
    draw=partial(dots, columns=("generalised", "test_accuracy"), by="p"),
)
def primes(run: Run) -> Row:
    """When it generalises."""
    return {**events(run), "decay": run.spec.weight_decay}
