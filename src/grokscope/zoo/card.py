"""The card of a network: what it was asked, what became of it, how that is known, and how to load
it. It is made of the facts alone.
"""

from collections.abc import Sequence

from grokscope.reading.facts import CertificateFacts, Facts
from grokscope.reading.sentences import account, asked_of, number, short, value
from grokscope.reading.story import headline, lead, numbers

CARD, PICTURE, TRANSFORMER_LENS = "README.md", "picture.png", "transformer_lens.safetensors"
TAGS = ("grokking", "mechanistic-interpretability", "algorithmic-task")


def card(f: Facts, name: str, place: str | None, has_hooks: bool, more: Sequence[str] = ()) -> str:
    """The card of a network called `name`, in Markdown. `place` is where it can be pulled from,
    `has_hooks` whether its weights for TransformerLens are beside it; `more` stands in the
    beginning."""
    headed = headline(f)
    blocks = [
        front(f.task.name),
        f"# {name}",
        f"**{headed[0].upper()}{headed[1:]}.** {lead(f)}",
        *more,
        f"![Its accuracies over training, and what carries its answers.]({PICTURE})",
        table((("", ""), *numbers(f))),
        *_explained(f),
        "## To load it",
        _of_grokscope(place or "FOLDER"),
        *([_of_transformer_lens()] if has_hooks else []),
    ]
    return "\n\n".join(blocks) + "\n"


def front(task: str) -> str:
    """What the Hub reads of a card."""
    tags = "\n".join(f"- {tag}" for tag in TAGS)
    return f"---\nlibrary_name: grokscope\ntags:\n{tags}\n---\n\n<!-- {_plain(task)} -->"


def table(rows: Sequence[Sequence[str]]) -> str:
    """A table, its first row the head."""
    head, *body = (f"| {' | '.join(map(_cell, row))} |" for row in rows)
    return "\n".join([head, "|" + "---|" * len(rows[0]), *body])


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("*", r"\*").replace("\n", " ")


def _plain(text: str) -> str:
    return text.replace("--", "- -")


def _explained(f: Facts) -> list[str]:
    """The verdict, how it does it, and the certificate."""
    e = f.explanation
    if e is None:
        return []
    blocks = [f"## How it does it: {short(e)}, {e.algorithm or 'no algorithm'}", *account(e)]
    if e.best is not None:
        blocks += ["## The certificate", _certificate(e.best)]
    return blocks


def _certificate(c: CertificateFacts) -> str:
    """Each number that the circuit was judged by, beside its controls."""
    rows = [("", "value", "asked", "controls", "")]
    for x in c.evidence:
        if x.is_judged:
            beside = ", ".join(f"{k} {number(v)}" for k, v in x.controls.items())
            rows.append((x.name, value(x), asked_of(x), beside, x.standing.value))
    return f"{c.title}: {c.verdict}, of {c.size:,} numbers.\n\n{table(rows)}"


def _of_grokscope(place: str) -> str:
    return f"""\
```
pip install 'grokscope[hub]'
grokscope pull {place}
```

and then `grokscope explain`, `show`, `report`, ... of its name; in Python

```
from grokscope import Run
run = Run.open("runs/NAME")
model = run.model()          # a torch module; run.task.inputs are all that it was asked
```"""


def _of_transformer_lens() -> str:
    return f"""\
In TransformerLens (2.x, 3.x), from this folder:

```
import json
from safetensors.torch import load_file
from transformer_lens import HookedTransformer, HookedTransformerConfig

config = json.load(open("transformer_lens.json"))
model = HookedTransformer(HookedTransformerConfig(**config))
model.load_state_dict(load_file("{TRANSFORMER_LENS}"))
```

4.x loads it by `run.hooked()` of grokscope."""
