"""What happened, in plain sentences. Each is made from measured facts, with its control beside it;
an algorithm is named only where its circuit holds."""

from grokscope.reading import explained
from grokscope.reading.explained import percent
from grokscope.reading.reading import Reading, is_small
from grokscope.task import Task


def sentences(reading: Reading) -> list[str]:
    """The story of a run, a paragraph an item."""
    return [text for paragraphs in topics(reading).values() for text in paragraphs]


def topics(reading: Reading) -> dict[str, list[str]]:
    """The same by what it is about: what was asked, when it was learned, what else happened, where
    the weights live, how that came about, and how the network does it."""
    r = reading
    if r.run.is_imported:
        asked, when, what = [_imported(r)], _history(r), []
    else:
        asked, when, what = [_question(r)], [_memorising(r), _generalising(r)], _ending(r)
    weights = [] if r.lenses is None else [_lens(r)]
    weights.append(_no_keys(r) if r.keys is None else _keys(r))
    if r.keys is not None and r.keys.names:
        weights += [*_sets(r), CAVEAT]
    progress = [] if r.keys is None else _losses(r)
    progress += _phases(r)
    how = [] if r.explanation is None else explained.told(r.explanation)
    if not how and not is_small(r.snapshot):
        how = [f"How it does this: `grokscope explain {r.run.folder}` (a large table)."]
    return {
        "asked": asked,
        "when": when,
        "what": what,
        "weights": weights,
        "progress": progress,
        "how": how,
    }


CAVEAT = "It is one network, and its key parts were chosen at its last checkpoint."


def _imported(r: Reading) -> str:
    """Where a network comes from that was not trained here, and what it is right on."""
    final, chance = r.final, percent(r.run.task.chance)
    known = "It is not known which of them it was shown."
    if r.run.knows_split:
        known = (
            f"It was shown {int(r.run.is_train.sum()):,} of them and answers "
            f"{percent(final['train_accuracy'])} of these right; of the others, the test, "
            f"{percent(final['test_accuracy'])} (loss {final['test_loss']:.2g})."
        )
    return (
        f"The network ({r.run.spec.model}) was imported ({r.run.spec.source}). Its task is "
        f"{r.run.task.name}: at step {final['step']:,} it answers {percent(final['all_accuracy'])} "
        f"of all {len(r.run.is_train):,} {inputs(r.run.task)} right (guessing: {chance}; loss "
        f"{final['all_loss']:.2g}). {known}"
    )


def knows_when(r: Reading) -> bool:
    """Whether the evaluations say when it learned what it was shown."""
    return r.events.t_memorize is not None and len(r.rows) >= r.run.spec.grok_patience


def _history(r: Reading) -> list[str]:
    """What its checkpoints say of when it memorised and generalised, where there are some."""
    if not knows_when(r):
        return []
    return [_memorising(r), *([_generalising(r)] if r.events.t_grok is not None else [])]


def meant(task: Task) -> str:
    """What the name of a task means that is no formula by itself: of several, or in a group."""
    if task.operators:
        return ", one of these at a time, which the input names"
    group = task.group
    if group is None or task.modulus is not None:
        return ""
    moved = "" if group.points is None else f", rearrangements of {group.points.shape[1]} things"
    return f", the product of two of the {group.order} elements of {group.name}{moved}"


def inputs(task: Task) -> str:
    """What an input is called."""
    return "pairs" if task.is_of_pairs else "inputs"


def _question(r: Reading) -> str:
    n, shown, them = len(r.run.is_train), int(r.run.is_train.sum()), inputs(r.run.task)
    return (
        f"The network ({r.run.spec.model}) was asked for {r.run.task.name}{meant(r.run.task)}. It "
        f"was shown "
        f"{shown:,} of the {n:,} {them} ({percent(shown / n)}) with their answers; the other "
        f"{n - shown:,} are the test.{oddities(r)}"
    )


def oddities(r: Reading) -> str:
    """What is unlike other runs in what it was asked."""
    noise, count = r.run.spec.label_noise, r.run.task.n_read
    wrong = f" Of the answers {percent(noise)} were drawn at random." if noise else ""
    several = f" A pair is a sequence here, with {count} answers of its own." if count > 1 else ""
    return f"{several}{wrong}"


def _asked(r: Reading) -> str:
    """What an accuracy counts: pairs, or their answers where each has several."""
    return "answers" if r.run.task.n_read > 1 else inputs(r.run.task)


def seen_at(r: Reading, step: int) -> str:
    """A step, and how far before it the last evaluation was, where that is far."""
    before = max((int(row["step"]) for row in r.rows if row["step"] < step), default=step)
    rough = f" (at {before:,}, the evaluation before, not yet)"
    return f"step {step:,}{rough if step - before >= COARSE * step else ''}"


COARSE = 0.25  # of a step: from there on the evaluation before it is told


def _memorising(r: Reading) -> str:
    step = r.events.t_memorize
    if step is None:
        return (
            f"It never memorised the {_asked(r)} it was shown: their accuracy stayed below "
            f"{percent(r.run.spec.memorize_at)}."
        )
    train, test = (percent(r.at(step)[f"{part}_accuracy"]) for part in ("train", "test"))
    if not r.memorised_first:
        return (
            f"It did not memorise first: by {seen_at(r, step)} it was right on {train} of the "
            f"{_asked(r)} it was shown, and on {test} of the others too."
        )
    return (
        f"It memorised them by {seen_at(r, step)}: {train} of the {_asked(r)} it was shown right, "
        f"{test} of the others."
    )


def _generalising(r: Reading) -> str:
    e = r.events
    if e.t_grok is None:
        return (
            f"It did not generalise within {r.rows[-1]['step']:,} steps: "
            f"{percent(r.rows[-1]['test_accuracy'])} of the test {_asked(r)} right at the end "
            f"(guessing: {percent(r.run.task.chance)}).{at_the_end(r)}"
        )
    late = f", {e.delay:,} steps later" if e.delay and r.memorised_first else ""
    rule = f"the first of {r.run.spec.grok_patience} evaluations in a row above"
    rule = f"{rule} {percent(r.run.spec.grok_at)}"
    return f"It generalised at step {e.t_grok:,}{late} ({rule}).{falls(r)}"


def falls(r: Reading) -> str:
    """How often what it had learned was lost again; nothing if never."""
    at = r.events.falls
    if not at:
        return ""
    times = "once" if len(at) == 1 else f"{len(at)} times"
    return (
        f" Its test accuracy fell below {percent(r.run.spec.grok_at)} again, {times}, first at "
        f"step {at[0]:,}."
    )


def at_the_end(r: Reading) -> str:
    """Whether the test accuracy of a network that did not generalise still moved; nothing where
    that is not known."""
    found = r.trend
    if found is None:
        return ""
    since, error = f"from step {found.since:,} on", _points(found.error)
    if found.moves and found.rise > 0:
        return (
            f" It was still rising, by {_points(found.rise)} {since} (a fitted line, standard "
            f"error {error}): longer training might have changed this."
        )
    lost = found.best - r.rows[-1]["test_accuracy"]
    best = f"; its best was {percent(found.best)}, at step {found.best_at:,}"
    best = best if lost > WORTH_TELLING else ""
    if found.moves:
        return f" It was falling, by {_points(-found.rise)} {since} (standard error {error}){best}."
    return f" It was not seen to rise {since} (standard error {error}{best})."


WORTH_TELLING = 0.02  # of accuracy


def _points(share: float) -> str:
    """A difference of shares in percentage points."""
    return f"{100 * share:.2g} points" if share >= 1e-6 else "0 points"


def _ending(r: Reading) -> list[str]:
    last, why = r.rows[-1], r.events.stop
    reason = {
        "steps": "as asked",
        "grokked": f"{r.run.spec.stop_after_grok or 0:,} steps after generalising, as asked",
        "hopeless": "its stopping rule: no generalisation in sight",
        "diverged": "the loss was no longer a number",
        None: "training is not finished",
    }[why]
    guess = "" if r.guessing is None else f"; guessing: {_loss(r, r.guessing)}"
    return [
        f"At step {last['step']:,} ({reason}; {last['seconds']:.1f} s of training): test accuracy "
        f"{percent(last['test_accuracy'])}, test loss {_loss(r, last['test_loss'])}, train loss "
        f"{_loss(r, last['train_loss'])} ({r.unit}{guess}).{_mirrored(r)}{_jumped(r)}"
    ]


def _jumped(r: Reading) -> str:
    """Whether the network that is read is one after a jump of its loss."""
    last, least = r.rows[-1], min(r.rows, key=lambda row: row["train_loss"])
    if not last["train_loss"] > JUMP * least["train_loss"]:
        return ""
    return (
        f" Its train loss had been {_loss(r, least['train_loss'])} at step {least['step']:,} and "
        "jumped since: what is read below is the network after that."
    )


JUMP = 10  # times the least train loss


def mirrors(r: Reading) -> tuple[float, float] | None:
    """The accuracy on test pairs whose mirror was shown, and on the others, where the one gives the
    other away."""
    group, found = r.run.task.group, r.test_by_mirror
    if not found or not (group is None or bool((group.table == group.table.T).all())):
        return None
    return found["mirror seen"], found["mirror not seen"]


def _mirrored(r: Reading) -> str:
    found = mirrors(r)
    if found is None:
        return ""
    seen, unseen = map(percent, found)
    return f" Test pairs whose mirror (b, a) was shown: {seen} right; others: {unseen}."


def _loss(r: Reading, x: float) -> str:
    """A trained loss, and in nats if it is counted otherwise and can be."""
    nats = r.in_nats(x)
    return f"{x:.3g}" + ("" if nats is None else f" = {nats:.3g} nats")


LENSES = {
    "additive": "the frequencies of addition",
    "multiplicative": "the characters of multiplication, waves in the discrete logarithm",
    "group": "the parts of the group's own functions",
}


def _lens(r: Reading) -> str:
    """Which lens won, by how much, over what."""
    found = r.lenses
    assert found is not None
    score, where = found.scores[found.ranking[0]].value, found.ranking[0]
    named = LENSES.get(where, where)
    rest = [f"{found.scores[k].value:.2f} in the {k} one" for k in found.ranking[1:3]]
    rivals = f"; {', '.join(rest)}" if rest else ""
    if found.winner is None:
        return f"Which lens are its weights sparsest in? {found.verdict}"
    clean = "" if r.t_clean is None else f" That had settled by step {r.t_clean:,}."
    return (
        f"Its weights are sparsest in the {where} lens, {named}: by {score:.2f} nats more than "
        f"random weights (0 is chance{rivals}).{clean}"
    )


def _no_keys(r: Reading) -> str:
    if not r.run.task.is_of_pairs:
        n = r.run.task.inputs.shape[1]
        return f"No key parts are read: an input is no pair (a, b), but {n} symbols."
    if r.run.task.operators:
        return "No key parts are read: several formulas are learned at once."
    return (
        f"No key parts are read: {r.run.task.name} is not known to be a sum or product of "
        "functions of its operands, or a group's product."
    )


def _keys(r: Reading) -> str:
    keys = r.keys
    assert keys is not None
    if not keys.names:
        return "No part of the group's functions holds 1 % of its logits: it has no key parts."
    held = ", ".join(f"{n} ({percent(keys.shares[n])})" for n in keys.names)
    count, every = len(keys.names), sum(keys.shares.values())
    rest = (
        f" The other parts hold {percent(max(0.0, every - keys.explained))}; "
        f"{percent(max(0.0, 1 - every))} is no function of the answer alone: it differs between "
        f"{inputs(r.run.task)} of the same answer, and lies in no part."
    )
    doubt = ""
    if keys.gap is not None and keys.gap < 2:
        doubt = (
            f" The smallest holds {keys.gap:,.1f} times what the largest other part holds: too "
            "little to be sure of the set."
        )
    gate = (
        ""
        if r.generalises or not r.run.knows_split
        else " At its last checkpoint it does not generalise, so they show no algorithm."
    )
    return (
        f"Key parts: {count} of {len(keys.shares)} hold{'' if count > 1 else 's'} "
        f"{percent(keys.explained)} of the variation of its logits: {held}.{rest}{doubt}{gate}"
    )


def _sets(r: Reading) -> list[str]:
    """Which parts neurons follow, and where these, the circuit's and the key parts differ."""
    assert r.keys is not None
    e = r.explanation
    best = None if e is None or e.algorithm is None else e.named.get(e.algorithm)
    told: list[str] = []
    others: dict[str, set[str]] = {}
    if r.neurons is not None:
        count, followed = r.neurons[1].shape[1], r.neurons_of()
        told.append(
            f"{sum(followed.values())} of its {count} neurons follow one part alone (85 % or more "
            "of their variation)."
        )
        others |= {"single neurons follow so closely": set(followed)} if followed else {}
    known = set(r.keys.shares)
    if best is not None and set(best.circuit.parts) <= known:
        others["the explanation uses"] = set(best.circuit.parts)
    for who, theirs in others.items():
        missing, more = sorted(set(r.keys.names) - theirs), sorted(theirs - set(r.keys.names))
        if missing:
            told.append(f"Of the key parts {who} all but {_named(missing)}.")
        if more:
            told.append(f"Besides them {who} {_named(more)}.")
    return [" ".join(told)] if told else []


MOST_NAMED = 6


def _named(parts: list[str]) -> str:
    more = len(parts) - MOST_NAMED
    return ", ".join(parts[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _losses(r: Reading) -> list[str]:
    last = r.table.row(-1, named=True)
    if "restricted_loss_sum[all]" not in last:
        return []
    control = last.get("excluded_loss_sum_train_control")
    beside = (
        f"; without as many of the others, at random, at most {control:.2g} (control, 8 draws)"
        if control is not None
        else ""
    )
    shown = "train loss" if r.run.knows_split else "whole loss"
    return [
        f"With its key parts alone its loss over all {inputs(r.run.task)} is "
        f"{last['restricted_loss_sum[all]']:.2g} nats (restricted loss). Its {shown} is "
        f"{last['train_loss']:.2g}; without them it is "
        f"{last['excluded_loss_sum_train']:.2g} (excluded loss){beside}."
    ]


def _phases(r: Reading) -> list[str]:
    p = r.shown_phases
    if p is None:
        return []
    return [
        "Phases, read from losses and not from accuracies (our rule): memorisation until step "
        f"{p.memorized:,}, where the excluded loss is lowest; circuit formation until "
        f"{p.formed:,}, where test loss is last near its highest; cleanup until {p.cleaned:,}, "
        "where 95 % of its fall from there, in logarithms, is done."
    ]
