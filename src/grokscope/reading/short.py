"""The answers that a newcomer looks for first: what was asked, when it was learned, how it is done,
how sure that is. Each is made from measured facts."""

from grokscope.explain.explain import UNDETERMINED
from grokscope.reading.explained import UNLEARNED, called, half_read, how_it_is_done, proved
from grokscope.reading.reading import Reading
from grokscope.reading.sentences import (
    at_the_end,
    falls,
    inputs,
    knows_when,
    meant,
    mirrors,
    oddities,
    percent,
    seen_at,
)


def headline(r: Reading) -> str:
    """What became of the network, in three or four words."""
    if r.run.is_imported:
        return f"{percent(r.final['all_accuracy'])} of all {inputs(r.run.task)} right"
    if r.events.t_grok is not None and r.generalises:
        return "it grokked" if r.events.delay and r.memorised_first else "it generalised"
    if r.events.t_grok is not None:
        return "it generalised, and lost it"
    if r.events.t_memorize is None:
        return "not learned"
    only = r.memorised_first and r.final["test_accuracy"] < MEMORISED
    return "memorised" if only else "it has not generalised"


MEMORISED = 0.1  # of the test right, at most, for a network that is said to have memorised alone


def in_short(r: Reading) -> list[tuple[str, str]]:
    """The first questions with their answers."""
    rows = [("It was asked", _asked(r))]
    if r.run.is_imported:
        rows.append(("It is right on", _right(r)))
    if knows_when(r) if r.run.is_imported else r.rows:
        rows += [("It memorised", _memorised(r)), ("It generalised", _generalised(r))]
    return [*rows, ("Its algorithm", _algorithm(r)), ("How sure", _how_sure(r))]


def _asked(r: Reading) -> str:
    task, shown, them = r.run.task, int(r.run.is_train.sum()), inputs(r.run.task)
    every, chance = len(r.run.is_train), percent(task.chance)
    asked = f"for {task.name}{meant(task)}: one of {task.n_answers:,} answers"
    asked += f" (guessing: {chance} right)"
    if not r.run.knows_split:
        return asked
    return (
        f"{asked}. It was shown {shown:,} of the {every:,} {them} ({percent(shown / every)}) with "
        f"their answers (train) and tried on the other {every - shown:,} (test).{oddities(r)}"
    )


def _right(r: Reading) -> str:
    """What is known of a network that was not trained here."""
    final, them = r.final, inputs(r.run.task)
    split = "which of them it was shown is not known"
    if r.run.knows_split:
        train, test = (percent(final[f"{part}_accuracy"]) for part in ("train", "test"))
        split = f"train {train}, test {test}"
    when = "" if knows_when(r) else "; when it learned them is not known here"
    return (
        f"{percent(final['all_accuracy'])} of all {them} at step {final['step']:,} ({split}). It "
        f"was imported{when}."
    )


def _memorised(r: Reading) -> str:
    step = r.events.t_memorize
    if step is None:
        best = percent(max(row["train_accuracy"] for row in r.rows))
        return f"never: at most {best} of the train {inputs(r.run.task)} right"
    row = r.at(step)
    train, test = percent(row["train_accuracy"]), percent(row["test_accuracy"])
    if not r.memorised_first:
        return f"not first: by {seen_at(r, step)} train was {train} right, and test {test} already"
    return f"by {seen_at(r, step)}: train {train} right, test {test}"


def _generalised(r: Reading) -> str:
    e = r.events
    if e.t_grok is None:
        last = r.rows[-1]
        return (
            f"not within {int(last['step']):,} steps: test {percent(last['test_accuracy'])} right "
            f"at the end{_leaked(r)}.{at_the_end(r)}"
        )
    late = f", {e.delay:,} steps after it had memorised" if e.delay and r.memorised_first else ""
    fell = "" if r.generalises else " At the end it no longer does."
    kept = "" if e.falls else "from then on "
    return (
        f"by {seen_at(r, e.t_grok)}{late}: {kept}test at least {percent(r.run.spec.grok_at)} "
        f"right.{falls(r)}{fell}"
    )


LEAKED = 0.1  # of accuracy


def _leaked(r: Reading) -> str:
    """How much of the test was given away, where that matters."""
    found = mirrors(r)
    if found is None or found[0] - found[1] < LEAKED:
        return ""
    seen, unseen = map(percent, found)
    return f", of those whose mirror (b, a) it was shown {seen}, of the others {unseen}"


def _algorithm(r: Reading) -> str:
    e = r.explanation
    if e is None:
        return "not looked for here"
    if e.algorithm is None:
        return f"none is said to be learned: {UNLEARNED[e.verdict]}"
    if e.algorithm == UNDETERMINED:
        half = "its neurons follow waves, but as a clock or as a pizza is open"
        return f"undetermined: {'no explanation holds' if half_read(e) is None else half}"
    return f"{how_it_is_done(e)}."


def _how_sure(r: Reading) -> str:
    e = r.explanation
    if e is None:
        return "nothing was looked for here"
    if e.algorithm is None or e.algorithm == UNDETERMINED:
        told = [c for c in e.certificates if c.circuit.form != "lookup"]
        tried = ", ".join(f"{called(c)} {c.verdict}" for c in told)
        return f"no explanation is claimed. Tried: {tried or 'none applies'}."
    c = e.named[e.algorithm]
    judged = [x for x in c.evidence if x.passes is not None]
    beside = sum(bool(set(x.controls) - SAME) for x in judged)
    void = sum("; void: " in x.rule for x in c.evidence)
    uncounted = f"; {void} more do not count, as a control did as well" if void else ""
    share = proved(e)
    also = (
        ""
        if share is None
        else f" Its weights alone prove it right on {share} {inputs(r.run.task)}."
    )
    return (
        f"its explanation, {called(c)}, passed all {len(judged)} tests made to break it, {beside} "
        f"of them beside controls{uncounted}.{also} It is one network: another seed may learn "
        "otherwise."
    )


SAME = {"network", "folded weights", "lookup table"}  # what a number is compared with, no control


def acts(r: Reading) -> list[tuple[str, int, int]]:
    """What a button can play: its name, and from which step to which."""
    e, p = r.events, r.shown_phases
    found: list[tuple[str, int, int]] = []
    if e.t_memorize and r.memorised_first:
        found.append(("watch it memorise", 0, e.t_memorize))
    if e.t_grok is not None and e.delay and r.memorised_first:
        found.append(("watch it generalise", e.t_memorize or 0, e.t_grok))
    elif e.t_grok:
        found.append(("watch it generalise", 0, e.t_grok))
    if p is not None and p.memorized < p.formed < p.cleaned:
        found.append(("circuit formation", p.memorized, p.formed))
        found.append(("cleanup", p.formed, p.cleaned))
    return found
