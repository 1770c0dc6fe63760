"""What is said of a race, and of a run by its locked models: sentences, and rows of tables."""

from collections.abc import Mapping, Sequence
from typing import Any

from grokscope.forecast.chances import SETTINGS
from grokscope.forecast.foretold import Foretold
from grokscope.forecast.locked import Locked, Model, Warning
from grokscope.forecast.protocol import (
    AUROC,
    CALIBRATION,
    HELD_OUT,
    OTHER_MODEL,
    OTHER_TASK,
    is_within,
)
from grokscope.forecast.race import GOAL, Raced, sees_answer
from grokscope.forecast.scores import Score
from grokscope.forecast.signal import SIGNALS
from grokscope.reading.sentences import percent
from grokscope.sweep.statistics import Estimate

# ---- of a race -----------------------------------------------------------------------------------


def answer(found: Mapping[str, Raced]) -> str:
    """Whether a signal tells, with the configuration fixed, which seed will generalise."""
    same = next((x for pool, x in found.items() if is_within(pool)), None)
    if same is None:
        return "No pool holds the configuration fixed, so the question was not asked."
    what = _what(same)
    ours = [x for x in same.best() if x.p is not None]
    if not ours:
        return f"With the configuration fixed, no signal could be raced by its {what}."
    if not same.winners:
        return (
            f"With the configuration fixed, none of {len({x.signal for x in ours})} signals has "
            f"{_an(what)} whose lower bound is above {GOAL:g} on the held-out cells; the best is "
            f"{_scored(ours[0])}."
        )
    first: dict[str, Score] = {}
    for score in same.winners:
        first.setdefault(score.signal, score)
    listed = "; ".join(_scored(x) + _elsewhere(same, x) for x in first.values())
    return (
        f"With the configuration fixed, {len(first)} of {len({x.signal for x in ours})} signals "
        f"ha{'ve' if len(first) > 1 else 's'} {_an(what)} whose lower bound is above {GOAL:g} on "
        f"the held-out cells: {listed}."
    )


def _what(x: Raced) -> str:
    return "AUROC" if x.by == AUROC else "concordance with the time to generalise"


def _an(what: str) -> str:
    return f"{'an' if what[0] in 'AEIOUaeiou' else 'a'} {what}"


def _scored(x: Score) -> str:
    return f"{x.signal} at {x.landmark:g} t_memorize, {spanned(x.value, x.low, x.high)}"


def _elsewhere(x: Raced, of: Score) -> str:
    """What the same lock is worth on another task, and another architecture."""
    there = ((where, _score_at(x, of, where)) for where in (OTHER_TASK, OTHER_MODEL))
    listed = [f"{score} on {where.replace('other', 'another')}" for where, score in there if score]
    return f" ({'; '.join(listed)})" if listed else ""


def _score_at(x: Raced, of: Score, where: str) -> str | None:
    """What the same signal, at the same landmark, is worth on another set."""
    found = (
        spanned(s.value, s.low, s.high)
        for s in x.scores
        if (s.signal, s.landmark, s.where) == (of.signal, of.landmark, where)
    )
    return next(found, None)


def spanned(value: float | None, low: float | None, high: float | None) -> str:
    """A score with its interval, as in .62 [.55, .69]."""
    if value is None:
        return "-"
    if low is None or high is None:
        return f"{value:.2f}"
    return f"{value:.2f} [{low:.2f}, {high:.2f}]"


def described(x: Raced) -> list[str]:
    """What a pool is, and by what it was raced, a sentence an item."""
    sets = "; ".join(
        f"{where} {n:,} networks of {cells} cells, {grokked:,} of which generalised"
        for where, (n, grokked, cells) in x.counts.items()
    )
    lines = [f"Pool `{x.pool}`, by its {_what(x)}. {sets[:1].upper()}{sets[1:]}."]
    if x.by != AUROC:
        lines.append(
            "Nearly all of its networks came to the same end, so that *when* is raced and not "
            "*whether*; there are no chances and no alarms."
        )
    if not x.landmarks:
        lines.append("Even the first landmark falls after half of the median t_grok.")
    elif x.beyond:
        late = ", ".join(f"{landmark:g}" for landmark in x.beyond)
        lines.append(f"After half of the median t_grok, and told apart: {late} t_memorize.")
    return lines


def by_landmark(x: Raced) -> list[dict[str, Any]]:
    """Who wins where: of each landmark the best signal on the held-out cells, beside the settings
    and the best of those that see the answer."""
    rows = []
    for landmark in (*x.landmarks, *x.beyond):
        here = [s for s in x.scores if s.where == HELD_OUT and s.landmark == landmark]
        if not here:
            continue
        ours = [s for s in here if s.signal != SETTINGS and not sees_answer(s.signal)]
        rows.append({
            "landmark": f"{landmark:g}" + ("" if landmark in x.landmarks else " (late)"),
            "networks": max(s.networks for s in here),
            "best signal": _best(ours),
            SETTINGS: _best([s for s in here if s.signal == SETTINGS], named=False),
            "sees the answer": _best([s for s in here if sees_answer(s.signal)]),
        })  # fmt: skip
    return rows if any(row[SETTINGS] != "-" for row in rows) else _without(rows, SETTINGS)


def _without(rows: Sequence[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if k != name} for row in rows]


def _best(scores: Sequence[Score], named: bool = True) -> str:
    best = max(scores, key=lambda s: s.value, default=None)
    if best is None:
        return "-"
    return f"{f'{best.signal} ' if named else ''}{spanned(best.value, best.low, best.high)}"


def by_signal(x: Raced) -> list[dict[str, Any]]:
    """A row a signal, at the landmark where it was best on the calibration cells; the best of the
    held-out ones first."""
    rows = []
    for s in chosen(x):
        elsewhere = {w: _score_at(x, s, w) or "-" for w in (OTHER_TASK, OTHER_MODEL)}
        spread = f"{min(s.cells):.2f} to {max(s.cells):.2f}" if s.cells else "-"
        added = next(
            (g.gain for g in x.gains if (g.signal, g.landmark) == (s.signal, s.landmark)), None
        )
        rows.append({
            "signal": s.signal + (" (sees the answer)" if sees_answer(s.signal) else ""),
            "at": f"{s.landmark:g}",
            "needs": SIGNALS[s.signal].needs if s.signal in SIGNALS else SETTINGS,
            "sign": "+" if s.sign > 0 else "-",
            x.by: spanned(s.value, s.low, s.high),
            "cells": spread,
            "p": "-" if s.p is None else f"{s.p:.3f}",
            **elsewhere,
            "beyond settings": "-" if added is None else _difference(added),
        })  # fmt: skip
    for name in ("cells", OTHER_TASK, OTHER_MODEL, "beyond settings"):
        if all(row[name] == "-" for row in rows):
            rows = _without(rows, name)
    return rows


def chosen(x: Raced) -> list[Score]:
    """The held-out score of each signal at the landmark where it was best on the calibration
    cells; the best first."""
    landmarks: dict[str, tuple[float, float]] = {}
    for s in x.best(CALIBRATION):
        landmarks.setdefault(s.signal, (s.landmark, s.value))
    return [s for s in x.best() if landmarks.get(s.signal, (None,))[0] == s.landmark]


def _difference(x: Estimate) -> str:
    if x.value is None or x.low is None or x.high is None:
        return "-"
    return f"{x.value:+.3f} [{x.low:+.3f}, {x.high:+.3f}]"


def alarm_rows(x: Raced) -> list[dict[str, Any]]:
    """A row an alarm, the one that covers most first."""
    rows = []
    for a in sorted(x.alarms, key=lambda a: -(a.coverage.value or 0)):
        rows.append({
            "alarm": f"{a.signal} {'>' if a.sign > 0 else '<'} {a.sign * a.threshold:.3g}",
            "told of those that grokked": _shared(a.coverage),
            "false": _shared(a.false),
            "t_grok left": "-" if a.lead.value is None else percent(round(a.lead.value, 2)),
            **{f"false, {kind}": _shared(e) for kind, e in a.controls.items()},
        })  # fmt: skip
    return rows


def _shared(e: Estimate) -> str:
    if e.value is None or e.low is None or e.high is None:
        return "-"
    return f"{100 * e.value:.0f} % [{100 * e.low:.0f}, {100 * e.high:.0f}]"


def delay_rows(x: Raced) -> list[dict[str, Any]]:
    """A row a model of the delay, the smallest error of each landmark first."""
    ranked = sorted(x.delays, key=lambda d: (d.landmark, d.error.value or 0))
    return [
        {
            "delay by": d.model,
            "at": f"{d.landmark:g}",
            "error": _shared(d.error),
            "concordance": "-" if d.concordance is None else f"{d.concordance:.2f}",
            "grokked": d.grokked,
            "censored": d.censored,
        }
        for d in ranked
    ]


# ---- of the locked models ----------------------------------------------------------------------


def known(locked: Locked) -> list[str]:
    """What the race came to, and how good the forecasts of a run are, a paragraph an item."""
    texts = [locked.answer] if locked.answer else []
    texts += [f"Of a run, its chance to generalise is told. {measured(locked.models[-1], locked)}"]
    if locked.warning is not None:
        texts.append(f"There is an early warning: {_sounds_at(locked.warning)}. {warned(locked)}")
    return texts


# ---- of a run ------------------------------------------------------------------------------------


def foretold(f: Foretold) -> list[str]:
    """What the locked models say of a run, a paragraph an item."""
    if f.why_not is not None:
        return [f.why_not]
    assert f.locked is not None
    texts = [_chance(f, f.locked)]
    if f.locked.warning is not None:
        texts.append(_alarm(f, f.locked))
    return texts


def _chance(f: Foretold, locked: Locked) -> str:
    last, model = f.moments[-1], f.model
    by = "its settings alone" if model.signal is None else f"its settings and its {model.signal}"
    end = f" It did, at step {f.grokked:,}." if f.grokked is not None else ""
    return (
        f"At step {last.step:,} ({last.landmark:g} times the step at which it had memorised) its "
        f"chance to generalise by step {f.steps:,} was {percent(round(last.chance, 2))}, by {by}."
        f"{end} {measured(model, locked)}"
    )


def measured(model: Model, locked: Locked) -> str:
    """How far such chances can be believed."""
    a = model.auroc
    return (
        f"On {locked.held_out:,} networks of configurations that it had not seen, such chances had "
        f"an AUROC of {spanned(a.value, a.low, a.high)} and a Brier score of {model.brier:.3f} "
        f"({model.brier_share:.3f} by saying one share always)."
    )


def _alarm(f: Foretold, locked: Locked) -> str:
    w = locked.warning
    assert w is not None
    heard = (
        "cannot be told, as its signal is not measured in this run"
        if f.heard is None
        else f"has sounded, at step {f.heard:,}"
        if f.heard
        else "has not sounded"
    )
    return f"The early warning ({_sounds_at(w)}) {heard}. {warned(locked)}"


def _sounds_at(w: Warning) -> str:
    side = "above" if w.sign > 0 else "below"
    return f"{w.signal} {side} {w.sign * w.threshold:.3g} at two landmarks in a row"


def warned(locked: Locked) -> str:
    """How often the warning sounds, rightly and falsely."""
    w = locked.warning
    assert w is not None
    others = ", ".join(f"{_rate(e)} with {kind}" for kind, e in w.controls.items())
    return (
        f"It sounds for {_rate(w.coverage)} of those that generalise, and falsely for "
        f"{_rate(w.false)} of those that do not{f' ({others})' if others else ''}."
    )


def _rate(e: Estimate) -> str:
    return "none" if e.value is None else percent(round(e.value, 2))
