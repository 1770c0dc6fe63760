"""One checkpoint with all there is to see, computed once and shared by every measure.

Many measures see the logits only through their means over the fibres of the task's product, the
pairs that share one (for a+b mod p: the antidiagonals). The last map of a network is linear, so
these means are taken of its hidden layer, and the logits of all pairs need not be computed.

Where the logits are more than `MOST_LOGITS`, no table of all pairs is made for what can be summed
up some pairs at a time (`blocks`): S6 has 373 million logits, and p = 997 has 991 million.

Axes: pair = one input; answer = where an input has several; c = an answer; neuron;
s = a product, as what the pairs of a fibre share; label = whatever gathers pairs.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import embedding_bag

from grokscope.algebra.lenses import Fibres, Lens
from grokscope.algebra.splits import Split
from grokscope.errors import NotApplicable
from grokscope.models.model import Fold, Model
from grokscope.score import is_right, is_symmetric, mirror_was_shown
from grokscope.tap import record
from grokscope.task import Task
from grokscope.training.memory import LOGITS_AT_ONCE, MOST_LOGITS
from grokscope.training.run import Run
from grokscope.training.steps import can_fold, check_fold

BLOCK = 65_536  # pairs: in float64 the logits of S6 would take 3 GB


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A network on its task. `keys` are the parts that restricted and excluded losses keep and
    remove; given from outside, so that all checkpoints of a run can be read with the last one's."""

    task: Task
    is_train: Bool[Tensor, " pair"]
    model: Model
    step: int | None = None
    keys: tuple[str, ...] | None = None
    taught: Int[Tensor, " pair *answer"] | None = None  # the answers shown; None: the task's
    was_shown_all: bool = False  # it is known to have been shown every pair
    assumed: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # of `Spec`
    computed: dict[Hashable, Any] = field(
        default_factory=dict, init=False
    )  # see `once_per_snapshot`

    @classmethod
    def of(cls, run: Run, step: int | None = None) -> "Snapshot":
        """The run's checkpoint at `step`, by default the last."""
        steps = run.steps
        at = steps[-1] if step is None and steps else step
        return cls(
            run.task,
            run.is_train,
            run.model(at),
            at,
            taught=run.taught,
            was_shown_all=run.was_shown_all,
            assumed=run.spec.assumed,
        )

    @cached_property
    def is_large(self) -> bool:
        """Whether it has more logits than are held in one table."""
        return self.task.answers.numel() * self.task.n_answers > MOST_LOGITS

    def at(self, pairs: Int[Tensor, " some"]) -> "Snapshot":
        """The network on these pairs alone."""
        taught = None if self.taught is None else self.taught[pairs]
        return replace(self, task=self.task.at(pairs), is_train=self.is_train[pairs], taught=taught)

    def blocks(self) -> "Iterator[Snapshot]":
        """Itself, or where it is large so many pairs after the other as are held at a time."""
        if not self.is_large:
            yield self
        else:
            yield from map(self.at, torch.arange(len(self.task.inputs)).split(self._at_once))

    @property
    def _at_once(self) -> int:
        """Pairs of a block: of a table of all pairs of symbols, whole rows."""
        n, most = self.task.n_symbols, LOGITS_AT_ONCE // (self.task.n_read * self.task.n_answers)
        return max(1, most // n) * n

    @property
    def few(self) -> "Snapshot":
        """The first of `blocks`: enough to see which shapes and which nonlinearity there are."""
        return self._first_block if self.is_large else self

    @cached_property
    def _first_block(self) -> "Snapshot":  # a cached `few` would be a snapshot that holds itself
        return next(self.blocks())

    @property
    def knows_split(self) -> bool:
        """Whether it is known which pairs were held out; else every pair counts as shown."""
        return not bool(self.is_train.all())

    @property
    def is_test(self) -> Bool[Tensor, " pair"]:
        """Which pairs were held out. Raises `NotApplicable` where none was, or it is not known."""
        if self.was_shown_all:
            raise NotApplicable(
                f"this network was shown every pair of `{self.task.name}`, so none is a test pair."
            )
        if not self.knows_split:
            raise NotApplicable(
                f"the split of this network on `{self.task.name}` is not known, so no pair is "
                "known to be a test pair."
            )
        return ~self.is_train

    @property
    def splits(self) -> dict[str, Bool[Tensor, " pair"]]:
        """All pairs; and train and test apart, where the split is known."""
        known = {"train": self.is_train, "test": ~self.is_train} if self.knows_split else {}
        return {"all": torch.ones_like(self.is_train), **known}

    @cached_property
    def is_unseen(self) -> Bool[Tensor, " pair"]:
        """The test pairs that were not given away: of a symmetric task those whose mirror (b, a)
        was not trained on either (of a mixture, with the same operator); there may be none. Raises
        `NotApplicable` where the split is not known."""
        inputs, answers = self.task.inputs, self.task.answers
        if not self.task.is_of_pairs or not is_symmetric(inputs, answers):
            return self.is_test
        return self.is_test & ~mirror_was_shown(inputs, self.is_train)

    @cached_property
    def is_right(self) -> Bool[Tensor, " pair *answer"]:
        """Which answers are right; see `score.is_right`."""
        return torch.cat([is_right(x, answers) for x, answers in self.answered()])

    @cached_property
    def is_of_numbers(self) -> bool:
        """Whether every logit is a number: neither NaN nor infinite."""
        return all(bool(logits.isfinite().all()) for logits, _ in self.answered())

    def answered(
        self,
    ) -> Iterator[tuple[Float[Tensor, "some *answer c"], Int[Tensor, " some *answer"]]]:
        """The logits and the answers of all pairs, some at a time."""
        for block in self.blocks():
            yield from zip(block.logits.split(BLOCK), block.task.answers.split(BLOCK), strict=True)

    def sums(
        self, f: Callable[["Snapshot"], Tensor], label: Int[Tensor, " pair"] | None = None
    ) -> Float[Tensor, "label width"]:
        """The sum over the pairs of each label of what `f` gives each pair, in float64; without
        labels of all."""
        n_labels, start, found = 1 if label is None else int(label.max()) + 1, 0, None
        for block in self.blocks():
            x = f(block)
            total = (
                x.new_zeros(n_labels, x.shape[1], dtype=torch.float64) if found is None else found
            )
            if label is None:
                total += x.sum(dim=0, dtype=torch.float64)
            else:
                total.index_add_(0, label[start : start + len(x)], x.double())
            start, found = start + len(x), total
        assert found is not None
        return found

    @cached_property
    def activations(self) -> dict[str, Tensor]:
        """Every named activation, computed no further than the last position needs."""
        with torch.no_grad():
            return record(self.model.last, self.task.inputs)

    def activation(self, name: str) -> Tensor:
        """The activation called `name`. Raises `NotApplicable` if the model has none."""
        if "activations" not in self.__dict__:
            with torch.no_grad():
                found = record(self.model.last, self.task.inputs, until=name)
        else:
            found = self.activations
        if name not in found:
            raise NotApplicable(
                f"{self.model.name} has no activation `{name}`. It has: {', '.join(found)}."
            )
        return found[name]

    @cached_property
    def mlp_pre(self) -> Float[Tensor, "pair neuron"]:
        """The hidden layer before its nonlinearity, at the last position."""
        if self.is_large:
            return self._joined(lambda block: block.mlp_pre)
        return self._mixed[0] if self._fold is not None else self._at_last_position("mlp_pre")

    @cached_property
    def mlp_post(self) -> Float[Tensor, "pair neuron"]:
        """The hidden layer after its nonlinearity, at the last position."""
        if self.is_large:
            return self._joined(lambda block: block.mlp_post)
        if self._fold is not None:
            return self._fold.act(self.mlp_pre)
        return self._at_last_position("mlp_post")

    def _at_last_position(self, name: str) -> Float[Tensor, "pair neuron"]:
        x = self.activation(name)
        return x[:, -1] if x.ndim == 3 else x

    @cached_property
    def exact_post(self) -> Float[Tensor, "pair neuron"]:
        """The hidden layer after its nonlinearity in float64."""
        return self.mlp_post.double()

    @cached_property
    def logits(self) -> Float[Tensor, "pair *answer c"]:
        """Those of every pair; classes that are no answer are dropped."""
        if self.is_large:
            return self._joined(lambda block: block.logits)
        return self._logits(slice(None))

    @cached_property
    def train_logits(self) -> Float[Tensor, "train *answer c"]:
        if "logits" in self.__dict__:
            return self.logits[self.is_train]
        if self.is_large:
            return self.at(self.is_train.nonzero()[:, 0]).logits
        return self._logits(self.is_train)

    @property
    def train_answers(self) -> Int[Tensor, " train *answer"]:
        """What training taught of its pairs: the task's answers, or with label noise others."""
        return (self.task.answers if self.taught is None else self.taught)[self.is_train]

    @property
    def lens(self) -> Lens:
        """The lens whose product the task is. Raises `NotApplicable` if it has none."""
        for lens in self.task.lenses:
            if lens.product is not None:
                return lens
        if not self.task.is_of_pairs:
            raise NotApplicable(
                f"an input of `{self.task.name}` is no pair (a, b), so the logits have no parts."
            )
        raise NotApplicable(
            f"`{self.task.name}` is not known to be a sum or a product of functions of its "
            "operands, nor a group's product, so its logits have no parts. Its weights may still "
            "have: see `grokscope spectrum`."
        )

    @property
    def operand_parts(self) -> tuple[Split, Split]:
        """The parts of the lens as functions of a, and of b. Raises `NotApplicable` unless every
        pair of symbols is there, each symbol a point of its own."""
        a, b = (self.lens.views[role].parts for role in "ab")
        if a is None or b is None or len(self.task.inputs) != self.task.n_symbols**2:
            raise NotApplicable(
                "functions of a and b apart need every pair of operands, each a point of its own; "
                f"`{self.task.name}` has not."
            )
        return a, b

    @property
    def fibres(self) -> Fibres:
        """The pairs by their product."""
        return self.lens.fibres

    def mean_over_fibres(self, x: Float[Tensor, "pair width"]) -> Float[Tensor, "s width"]:
        """The mean of `x` over the pairs of each fibre."""
        return embedding_bag(self.fibres.order, x, self.fibres.starts, mode="mean")

    @cached_property
    def mean_logits(self) -> Float[Tensor, "s c"]:
        """The mean of the logits over the pairs of each fibre."""
        if self.few._fold is None:
            return self._fibre_means(lambda block: block.logits)
        n_neurons = self.few._fold.n_neurons
        means = self._fibre_means(Snapshot._before_read_out)
        direct = means[:, n_neurons:] if means.shape[1] > n_neurons else None
        logits = self.few._fold.read_out(means[:, :n_neurons], direct)
        return logits[:, : self.task.n_answers]

    def _before_read_out(self) -> Float[Tensor, "pair width"]:
        """All that the last map of a fold is of, side by side: neurons, then the direct path."""
        post, direct = self._hidden
        return post if direct is None else torch.cat([post, direct], dim=1)

    def _fibre_means(self, f: "Callable[[Snapshot], Tensor]") -> Float[Tensor, "s width"]:
        """The mean over the pairs of each fibre of what `f` gives each pair."""
        if not self.is_large:
            return self.mean_over_fibres(f(self))
        sums = self.sums(f, self.fibres.product)
        return (sums / self.fibres.counts[:, None]).to(f(self.few))

    @cached_property
    def _fold(self) -> Fold | None:
        if not can_fold(self.model):
            return None
        check_fold(self.model, self.task.inputs)
        with torch.no_grad():
            return self.model.fold(self.task.inputs)

    @cached_property
    def _mixed(self) -> tuple[Tensor, Tensor | None]:
        assert self._fold is not None
        return self._fold.mixed()

    def read_out(self, hidden: Float[Tensor, "pair neuron"]) -> Float[Tensor, "pair c"]:
        """The logits when the hidden layer at the last position is this one, and all else, such as
        what goes past it, as it is."""
        if self.is_large:
            rest = iter(hidden.split(self._at_once))
            return self._joined(lambda block: block.read_out(next(rest)))
        if self._fold is not None:
            return self._fold.read_out(hidden, self._mixed[1])[:, : self.task.n_answers]

        def replaced(name: str, x: Tensor) -> Tensor:
            if name != "mlp_post":
                return x
            return hidden if x.ndim == 2 else torch.cat([x[:, :-1], hidden[:, None]], dim=1)

        self.activation("mlp_post")  # says so where there is none
        with torch.no_grad():
            return self.model.last(self.task.inputs, replaced)[:, : self.task.n_answers]

    def _joined(self, f: "Callable[[Snapshot], Tensor]") -> Tensor:
        """What `f` gives each pair, as one table that is filled block by block."""
        table, start = None, 0
        for block in self.blocks():
            x = f(block)
            if table is None:
                table = x.new_empty(len(self.task.inputs), *x.shape[1:])
            table[start : start + len(x)] = x
            start += len(x)
        assert table is not None
        return table

    @property
    def _passed(self) -> Float[Tensor, "pair *answer class"]:
        """The logits of a pass, padding and all."""
        if "logits" in self.__dict__.get("activations", {}):
            return self.activations["logits"]
        with torch.no_grad():
            return self.model.last(self.task.inputs)

    @property
    def _hidden(self) -> tuple[Tensor, Tensor | None]:
        return self.mlp_post, self._mixed[1]

    def _logits(self, pairs: slice | Tensor) -> Float[Tensor, "pair *answer c"]:
        if self._fold is None:
            return self._passed[pairs, ..., : self.task.n_answers]
        post, direct = self._hidden
        logits = self._fold.read_out(post[pairs], None if direct is None else direct[pairs])
        return logits[:, : self.task.n_answers]


P = ParamSpec("P")
R = TypeVar("R")
ITSELF = object()  # in place of a snapshot among what it computed: it would hold itself


def once_per_snapshot(
    f: Callable[Concatenate[Snapshot, P], R],
) -> Callable[Concatenate[Snapshot, P], R]:
    """`f`, computed once for each snapshot and arguments, however many measures ask for it; that
    it is not applicable is remembered too. Its arguments must be hashable: names, numbers, tuples.
    """

    @wraps(f)
    def once(snapshot: Snapshot, *args: P.args, **kwargs: P.kwargs) -> R:
        key = (f, args, tuple(kwargs.items()))
        if key not in snapshot.computed:
            try:
                made = f(snapshot, *args, **kwargs)
                snapshot.computed[key] = ITSELF if made is snapshot else made
            except NotApplicable as reason:
                snapshot.computed[key] = NotApplicable(*reason.args)
        found = snapshot.computed[key]
        if isinstance(found, NotApplicable):  # a new one: a traceback would hold the snapshot
            raise NotApplicable(*found.args)
        value: Any = snapshot if found is ITSELF else found
        return value

    return once
