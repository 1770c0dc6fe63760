"""All English about a run. Each fact has one sentence, made here of plain numbers; the terminal and
the page say the same.

An algorithm is named only where its circuit holds and the network generalises.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import floor

from grokscope.explain.verdict import Verdict
from grokscope.reading.facts import (
    CertificateFacts,
    ExplanationFacts,
    Facts,
    NeuronFacts,
    TaskFacts,
)
from grokscope.training.events import NoPhases, Phases
from grokscope.verify.evidence import ANSWERS, Between, Evidence, OfAll, Standing, Unit

WEIGHTS = {"ab": "embedding", "a": "embedding of a", "b": "embedding of b", "c": "output map"}

# ---- numbers -------------------------------------------------------------------------------------


def percent(share: float) -> str:
    """A share in percent, never rounded up to 100 or down to 0."""
    if 0 < share < 0.0001:
        return "less than 0.01 %"
    rounded = round(share * 100, 2)
    return "99.99 %" if rounded == 100 and share < 1 else f"{rounded:g} %"


def share(x: float) -> str:
    """A share of what was chosen, in percent, to three digits: 3,830 of 12,769 are 30 %."""
    return percent(float(f"{x:.3g}"))


PLURALS = {"frequency": "frequencies", "character": "characters"}


def parts(names: Sequence[str], most: int = 6) -> str:
    """The names of parts, the first of them: frequencies 18, 1 and 2 more."""
    kind, _, first = names[0].partition(" ") if names else ("", "", "")
    shown, more = list(names[:most]), len(names) - most
    if kind in PLURALS and first and len(names) > 1 and all(x.startswith(kind) for x in names):
        shown = [x.removeprefix(f"{kind} ") for x in shown]
        kind = f"{PLURALS[kind]} "
    else:
        kind = ""
    end = [f"{more} more"] if more > 0 else shown[-1:] if len(shown) > 1 else []
    listed = ", ".join(shown if more > 0 or len(shown) < 2 else shown[:-1])
    return kind + " and ".join([listed, *end])


def number(x: float) -> str:
    """Counts in full, others to three digits."""
    return f"{int(x):,}" if float(x).is_integer() and abs(x) > 1 else digits(x)


def digits(x: float | None, count: int = 3) -> str:
    """To so many digits, with a power of ten as the page writes it: 2.46e-7; a dash for none."""
    if x is None:
        return "-"
    return f"{x:.{count}g}".replace("e-0", "e-").replace("e+0", "e+")


def _points(share: float) -> str:
    """A difference of shares in percentage points."""
    return f"{100 * share:.2g} points" if share >= 1e-6 else "0 points"


def loss(f: Facts, x: float) -> str:
    """A trained loss, and in nats if it is counted otherwise and can be."""
    nats = f.in_nats(x)
    return digits(x) + ("" if nats is None else f" = {digits(nats)} nats")


# ---- what was asked, and when it was learned -----------------------------------------------------


def inputs(of: TaskFacts | ExplanationFacts) -> str:
    """What an input is called, of a task or of what explains it."""
    return "pairs" if of.is_of_pairs else "inputs"


def meaning(task: TaskFacts) -> str:
    """What the name of a task means that is not a formula by itself: several, or in a group."""
    if task.operators:
        return ", one of these at a time, which the input names"
    if task.group is None:
        return ""
    n = task.group.n_points
    moved = "" if n is None else f", rearrangements of {n} things"
    first = ", b acting first" if task.group.is_opposite else ""
    elements = f"{task.group.order} elements of {task.group.name}"
    return f", the product of two of the {elements}{moved}{first}"


def nearest(task: str, accuracy: float) -> str:
    """What is said of a task that is not known."""
    return (
        f"no task that was tried fits it; of the nearest, {task}, it answers {percent(accuracy)}. "
        "`grokscope import ... --task` states it"
    )


def assumed(choices: Mapping[str, Mapping[str, float]]) -> list[str]:
    """What nothing says of an imported network and was taken, a sentence an item."""
    return [ASSUMED[what](*taken.items()) for what, taken in choices.items() if what in ASSUMED]


def _assumed_activation(own: tuple[str, float], *others: tuple[str, float]) -> str:
    also = ", ".join(f"with {name} {percent(share)}" for name, share in others)
    return (
        f"Nothing says its activation: {own[0]} is assumed, with which it is right on "
        f"{percent(own[1])}{f' ({also})' if also else ''}."
    )


def _assumed_axes(own: tuple[str, float], *others: tuple[str, float]) -> str:
    return f"Nothing says which axis of its square maps is which: {own[0]} are assumed."


def _assumed_sequence(own: tuple[str, float], *others: tuple[str, float]) -> str:
    return f"Nothing says which tokens it reads: [{', '.join(own[0].split())}] is assumed."


def _assumed_norm(own: tuple[str, float], *others: tuple[str, float]) -> str:
    return f"Nothing says where its norms stand: {own[0]} is assumed."


ASSUMED = {
    "norm": _assumed_norm,
    "activation": _assumed_activation,
    "axes": _assumed_axes,
    "sequence": _assumed_sequence,
}


COARSE = 0.25  # of a step: from there on the evaluation before it is told


def rough(f: Facts, step: int) -> str:
    """How far before a step the last evaluation was, where that is far; else nothing."""
    before = f.before(step)
    return f" (not yet at step {before:,})" if step - before >= COARSE * step else ""


def falls(f: Facts) -> str:
    """How often what it had learned was lost again; nothing if never."""
    at = f.events.falls
    if not at:
        return ""
    times = "once" if len(at) == 1 else f"{len(at)} times"
    return (
        f" Its test accuracy fell below {percent(f.spec.grok_at)} again, {times}, first at step "
        f"{at[0]:,}."
    )


GIVEN_AWAY = 0.1  # of accuracy, from there on it is told


def given_away(f: Facts) -> str:
    """How much of the test was given away, where that matters."""
    if f.given_away is None or f.given_away[0] - f.given_away[1] < GIVEN_AWAY:
        return ""
    shown, others = map(percent, f.given_away)
    return f", of those whose mirror (b, a) it was shown {shown}, of the others {others}"


WORTH_TELLING = 0.02  # of accuracy


def moves(f: Facts) -> str:
    """Whether the test accuracy of a network that did not generalise still moved; nothing where
    that is not known."""
    trend = f.trend
    if trend is None:
        return ""
    since, error = f"from step {trend.since:,} on", _points(trend.error)
    if trend.moves and trend.rise > 0:
        return (
            f" It was still rising, by {_points(trend.rise)} {since} (a fitted line, standard "
            f"error {error}): longer training might have changed this."
        )
    lost = trend.best - f.rows[-1]["test_accuracy"]
    best = f"; its best was {percent(trend.best)}, at step {trend.best_at:,}"
    best = best if lost > WORTH_TELLING else ""
    if trend.moves:
        return f" It was falling, by {_points(-trend.rise)} {since} (standard error {error}){best}."
    return f" It was not seen to rise {since} (standard error {error}{best})."


# ---- what else happened --------------------------------------------------------------------------


ENDINGS = {
    "steps": "as asked",
    "hopeless": "its stopping rule: no generalisation in sight",
    "diverged": "the loss was no longer a number",
    None: "training is not finished",
}


def ending(f: Facts) -> list[str]:
    """How a training that was done here ended, a paragraph an item."""
    if f.is_imported:
        return []
    last, why = f.rows[-1], f.events.stop
    after = f"{f.spec.stop_after_grok or 0:,} steps after generalising, as asked"
    reason = after if why == "grokked" else ENDINGS[why]
    guess = "" if f.guessing is None else f"; guessing: {loss(f, f.guessing)}"
    mirrors = ""
    if f.given_away is not None and f.given_away[0] != f.given_away[1]:
        shown, others = map(percent, f.given_away)
        mirrors = f" Test pairs whose mirror (b, a) was shown: {shown} right; others: {others}."
    return [
        f"At step {last['step']:,} ({reason}; {last['seconds']:.1f} s of training): test accuracy "
        f"{percent(last['test_accuracy'])}, test loss {loss(f, last['test_loss'])}, train loss "
        f"{loss(f, last['train_loss'])} ({f.unit}{guess}).{mirrors}{moves(f)}{_jumped(f)}"
    ]


JUMP = 10  # times the least train loss


def _jumped(f: Facts) -> str:
    """Whether the network that is read is one after a jump of its loss."""
    last, least = f.rows[-1], min(f.rows, key=lambda row: row["train_loss"])
    if not last["train_loss"] > JUMP * least["train_loss"]:
        return ""
    return (
        f" Its train loss had been {loss(f, least['train_loss'])} at step {least['step']:,} and "
        "jumped since: what is read below is the network after that."
    )


def phase_spans(f: Facts) -> list[tuple[str, int, int]]:
    """The three phases by name, and from which step to which; the last goes to the end of training
    where it is not over. Nothing where there are none."""
    p = f.phases
    if p is None:
        return []
    cleanup = "cleanup" if p.cleaned is not None else "cleanup, not over"
    end = int(f.rows[-1]["step"]) if p.cleaned is None else p.cleaned
    return [
        ("memorisation", 0, p.memorized),
        ("circuit formation", p.memorized, p.formed),
        (cleanup, p.formed, end),
    ]


# ---- where its weights live ----------------------------------------------------------------------


LENSES = {
    "additive": "the frequencies of addition",
    "multiplicative": "the characters of multiplication, waves in the discrete logarithm",
    "group": "the parts of the group's own functions",
}


def weights(f: Facts) -> list[str]:
    """Which lens its weights are sparse in, and which parts carry the answers."""
    lens = [] if f.lenses is None else [_lens(f)]
    if f.keys is None or not f.keys.names:
        return [*lens, _no_keys(f)]
    return [*lens, _keys(f), *_followed(f)]


def lens_verdict(scores: dict[str, float], winner: str | None, lead: float, margin: float) -> str:
    """Which lens wins and by how much, or why none does. `scores` has the best first."""
    first, *rest = scores
    if winner is not None:
        rival = f"the next ({rest[0]})" if rest and scores[rest[0]] > 0 else "chance"
        return (
            f"The {first} lens wins: ahead of {rival} by {lead:.3g} nats; it needed {margin:.2g}."
        )
    if scores[first] <= margin:
        return (
            f"No lens wins: in the best, the {first} one, the weights are {scores[first]:.2g} nats "
            f"sparser than chance, and {margin:.2g} are needed."
        )
    return (
        f"A tie: the {first} lens is ahead of the {rest[0]} one by {lead:.2g} nats, and "
        f"{margin:.2g} are needed."
    )


def _lens(f: Facts) -> str:
    assert f.lenses is not None
    lenses, scores = f.lenses, dict(f.lenses.scores)
    if lenses.winner is None:
        verdict = lens_verdict(scores, None, lenses.lead, lenses.margin)
        return f"Which lens are its weights sparsest in? {verdict}"
    first, *rest = scores
    rivals = "".join(f"; {scores[name]:.2f} in the {name} one" for name in rest[:2])
    clean = "" if f.t_clean is None else f" That had settled by step {f.t_clean:,}."
    return (
        f"Its weights are sparsest in the {first} lens, {LENSES.get(first, first)}: by "
        f"{scores[first]:.2f} nats more than random weights (0 is chance{rivals}).{clean}"
    )


def _no_keys(f: Facts) -> str:
    if f.keys is not None:
        return "No part of the group's functions holds 1 % of its logits: it has no key parts."
    if not f.task.is_of_pairs:
        n = f.task.n_operands
        return f"No key parts are read: an input is not a pair (a, b), but {n} symbols."
    if f.task.operators:
        return "No key parts are read: several formulas are learned at once."
    return (
        f"No key parts are read: {f.task.name} is not known to be a sum or product of functions of "
        "its operands, or a group's product."
    )


def _keys(f: Facts) -> str:
    keys = f.keys
    assert keys is not None
    listed = ", ".join(f"{name} ({percent(keys.shares[name])})" for name in keys.names)
    count, every = len(keys.names), sum(keys.shares.values())
    rest = (
        f" The other parts hold {percent(max(0.0, every - keys.explained))}; "
        f"{percent(max(0.0, 1 - every))} is no function of the answer alone: it differs between "
        f"{inputs(f.task)} of the same answer, and lies in no part."
    )
    doubt = ""
    if keys.gap is not None and keys.gap < 2:
        doubt = (
            f" The smallest holds {keys.gap:,.1f} times what the largest other part holds: too "
            "little to be sure of the set."
        )
    gate = (
        ""
        if f.generalises or not f.knows_split
        else " At its last checkpoint it does not generalise, so they show no algorithm."
    )
    return (
        f"Key parts: {count} of {len(keys.shares)} hold{'' if count > 1 else 's'} "
        f"{percent(keys.explained)} of the variation of its logits: {listed}.{rest}{doubt}{gate}"
    )


def _followed(f: Facts) -> list[str]:
    """Which parts neurons follow, and where these, the circuit's and the key parts differ."""
    assert f.keys is not None
    best = None if f.explanation is None else f.explanation.best
    texts: list[str] = []
    others: dict[str, set[str]] = {}
    if f.neurons is not None:
        texts.append(_following(f.neurons))
        if f.neurons.following:
            others["single neurons follow so closely"] = set(f.neurons.following)
    if best is not None and set(best.parts) <= set(f.keys.shares):
        others["the explanation uses"] = set(best.parts)
    for who, theirs in others.items():
        missing, more = sorted(set(f.keys.names) - theirs), sorted(theirs - set(f.keys.names))
        if missing:
            texts.append(f"Of the key parts {who} all but {_listed(missing)}.")
        if more:
            texts.append(f"Besides them {who} {_listed(more)}.")
    return [" ".join(texts)] if texts else []


def _following(neurons: NeuronFacts) -> str:
    """How many neurons follow one part, and how much of the logits these make."""
    count = sum(neurons.following.values())
    text = f"{count} of its {neurons.total} neurons follow one part alone (85 % or more of their "
    if not count or neurons.energy is None:
        return f"{text}variation)."
    return (
        f"{text}variation); of what neurons add to the logits they add {percent(neurons.energy)}."
    )


def _listed(parts: Iterable[str], most: int = 6) -> str:
    names = list(parts)
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


# ---- how that came about -------------------------------------------------------------------------


def progress(f: Facts) -> list[str]:
    """The losses of the key parts, and the phases."""
    return [*_key_losses(f), *_phases(f)]


def _key_losses(f: Facts) -> list[str]:
    last = f.measures
    if f.keys is None or "restricted_loss_sum[all]" not in last:
        return []
    control = last.get("excluded_loss_sum_train_control")
    beside = (
        "; without as many of the others, at random, at most "
        f"{digits(control, 2)} (control, 8 draws)"
        if control is not None
        else ""
    )
    shown = "train loss" if f.knows_split else "whole loss"
    return [
        f"With its key parts alone its loss over all {inputs(f.task)} is "
        f"{digits(last['restricted_loss_sum[all]'], 2)} nats (restricted loss). Its {shown} is "
        f"{digits(last['train_loss'], 2)}; without them it is "
        f"{digits(last['excluded_loss_sum_train'], 2)} (excluded loss){beside}."
    ]


def _phases(f: Facts) -> list[str]:
    p = f.phases
    if p is None:
        why = None if f.no_phases is None else SILENT.get(f.no_phases)
        return [] if why is None else [f"Its phases are not told: {why}"]
    memorised = _two_readings(
        p.memorized, "test loss is highest", p.least_excluded, "excluded loss is least"
    )
    formed = _two_readings(p.formed, "test loss is 1/e of that", p.knee, "its curve has its knee")
    formed += "" if p.knee is not None else " (its curve has no knee to compare that with)"
    return [
        "Phases, read from losses and not from accuracies (our rule): memorisation until "
        f"{memorised}; circuit formation until {formed}; {_cleaned(f, p)}.{_coarse(p)}"
    ]


SILENT: dict[NoPhases, str] = {
    "few evaluations": (
        "too few evaluations lie between memorising and generalising (`eval_every`)."
    ),
    "no plateau": (
        "its test loss falls from memorising on, and is down to 1/e of its highest while the test "
        "is right by chance only. Nothing marks where a circuit was formed."
    ),
}  # the other reasons are told by the first lines of a reading
APART = 1.25  # times: two readings of one boundary that differ by more leave it open between them


def _two_readings(step: int, why: str, other: int | None, why_other: str) -> str:
    """A boundary with its second reading: as a step, or between two where they are far apart."""
    if other is None:
        return f"step {step:,}, where {why}"
    low, high = sorted((step, other))
    if high <= APART * low:
        return f"step {step:,}, where {why} ({why_other} at {other:,})"
    return f"between {low:,} and {high:,} ({why} at {step:,}, {why_other} at {other:,})"


def _cleaned(f: Facts, p: Phases) -> str:
    if p.cleaned is None:
        end = f"step {int(f.rows[-1]['step']):,}"
        stopped = f"when training stopped, at {end}" if f.is_finished else f"at {end}"
        return f"cleanup was not over {stopped}: test loss still fell"
    return f"cleanup until step {p.cleaned:,}, where 95 % of its fall, in logarithms, is done"


FINE = 15  # evaluations from memorising to generalising, from which on the ends are good to 3 %


def _coarse(p: Phases) -> str:
    """How good the ends are, where the evaluations are few."""
    if p.evaluations >= FINE:
        return ""
    return (
        f" With {p.evaluations} evaluations from memorising to generalising each end is good to "
        "one of them."
    )


# ---- how it does it, and how sure that is --------------------------------------------------------


VERDICTS: dict[Verdict, str] = {
    "generalised": "It generalised",
    "partial": "It generalises in part",
    "not generalised": "It did not generalise",
    "accurate": "It is accurate; whether it generalised is not known",
    "task unknown": "Its task is not known, and so not whether it generalised",
}
UNLEARNED: dict[Verdict, str] = {
    "partial": "it generalises in part only",
    "not generalised": "it does not generalise",
    "accurate": "it is not known whether it generalised",
    "task unknown": "its task is not known",
}


def short(e: ExplanationFacts) -> str:
    """The verdict in a word; of an accurate network with the share of the pairs that is."""
    if e.gate.verdict != "accurate":
        return e.gate.verdict
    return f"accurate ({percent(e.accuracy['all'])} of all pairs)"


def _verdict(e: ExplanationFacts) -> str:
    if e.gate.verdict == "accurate" and e.gate.was_shown_all:
        return "It is accurate, but whether it generalised cannot be seen"
    return VERDICTS[e.gate.verdict]


def reason(e: ExplanationFacts) -> str:
    """What the verdict rests on."""
    shares, gate = {part: percent(x) for part, x in e.accuracy.items()}, e.gate
    if gate.verdict == "task unknown":
        text = nearest(e.task, e.accuracy["all"])
        return f"{text[0].upper()}{text[1:]}."
    if "unseen" in shares:
        text = f"{shares['test']} of the test pairs and {shares['train']} of the train pairs"
        if gate.is_mirrored:
            return f"It is right on {text}; on {shares['unseen']} of those not shown as (b, a)."
        luck = "; guessing could be right on as many of them" if gate.may_be_luck else ""
        return f"It is right on {text}{luck}."
    shown = "every test pair was shown as (b, a)"
    split = shown if "test" in shares else "which it was trained on is not known"
    split = "all were shown, so none is a test" if gate.was_shown_all else split
    settled = ""
    if gate.is_settled and e.settling is not None:
        settled = f" A circuit of {e.settling:,} numbers settles it."
    return f"It is right on {shares['all']} of all pairs; {split}.{settled}"


def algorithm(e: ExplanationFacts) -> str:
    """How it does it, in words, or why that is not said."""
    if e.algorithm is None:
        return f"No algorithm is said to be learned, since {UNLEARNED[e.gate.verdict]}."
    if e.best is not None:
        return f"{e.best.how}."
    if e.operators:
        return f"{by_operator(e)}."
    if e.unnamed is None:
        return "How it does it is undetermined: no explanation that was tried holds."
    return (
        f"How it does it is undetermined: {e.unnamed.title} explain it, but whether as "
        f"{_either(e.unnamed)} is open."
    )


def by_operator(e: ExplanationFacts) -> str:
    """What a network of a mixture does for each formula, a sentence without its stop."""
    each = (f"{name}, {one.algorithm or 'no algorithm'}" for name, one in e.operators.items())
    return f"What it does is read for each formula alone: {'; '.join(each)}"


def _either(c: CertificateFacts) -> str:
    return " or as ".join(f"a {name}" for name in c.algorithms)


NOT_KEPT: dict[tuple[str, ...], str] = {
    ("not ours",): "what was kept was not written on this machine, or was changed",
    ("damaged",): "what was kept cannot be read",
}
PARTS_OF_KEY = {"use": "--use files"}  # of an explanation's key; others are called as they are


def kept_notes(why: Sequence[str], refused: str | None) -> list[str]:
    """That an explanation was made again though one was kept, and why; that it could not be
    kept."""
    said = []
    if why:
        parts = [f"the {PARTS_OF_KEY.get(part, part)}" for part in why]
        listed = " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))
        have = "have" if len(parts) > 1 or parts[-1].endswith("s") else "has"
        reason = NOT_KEPT.get(tuple(why), f"{listed} {have} changed since")
        said.append(f"explained again: {reason}.")
    if refused is not None:
        said.append(f"the explanation is not kept: {refused}")
    return said


NO_CONTROLS = {"network", "folded weights", "lookup table"}  # what a number is compared with


def how_sure(e: ExplanationFacts) -> str:
    """What the explanation has passed, and what is proved without it; of a mixture formula by
    formula."""
    if e.operators:
        each = ((name, how_sure(one)) for name, one in e.operators.items())
        return " ".join(f"For {name}: {words}" for name, words in each if words)
    if e.best is None:
        tried = ", ".join(f"{kind(c)} {c.verdict}" for c in e.tried)
        return f"Tried: {tried}." if tried else ""
    c = e.best
    judged = [x for x in c.evidence if x.is_judged]
    beside = sum(bool(set(x.controls) - NO_CONTROLS) for x in judged)
    void = sum(x.need is not None for x in c.standing(Standing.INCONCLUSIVE))
    uncounted = f"; {void} more do not count, as a control did as well" if void else ""
    return (
        f"This explanation, {kind(c)}, passed all {len(judged)} tests made to break it, {beside} "
        f"of them beside controls such as an untrained network{uncounted}.{proof(e)} It is one "
        "network: another seed may learn otherwise."
    )


def kind(c: CertificateFacts) -> str:
    """What kind of explanation a circuit is, in words, with its name."""
    return f"{c.title} ({c.form})"


def account(e: ExplanationFacts) -> list[str]:
    """What the network does and how that is known, a paragraph an item."""
    verdict = f"{_verdict(e)}. {reason(e)}"
    how, certified = [], []
    if e.best is not None:
        how, certified = [f"{e.best.how}."], [_certified(e.best)]
    return [verdict, *assumed(e.assumed), *how, *details(e), *certified]


def details(e: ExplanationFacts) -> list[str]:
    """The same, less what the page of a run says in its first lines and in its certificates."""
    if e.operators:
        return [f"{by_operator(e)}.", *(f"{k}: {_in_short(x)}" for k, x in e.operators.items())]
    if e.algorithm is None:
        return [_no_algorithm(e)]
    if e.best is None:
        return [_undetermined(e)]
    parts = f"Its parts: {_listed(e.best.parts, 8)}.{_not_the_other(e.best)}"
    unnamed = [] if e.unnamed is None else [_open(e.unnamed)]
    return [parts, *unnamed, *_others(e), *_proof(e)]


def _in_short(e: ExplanationFacts) -> str:
    """Of one formula of a mixture: how, and the certificate, or why there is none."""
    if e.best is None:
        return _no_algorithm(e) if e.algorithm is None else _undetermined(e)
    return f"{e.best.how}. Its parts: {_listed(e.best.parts, 8)}. {_certified(e.best)}"


def _no_algorithm(e: ExplanationFacts) -> str:
    if e.gate.verdict == "task unknown":
        return "No explanation is looked for, as each is of a task."
    holding = [c.form for c in e.certificates if c.holds]
    if holding:
        return (
            f"An explanation describes what it computes ({', '.join(holding)}), but since "
            f"{UNLEARNED[e.gate.verdict]}, no algorithm is said to be learned."
        )
    if not e.certificates:
        return f"No form of explanation applies to it. {_why_none(e)}"
    tried = ", ".join(c.form for c in e.certificates)
    return f"None of the explanations that were found holds ({tried})."


def _open(c: CertificateFacts) -> str:
    """What is said of a circuit that holds, where it is open which of several algorithms it is."""
    numbers = ", ".join(f"{x.name} {x.value:.3g} ({asked_of(x)})" for x in c.telling)
    return (
        f"It holds that {c.title} ({', '.join(c.parts)}) explain it, but whether as {_either(c)} "
        f"is undetermined: {numbers}."
    )


def _undetermined(e: ExplanationFacts) -> str:
    if not e.tried:
        return f"How, is undetermined: no form of explanation applies. {_why_none(e)}"
    if e.unnamed is not None:
        return _open(e.unnamed)
    each = "; ".join(f"{c.form} {c.verdict} - {evidence(c.reasons[0])}" for c in e.tried)
    return f"How, is undetermined: no explanation holds. {each}."


def _why_none(e: ExplanationFacts) -> str:
    """Why forms do not apply, each reason once."""
    return " ".join(f"{', '.join(forms)}: {why}" for why, forms in e.absent.items())


def _not_the_other(c: CertificateFacts) -> str:
    """The numbers that tell a form's algorithms apart."""
    others = [name for name in c.algorithms if name != c.algorithm]
    if not others or not c.telling:
        return ""
    numbers = ", ".join(f"{x.name} {x.value:.2f} ({asked_of(x)})" for x in c.telling)
    return f" A {c.algorithm} and no {' or '.join(others)}: {numbers}."


CONTROLS = ("chance", "untrained", "by heart")


def _certified(c: CertificateFacts) -> str:
    """What the certificate's main tests found, beside their controls."""
    controls = next(x.controls for x in c.evidence if x.tested is OfAll.SAME_ANSWERS)
    beside = [f"{k} {percent(controls[k])}" for k in CONTROLS if k in controls]
    return (
        f"Certificate: {c.verdict}. With {c.size:,} numbers it gives the network's own answer on "
        f"{percent(c.value(OfAll.SAME_ANSWERS))} ({', '.join(beside)}) and explains "
        f"{percent(c.value(OfAll.SAME_LOGITS))} of the variation of its logits; without what it "
        f"explains, {percent(c.value(OfAll.REMOVED))} are right.{_priced(c)}"
    )


def _priced(c: CertificateFacts) -> str:
    """What it costs to write down, beside a table of the answers."""
    price = c.get(OfAll.PRICE)
    if price is None:
        return ""
    bits, table = f"{price.value:,.0f} bits", price.controls[ANSWERS]
    shorter = "" if price.value < table else ", and is shorter"
    return (
        f" Numbers of {c.value(OfAll.PRICE_OF_ONE):.0f} bits keep its answers, {bits} in all; "
        f"{ANSWERS} takes {table:,.0f}{shorter}."
    )


def _others(e: ExplanationFacts) -> list[str]:
    """What else holds, and the shortest of all."""
    shortest = e.simplest
    if shortest is None or len(e.named) < 2:
        return []
    more = [
        f"{kind(c)}, in {c.size:,} numbers" for c in list(e.named.values())[1:] if c is not shortest
    ]
    speaks = "" if shortest.is_of_neurons else f", {shortest.equation}"
    return [
        *([f"Other explanations hold too: {'; '.join(more)}."] if more else []),
        f"The shortest that holds is {kind(shortest)}, in {shortest.size:,} numbers{speaks}.",
    ]


def proved(e: ExplanationFacts) -> str | None:
    """On which share of the inputs the weights prove the network right; None where nothing is
    proved."""
    if e.bound is None:
        return None
    if e.bound.accuracy == 1:
        return "all"
    return f"at least {floor(1e4 * e.bound.accuracy) / 100:.2f} % of all"  # never more than proved


def proof(e: ExplanationFacts) -> str:
    """The same as a sentence; nothing where nothing is proved."""
    of_all = proved(e)
    return "" if of_all is None else f" A proof from its weights alone covers {of_all} {inputs(e)}."


def _proof(e: ExplanationFacts) -> list[str]:
    if e.bound is None:
        return []
    return [
        f"Proved from its weights, without trusting any explanation: right on {proved(e)} "
        f"{inputs(e)} "
        f"({e.bound.name}, {100 * e.bound.of_brute_force:.3g} % of the work of checking every "
        "answer)."
    ]


def how(f: Facts) -> list[str]:
    """How it does it, less what the summary says, a paragraph an item."""
    if f.explanation is not None:
        return details(f.explanation)
    large = f"How it does this: `grokscope explain {f.folder}` (a large table)."
    return [] if f.is_small else [large]


def sentences(f: Facts) -> list[str]:
    """All that is said of a run beneath its summary, a paragraph an item."""
    if not f.knows_task:  # weights and losses are read through a task
        return [*ending(f), *how(f)]
    return [*ending(f), *weights(f), *progress(f), *how(f)]


# ---- evidence ------------------------------------------------------------------------------------


def value(x: Evidence, of: float | None = None) -> str:
    """Its number, or another in the same unit, for a reader."""
    shown = x.value if of is None else of
    return percent(shown) if x.tested.unit is Unit.SHARE else number(shown)


def asked_of(x: Evidence) -> str:
    """What was asked of a number."""
    need = x.need
    if need is None:
        return ""
    if isinstance(need, Between):
        if need.up_to == need.from_:
            return f"a {need.low} below {need.up_to:g}, a {need.high} from there"
        return f"a {need.low} up to {need.up_to:g}, a {need.high} from {need.from_:g}"
    until = "from" if need.side == "at least" else "up to"
    undecided = "" if need.open is None else f", undecided {until} {need.open:.3g}"
    controls = need.controls_at_most
    also = "" if controls is None else f", and of each control at most {controls:g}"
    return f"{need.side} {number(need.value)}{undecided}{also}"


def rule(x: Evidence) -> str:
    """The same, with why a number is not judged, or does not count."""
    why = f": {x.why}" if x.why else ""
    if x.standing is Standing.INCONCLUSIVE:
        return "; ".join(filter(None, (asked_of(x), f"not counted{why}")))
    if x.standing is Standing.REPORTED and x.need is None:
        unit = f", {x.tested.unit.value}" if x.tested.unit is Unit.NATS else ""
        return f"told{unit}{why}"
    return "; ".join(filter(None, (asked_of(x), x.why)))


def needed(x: Evidence) -> str:
    """What was asked of it, in short, in its unit; of a number that is not judged, why."""
    why = f": {x.why}" if x.why else ""
    if x.need is None or isinstance(x.need, Between):
        return f"not judged{why}"
    asked = f"{x.need.side} {value(x, x.need.value)}"
    return f"{asked} (not counted{why})" if x.standing is Standing.INCONCLUSIVE else asked


def evidence(x: Evidence) -> str:
    """One piece of evidence as a sentence's part: its value, what was asked, its controls."""
    beside = ", ".join(f"{name} {number(c)}" for name, c in x.controls.items())
    return f"{x.name}: {number(x.value)} ({rule(x)}{'; beside: ' + beside if beside else ''})"
