"""What happened, in plain sentences. Each is made from measured facts, with its control beside it;
an algorithm is named only where its circuit holds."""

from grokscope.report import explained
from grokscope.report.reading import Reading, is_small
from grokscope.task import Task


def sentences(reading: Reading) -> list[str]:
    """The story of a run, a paragraph an item."""
    return [text for paragraphs in topics(reading).values() for text in paragraphs]


def topics(reading: Reading) -> dict[str, list[str]]:
    """The same by what it is about: what happened, where the weights live, how that came about,
    and how the network does it."""
    if reading.run.is_imported:
        what = [_imported(reading), *_history(reading)]
    else:
        what = [_question(reading), _memorising(reading), _generalising(reading), _ending(reading)]
    weights = [] if reading.lenses is None else [_lens(reading)]
    weights.append(_no_keys(reading) if reading.keys is None else _keys(reading))
    progress = [] if reading.keys is None else _losses(reading)
    if reading.phases is not None:
        progress.append(_phases(reading))
    how = []
    if reading.explanation is not None:
        how += explained.told(reading.explanation)
    elif not is_small(reading.snapshot):
        how.append(f"How it does this: `grokscope explain {reading.run.folder}` (a large table).")
    if reading.keys is not None and reading.keys.names:
        how.append(CAVEAT)
    return {"what": what, "weights": weights, "progress": progress, "how": how}


CAVEAT = "It is one network, and its key parts were chosen at its last checkpoint."


def percent(share: float) -> str:
    """A share in percent, never rounded up to 100 or down to 0."""
    if 0 < share < 0.0001:
        return "less than 0.01 %"
    rounded = round(share * 100, 2)
    return "99.99 %" if rounded == 100 and share < 1 else f"{rounded:g} %"


def _imported(r: Reading) -> str:
    """Where a network comes from that was not trained here, and what it is right on."""
    final, chance = r.final, percent(1 / r.run.task.n_answers)
    known = "It is not known which pairs it was shown."
    if r.run.knows_split:
        known = (
            f"It was shown {int(r.run.is_train.sum()):,} of them and answers "
            f"{percent(final['train_accuracy'])} of these right; of the others, the test, "
            f"{percent(final['test_accuracy'])} (loss {final['test_loss']:.2g})."
        )
    return (
        f"The network ({r.run.spec.model}) was imported ({r.run.spec.source}). Its task is "
        f"{r.run.task.name}: at step {final['step']:,} it answers {percent(final['all_accuracy'])} "
        f"of all {len(r.run.is_train):,} pairs right (guessing: {chance}; loss "
        f"{final['all_loss']:.2g}). {known}"
    )


def _history(r: Reading) -> list[str]:
    """What its checkpoints say of when it memorised and generalised, where there are some."""
    if r.events.t_memorize is None or len(r.rows) < r.run.spec.grok_patience:
        return []
    return [_memorising(r), *([_generalising(r)] if r.events.t_grok is not None else [])]


def meant(task: Task) -> str:
    """What the name of a task in a group means; nothing where a formula says it."""
    group = task.group
    if group is None or task.modulus is not None:
        return ""
    moved = "" if group.points is None else f", rearrangements of {group.points.shape[1]} things"
    return f", the product of two of the {group.order} elements of {group.name}{moved}"


def _question(r: Reading) -> str:
    n, shown = len(r.run.is_train), int(r.run.is_train.sum())
    noise = r.run.spec.label_noise
    wrong = f" Of the answers {percent(noise)} were drawn at random." if noise else ""
    count = r.run.task.n_read
    several = f" A pair is a sequence here, with {count} answers of its own." if count > 1 else ""
    return (
        f"The network ({r.run.spec.model}) was asked for {r.run.task.name}{meant(r.run.task)}. It "
        f"was shown "
        f"{shown:,} of the {n:,} pairs ({percent(shown / n)}) with their answers; the other "
        f"{n - shown:,} are the test.{several}{wrong}"
    )


def _asked(r: Reading) -> str:
    """What an accuracy counts: pairs, or their answers where each has several."""
    return "answers" if r.run.task.n_read > 1 else "pairs"


def _memorising(r: Reading) -> str:
    step = r.events.t_memorize
    if step is None:
        return (
            f"It never memorised the {_asked(r)} it was shown: their accuracy stayed below "
            f"{percent(r.run.spec.memorize_at)}."
        )
    row = next(x for x in r.rows if x["step"] == step)
    return (
        f"It memorised them by step {step:,}: {percent(row['train_accuracy'])} of the {_asked(r)} "
        f"it was shown right, {percent(row['test_accuracy'])} of the others."
    )


def _generalising(r: Reading) -> str:
    e = r.events
    if e.t_grok is None:
        return (
            f"It did not generalise within {r.rows[-1]['step']:,} steps: "
            f"{percent(r.rows[-1]['test_accuracy'])} of the test {_asked(r)} right at the end "
            f"(guessing: {percent(1 / r.run.task.n_answers)})."
        )
    late = f", {e.delay:,} steps later" if e.delay else ""
    falls = ""
    if e.falls:
        times = "once" if len(e.falls) == 1 else f"{len(e.falls)} times"
        falls = (
            f" Its test accuracy fell below {percent(r.run.spec.grok_at)} again, {times}, first "
            f"at step {e.falls[0]:,}."
        )
    rule = f"the first of {r.run.spec.grok_patience} evaluations in a row above"
    rule = f"{rule} {percent(r.run.spec.grok_at)}"
    return f"It generalised at step {e.t_grok:,}{late} ({rule}).{falls}"


def _ending(r: Reading) -> str:
    last, why = r.rows[-1], r.events.stop
    reason = {
        "steps": "as asked",
        "grokked": f"{r.run.spec.stop_after_grok or 0:,} steps after generalising, as asked",
        "hopeless": "its stopping rule: no generalisation in sight",
        "diverged": "the loss was no longer a number",
        None: "training is not finished",
    }[why]
    unit = r.run.spec.loss if r.guessing is None else f"guessing: {r.guessing:.2f}"
    mirror = ""
    group = r.run.task.group
    gives_away = group is None or bool((group.table == group.table.T).all())
    if r.test_by_mirror and gives_away:
        seen, unseen = r.test_by_mirror["mirror seen"], r.test_by_mirror["mirror not seen"]
        mirror = (
            f" Test pairs whose mirror (b, a) was shown: {percent(seen)} right; others: "
            f"{percent(unseen)}."
        )
    return (
        f"At step {last['step']:,} ({reason}; {last['seconds']:.1f} s of training): test accuracy "
        f"{percent(last['test_accuracy'])}, test loss {last['test_loss']:.2g}, train loss "
        f"{last['train_loss']:.2g} ({unit}).{mirror}"
    )


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
    clean = "" if r.t_clean is None else f" That sparsity had settled by step {r.t_clean:,}."
    return (
        f"Its weights are sparsest in the {where} lens, {named}: {score:.2f} nats beyond random "
        f"matrices of the same singular values{rivals} (0 is chance).{clean}"
    )


def _no_keys(r: Reading) -> str:
    if not r.run.task.is_of_pairs:
        n = r.run.task.inputs.shape[1]
        return f"No key parts are read: an input is no pair (a, b), but {n} symbols."
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
    count = len(keys.names)
    doubt = "There are no other parts."
    if keys.gap is not None:
        times = f"{keys.gap:,.1f}" if keys.gap < 1e4 else "over 10,000"
        doubt = f"The smallest holds {times} times what the largest other part holds" + (
            "." if keys.gap >= 2 else ": too little to be sure of the set."
        )
    gate = (
        ""
        if r.generalises or not r.run.knows_split
        else " At its last checkpoint it does not generalise, so they show no algorithm."
    )
    neurons = ""
    if r.neurons is not None:
        localised = sum(r.neurons_of().values())
        neurons = (
            f" {localised} of its {r.neurons[1].shape[1]} neurons follow one part alone (85 % or "
            "more of their variation)."
        )
    return (
        f"Of its logits, {count} part{'s' if count > 1 else ''} of {len(keys.shares)} hold"
        f"{'' if count > 1 else 's'} {percent(keys.explained)}: {held}. {doubt}{gate}{neurons}"
    )


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
        f"With these parts alone its loss over all pairs is {last['restricted_loss_sum[all]']:.2g} "
        f"(restricted loss). Its {shown} is {last['train_loss']:.2g}; without them it is "
        f"{last['excluded_loss_sum_train']:.2g} (excluded loss){beside}."
    ]


def _phases(r: Reading) -> str:
    p = r.phases
    assert p is not None
    if not p.memorized <= p.formed <= p.cleaned:
        return (
            "Our rule for the three phases gives none that make sense here, so none are shown "
            f"(their ends come out of order: {p.memorized:,}, {p.formed:,}, {p.cleaned:,})."
        )
    return (
        f"Phases of the weights, by our rule: memorisation until step {p.memorized:,}, circuit "
        f"formation until {p.formed:,}, cleanup until {p.cleaned:,}."
    )
