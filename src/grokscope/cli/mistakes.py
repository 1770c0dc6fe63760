"""What people write that is no command, and what they meant: one line with the cure.

The parser says of such words that it does not know them. Here they are known: a verb with a letter
too many, a setting written as an option, one thing of `list` for all, a measure without its option.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from difflib import get_close_matches
from inspect import Parameter, signature
from itertools import pairwise, takewhile
from typing import get_args

from grokscope.cli.list_ import Kind
from grokscope.cli.options import OneRun
from grokscope.errors import BadInput, brief

WITH_SETTINGS = ("run", "sweep", "speedrun")
LACKED = {"trace": "--measures"}  # the option that a further word may have lacked


def refuse_mistakes(args: Sequence[str], verbs: Mapping[str, Callable[..., None]]) -> None:
    """Raise `BadInput` for words that are a known mistake; return where they are none."""
    verb, rest = args[0], args[1:]
    if verb.startswith("-"):
        return
    if verb not in verbs:
        raise _no_verb(verb, rest, verbs)
    if {"-h", "--help"} & set(rest):
        return
    if verb in WITH_SETTINGS:
        _refuse_options_that_are_settings(verb, rest)
    elif verb == "list":
        _refuse_kinds(rest)
    else:
        _refuse_words(verb, rest, _words_of(verbs[verb]))


def _no_verb(verb: str, rest: Sequence[str], verbs: Collection[str]) -> BadInput:
    """The error for a first word that is no verb."""
    near = get_close_matches(verb, verbs, n=1, cutoff=0.5)
    if not near:
        known = ", ".join(sorted(verbs))
        return BadInput(f"grokscope has no `{brief(verb)}`. It has {known}.")
    meant = " ".join([near[0], *rest])
    return BadInput(f"grokscope has no `{brief(verb)}`. Did you mean: grokscope {brief(meant)}")


def _refuse_options_that_are_settings(verb: str, rest: Sequence[str]) -> None:
    from grokscope.spec import settings_named

    for i, (word, after) in enumerate(pairwise([*rest, ""])):
        name, _, value = word.removeprefix("--").partition("=")
        known = settings_named(name.replace("-", "_")) if word.startswith("--") else None
        if known is not None:
            given = value or (after if after and not after.startswith("-") else "...")
            meant = " ".join([verb, *rest[:i], f"{known}={given}"])
            raise BadInput(
                f"`--{brief(name)}` is a setting, and settings have no dashes: "
                f"grokscope {brief(meant)}"
            )


def _refuse_kinds(rest: Sequence[str]) -> None:
    kinds = get_args(Kind)
    if rest and not rest[0].startswith("-") and rest[0] not in kinds:
        near = get_close_matches(rest[0], kinds, n=1, cutoff=0.5)
        cure = (
            f"Did you mean: grokscope list {near[0]}" if near else f"It lists {', '.join(kinds)}."
        )
        raise BadInput(f"there is no list of `{brief(rest[0])}`. {cure}")


def _words_of(verb: Callable[..., None]) -> list[Parameter]:
    """The words that a verb takes before its options, where the first of them is a run."""
    words = [x for x in signature(verb).parameters.values() if x.kind is x.POSITIONAL_ONLY]
    return words if words and words[0].annotation is OneRun else []


def _refuse_words(verb: str, rest: Sequence[str], wanted: Sequence[Parameter]) -> None:
    """Too few or too many words of a verb of a run. What follows an option may be its value, so
    that only the words before all options are counted."""
    words = list(takewhile(lambda word: not word.startswith("-"), rest))
    runs = [x for x in wanted if x.annotation is OneRun]
    if runs and all(word.startswith("-") for word in rest):
        raise BadInput(
            f"say of which run: grokscope {verb}{' RUN' * len(runs)}. "
            "`grokscope list runs` shows the runs."
        )
    if not runs or len(words) <= len(wanted):
        return
    cure = f"`{verb}` takes {'one run' if len(runs) == 1 else f'{len(runs)} runs'}"
    if verb in LACKED:
        cure = f"write grokscope {verb} {brief(words[0])} {LACKED[verb]} "
        cure += brief(" ".join(words[len(wanted) :]))
    raise BadInput(f"`{brief(words[len(wanted)])}` is one word too many: {cure}.")
