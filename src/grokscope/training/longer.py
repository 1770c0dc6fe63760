"""A finished run that goes on: a new run that begins with what an earlier one of fewer steps left.

Nothing in a step depends on when training is to end, so that a run of 20,000 steps begins with the
very steps of one of 10,000. The new run takes over the evaluations, checkpoints and last state of
the earlier one, which stays as it is, and goes on from there to the same numbers that it would have
reached alone.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from grokscope.errors import BadInput, DamagedFile, GrokscopeError, lookup
from grokscope.spec import Spec
from grokscope.training.choice import chosen_step
from grokscope.training.due import is_checkpoint, is_evaluated
from grokscope.training.events import find_events
from grokscope.training.files import as_json, write_atomically
from grokscope.training.rule import FILTERS, OPTIMIZERS, Rule
from grokscope.training.run import Run, find_folders, seal_of
from grokscope.training.tensors import write_tensors

SAME_END: dict[str, int | None] = {"steps": 1, "stop_after_grok": None, "give_up_after": None}


@dataclass(frozen=True)
class Earlier:
    """A finished run with the settings of `run`, but for when it ends."""

    run: Run  # the new one
    begun: Run
    step: int  # where the earlier one ended
    why_not: str | None  # the reason for which the new one begins anew


def earlier(runs: Sequence[Run]) -> list[Earlier]:
    """Of those runs of which there is no state yet, the ones that a finished run beside them begins
    with, or would but for a reason. Raises `StorageError`."""
    new = [run for run in runs if _is_new(run)]
    alike = {out: _alike(out, new) for out in {run.out for run in new}}
    found = []
    for run in new:
        some = [_earlier(run, x) for x in alike[run.out].get(_but_the_end(run.spec), [])]
        found += sorted((x for x in some if x is not None), key=_rank)[-1:]
    return found


def take_over(found: Earlier) -> None:
    """Give a new run what the earlier one has, so that training goes on from there; only for who
    holds its lock. The state comes last: without it nothing was taken over. Raises `DamagedFile`
    and `StorageError`."""
    run, begun = found.run, found.begun
    rows = [row for row in begun.rows if is_evaluated(run.spec, int(row["step"]))]
    lines = "".join(as_json(row) + "\n" for row in rows).encode()
    ends = find_events(run.spec, rows).stop is not None
    state, notes = begun.tensors(begun.states[0])
    run.write_spec()
    for step in begun.steps:
        if is_checkpoint(step, run.spec.checkpoint_every) or (ends and step == found.step):
            weights, noted = begun.tensors(begun.checkpoint(step))
            write_tensors(run.checkpoint(step), weights, noted | {"spec": run.spec.to_json()})
    write_atomically(run.metrics_file, lines)
    write_tensors(run.resume, state, notes | seal_of(lines))


def _is_new(run: Run) -> bool:
    return run.share is None and not run.states and run.spec.source is None


def _but_the_end(spec: Spec) -> str:
    return replace(spec, **SAME_END).id


def _alike(out: Path, new: Sequence[Run]) -> dict[str, list[Run]]:
    """The runs under `out` that may differ from one of these in their end alone, by what is left
    without it. Those that cannot be read are none: who asks for them is told."""
    names = {run.spec.id for run in new}
    slugs = {_slug(name) for name in names}
    found: dict[str, list[Run]] = {}
    for folder in find_folders(out):
        if _slug(folder.name) in slugs and folder.name not in names:
            with suppress(GrokscopeError):
                run = Run.open(folder)
                found.setdefault(_but_the_end(run.spec), []).append(run)
    return found


def _slug(name: str) -> str:
    """An id without its hash: task, arguments and model."""
    return name.rsplit("-", 1)[0]


def _earlier(run: Run, begun: Run) -> Earlier | None:
    """The earlier run, if it is finished and ended no later than this one."""
    try:
        if not begun.is_finished:
            return None
        step = int(begun.rows[-1]["step"])
        return Earlier(run, begun, step, _why_not(run, begun)) if step <= run.spec.steps else None
    except DamagedFile:
        return None


def _rank(one: Earlier) -> tuple[bool, int]:
    return one.why_not is None, one.step


def _why_not(run: Run, begun: Run) -> str | None:
    """Why a run cannot go on from a finished one; None if it can."""
    spec, other = run.spec, begun.spec
    if begun.events.stop == "diverged":
        return "its loss is not a number"
    if not (_looser(spec.stop_after_grok, other.stop_after_grok)
            and _looser(spec.give_up_after, other.give_up_after)):  # fmt: skip
        return "this one may stop before that"
    if begun.share is not None:
        return "a batch does not keep the last state of a network that is finished"
    if not begun.states:
        return f"{begun.resume.name}, its last state, is gone"
    if rule := _reads_steps(spec):
        return (
            f"`{rule}` may look at how many steps there will be. If it does not, write "
            "`reads_steps = False` in its class"
        )
    return _cannot_step(begun)


def _cannot_step(begun: Run) -> str | None:
    try:
        chosen_step(begun, begun.new_model(), "cpu")
    except BadInput as error:
        return str(error)
    return None


def _looser(new: int | None, old: int | None) -> bool:
    """Whether a rule to stop lets go on all that the other did."""
    return new is None or (old is not None and new >= old)


def _reads_steps(spec: Spec) -> str | None:
    """A rule of the update that looks at how many steps there will be, or may."""
    rules: dict[str, type[Rule]] = {
        spec.optimizer: lookup("optimizer", spec.optimizer, OPTIMIZERS),
        spec.gradient: lookup("gradient", spec.gradient, FILTERS),
    }
    for name, rule in rules.items():
        own = rule.__module__.startswith("grokscope.")
        if not own if rule.reads_steps is None else rule.reads_steps:
            return name
    return None
