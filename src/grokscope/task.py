"""Tasks: finite functions, written out in full.

A task is every input and its answer. All of them fit in memory, so accuracy, loss and every
explanation are exact, never sampled (a task too large for that says that it is a sample). Which
inputs are trained on is decided by a named scheme, so that a source's own split can be made again
from its seed.

Axes: pair = one input, operand = its symbols (a, then b, then the operator of a mixture; of a
parity, its digits; of a sequence, its tokens), answer = where an input has several.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from grokscope.algebra.groups import Group
from grokscope.algebra.lenses import Lens, coset_lenses, own
from grokscope.algebra.modular import modular_lenses
from grokscope.algebra.names import element_names
from grokscope.errors import BadInput, brief, lookup, must_be, written
from grokscope.score import chance

UNKNOWN_SPLIT = "unknown"  # of an imported network: every pair counts as shown, none as a test
ALL_SPLIT = "all"  # every pair was shown, so that there is no test
COSETS_UP_TO = 200  # elements: with more, `algebra.lenses.coset_lenses` is called by hand
LARGEST_TABLE = 1_000_000  # pairs: with 512 neurons, their hidden layer alone is 2 GB


@dataclass(frozen=True, eq=False)
class Task:
    """A function of two symbols, of two and an operator, of several digits, or of a sequence.

    An input has one answer, or several (`answers` is then a matrix): those of its last positions.
    `group` is its structure where `answers` is a group's product. Symbols and answers are numbered
    from 0; `group` implies that symbol i and answer i are element i. `modulus` is there where the
    symbols are residues; `digits` where the answer depends on so many leading operands alone;
    `operators` names, in their order, what the last operand of a mixture chooses from. `labels` are
    what a reader calls the symbols and answers, where these are not their numbers.
    """

    name: str
    inputs: Int[Tensor, "pair operand"]
    answers: Int[Tensor, " pair *answer"]
    n_symbols: int
    n_answers: int  # how many there are to choose from
    group: Group | None = None
    modulus: int | None = None
    digits: int | None = None
    operators: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.answers.ndim > 2 or 1 in self.answers.shape[1:]:
            raise BadInput(
                f"{self.name}: its answers have the shape {tuple(self.answers.shape)}. Give one "
                "for each input, (pairs,), or two and more, (pairs, answers)."
            )
        if self.group is None:
            return
        sizes = (self.n_symbols, self.n_answers, self.group.order)
        if self.inputs.shape[1] != 2 or len(set(sizes)) > 1:
            raise BadInput(
                f"{self.name}: its group {self.group.name} has {self.group.order} elements, and "
                f"the task {self.n_symbols} symbols and {self.n_answers} answers. Leave the group "
                "out."
            )
        product = self.group.table[self.inputs[:, 0], self.inputs[:, 1]]
        wrong = (product != self.answers).nonzero()[:, 0]
        if len(wrong):
            a, b = self.inputs[wrong[0]].tolist()
            raise BadInput(
                f"{self.name} is not the product in {self.group.name}: at ({a}, {b}) the answer is "
                f"{int(self.answers[wrong[0]])}, the product {int(product[wrong[0]])}. Leave the "
                "group out, or mend the answers."
            )

    @property
    def n_operators(self) -> int:
        """How many operators an input chooses from; 1 where there is no choice."""
        return max(1, len(self.operators))

    @property
    def n_read(self) -> int:
        """How many answers an input has, read at so many of its last positions."""
        return self.answers.shape[1] if self.answers.ndim == 2 else 1

    @property
    def is_of_pairs(self) -> bool:
        """Whether an input is (a, b), with an operator where there is a choice."""
        return self.inputs.shape[1] == 2 + bool(self.operators)

    @cached_property
    def is_table(self) -> bool:
        """Whether its inputs are all pairs of symbols, row by row."""
        n = torch.arange(self.n_symbols)
        return torch.equal(self.inputs, torch.cartesian_prod(n, n))

    @property
    def symbol_group(self) -> Group | None:
        """The group whose elements the symbols are."""
        return self.group if self.modulus is None else None

    @property
    def symbol_names(self) -> tuple[str, ...] | None:
        """What a reader calls the symbols and answers; None where these are their numbers."""
        group = self.symbol_group
        names = self.labels or (() if group is None else element_names(group))
        return None if names in ((), tuple(map(str, range(len(names))))) else names

    @property
    def chance(self) -> float:
        """The accuracy of giving the commonest answer always."""
        return chance(self.answers)

    @cached_property
    def lenses(self) -> list[Lens]:
        """The ways to read this task's weights and logits; see `lenses`."""
        if self.group is not None and self.modulus is None:
            is_small = self.group.order <= COSETS_UP_TO
            return [own(self.group, self.answers), *(coset_lenses(self.group) if is_small else [])]
        if self.modulus is not None:
            return modular_lenses(self.modulus, self.inputs, self.answers)
        return []

    def at(self, chosen: Int[Tensor, " some"]) -> "Task":
        """The same function on these inputs alone, read through the same lenses."""
        part = replace(self, inputs=self.inputs[chosen], answers=self.answers[chosen])
        part.__dict__["lenses"] = [
            lens if lens.product is None else replace(lens, product=lens.product[chosen])
            for lens in self.lenses
        ]
        return part

    def is_train(
        self, fraction: float, seed: int, scheme: str = "ordered", size: int | None = None
    ) -> Bool[Tensor, " pair"]:
        """Which pairs are trained on: `size` of them, or else `fraction`, chosen by a scheme of
        `SCHEMES`, or all where that is known, or the split is not.

        Raises `BadInput` if no pair is left to train on or to test on, and for a scheme that cannot
        choose so many.
        """
        if scheme in (UNKNOWN_SPLIT, ALL_SPLIT):
            return torch.ones(len(self.inputs), dtype=torch.bool)
        if size is not None:
            fraction = (size + 0.5) / len(self.inputs)  # so that rounding down gives the size
        chosen = lookup("split", scheme, SCHEMES)(self, fraction, seed)
        is_train = torch.zeros(len(self.inputs), dtype=torch.bool)
        is_train[chosen] = True
        told = f"train_fraction={fraction:g}" if size is None else f"train_size={size}"
        for part, count in (("train", int(is_train.sum())), ("test", int((~is_train).sum()))):
            if count == 0:
                raise BadInput(
                    f"{told} leaves no {part} pair of the {len(self.inputs)} of {self.name}. "
                    f"Choose another {told.split('=')[0].split('_')[1]}, or a larger task."
                )
        if size is not None and is_train.sum() != size:
            raise BadInput(
                f"split={scheme} takes pairs together, and cannot choose {told} of them: it takes "
                f"{int(is_train.sum())}. Set train_fraction instead."
            )
        return is_train

    def noisy_answers(self, share: float, seed: int) -> Int[Tensor, " pair *answer"]:
        """The answers with `share` of them drawn anew, uniformly: a control that cannot be
        learned but by heart. Inputs stay, those that show a sequence its earlier answers too."""
        generator = torch.Generator().manual_seed(seed)
        answers = self.answers.flatten().clone()
        count = round(share * len(answers))
        where = torch.randperm(len(answers), generator=generator)[:count]
        answers[where] = torch.randint(self.n_answers, (count,), generator=generator)
        return answers.view_as(self.answers)


def lenses(task: Task) -> list[Lens]:
    """The candidate lenses of a task, derived from its group or its table of answers, those whose
    product it is first; none where it has neither a group nor a modulus.

    Which of them a network's weights are sparse in is for `measures.spectra.compare` to say.
    """
    return task.lenses


Scheme = Callable[[Task, float, int], Int[Tensor, " train"]]
SCHEMES: dict[str, Scheme] = {}


def scheme(choose: Scheme) -> Scheme:
    """Make a splitting scheme available by its name."""
    SCHEMES[choose.__name__] = choose
    return choose


@scheme
def ordered(task: Task, fraction: float, seed: int) -> Int[Tensor, " train"]:
    """The first pairs of torch's random permutation (Chughtai et al. 2023, but for their seed 0,
    which does not shuffle); (a, b) and (b, a) fall apart, so that on a symmetric task some test
    answers are given away."""
    shuffled = torch.randperm(len(task.inputs), generator=torch.Generator().manual_seed(seed))
    return shuffled[: int(fraction * len(shuffled))]


@scheme
def first(task: Task, fraction: float, seed: int) -> Int[Tensor, " train"]:
    """The first pairs in the task's order, whatever the seed (Chughtai et al. 2023 with seed 0)."""
    return torch.arange(int(fraction * len(task.inputs)))


@scheme
def nanda2023(task: Task, fraction: float, seed: int) -> Int[Tensor, " train"]:
    """The first pairs of Python's random.shuffle (Nanda et al. 2023, and Furuta et al. 2024)."""
    shuffled = list(range(len(task.inputs)))
    random.Random(seed).shuffle(shuffled)
    return torch.tensor(shuffled[: int(fraction * len(shuffled))])


@scheme
def unordered(task: Task, fraction: float, seed: int) -> Int[Tensor, " train"]:
    """Draws unordered pairs: (a, b) and (b, a) are trained on together, or tested together."""
    if task.inputs.shape[1] != 2:
        raise BadInput(
            f"split=unordered pairs (a, b) with (b, a), and an input of {task.name} has "
            f"{task.inputs.shape[1]} symbols. Choose split=ordered."
        )
    owner = _pair_numbers(task, task.inputs.sort(dim=1).values)
    count = int(owner.max()) + 1
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    return (order.argsort()[owner] < int(fraction * count)).nonzero()[:, 0]


@scheme
def shared(task: Task, fraction: float, seed: int) -> Int[Tensor, " train"]:
    """The same pairs (a, b) for every operator of a mixture: those that `nanda2023` takes for one
    alone (Furuta et al. 2024)."""
    if not task.operators:
        raise BadInput(
            f"split=shared gives each operator of a mixture the same pairs, and {task.name} is not "
            "a mixture. Choose split=nanda2023."
        )
    owner = _pair_numbers(task, task.inputs)
    shuffled = list(range(int(owner.max()) + 1))
    random.Random(seed).shuffle(shuffled)
    rank = torch.tensor(shuffled).argsort()
    return (rank[owner] < int(fraction * len(shuffled))).nonzero()[:, 0]


def _pair_numbers(task: Task, inputs: Int[Tensor, "pair operand"]) -> Int[Tensor, " pair"]:
    """For each input the number of its (a, b) among those that occur, in lexicographic order."""
    return torch.unique(inputs[:, 0] * task.n_symbols + inputs[:, 1], return_inverse=True)[1]


TASKS: dict[str, Callable[..., Task]] = {}


def task(build: Callable[..., Task]) -> Callable[..., Task]:
    """Make a task available by the name of the function that builds it."""
    TASKS[build.__name__] = build
    return build


def binary(
    name: str,
    n: int,
    f: Callable[[Tensor, Tensor], Tensor],
    group: Group | None = None,
    modulus: int | None = None,
    keep: Bool[Tensor, " pair"] | None = None,
) -> Task:
    """The task of computing `f` on the pairs of 0..n-1, or on those of them that `keep` marks.

    `f` takes and returns index tensors, with answers in 0..n-1.
    """
    check_size(name, n)
    pairs = torch.cartesian_prod(torch.arange(n), torch.arange(n))
    if keep is not None:
        pairs = pairs[keep]
    answers = f(pairs[:, 0], pairs[:, 1])
    if answers.amin() < 0 or answers.amax() >= n:
        raise BadInput(f"{name}: an answer lies outside 0..{n - 1}. Take the result modulo {n}.")
    return Task(name, pairs, answers, n, n, group, modulus)


def check_size(name: str, n: Any) -> None:
    """Refuse a table of n x n pairs that is empty, or too large to write out."""
    if not isinstance(n, int) or n < 2:
        raise BadInput(
            f"{brief(name)}: a task needs a whole number of at least 2 symbols, not {written(n)}."
        )
    if n * n > LARGEST_TABLE:
        raise BadInput(
            f"{brief(name)}: {_many(n * n)} pairs are more than the {LARGEST_TABLE:,} that are "
            f"written out. Choose at most {int(LARGEST_TABLE**0.5)} symbols."
        )


def _many(n: int) -> str:
    return f"{n:,}" if n < 10**18 else "far too many"


def check_whole(name: str, value: Any, low: int, high: int, why: str = "") -> None:
    """Refuse an argument of a task that is not a whole number from `low` to `high`; `why` is the
    reason for the latter."""
    if type(value) is not int or not low <= value <= high:
        because = f" ({why})" if why else ""
        raise must_be(f"task.{name}", f"a whole number from {low} to {high:,}{because}", value)
