"""A run as a story: what the network was asked, that it memorised, what grew meanwhile, that it
generalised, how it does it and how sure that is. What went otherwise is told otherwise.

The verdict comes first, then a few numbers, then the chapters. The terminal and the page say the
same; in the page the words that name a stretch of time play it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from grokscope.reading import sentences
from grokscope.reading.facts import ExplanationFacts, Facts, KeyFacts, TaskFacts
from grokscope.reading.sentences import (
    algorithm,
    assumed,
    by_operator,
    digits,
    falls,
    given_away,
    how_sure,
    inputs,
    loss,
    meaning,
    nearest,
    parts,
    percent,
    phase_spans,
    proof,
    proved,
    rough,
    share,
)

Name = Literal["asked", "memorised", "grew", "generalised", "how"]  # in the order of the story
NAMES: tuple[Name, ...] = get_args(Name)


@dataclass(frozen=True)
class Play:
    """Words that name a stretch of training, and from which step to which it goes."""

    words: str
    start: int
    end: int


@dataclass(frozen=True)
class Chapter:
    """A part of the story: its title, and its text in pieces."""

    name: Name
    title: str
    text: tuple[str | Play, ...]

    @property
    def plain(self) -> str:
        """The text alone."""
        return "".join(x if isinstance(x, str) else x.words for x in self.text)


def chapters(f: Facts) -> list[Chapter]:
    """The story in its order; of a network that was not trained here there are fewer chapters."""
    told = (_asked(f), _memorised(f), _grew(f), _generalised(f), _how(f))
    return [chapter for chapter in told if chapter is not None]


# ---- the verdict, and the numbers ----------------------------------------------------------------

BY_HEART = 0.1  # of the test right, at most, of a network that knows by heart alone


def headline(f: Facts) -> str:
    """What became of the network, in a few words."""
    if not f.knows_task:
        return "its task is not known"
    if f.is_imported:
        return f"{percent(f.final['all_accuracy'])} of all {inputs(f.task)} right"
    if f.events.t_grok is not None and f.generalises:
        return "it grokked" if f.delay else "it generalised"
    if f.events.t_grok is not None:
        return "it generalised, and lost it"
    return _unfinished(f)


def _unfinished(f: Facts) -> str:
    """How far a network came that has not generalised."""
    if _is_far(f):
        right = percent(f.final["test_accuracy"])
        return f"{right} of the test right{', and rising' if _is_rising(f) else ''}"
    if f.events.t_memorize is None:
        return "not learned"
    only = f.memorised_first and f.final["test_accuracy"] < BY_HEART
    return "it memorised, and no more" if only else "it has not generalised"


def _is_far(f: Facts) -> bool:
    """Whether it came at least half of the way from guessing to all of the test right."""
    return f.final.get("test_accuracy", 0.0) >= f.task.halfway


def _knows_more(f: Facts) -> bool:
    """Whether it is right on more of the test than guessing explains: what it does is not by heart
    alone."""
    return f.final.get("test_accuracy", 0.0) >= f.task.chance + BY_HEART


def _is_rising(f: Facts) -> bool:
    return f.trend is not None and f.trend.moves and f.trend.rise > 0


def lead(f: Facts) -> str:
    """The whole story in two or three sentences."""
    if not f.knows_task or f.is_imported or not f.rows:
        first = f"It is right on {_imported(f)}." if f.is_imported else ""
    else:
        first = f"{_learned(f)} {_ended(f)}"
    return " ".join(filter(None, (first, _mechanism(f))))


def _learned(f: Facts) -> str:
    step = f.events.t_memorize
    if step is None:
        best = max(row["train_accuracy"] for row in f.rows)
        return f"It never learned all it was shown: at most {percent(best)} was right."
    if f.memorised_first:
        return f"By step {step:,} it knew by heart the {inputs(f.task)} it was shown."
    return f"By step {step:,} it was right on what it was shown, and on most of the rest already."


def _ended(f: Facts) -> str:
    if f.events.t_grok is not None:
        lost = "" if f.generalises else " At the end it no longer was."
        return f"By step {f.events.t_grok:,} it was right on those it had never seen.{lost}"
    rising = ", and rising," if _is_rising(f) else ""
    test = percent(f.rows[-1]["test_accuracy"])
    return (
        f"On those it had never seen it was {test} right{rising} when its training "
        f"{'ended' if f.is_finished else 'was last tried'}, at step {int(f.rows[-1]['step']):,}."
    )


def _mechanism(f: Facts) -> str:
    e = f.explanation
    if e is None or e.algorithm is None:
        return ""
    if e.operators:
        return f"{by_operator(e)}."
    if e.best is None:
        return "How it does that is undetermined."
    name = f"a {e.algorithm}" if len(e.best.algorithms) > 1 else e.best.title
    return f"Its mechanism: {name}.{proof(e)}"


def numbers(f: Facts) -> list[tuple[str, str]]:
    """The main numbers of a run, each with its name."""
    rows = [("task", f.task.name if f.knows_task else f"not known: {_nearest(f)}")]
    if f.knows_split and not f.was_shown_all:
        of_all = share(f.n_shown / f.n_inputs)
        rows.append(("shown", f"{f.n_shown:,} of {f.n_inputs:,} {inputs(f.task)} ({of_all})"))
    if f.knows_when and f.knows_task:
        rows += [("memorised", _when_memorised(f)), ("generalised", _when_generalised(f))]
    rows.append(("at the end", _at_the_end(f)))
    if taken := assumed(f.spec.assumed):
        rows.append(("assumed", " ".join(taken)))
    rows += [("mechanism", _named(f)), ("how sure", _standing(f))]
    return rows


def _when_memorised(f: Facts) -> str:
    step = f.events.t_memorize
    if step is None:
        return "never"
    test = percent(f.at(step)["test_accuracy"])
    return f"step {step:,}" if f.memorised_first else f"not first: step {step:,}, test {test} right"


def _when_generalised(f: Facts) -> str:
    e = f.events
    if e.t_grok is None:
        return f"not within {int(f.rows[-1]['step']):,} steps"
    late = f", {f.delay:,} later" if f.delay else ""
    return f"step {e.t_grok:,}{late}{'' if f.generalises else '; lost at the end'}"


def _at_the_end(f: Facts) -> str:
    of = ("train", "test") if f.knows_split and not f.was_shown_all else ("all",)
    right = ", ".join(
        f"{part} {percent(f.final[f'{part}_accuracy'])}"
        for part in of
        if f"{part}_accuracy" in f.final
    )
    step = f.final.get("step")
    return f"{right} right{'' if step is None else f' (step {int(step):,})'}"


def _named(f: Facts) -> str:
    e = f.explanation
    if e is None:
        return "not looked for"
    if e.best is None:
        by_formula = (f"{k} {x.algorithm or 'none found'}" for k, x in e.operators.items())
        of_one = "none found" if e.algorithm is None else "undetermined"
        return "; ".join(by_formula) or of_one
    return f"{e.algorithm} ({parts(_by_share(f, e.best.parts))})"


def _by_share(f: Facts, names: Sequence[str]) -> list[str]:
    """Parts by their share of the logits, the largest first; as they are where that is not
    known."""
    shares = {} if f.keys is None else f.keys.shares
    return sorted(names, key=lambda name: -shares.get(name, 0.0))


def _standing(f: Facts) -> str:
    e = f.explanation
    if e is None:
        return "not tested"
    each = (f"{name} {_tested(one)}" for name, one in e.operators.items())
    return "; ".join(each) or _tested(e)


def _tested(e: ExplanationFacts) -> str:
    """What the named explanation has passed, and what is proved."""
    of_all = None if e.algorithm is None else proved(e)
    also = "" if of_all is None else f"; a proof covers {of_all} {inputs(e)}"
    if e.best is None:
        return f"no explanation is claimed{also}"
    judged = [x for x in e.best.evidence if x.is_judged]
    return f"passed all {len(judged)} tests{also}"


# ---- 1. asked ------------------------------------------------------------------------------------


def _asked(f: Facts) -> Chapter:
    title = "What it was asked"
    if not f.knows_task:
        return Chapter("asked", title, (f"Its task is not known: {_nearest(f)}.",))
    task = f.task
    text = [f"Its task is {task.name}{meaning(task)}."]
    if task.example:
        text.append(f"For example, {task.example}.")
    text += [*_how_written(f), _chance(task)]
    text += [_shown(f), *_unlike_others(f), *assumed(f.spec.assumed)]
    return Chapter("asked", title, (" ".join(text),))


def _how_written(f: Facts) -> list[str]:
    """How permutations are written, where the symbols are some."""
    group = f.task.group
    if group is None or group.n_points is None or group.n_points < 3:
        return []
    first = "" if group.is_opposite else "; in ab, a moves first"
    return [f"(1 2 3) sends 1 to 2, 2 to 3 and 3 to 1{first}."]


def _chance(task: TaskFacts) -> str:
    """How often the commonest answer is right, which is a guess where all are as common."""
    n = task.n_answers
    if task.chance > 1.01 / n:
        return (
            f"There are {n:,} answers; who always gives the commonest is right "
            f"{percent(task.chance)} of the time."
        )
    return f"There are {n:,} answers; a guess is right {percent(task.chance)} of the time."


def _nearest(f: Facts) -> str:
    return nearest(f.task.name, f.final["all_accuracy"])


def _shown(f: Facts) -> str:
    if f.was_shown_all:
        return f"It was shown all {f.n_inputs:,} {inputs(f.task)}, so that there is no test."
    if not f.knows_split:
        return f"Which {inputs(f.task)} it was shown is not known."
    rest = f.n_inputs - f.n_shown
    return (
        f"It was shown {f.n_shown:,} of the {f.n_inputs:,} {inputs(f.task)} with their answers "
        f"({share(f.n_shown / f.n_inputs)}): train. The other {rest:,} it never saw: test."
    )


def _unlike_others(f: Facts) -> list[str]:
    noise, count = f.spec.label_noise, f.task.n_read
    told = []
    if count > 1:
        told.append(f"An input is a sequence here, with {count} answers of its own.")
    if noise:
        told.append(f"Of the answers {percent(noise)} were drawn at random.")
    return told


# ---- 2. memorised --------------------------------------------------------------------------------


def _memorised(f: Facts) -> Chapter | None:
    if not f.knows_when or not f.knows_task:
        return None
    step = f.events.t_memorize
    if step is None:
        best = percent(max(row["train_accuracy"] for row in f.rows))
        need = percent(f.spec.memorize_at)
        text = f"At most {best} of train was right, of the {need} that are asked for."
        return Chapter("memorised", "It did not memorise", (text,))
    row, play, far = f.at(step), Play(f"By step {step:,}", 0, step), rough(f, step)
    train, test = (percent(row[f"{part}_accuracy"]) for part in ("train", "test"))
    if not f.memorised_first:
        text = f"{far}, {train} of train was right, and {test} of the test already."
        return Chapter("memorised", "It did not memorise first", (play, text))
    text = f"{far}, {train} of train was right, and {test} of the test"
    text += ": it had the answers by heart."
    return Chapter("memorised", "It memorised", (play, text + _sure_and_wrong(f, step)))


def _sure_and_wrong(f: Facts, step: int) -> str:
    """What the test loss says of a network that has memorised."""
    test = f.at(step)["test_loss"]
    if f.guessing is None or not test > f.guessing:
        return ""
    return (
        f" On the test its loss was {loss(f, test)}, where guessing has {loss(f, f.guessing)}: it "
        "was sure of its answers, and they were mostly wrong."
    )


# ---- 3. what grew --------------------------------------------------------------------------------


def _grew(f: Facts) -> Chapter | None:
    """What changed inside while the curves of accuracy said nothing; None where nothing is known of
    it."""
    if not f.knows_when or not f.knows_task:
        return None
    e, last = f.events, int(f.rows[-1]["step"])
    if e.t_grok is not None and f.delay:
        play = Play(f"In the next {f.delay:,} steps", e.t_grok - f.delay, e.t_grok)
        begun = " train was learned already, but its weights went on changing."
        title = "What grew meanwhile"
    elif e.t_grok is not None:
        play, begun = Play(f"Until step {e.t_grok:,}", 0, e.t_grok), " its weights took shape."
        title = "What grew"
    elif _knows_more(f):
        play, begun = (
            Play(f"In all its {last:,} steps", 0, last),
            " its weights began to take shape.",
        )
        title = "What grew so far"
    else:
        play, begun = Play(f"In all its {last:,} steps", 0, last), f" {_what_did_not(f)}"
        title = "What did not grow"
    return Chapter("grew", title, (play, begun, *_parts(f), *_phases(f)))


def _what_did_not(f: Facts) -> str:
    if f.keys is not None and f.keys.names:
        return "no few parts came to carry right answers."
    return "no rule grew in it that would answer the rest."


MUCH = 0.05  # of the logits
MOST_PARTS = 5  # that are named


def _parts(f: Facts) -> list[str]:
    """Which parts its answers rest on, the largest first; nothing of a network that did not
    learn, where they are noise."""
    if f.keys is None or not f.keys.names or f.events.t_grok is None or not f.generalises:
        return []
    names = _by_share(f, f.keys.names)
    told = [f"{name} ({share(f.keys.shares[name])})" for name in names[:MOST_PARTS]]
    more = f" and {len(names) - MOST_PARTS} more" if len(names) > MOST_PARTS else ""
    count, every = len(names), len(f.keys.shares)
    return [
        f" By the end {count} of {every} parts carry {share(f.keys.explained)} of its logits: "
        f"{', '.join(told)}{more}.{_rest(f.keys)}"
    ]


def _phases(f: Facts) -> list[str | Play]:
    """The phases, each to be played."""
    spans = phase_spans(f)
    if not spans:
        return []
    (_, _, memorised), (forming, *formed), (cleaning, *cleaned) = spans
    is_over = f.phases is not None and f.phases.cleaned is not None
    return [
        " Its losses, which show it before accuracies do, tell three phases: memorisation until "
        f"step {memorised:,}, ",
        Play(f"{forming} until {formed[1]:,}", *formed),
        ", ",
        Play(f"{cleaning} until {cleaned[1]:,}" if is_over else f"{cleaning} at the end", *cleaned),
        ".",
    ]


def _rest(keys: KeyFacts) -> str:
    """Where the rest of the logits is, if that is much."""
    left = 1 - sum(keys.shares.values())
    if left < MUCH:
        return ""
    return f" The other {share(left)} depend on the pair, and not on its answer alone."


# ---- 4. generalised ------------------------------------------------------------------------------


def _generalised(f: Facts) -> Chapter | None:
    if f.is_imported and not (f.knows_when and f.knows_task):
        return Chapter("generalised", "What it can do", (f"It is right on {_imported(f)}.",))
    if not f.knows_when or not f.knows_task:
        return None
    e = f.events
    if e.t_grok is None:
        return Chapter("generalised", _no_title(f), _not_generalised(f))
    start = (e.t_memorize or 0) if f.memorised_first else 0
    after = f" {f.delay:,} steps after it had memorised," if f.delay else ""
    ever = "" if e.falls or not f.generalises else " and ever after"
    lost = "" if f.generalises else " At the end it no longer was."
    text = (
        f"{rough(f, e.t_grok)},{after} at least {percent(f.spec.grok_at)} of the test was right, "
        f"in {f.spec.grok_patience} evaluations in a row{ever}.{falls(f)}{lost}{_nothing_new(f)}"
    )
    title = "It generalised" if f.generalises else "It generalised, and lost it"
    return Chapter("generalised", title, (Play(f"By step {e.t_grok:,}", start, e.t_grok), text))


def _nothing_new(f: Facts) -> str:
    if f.is_imported or not f.spec.weight_decay or not f.delay:
        return ""
    return (
        " It was shown nothing new in between; weight decay pulled its weights towards 0 at each "
        "step."
    )


def _no_title(f: Facts) -> str:
    return _unfinished(f) if _is_far(f) else "It has not generalised"


def _not_generalised(f: Facts) -> tuple[str | Play, ...]:
    last = f.rows[-1]
    end = int(last["step"])
    told = (
        f" test was {percent(last['test_accuracy'])} right at the end{given_away(f)}.{_trend(f)}"
        f"{_missing(f)}"
    )
    return (Play(f"Within {end:,} steps", 0, end), " it did not get there:", told)


def _trend(f: Facts) -> str:
    """Whether the test accuracy still moved; the numbers of that are for specialists."""
    trend = f.trend
    if trend is None:
        return ""
    if trend.moves and trend.rise > 0:
        return " It was still rising: longer training might have changed this."
    if trend.moves:
        return f" It was falling; its best was {percent(trend.best)}, at step {trend.best_at:,}."
    return " It was not seen to rise any more."


LITTLE = 0.4  # of the inputs: below that it is told that more might help
FEW = 2000  # steps


def _missing(f: Facts) -> str:
    """What such a network may have lacked, as its settings say."""
    if f.is_imported:
        return ""
    found = _lacked(f)
    return f" What may help: {'; '.join(found)}." if found else ""


def _lacked(f: Facts) -> list[str]:
    s, what, told = f.spec, inputs(f.task), []
    if s.label_noise:
        told.append(f"a rule, as {share(s.label_noise)} of the answers were drawn at random")
    if not s.weight_decay:
        told.append("weight decay, of which it had none (try `weight_decay=1`)")
    if f.never_shown:
        told.append(f"{what} with the symbols that it never saw at one place ({f.never_shown})")
    if f.n_shown / f.n_inputs < LITTLE:
        told.append(f"more {what} than {share(f.n_shown / f.n_inputs)} (try `train_fraction=0.6`)")
    end = int(f.rows[-1]["step"])
    if _is_rising(f) or (end < FEW and f.events.stop in ("steps", None)):
        told.append(f"more steps than {end:,} (try `steps={10 * max(end, 100)}`)")
    return told


def _imported(f: Facts) -> str:
    """What a network that was not trained here is right on."""
    split = ""
    if f.knows_split:
        train, test = (percent(f.final[f"{part}_accuracy"]) for part in ("train", "test"))
        split = f" (train {train}, test {test})"
    when = "" if f.knows_when else "; when it learned them is not known here"
    return (
        f"{percent(f.final['all_accuracy'])} of all {inputs(f.task)} at step {f.final['step']:,}"
        f"{split}, with a loss of {digits(f.final['all_loss'], 2)} nats. It was imported "
        f"({f.spec.source}){when}"
    )


# ---- 5. how --------------------------------------------------------------------------------------


def _how(f: Facts) -> Chapter:
    e = f.explanation
    if e is not None and e.algorithm is None:
        title = "What it does instead" if f.knows_when else "How it does it"
    else:
        title = "How it does it, and how sure that is"
    if e is None:
        folder = f.folder
        text = f"How it does this is not looked for here. `grokscope explain {folder}` tries it."
        return Chapter("how", title, (text,))
    by_heart = e.algorithm is None and f.knows_when and f.memorised_first and not _knows_more(f)
    first = "It gives by heart what it was shown." if by_heart else ""
    return Chapter("how", title, (" ".join(filter(None, (first, algorithm(e), how_sure(e)))),))


def told(f: Facts) -> list[str]:
    """All that is said of a run beneath its numbers, a paragraph an item: the chapters, then what
    specialists ask."""
    story = [f"{chapter.title}. {chapter.plain}" for chapter in chapters(f)]
    return [*story, *sentences.sentences(f)]
