"""The words of a page that a newcomer may not know: each with a sentence that opens where the word
first stands, some with a small drawing, and all of them in a list."""

import re
from collections.abc import Iterator
from html import escape

from grokscope.reading.sketches import SKETCHES

# What is looked for in the text, in the order of the list: the word, what it looks like, and what
# it means.
WORDS = (
    ("train, test", r"\btrain\b|\btest\b", "the inputs whose answers the network was shown while "
     "it learned, and all others, which it never saw"),
    ("accuracy", r"accuracy|accuracies", "the share of inputs answered right"),
    ("loss", r"(?<!restricted )(?<!excluded )\bloss(?:es)?\b", "how far the network is from "
     "giving the right answers all its trust: what training makes small; 0 is perfect"),
    ("nats", r"\bnats\b", "the unit of the loss: -ln of the probability given to the right answer; "
     "0.69 is even odds"),
    ("grokked", r"\bgrokked\b|\bgrokking\b", "generalised long after it had memorised"),
    ("memorised", r"\bmemorised\b|\bby heart\b", "right on (nearly) all it was shown, and not on "
     "the rest"),
    ("generalised", r"\bgeneralis(?:es?|ed|ing)\b", "right on (nearly) all inputs it was never "
     "shown"),
    ("mod", r"\bmod\b", "the remainder after division: 5 + 4 mod 7 is 2"),
    ("logits", r"\blogits?\b", "the scores a network gives to all answers; the highest is its "
     "answer"),
    ("lens", r"\blens(?:es)?\b", "a way to see numbers, one for each symbol, as a sum of parts: "
     "that of addition has waves, that of a group its irreps"),
    ("part", r"(?<![Kk]ey )\bparts\b", "what a lens takes numbers apart into: a frequency, a "
     "character, an irrep or, in an explanation, one of its terms"),
    ("key parts", r"\b[Kk]ey parts?\b", "the parts that each hold at least 1 % of the variation of "
     "the logits at the last checkpoint"),
    ("frequency", r"\bfrequenc(?:y|ies)\b", "a wave over the symbols 0 to p-1; frequency k goes up "
     "and down k times"),
    ("character", r"\bcharacters?\b", "a wave for multiplication: over the exponents of a number "
     "whose powers are all the others"),
    ("{0}", r"\{0\}", "the symbol 0 by itself, which is no power and so has no character"),
    ("{0,1,...}", r"\{\d+(?:,\d+)+\}", "the digits whose parity is taken together"),
    ("irrep", r"\birreps?\b|\bstandard\b(?! error)", "irreducible representation: one of the "
     "independent patterns that functions on a group are made of, as waves are for addition; two "
     "are called sign and standard"),
    ("clock", r"\bclocks?\b", "it turns a and b into angles on a circle and adds these, as hands "
     "of a clock: the answer is where the sum points"),
    ("pizza", r"\bpizzas?\b", "it turns a and b into points on a circle and takes the middle of "
     "the two, which points to half the sum of their angles"),
    ("ρ-set", r"ρ-sets?|\brho-set\b", "a set of vectors that every element of a group, as a "
     "matrix, only swaps around: a network can compare a and b by it"),
    ("coset", r"\bcosets?\b", "the elements of a subgroup, all multiplied by one element: a "
     "group falls into such pieces of equal size"),
    ("explanation", r"\b[Ee]xplanations?\b", "a formula of few numbers that says what the "
     "network's logits are for every input; it can be run"),
    ("control", r"\bcontrols?\b", "the same number where there is nothing to be found: what it "
     "must be compared with"),
    ("checkpoint", r"\bcheckpoints?\b", "the network as it was saved at one step of its training"),
    ("neuron", r"\bneurons?\b", "one unit of the network's hidden layer"),
    ("head", r"\bheads?\b", "a piece of a Transformer that carries what stands at some places of "
     "the input to another"),
    ("embedding", r"\bembedding\b", "the list of numbers by which the network knows a symbol"),
    ("output map", r"\boutput map\b", "the weights that turn neurons into logits"),
    ("phase", r"\bby (?:its|their) phase\b", "where along its wave a neuron is highest"),
    ("restricted loss", r"\brestricted(?: loss)?\b", "the loss if the key parts alone are kept of "
     "the logits"),
    ("excluded loss", r"\bexcluded(?: loss)?\b", "the loss if the key parts are taken out of the "
     "logits"),
    ("Gini", r"\bGini\b", "how uneven a spectrum is: 0, all parts hold the same; 1, one holds all"),
    ("variation", r"\bvariation\b", "the sum of squares of the differences from the mean"),
    ("spectrum", r"\bspectr(?:um|a)\b", "how much of the weights each part of a lens holds"),
    ("weights settled", r"\bweights settled\b", "from there on, how sparse the weights are in "
     "their lens stays within 5 % of its range"),
    ("low rank", r"\blow rank\b", "a proof that follows the few largest directions of the weights "
     "and bounds what the others can do"),
    ("seed", r"\bseed\b", "the number that the random start and the choice of train inputs follow"),
    ("mirror", r"\bmirror\b", "the pair the other way round: (b, a) of (a, b)"),
)  # fmt: skip


PLACE = "<!-- words -->"  # of the list
TOLD = ("p", "dd", "figcaption")


def linked(html: str, article: int, *drawn: str) -> str:
    """A page's words with each unknown one, where it first stands in a text, a button that opens
    its meaning, and the list of all in place of `PLACE`. `article` keeps several apart;
    `drawn` are the words that the figures show."""
    pieces, used = re.split(r"(<[^>]*>)", html), set[str]()
    for word, looks, _ in sorted(WORDS, key=lambda x: -len(x[0])):
        place = next((i for i in _texts(pieces) if re.search(looks, pieces[i])), None)
        if place is not None:
            button = f'<button type="button" class="word" popovertarget="{_id(article, word)}">'
            marked = re.sub(looks, rf"{button}\g<0></button>", pieces[place], count=1)
            pieces[place : place + 1] = re.split(r"(<[^>]*>)", marked)
        if place is not None or re.search(looks, " ".join(drawn)):
            used.add(word)
    return "".join(pieces).replace(PLACE, _list(used, article))


def _texts(pieces: list[str]) -> Iterator[int]:
    """Where the texts are that words are looked for in: in a paragraph, an answer or a caption, and
    in no button."""
    is_told = is_button = False
    for i, piece in enumerate(pieces):
        tag = re.match(r"<(/?)(\w+)", piece)
        if tag is None:
            if is_told and not is_button:
                yield i
        elif tag[2] in TOLD:
            is_told = not tag[1]
        elif tag[2] == "button":
            is_button = not tag[1]


def _list(used: set[str], article: int) -> str:
    listed = [(escape(word), escape(means)) for word, _, means in WORDS if word in used]
    items = "".join(f"<dt>{word}</dt><dd>{means}</dd>" for word, means in listed)
    notes = "".join(
        f'<div popover class="meaning" id="{_id(article, word)}"><b>{word}</b>: {means}'
        f"{SKETCHES.get(word, '')}</div>"
        for word, means in listed
    )
    told = f"<summary>Words used here</summary><dl>{items}</dl>"
    return f'<details class="words">{told}</details>{notes}'


def _id(article: int, word: str) -> str:
    return f"word-{article}-{[name for name, *_ in WORDS].index(word)}"
