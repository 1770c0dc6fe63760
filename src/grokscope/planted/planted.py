"""Networks whose algorithm is known, because their weights were set by hand, and impostors, which
have none or another: what an explainer is examined on before it is believed.

A kind of network is one function that draws it, made available by `@truth` or `@impostor` with the
sizes that an exam draws from. It is called as `kind(seed, noise, **sizes)`.

Axes: pair = one input; operand = its symbols.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import lru_cache, wraps
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from grokscope import score
from grokscope.algebra.groups import Group
from grokscope.errors import BadInput, NotApplicable, lookup, must_be
from grokscope.models.model import Model
from grokscope.planted.neurons import Neurons
from grokscope.snapshot import Snapshot
from grokscope.task import Task
from grokscope.tasks import make_task

TRIES = 60  # draws until one is right on all pairs; with the sizes given here a few suffice
TRAIN_FRACTION = 0.4
SIZES = 4  # tried before a seed is said to have none
SMALLEST_NOISE = 1e-4
ROBUST_TO = 0.02  # noise; real networks have margins, and a random vector may leave none
ACCURATE = 0.99  # share of all pairs


@dataclass(frozen=True, eq=False)
class Planted:
    """A network on its task, and the algorithms that it may rightly be said to have: names of
    `explain`. An impostor has none. A name of `exact` says what it does, the others are true of it
    too but say less (a clock computes a convolution). `is_train` marks all pairs where the split is
    not told."""

    name: str
    task: Task
    model: Model
    truth: frozenset[str]
    exact: frozenset[str]
    is_train: Bool[Tensor, " pair"]
    notes: str = ""
    share: float = 1.0  # of the pairs, that the algorithm answers; a table answers the others

    @property
    def is_impostor(self) -> bool:
        return not self.truth

    @property
    def snapshot(self) -> Snapshot:
        """A new one, in which nothing has been computed."""
        return Snapshot(self.task, self.is_train, self.model)

    @property
    def accuracy(self) -> float:
        """Over all pairs."""
        return accuracy(self.model, self.task)


@dataclass(frozen=True, eq=False)
class Draft:
    """A network as it is drawn, before noise, by a kind's function: its `exact` names, those that
    are true `too`, and a split, None where any will do."""

    task: Task
    model: Model
    exact: frozenset[str] = frozenset()
    too: frozenset[str] = frozenset()
    notes: str = ""
    is_train: Bool[Tensor, " pair"] | None = None
    share: float = 1.0
    is_exact: bool = False  # noise would undo what it is, as weights that cancel: it gets none


@dataclass(frozen=True)
class Kind:
    """A kind of planted network, and the sizes that an exam draws from."""

    name: str
    plant: Callable[..., Planted]
    sizes: Mapping[str, Sequence[Any]]

    def draw(self, seed: int, noise: float = 0.0) -> Planted:
        """One with sizes chosen by the seed, or with others where these cannot be right."""
        for attempt in range(SIZES - 1):
            try:
                return self._draw(seed, noise, f" again {attempt}" if attempt else "")
            except BadInput:
                continue
        return self._draw(seed, noise, " at last")

    def _draw(self, seed: int, noise: float, salt: str) -> Planted:
        choose = random.Random(f"{self.name} {seed}{salt}").choice
        return self.plant(seed, noise, **{key: choose(of) for key, of in self.sizes.items()})


Build = Callable[..., Draft]
TRUTHS: dict[str, Kind] = {}
IMPOSTORS: dict[str, Kind] = {}
MIXED: dict[str, Kind] = {}


def truth(**sizes: Sequence[Any]) -> Callable[[Build], Callable[..., Planted]]:
    """Register a kind of network with a known algorithm. The function, given a generator, draws it;
    it is drawn anew until it is right on all pairs, and stays accurate with 2 % of noise."""
    return _kind(TRUTHS, sizes, is_right=True)


def impostor(
    is_right: bool = False, **sizes: Sequence[Any]
) -> Callable[[Build], Callable[..., Planted]]:
    """Register a kind of network without one. With `is_right` it is right on all pairs, and noise
    is halved until it still is."""
    return _kind(IMPOSTORS, sizes, is_right)


def mixed(**sizes: Sequence[Any]) -> Callable[[Build], Callable[..., Planted]]:
    """Register a kind of network with an algorithm for a share of its pairs, which its draft says,
    and a table for the others."""
    return _kind(MIXED, sizes, is_right=False)


def _kind(
    kinds: dict[str, Kind], sizes: Mapping[str, Sequence[Any]], is_right: bool
) -> Callable[[Build], Callable[..., Planted]]:
    def register(build: Build) -> Callable[..., Planted]:
        name = build.__name__

        @wraps(build)
        def plant(seed: int = 0, noise: float = 0.0, **given: Any) -> Planted:
            generator = torch.Generator().manual_seed(seed)
            draft = _draw(build, generator, given, is_right)
            is_tabled = draft.share < 1 or (is_right and not draft.exact)
            perturb(draft, 0.0 if draft.is_exact else noise, generator, keeps=is_tabled)
            names = draft.exact | draft.too
            is_train = _split(draft, 0 if is_tabled else seed)  # a table was shown every pair
            exact, notes = draft.exact, draft.notes
            return Planted(
                name, draft.task, draft.model, names, exact, is_train, notes, draft.share
            )

        kinds[name] = Kind(name, plant, sizes)
        return plant

    return register


def _draw(
    build: Build, generator: torch.Generator, given: Mapping[str, Any], is_right: bool
) -> Draft:
    for _ in range(TRIES):
        draft = build(generator, **given)
        draft.model.requires_grad_(False)
        if not is_right or (accuracy(draft.model, draft.task) == 1 and _is_robust(draft)):
            return draft
    sizes = ", ".join(f"{key}={value}" for key, value in given.items())
    raise BadInput(
        f"planted `{build.__name__}` with {sizes or 'these sizes'} is not right on all pairs in "
        f"{TRIES} draws. Give it more neurons or frequencies."
    )


def _is_robust(draft: Draft) -> bool:
    """Whether a truth stays accurate with a little noise, so that it is there to be found."""
    if not draft.exact:
        return True
    noisy = replace(draft, model=deepcopy(draft.model))
    perturb(noisy, ROBUST_TO, torch.Generator().manual_seed(0))
    return accuracy(noisy.model, draft.task) >= ACCURATE


def _split(draft: Draft, seed: int) -> Bool[Tensor, " pair"]:
    """The draft's own; else every second seed tells one, which the weights do not depend on."""
    if draft.is_train is not None:
        return draft.is_train
    if seed % 2:
        return draft.task.is_train(TRAIN_FRACTION, seed)
    return torch.ones(len(draft.task.inputs), dtype=torch.bool)


def accuracy(model: Model, task: Task) -> float:
    """The share of all pairs that a network answers rightly; a tie counts as wrong."""
    with torch.no_grad():
        return score.accuracy(model.last(task.inputs)[:, : task.n_answers], task.answers)


def perturb(draft: Draft, noise: float, generator: torch.Generator, keeps: bool = False) -> None:
    """Add to each weight matrix Gaussian noise of this share of the root mean square of its finite
    numbers; where the network must keep its accuracy, half of it, a quarter, ... until it does."""
    if not 0 <= noise < float("inf"):
        raise must_be("noise", "a share of each weight, from 0", noise)
    weights = list(draft.model.parameters())
    least = accuracy(draft.model, draft.task) if keeps else 0.0
    exact = [weight.clone() for weight in weights]
    drawn = [torch.randn(weight.shape, generator=generator) for weight in weights]
    while True:
        with torch.no_grad():
            for weight, x, direction in zip(weights, exact, drawn, strict=True):
                size = x[x.isfinite()].square().mean().sqrt()
                weight.copy_(x + noise * size * direction)
        if noise == 0 or accuracy(draft.model, draft.task) >= least:
            return
        noise = noise / 2 if noise > SMALLEST_NOISE else 0.0


def kind(name: str) -> Kind:
    """The kind of planted network, true, false or mixed, of this name."""
    return lookup("planted network", name, {**TRUTHS, **IMPOSTORS, **MIXED})


@lru_cache(maxsize=64)
def task_of(name: str, **given: Any) -> Task:
    """`make_task`, remembered: tasks never change, and their lenses take a while."""
    return make_task(name, given)


def relabelled(planted: Planted, permutation: Int[Tensor, " symbol"]) -> Planted:
    """The same network with symbol and answer x called `permutation[x]`, on the task renamed alike.

    Where the renaming leaves the answers as they are, an automorphism of the group say, it is the
    same task, and every verdict must be the same. Raises `NotApplicable` where symbols and answers
    are not one set, and for a network that is no layer of neurons.
    """
    task, model, n = planted.task, planted.model, planted.task.n_symbols
    if not isinstance(model, Neurons) or len(task.inputs) != n * n or task.n_answers != n:
        raise NotApplicable(
            f"planted `{planted.name}` cannot be relabelled: it is no layer of neurons on all "
            "pairs of symbols that are its answers too."
        )
    if not torch.equal(permutation.sort().values, torch.arange(n)):
        raise BadInput(f"a relabelling of {n} symbols must hold each of 0..{n - 1} once.")
    back = permutation.argsort()
    b_U = None if model.b_U is None else model.b_U[back]
    renamed = Neurons(model.L[back], model.R[back], model.W_U[:, back], b_U, model.act.name)
    pairs = (back[task.inputs] * torch.tensor([n, 1])).sum(dim=1)
    return replace(
        planted,
        task=_renamed(task, permutation, permutation[task.answers[pairs]]),
        model=renamed.requires_grad_(False),
        is_train=planted.is_train[pairs],
    )


def _renamed(
    task: Task, permutation: Int[Tensor, " symbol"], answers: Int[Tensor, " pair"]
) -> Task:
    if torch.equal(answers, task.answers):
        return task
    group = task.group
    if group is not None:
        labels = tuple(group.labels[i] for i in permutation.argsort().tolist())
        group = Group(group.name, answers.view(group.order, -1).clone(), labels)
    name = f"{task.name}, relabelled"
    return replace(task, name=name, answers=answers, group=group, modulus=None)
