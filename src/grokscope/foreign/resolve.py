"""What a foreign network is where its file leaves that open: its axes, activation and task.

What is not said is told by the answers, or assumed and said to be: `Spec.assumed`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from grokscope.errors import BadInput
from grokscope.foreign.acts import by_act, of_model, said_by, with_act
from grokscope.foreign.candidates import describe
from grokscope.foreign.fit import Answers
from grokscope.foreign.layout import Contents, ForeignNetwork
from grokscope.foreign.tasks import KNOWN, Answered, Shown, resolve_task
from grokscope.spec import Spec

WHAT = {
    "axes": "which axis of its square maps has the residues",
    "sequence": "which tokens it reads",
    "norm": "where its norms stand",
}  # that an assumption can be of
Choices = dict[str, float]  # what can be chosen, the chosen first -> the accuracy that it gives


@dataclass(frozen=True)
class Said:
    """What the user says of a network; None where the file is to say it."""

    layout: str | None = None
    task: str | None = None
    instance: int | None = None  # which network, of a file that holds several
    model: str | None = None
    activation: str | None = None
    split: str | None = None
    reads: str | None = None  # the tokens of a sequence


@dataclass(frozen=True, eq=False)
class Resolved:
    """One reading of a file: its network, its task, and what was assumed."""

    foreign: ForeignNetwork
    answered: Answered
    act: Choices  # empty where it is said, or where there is none
    assumes: dict[str, str] = field(default_factory=dict)  # what nothing says, and what is taken

    @property
    def spec(self) -> Spec:
        """Its spec, with what was assumed."""
        fit, assumed = self.answered.fit, dict[str, Choices]()
        if not self.answered.is_known:
            assumed["task"] = {describe(fit.spec): fit.accuracy}
        if self.act:
            assumed["activation"] = self.act
        assumed |= {what: {taken: fit.accuracy} for what, taken in self.assumes.items()}
        return replace(fit.spec, assumed=assumed)

    @property
    def notes(self) -> tuple[str, ...]:
        """What there is to say of it in a table."""
        return (*self.answered.notes, *self._note_of_act(), *self._others())

    def _note_of_act(self) -> tuple[str, ...]:
        if not self.act:
            return ()
        (name, own), *others = self.act.items()
        if not others:
            return (f"its activation is not said: {name} is assumed",)
        also = ", ".join(f"{other} {share:.1%}" for other, share in others)
        return (
            f"its activation is not said: {name} is assumed, right on {own:.1%} of the pairs, but "
            f"others fit too ({also}); --activation states it",
        )

    def _others(self) -> Iterator[str]:
        for what, taken in self.assumes.items():
            yield f"{WHAT[what]} is not said: {taken} is assumed"


def resolve(
    foreign: ForeignNetwork, contents: Contents, layout: str, said: Said, shown: Shown | None
) -> Resolved:
    """The network of a file as its user and its file say, or as its answers tell. Raises `BadInput`
    where its axes stay open."""
    readings: list[Resolved] = []
    for reading in (foreign, *foreign.others):
        try:
            one = _resolve(reading, contents, layout, said, shown)
        except BadInput:
            if not foreign.others:
                raise
            continue
        if one.answered.fits and one.answered.fit.accuracy >= KNOWN:
            return one
        readings.append(one)
    if len(readings) < 2:
        return readings[0] if readings else _resolve(foreign, contents, layout, said, shown)
    fitting = [x for x in readings if x.answered.fits]
    if not fitting and len({x.foreign.n for x in readings}) > 1:
        raise BadInput(foreign.ask)
    if not fitting:
        return replace(readings[0], assumes=foreign.assumes)
    return max(fitting, key=lambda x: x.answered.fit.accuracy)


def _resolve(
    foreign: ForeignNetwork, contents: Contents, layout: str, said: Said, shown: Shown | None
) -> Resolved:
    """One reading, with the activation that is said, else the likeliest that answers a task."""
    chosen = of_model(foreign, said.model, layout)
    name = said.activation or _said_by_file(chosen, contents.config)
    each = dict(by_act(chosen, name)) or {"": chosen}
    answers, (first, *others) = Answers(chosen, contents.state), each
    answered = resolve_task(answers, each[first], said.task, shown)
    if len(chosen.specs) < len(foreign.specs) or not others:  # the model says it, or there is one
        return Resolved(each[first], answered, {})
    act = first
    if not answered.fits:
        for other in others:
            as_other = _answered(answers, each[other], said.task, shown)
            if as_other is not None and as_other.fits:
                act, answered = other, as_other
                break
    fits = {x: _fit_with(x, answers, answered) for x in each if x != act}
    beside = {x: share for x, share in fits.items() if share is not None}
    return Resolved(each[act], answered, {act: answered.fit.accuracy, **beside})


def _said_by_file(foreign: ForeignNetwork, config: dict[str, Any]) -> str | None:
    """The activation that a layout knows, or else the configuration."""
    own = foreign.specs[0].model_args.get("act")
    return str(own) if own is not None else said_by(config)


def _answered(
    answers: Answers, foreign: ForeignNetwork, task: str | None, shown: Shown | None
) -> Answered | None:
    try:
        return resolve_task(answers, foreign, task, shown)
    except BadInput:
        return None


def _fit_with(act: str, answers: Answers, answered: Answered) -> float | None:
    """How much of the same task it answers with another activation; None of what is no more than
    guessing."""
    other = Answered(answers.sampled(with_act(answered.fit.spec, act)))
    return other.fit.accuracy if other.fits else None
