"""Items of Stander et al. 2023 and Wu et al. 2024 that look at neurons one by one: which cosets
they follow, what is left without those that follow none, and which vectors they are made of."""

from dataclasses import replace
from functools import cache, partial
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from grokscope.algebra.families import group
from grokscope.algebra.groups import Group
from grokscope.algebra.splits import isotypic
from grokscope.circuits.rho_set.factors import Factors
from grokscope.circuits.rho_set.fit import find
from grokscope.measures.cosets import (
    assigned,
    coset_energy,
    coset_neurons,
    proper_subgroups,
    right_sides,
    stander_c,
)
from grokscope.measures.sides import sides
from grokscope.papers.item import Published, Row, Size, item, seeds
from grokscope.papers.items.groups import FAST, QUICK, STANDER, WU
from grokscope.papers.measured import events
from grokscope.plots.items import curves, dots, shares
from grokscope.score import accuracy
from grokscope.snapshot import Snapshot, once_per_snapshot
from grokscope.training.run import Run
from grokscope.verify.interventions import interventions

TWO = Size(seeds(STANDER, 2), hours=4)
THRESHOLDS = (1.0, 1e-5, 1e-7)


@once_per_snapshot
def c_of(s: Snapshot) -> list[Float[Tensor, "subgroup neuron"]]:
    """C_H of each live neuron in each subgroup, of either side."""
    return [stander_c(x, sides(s).group) for x in right_sides(s).values()]


def least_c(s: Snapshot) -> Float[Tensor, " neuron"]:
    """The smallest C_H of each live neuron, on its worse side."""
    return torch.maximum(*(C.amin(dim=0) for C in c_of(s)))


def without(s: Snapshot, dropped: Bool[Tensor, " neuron"]) -> float:
    """Accuracy over all pairs with these live neurons at zero."""
    hidden = s.mlp_post.clone()
    hidden[:, sides(s).index[dropped]] = 0
    return accuracy(s.read_out(hidden), s.task.answers)


@item(
    "stander2023:drop",
    shows="accuracy without the neurons whose C is at or above a threshold, and without as many",
    full=TWO,
    quick=QUICK,
    published=(
        Published("C < 1 kept", 1, "at least"),
        Published("C < 1e-05 kept", 1, "at least"),
        Published("C < 1e-05: dropped", 24),
        Published("C < 1e-07 kept", 1, "at least"),
        Published("C < 1e-07: dropped", 42),
    ),
    draw=partial(dots, columns=[f"C < {x:g} kept" for x in THRESHOLDS], by="group"),
)
def drop(run: Run) -> Row:
    """The accuracy that is left, how many neurons were dropped, and the accuracy without as many at
    random, at each threshold."""
    s, generator = Snapshot.of(run), torch.Generator().manual_seed(0)
    C, row = least_c(s), dict[str, Any](events(run))
    for threshold in THRESHOLDS:
        dropped = threshold <= C
        random = dropped[torch.randperm(len(C), generator=generator)]
        row[f"C < {threshold:g} kept"] = without(s, dropped)
        row[f"C < {threshold:g}: dropped"] = int(dropped.sum())
        row[f"C < {threshold:g}: at random"] = without(s, random)
    return row


@item(
    "stander2023:unembedding",
    shows="unembeddings of neurons of one coset circuit are alike, of others not",
    full=TWO,
    quick=QUICK,
    published=(
        Published("same cosets", 0.814),
        Published("same class", -0.002),
        Published("others", -0.003),
    ),
    draw=partial(dots, columns=("same cosets", "same class", "others"), by="group"),
)
def unembedding(run: Run) -> Row:
    """The mean correlation of the output weights of two neurons: that follow the same subgroups on
    both sides, subgroups of one class, and others."""
    s = Snapshot.of(run)
    proper, index = proper_subgroups(sides(s).group), sides(s).index
    H, K = (assigned(x, proper) for x in right_sides(s).values())
    live = (H >= 0) & (K >= 0)
    H, K, W = H[live], K[live], s.model.symbol_weights()["c"].detach().double()
    W = W[:, index[live]] - W[:, index[live]].mean(dim=0)
    like = (W.T @ W) / (W.norm(dim=0)[:, None] * W.norm(dim=0)).clamp(min=1e-300)
    same = (H[:, None] == H) & (K[:, None] == K)
    alike = (proper.of_class[H][:, None] == proper.of_class[H]) & ~same
    apart = torch.ones_like(same).triu(1)
    kinds = {"same cosets": same, "same class": alike, "others": ~same & ~alike}
    return {**events(run), **{k: _mean(like[x & apart]) for k, x in kinds.items()}}


def _mean(x: Tensor) -> float | None:
    return float(x.mean()) if len(x) else None


@item(
    "stander2023:one_neuron",
    shows="a neuron's C falls from noise to nothing within some thousand steps",
    full=Size(seeds(STANDER, 1), hours=2),
    quick=Size(seeds(FAST, 1), hours=0.03),
    published=(Published("C at most", 2.96, "decade"), Published("C at the end", 7e-5, "decade")),
    draw=partial(curves, columns=("median C", "C of one neuron")),
)
def one_neuron(run: Run) -> Row:
    """Over the checkpoints: the C of the neuron in whose subgroup it is least at the end, in that
    subgroup, and the median of the least C of all live neurons."""
    last = Snapshot.of(run)
    worst = torch.maximum(*c_of(last))
    H, at = divmod(int(worst.argmin()), worst.shape[1])
    neuron, table = int(sides(last).index[at]), {"step": [], "median C": [], "C of one neuron": []}
    for step in run.steps:
        s = Snapshot.of(run, step)
        there = (sides(s).index == neuron).nonzero()
        C = torch.maximum(*c_of(s))
        table["step"].append(step)
        table["median C"].append(float(least_c(s).median()))
        table["C of one neuron"].append(float(C[H, int(there[0])]) if len(there) else None)
    there = [x for x in table["C of one neuron"] if x is not None]
    told = {"neuron": neuron, "C at most": max(there), "C at the end": there[-1]}
    return {**events(run), **told, **table}


@item(
    "stander2023:subgroups",
    shows="whose cosets the neurons follow: theirs of S5 A4, A5, F20, S3, S4, S2 x S3, some D10",
    full=Size(seeds(STANDER, 3), hours=6),
    quick=QUICK,
    draw=partial(shares, column="largest"),
)
def subgroups_followed(run: Run) -> Row:
    """The share of the neurons' energy in each class of subgroups that has a hundredth of it; the
    largest of them."""
    found = {k: x for k, x in coset_energy(Snapshot.of(run)).items() if x >= 0.01}
    named = {k: x for k, x in found.items() if k not in ("sign", "none")}
    largest = max(named, key=named.__getitem__, default=None)
    return {**events(run), "largest": largest, **found}


OF_S5 = (
    "C2 a", "C2 b", "C3", "C2^2 a", "C2^2 b", "C4", "C5", "S3 a", "C6", "S3 b", "D4", "D5", "S3xC2",
    "A4", "F20", "S4", "A5",
)  # fmt: skip
TABLE_5 = (
    ("S3xC2", "standard", 0.556),
    ("S3xC2", "(3,2)", 0.444),
    ("D5", "sign", 0.01),
    ("C3", "standard", 0.201),
)  # as printed; these four are slips: 4/9 and 5/9 are exchanged, 1/11 and 8/39 rounded wrongly


@item(
    "stander2023:table5",
    shows="which irreps the indicator of a subgroup's coset in S5 lies in; four entries are slips",
    full=Size([{"class": name} for name in OF_S5], hours=0.001),
    published=[Published(k, x, "exact", {"class": H}, 5e-4) for H, k, x in TABLE_5],
    draw=partial(
        dots,
        columns=("standard", "(3,2)", "(3,1,1)", "(2,2,1)", "standard sign", "sign"),
        by="class",
    ),
)
def table5(cell: Row) -> Row:
    """The share of each irrep in the indicator of the subgroup, less its mean."""
    S5 = _s5()
    proper = proper_subgroups(S5)
    member = int((proper.of_class == proper.names.index(cell["class"])).nonzero()[0])
    indicator = proper.members[member].double()
    power = isotypic(S5).power((indicator - indicator.mean())[:, None])
    return {k: float(x / power.sum()) for k, x in zip(isotypic(S5).names, power, strict=True)}


@cache
def _s5() -> Group:
    return group("S5")


@item(
    "stander2023:s6",
    shows="cosets and interventions on S6: one network, where theirs were 100",
    full=Size(
        seeds(
            replace(
                STANDER,
                task_args={"group": "S6", "elements": "stander2023"},
                model_args={"d_embed": 512, "d_mlp": 256},
                steps=50_000,
            ),
            1,
        ),
        hours=60,
    ),
    quick=Size(seeds(FAST, 1), hours=0.03),
    published=(Published("C < 1", 0.992, "at least", {"group": "S6"}),),
    draw=partial(dots, columns=("accuracy", "C < 1"), by="group"),
)
def s6(run: Run) -> Row:
    """Accuracy over all pairs after each intervention, and the share of neurons with C < 1."""
    s = Snapshot.of(run)
    right = {name: x for name, (x, _) in interventions(s).items()}
    return {**events(run), "accuracy": right["none"], "C < 1": coset_neurons(s), **right}


# ---- Wu et al. -----------------------------------------------------------------------------------

BAD = 1e-5  # the relative variance of a from which an irrep is a-bad


@item(
    "wu2024:bad",
    shows="networks whose irreps have several vectors a, or lack some pairs of b and c",
    full=Size(seeds(WU, 20), hours=5),
    quick=QUICK,
    published=(
        Published("a-bad", 0.24, "share", {"group": "S5"}),
        Published("rho-bad", 0.37, "share", {"group": "S5"}),
        Published("either", 0.38, "share", {"group": "S5"}),
    ),
    draw=partial(dots, columns=("variance of a", "pairs"), by="group"),
)
def bad(run: Run) -> Row:
    """The largest variance of a in an irrep, the least share of the pairs that have a neuron, and
    whether these make the network a-bad or ρ-bad."""
    return {**events(run), **badness(Snapshot.of(run))}


def badness(snapshot: Snapshot) -> Row:
    """The same of a snapshot."""
    wide = [f for f in find(snapshot).each if f.irrep.d > 1]
    variance = max((1 - f.a_share[0] for f in wide), default=0.0)
    pairs = min((_pairs(f) for f in wide), default=1.0)
    is_bad = {"a-bad": variance > BAD, "rho-bad": pairs < 1}
    told = {"variance of a": variance, "pairs": pairs, "either": any(is_bad.values())}
    return {**told, **is_bad}


def _pairs(f: Factors) -> float:
    """The share of the pairs (b, c) of orbits that have any neuron, that have one; 0 where the
    vectors follow no finite set."""
    if f.points is None or f.b_of is None or f.c_of is None:
        return 0.0
    pair = torch.stack([f.b_of, f.c_of], dim=1).unique(dim=0)
    kinds = f.orbit[pair].unique(dim=0)
    sizes = torch.tensor(f.sizes)
    return len(pair) / int(sizes[kinds].prod(dim=1).sum())


@item(
    "wu2024:bi_equivariance",
    shows="how far the right logits of one product scatter, over training",
    full=Size(seeds(WU, 5), hours=1),
    quick=QUICK,
    published=(Published("scatter", 0.0325, "decade"), Published("at the start", 15.5, "decade")),
    draw=partial(curves, columns=("scatter over training",)),
)
def bi_equivariance(run: Run) -> Row:
    """The mean over products of std/|mean| of the right logit over the pairs that have it, at the
    end, at the start, and at all checkpoints."""
    found = [_scatter(Snapshot.of(run, step)) for step in run.steps]
    ends = {"scatter": found[-1], "at the start": found[0]}
    return {**events(run), **ends, "step": list(run.steps), "scatter over training": found}


def _scatter(s: Snapshot) -> float:
    right = s.logits.gather(1, s.task.answers[:, None]).double()
    mean = s.mean_over_fibres(right)
    square = s.mean_over_fibres((right - mean[s.fibres.product]).square())
    return float((square.sqrt() / mean.abs().clamp(min=1e-12)).mean())
