"""What people write that is no command, and what they meant: one line with the cure.

The parser says of such words that it does not know them. Here they are known: a verb with a letter
too many, a setting written as an option, one thing of `list` for all, a measure without its option.
"""

from collections.abc import Collection, Sequence
from difflib import get_close_matches
from itertools import pairwise
from typing import get_args

from grokscope.cli.list_ import Kind
from grokscope.errors import BadInput, brief

WITH_SETTINGS = ("run", "sweep", "speedrun")
OF_A_RUN = {  # verbs of one run, and the option that a further word may have lacked
    "show": None, "trace": "--measures", "spectrum": None, "report": None, "watch": None,
    "check": None, "export": None, "compare": None,
}  # fmt: skip
MANY = {"report", "check"}  # take several runs


def refuse_mistakes(args: Sequence[str], verbs: Collection[str]) -> None:
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
    elif verb in OF_A_RUN:
        _refuse_words(verb, rest)


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


def _refuse_words(verb: str, rest: Sequence[str]) -> None:
    words = _before_options(rest)
    if not words and not any(not word.startswith("-") for word in rest):
        raise BadInput(
            f"say of which run: grokscope {verb} RUN. `grokscope list runs` shows the runs."
        )
    if len(words) > 1 and verb not in MANY:
        option = OF_A_RUN[verb]
        cure = f"`{verb}` takes one run"
        if option is not None:
            cure = f"write grokscope {verb} {brief(words[0])} {option} {brief(' '.join(words[1:]))}"
        raise BadInput(f"`{brief(words[1])}` is one word too many: {cure}.")


def _before_options(rest: Sequence[str]) -> list[str]:
    """The words that stand before any option: what follows one may be its value."""
    words: list[str] = []
    for word in rest:
        if word.startswith("-"):
            break
        words.append(word)
    return words
