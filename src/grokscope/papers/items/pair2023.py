"""Pearce et al. 2023, "Do Machine Learning Models Memorize or Generalize?" (the PAIR page)."""

from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from grokscope.measures.parity import active_neurons, distracting_weight, relevant_weight
from grokscope.measures.weights import symbol_weights
from grokscope.page.construct import constructed, largest_modulus
from grokscope.papers import pair2023
from grokscope.papers.item import Published, Row, Size, item, seeds
from grokscope.papers.measured import curve, events
from grokscope.plots.items import curves, dots, maps, shares, steps_of
from grokscope.snapshot import Snapshot
from grokscope.spec import Spec
from grokscope.training.run import Run

FIVE = pair2023.PAPER.experiments["five_neurons"].spec
REVERSE = pair2023.PAPER.experiments["pair_reverse"].spec
TRIPLE = pair2023.PAPER.experiments["pair_triple"].spec
CLASSES = {"grokking": 0.387, "high test loss": 0.347, "high train loss": 0.135, "together": 0.132}
UNKNOWN = "the rate, decay and width of the page's run are not known"
ODD = tuple(range(3, 500, 2))


def _cells(moduli: tuple[int, ...]) -> list[Row]:
    return [
        {"neurons": n, "activation": act, "moduli": list(moduli)}
        for act in ("relu", "square")
        for n in range(3, 13)
    ]


@item(
    "pair2023:construction",
    shows="modular addition written down with N neurons: which moduli M it adds without a mistake",
    full=Size(_cells(ODD), hours=0.05),
    quick=Size(_cells(tuple(range(3, 131, 2))), hours=0.003),
    published=(
        Published(
            "largest modulus", 117, "exact", {"neurons": 5, "activation": "relu"}, any_size=True
        ),
        Published(
            "accuracy at 119", 0.933, "exact", {"neurons": 5, "activation": "relu"}, 5e-4, True
        ),
        Published(
            "accuracy at 67", 0.194, "exact", {"neurons": 6, "activation": "relu"}, 5e-4, True
        ),
        Published(
            "accuracy at 67", 1, "exact", {"neurons": 3, "activation": "square"}, any_size=True
        ),
    ),
    draw=partial(
        steps_of, column="accuracy", x="moduli", by="neurons", where={"activation": "relu"}
    ),
)
def construction(cell: Row) -> Row:
    """The accuracy over all pairs at each odd modulus, and up to which all are right."""
    n, act = cell["neurons"], cell["activation"]
    accuracy = {M: constructed(M, n, act).accuracy for M in cell["moduli"]}
    return {
        "largest modulus": largest_modulus(n, act),
        "accuracy": list(accuracy.values()),
        **{f"accuracy at {M}": accuracy[M] for M in (67, 113, 119)},
    }


@item(
    "pair2023:five_neurons",
    shows="20 weights on a fixed circle: how many seeds reach 100 %, and with which norm",
    full=Size(seeds(FIVE, 12), hours=0.06),
    quick=Size(seeds(FIVE, 4), hours=0.02),
    published=(
        Published("all right", 0.5, "share", any_size=True),
        Published("norm", 464, "interval", {"all right": True}, any_size=True),
    ),
    draw=partial(curves, columns=("test_accuracy", "test_loss")),
)
def five_neurons(run: Run) -> Row:
    """Its curves, whether every pair is right at the end, and the norm of its weights."""
    last = run.rows[-1]
    is_right = min(last["train_accuracy"], last["test_accuracy"]) == 1
    return {
        **events(run),
        "all right": is_right,
        "norm": last["sum_of_squares"] ** 0.5,
        **curve(run),
    }


@item(
    "pair2023:parity",
    shows="1s and 0s: memorised with all digits, then the distracting ones are dropped",
    full=Size(seeds(pair2023.PARITY, 9), hours=0.04),
    quick=Size(seeds(pair2023.PARITY, 3, steps=10_000), hours=0.007),
    published=(
        Published("memorised", 1_200, why_not=UNKNOWN),
        Published("generalised", 3_750, why_not=UNKNOWN),
        Published("active neurons", 4, why_not="the page's run decays absolute values"),
    ),
    draw=partial(curves, columns=("train_accuracy", "test_accuracy", "test_loss")),
)
def parity(run: Run) -> Row:
    """Its curves; the weights on the three digits and on the others; how many neurons work."""
    s = Snapshot.of(run)
    return {
        **events(run),
        "weight on its digits": relevant_weight(s),
        "weight on the others": distracting_weight(s),
        "active neurons": active_neurons(s),
        **curve(run),
    }


@item(
    "pair2023:parity_sweep",
    shows="1,125 networks on 1s and 0s by training size, width and decay: how they end",
    full=Size(pair2023.PARITY_SWEEP.grid(), hours=5),
    quick=Size(pair2023.PARITY_SWEEP.grid().sample(24), hours=0.1),
    published=tuple(Published(name, x, "share", any_size=True) for name, x in CLASSES.items()),
    draw=partial(shares, column="class", published=CLASSES),
    read="keys",
)
def parity_sweep(row: Row) -> Row:
    """Its class, by the page's thresholds."""
    kept = ("class", "memorised", "grokked", "model.d_mlp", "weight_decay", "train_fraction")
    return {**{name: row[name] for name in kept}, **{x: row["class"] == x for x in CLASSES}}


@item(
    "pair2023:wall",
    shows="450 seeds of a+b mod 67: how many frequencies they end with, and when they generalise",
    full=Size(seeds(pair2023.SPEC, 450), hours=19),
    quick=Size(seeds(pair2023.SPEC, 2), hours=0.1),
    published=(
        Published("3 frequencies", 0.61, "share", {"generalises": True}),
        Published("4 frequencies", 0.37, "share", {"generalises": True}),
        Published("generalised", 28_000, "interval", {"generalises": True}),
    ),
    draw=partial(dots, columns=("generalised", "frequencies", "norm")),
    read="keys",
)
def wall(row: Row) -> Row:
    """When it generalised, and how many parts carry its logits."""
    count = len(row["key_parts"] or [])
    return {
        "generalised": row["grokked"],
        "generalises": row["grokked"] is not None,
        "frequencies": count,
        "3 frequencies": count == 3,
        "4 frequencies": count == 4,
        "norm": row["norm"],
    }


def _rise_and_fall(run: Run) -> dict[str, Any]:
    """How high test accuracy rose, and how far it fell from there to the end."""
    accuracy = [row["test_accuracy"] for row in run.rows]
    return {
        "best test accuracy": max(accuracy),
        "last test accuracy": accuracy[-1],
        "falls again": accuracy[-1] < max(accuracy) - 0.01,
        **curve(run),
    }


@item(
    "pair2023:un_grok",
    shows="a narrow network without decay generalises first and memorises afterwards",
    full=Size(seeds(REVERSE, 5), hours=0.08),
    quick=Size((REVERSE,), hours=0.02),
    published=(Published("falls again", 1, "at least", any_size=True),),  # of one network
    draw=partial(curves, columns=("test_accuracy", "train_loss", "test_loss")),
)
def un_grok(run: Run) -> Row:
    """How far test accuracy falls from its highest, and the curves."""
    return _rise_and_fall(run)


@item(
    "pair2023:re_grok",
    shows="a network that generalises, memorises, and generalises again",
    full=Size((TRIPLE,), hours=0.12),
    quick=Size((replace(TRIPLE, steps=20_000),), hours=0.03),
    draw=partial(curves, columns=("test_accuracy", "train_loss", "test_loss")),
)
def re_grok(run: Run) -> Row:
    """The same of the other narrow network."""
    return _rise_and_fall(run)


# ---- which constraints help ----------------------------------------------------------------------

CONSTRAINED = pair2023.PAPER.experiments["pair_constraints"].spec
KINDS = ("embed", "tied_hidden", "collapsed_hidden", "collapsed_out")


def _constrained(seeds_each: int, **changes: Any) -> tuple[Spec, ...]:
    """One network a combination of penalty, embedding, tying and what is collapsed, 64 wide; of the
    page's grid the widths, rates and other decays are left out."""
    ways = product(("adamw", "adam_l1"), ("tied", "input_tied"), *[(True, False)] * 3)
    return tuple(
        replace(
            CONSTRAINED, optimizer=optimizer, weight_decay=1.0 if optimizer == "adamw" else 1e-9,
            model_args={"d_embed": 64, "d_mlp": 64, **dict(zip(KINDS, of, strict=True))},
            seed=seed, **changes,
        )
        for optimizer, *of in ways for seed in range(seeds_each)
    )  # fmt: skip


@item(
    "pair2023:constraints",
    shows="2 x 2 x 2 x 2 x 2 networks by penalty, embedding, tying and what is collapsed",
    full=Size(_constrained(3, steps=20_000), hours=6),
    quick=Size(
        _constrained(1, task_args={"p": 23}, train_fraction=0.7, lr=1e-2, steps=1_500)[::4],
        hours=0.05,
    ),
    draw=partial(dots, columns=("test_accuracy", "generalised"), by="network"),
    read="events",
)
def constraints(row: Row) -> Row:
    """When it generalised, by what it is."""
    of = {k: row[f"model.{k}"] for k in KINDS}
    told = [str(of["embed"]), *(k.replace("_", " ") for k in KINDS[1:] if of[k])]
    return {
        **of,
        "penalty": row["optimizer"],
        "network": "\n".join([str(row["optimizer"]), *told]),
        "generalised": row["grokked"],
        "generalises": row["grokked"] is not None,
        "test_accuracy": row["test_accuracy"],
    }


@item(
    "pair2023:main_figures",
    shows="the input weights of its neurons by frequency, before and after: waves appear",
    full=Size(seeds(pair2023.SPEC, 6), hours=0.3),
    quick=Size(
        (replace(pair2023.SPEC, task_args={"p": 23, "triangle": True}, train_fraction=0.8,
                 lr=1e-2, steps=2_000),), hours=0.01,
    ),
    published=(
        Published("norm", 28.25, "interval", {"generalises": True}),
        Published("train loss", 1.9e-7, "decade", {"generalises": True}),
    ),
    draw=partial(maps, column="weights at the end", axes=("symbol", "neuron")),
)  # fmt: skip
def main_figures(run: Run) -> Row:
    """The folded weights of its neurons at the start and at the end, sorted by the frequency and
    phase that they have there; its norm and its train loss, which is per class."""
    first, last = (symbol_weights(Snapshot.of(run, x))["ab"] for x in (run.steps[0], run.steps[-1]))
    order = _by_wave(last)
    shown = {"weights at the start": first, "weights at the end": last}
    return {
        **events(run),
        "norm": run.rows[-1]["sum_of_squares"] ** 0.5,
        "train loss": run.rows[-1]["train_loss"],
        **{name: _short(W.T[order]) for name, W in shown.items()},
    }


def _by_wave(W: Float[Tensor, "symbol neuron"]) -> Int[Tensor, " neuron"]:
    """The neurons by their strongest frequency, and by the phase in it."""
    waves = torch.fft.rfft(W.double(), dim=0)[1:]
    best = waves.abs().argmax(dim=0)
    turns = waves.gather(0, best[None])[0].angle() / (2 * torch.pi) + 0.5
    return (best + turns / 2).argsort()


def _short(W: Tensor) -> list[list[float]]:
    return [[float(f"{x:.3g}") for x in line] for line in W.tolist()]
