"""What happened, in plain sentences. Each is made from measured facts, with its control beside it;
none speaks of an algorithm, since a reading is not yet a verified explanation."""

import math

from grokscope.report.reading import Reading


def sentences(reading: Reading) -> list[str]:
    """The story of a run, a paragraph an item."""
    told = [_question(reading), _memorising(reading), _generalising(reading), _ending(reading)]
    if reading.keys is not None:
        told += [_keys(reading), *_losses(reading)]
    if reading.phases is not None:
        told.append(_phases(reading))
    return [text for text in told if text]


def percent(share: float) -> str:
    """A share in percent, never rounded up to 100 or down to 0."""
    if 0 < share < 0.0001:
        return "less than 0.01 %"
    rounded = round(share * 100, 2)
    return "99.99 %" if rounded == 100 and share < 1 else f"{rounded:g} %"


def _question(r: Reading) -> str:
    n, shown = len(r.run.is_train), int(r.run.is_train.sum())
    noise = r.run.spec.label_noise
    wrong = f" Of the answers {percent(noise)} were drawn at random." if noise else ""
    return (
        f"The network ({r.run.spec.model}) was asked for {r.run.task.name}. It was shown "
        f"{shown:,} of the {n:,} pairs ({percent(shown / n)}) with their answers; the other "
        f"{n - shown:,} are the test.{wrong}"
    )


def _memorising(r: Reading) -> str:
    step = r.events.t_memorize
    if step is None:
        return (
            "It never memorised the pairs it was shown: their accuracy stayed below "
            f"{percent(r.run.spec.memorize_at)}."
        )
    row = next(x for x in r.rows if x["step"] == step)
    return (
        f"It memorised them by step {step:,}: {percent(row['train_accuracy'])} of the pairs it was "
        f"shown right, {percent(row['test_accuracy'])} of the others."
    )


def _generalising(r: Reading) -> str:
    e = r.events
    if e.t_grok is None:
        return (
            f"It did not generalise within {r.rows[-1]['step']:,} steps: "
            f"{percent(r.rows[-1]['test_accuracy'])} of the test pairs right at the end "
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
    return f"It generalised at step {e.t_grok:,}{late}.{falls}"


def _ending(r: Reading) -> str:
    last, why = r.rows[-1], r.events.stop
    reason = {
        "steps": "as asked",
        "grokked": "its stopping rule: generalised for long enough",
        "hopeless": "its stopping rule: no generalisation in sight",
        "diverged": "the loss was no longer a number",
        None: "training is not finished",
    }[why]
    mirror = ""
    if r.test_by_mirror:
        seen, unseen = r.test_by_mirror["mirror seen"], r.test_by_mirror["mirror not seen"]
        mirror = (
            f" Test pairs whose mirror (b, a) was shown: {percent(seen)} right; others: "
            f"{percent(unseen)}."
        )
    return (
        f"At step {last['step']:,} ({reason}; {last['seconds']:.1f} s of training): test accuracy "
        f"{percent(last['test_accuracy'])}, test loss {last['test_loss']:.2g}, train loss "
        f"{last['train_loss']:.2g} (guessing: {math.log(r.run.task.n_answers):.2f}).{mirror}"
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
    gate = "" if r.generalises else " It does not generalise, so they show no algorithm."
    localised = r.neurons_of()
    n_neurons = 0 if r.neurons is None else r.neurons[1].shape[1]
    neurons = (
        f" {sum(localised.values())} of its {n_neurons} neurons follow one part alone (85 % or "
        "more of their variation)."
    )
    return (
        f"Of its logits, {count} part{'s' if count > 1 else ''} of {len(keys.shares)} carr"
        f"{'y' if count > 1 else 'ies'} {percent(keys.explained)}: {held}. {doubt}{gate}{neurons}"
    )


def _losses(r: Reading) -> list[str]:
    last = r.table.row(-1, named=True)
    if "restricted_loss_all" not in last:
        return []
    control = last.get("excluded_loss_train_control")
    beside = "" if control is None else f" ({control:.2g} without as much of the rest at random)"
    return [
        f"With these parts alone its loss over all pairs is {last['restricted_loss_all']:.2g} "
        f"(restricted loss). Without them its train loss is {last['excluded_loss_train']:.2g} "
        f"(excluded loss){beside}; with everything {last['train_loss']:.2g}."
    ]


def _phases(r: Reading) -> str:
    p = r.phases
    assert p is not None
    overlap = "" if p.memorized <= p.formed <= p.cleaned else " They overlap in this run."
    return (
        f"Phases, by our rule: memorisation until step {p.memorized:,}, circuit formation until "
        f"{p.formed:,}, cleanup until {p.cleaned:,}.{overlap}"
    )
