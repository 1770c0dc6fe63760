"""Words in two elements of a group: the permutation tasks of Power et al. 2022.

Axes: pair = one input.
"""

import re
from dataclasses import replace

import torch
from jaxtyping import Int
from torch import Tensor

from grokscope.algebra.names import element_names
from grokscope.errors import BadInput
from grokscope.task import Task, binary, task
from grokscope.tasks.composition import named

LONGEST = 200
Elements = Int[Tensor, " pair"]
LETTER = re.compile(r"([ab])(\^-1|')?")


@task
def word(text: str = "a*b*a^-1", group: str = "S5", elements: str = "lexicographic") -> Task:
    """A word in a and b, such as ab, a*b*a^-1 or aba, over a group named as in `composition`.

    A letter is a, b or its inverse, a^-1 or a'; the left factor acts first. A word that is the
    product ab on every pair has the group, and with it lenses; another has none.
    """
    letters = _parse(text)
    g = named(group, elements)

    def f(a: Elements, b: Elements) -> Elements:
        product = torch.full_like(a, g.identity)
        for letter, is_inverse in letters:
            x = a if letter == "a" else b
            product = g.table[product, g.inverse[x] if is_inverse else x]
        return product

    whole = binary(f"{text} in {g.name}", g.order, f)
    is_product = torch.equal(whole.answers, g.table.flatten())
    return replace(whole, group=g if is_product else None, labels=element_names(g))


def _parse(text: str) -> list[tuple[str, bool]]:
    """The letters of a word, and whether each is inverted."""
    if not isinstance(text, str) or len(text) > LONGEST:
        raise BadInput(
            f"`task.text` must be a word of at most {LONGEST} characters, as in a*b*a^-1."
        )
    rest, letters = text.replace(" ", ""), []
    while rest or not letters:
        match = LETTER.match(rest.removeprefix("*") if letters else rest)
        if match is None:
            raise BadInput(
                f"`{text}`: `{rest}` is not allowed. A word holds a, b, a^-1 or a', joined by * or "
                "by nothing, as in a*b*a^-1."
            )
        letters.append((match[1], match[2] is not None))
        rest = match.string[match.end() :]
    return letters
