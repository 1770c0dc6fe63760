"""Which task a network answers: its user or its source says it, or its answers do.

A task is known where it is said; where it fits nine pairs in ten; and where it fits fewer, as that
of a network that has memorised part of a table does, but clearly more than any other task and than
guessing. Else it is not known, and nothing is said of whether the network generalised.

Axes: pair = one input.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from jaxtyping import Bool
from torch import Tensor

from grokscope.errors import BadInput
from grokscope.foreign.candidates import candidates, describe, option, wanted_specs, with_task
from grokscope.foreign.fit import RIGHT, Answers, Fit
from grokscope.foreign.layout import ForeignNetwork
from grokscope.spec import Spec
from grokscope.task import Task

KNOWN = 0.9  # right on so many of its pairs, a network answers a task
MARGIN = 0.25  # of all pairs, that a task is ahead of another where it fits far better

Shown = Callable[[Task], Bool[Tensor, " pair"]]  # which pairs of a task training showed


@dataclass(frozen=True, eq=False)
class Answered:
    """The task of a network, how well it fits, and the best of the tasks that are another."""

    fit: Fit
    runner_up: Fit | None = None
    is_said: bool = False  # by its user or its source

    @property
    def fits(self) -> bool:
        """Whether its answers alone show that it is its task."""
        rival = 0.0 if self.runner_up is None else self.runner_up.accuracy
        is_ahead = self.fit.accuracy - max(self.fit.guessing, rival) >= MARGIN
        return self.fit.is_beyond_guessing and (self.fit.accuracy >= KNOWN or is_ahead)

    @property
    def is_known(self) -> bool:
        return self.is_said or self.fits

    @property
    def notes(self) -> tuple[str, ...]:
        """What there is to say of it in a table."""
        share, name = f"{self.fit.accuracy:.1%}", describe(self.fit.spec)
        if not self.is_known:
            return (f"its task is not known: of {name}, the nearest tried, it answers {share}; "
                    "--task states it",)  # fmt: skip
        asked = "pairs" if self.fit.task.is_of_pairs else "answers"
        return () if self.fit.accuracy >= RIGHT else (f"right on {share} of the {asked}",)


def resolve_task(
    answers: Answers, foreign: ForeignNetwork, wanted: str | None, shown: Shown | None = None
) -> Answered:
    """The task that was asked for, else the one the source says, else the one the network is best
    at, among the specs of `foreign`.

    Raises `BadInput` for a task that is said where another fits far better, or, of one that its
    user said, where it fails on the pairs that training is said to have `shown`.
    """
    if wanted is None and not foreign.says_task:
        best = _best(answers, candidates(foreign))
        if best is not None and best.fit.is_beyond_guessing:
            return best
        return Answered(answers.fit(_default(foreign)))
    specs = foreign.specs if wanted is None else wanted_specs(foreign, wanted)
    said = _likeliest(answers, specs)
    if said.fit.accuracy < KNOWN:
        best = _best(answers, candidates(foreign))
        who = "its source says" if wanted is None else "--task says"
        if best is not None and _is_far_better(best, said.fit):
            raise _another(who, said.fit, best.fit)
        if wanted is not None and shown is not None:
            _check_shown(said.fit, shown(said.fit.task))
    return said


def _best(answers: Answers, specs: Iterable[Spec]) -> Answered | None:
    """The task the network is best at, of several alike the first; and the best that is another
    function, as far as it was looked for."""
    best: Fit | None = None
    second: Fit | None = None
    for fit in _fits(answers, specs):
        if best is None or fit.accuracy > best.accuracy:
            second = second if best is None or best.is_same_function(fit) else best
            best = fit
        elif (second is None or fit.accuracy > second.accuracy) and not fit.is_same_function(best):
            second = fit
        if best.accuracy == 1:
            break
    return None if best is None else Answered(best, second)


def _fits(answers: Answers, specs: Iterable[Spec]) -> Iterable[Fit]:
    for spec in specs:
        try:
            yield answers.fit(spec)
        except BadInput:  # not every task can be of so many symbols
            continue


def _likeliest(answers: Answers, specs: Iterable[Spec]) -> Answered:
    """The first of the specs, unless its answers show that it is another of them. Raises `BadInput`
    if it can be none."""
    specs = list(specs)
    every = [Answered(fit, is_said=True) for fit in _fits(answers, specs)]
    if not every:
        answers.fit(specs[0])  # raises the reason
    best = max(every, key=lambda x: x.fit.accuracy)
    return best if best.fits else every[0]


def _is_far_better(best: Answered, said: Fit) -> bool:
    is_another = not best.fit.is_same_function(said)
    return is_another and best.fits and best.fit.accuracy - said.accuracy >= MARGIN


def _another(who: str, said: Fit, best: Fit) -> BadInput:
    return BadInput(
        f"{who} {describe(said.spec)}, of which it answers {said.accuracy:.2%} (guessing: "
        f"{said.guessing:.2%}): it is another task, {describe(best.spec)}, of which it answers "
        f"{best.accuracy:.2%}. Import it with --task '{option(best.spec)}'."
    )


def _check_shown(said: Fit, is_shown: Bool[Tensor, " pair"]) -> None:
    """Refuse a task that is not the one of the pairs that were shown."""
    right = float(said.is_right[is_shown].double().mean())
    if right < said.guessing + MARGIN:
        raise BadInput(
            f"--task says {describe(said.spec)}, of which it answers {right:.2%} of the "
            f"{int(is_shown.sum()):,} pairs that it is said to have been shown (guessing: "
            f"{said.guessing:.2%}): it was not trained on these. State another --task, or another "
            "--split."
        )


def _default(foreign: ForeignNetwork) -> Spec:
    """The task of a network that answers none that is known."""
    spec = foreign.specs[0]
    is_own = spec.task == "composition" or not foreign.of_pairs
    return spec if is_own else with_task(spec, "a+b", {"p": foreign.n})
