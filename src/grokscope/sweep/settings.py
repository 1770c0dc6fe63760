"""How settings of many networks are written: lists and ranges of values.

lr=1e-3,1e-2            two values
seed=0..9               whole numbers, both ends among them; also seed=0..9,20..29
task=a+b,a*b            two tasks
betas=[0.9,0.98],[0.9,0.95] a comma within brackets, braces, parentheses or double quotes parts
load_parts="W_E,W_U"    nothing; quotes around a whole value are taken away
"""

import re
from collections.abc import Iterator, Sequence

from grokscope.errors import BadInput, brief

RANGE = re.compile(r"([-+]?[0-9]{1,18})\.\.([-+]?[0-9]{1,18})")
MOST_VALUES = 10_000_000  # of a range
OPENING, CLOSING = "([{", ")]}"


def parted(settings: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The texts of each setting's values, by its key. Raises `BadInput`."""
    found: dict[str, tuple[str, ...]] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals:
            raise BadInput(
                f"`{brief(setting)}` is not a setting. Write one name, then key=value pairs."
            )
        if key in found:
            raise twice(key)
        found[key] = tuple(values_of(key, text))
    return found


def twice(key: str) -> BadInput:
    """The error for a setting that is given twice."""
    return BadInput(
        f"`{key}` is set twice. To have networks of both: grokscope sweep {key}=ONE,OTHER."
    )


def values_of(key: str, text: str) -> Iterator[str]:
    """The values that a setting's text lists, ranges written out. Raises `BadInput`."""
    parts = _at_commas(text)
    for part in parts:
        if not part and len(parts) > 1:
            raise BadInput(f"`{brief(f'{key}={text}')}` has an empty value. Leave out one comma.")
        ends = RANGE.fullmatch(part)
        if ends is None:
            is_quoted = len(part) > 1 and part[0] == part[-1] == '"' and '"' not in part[1:-1]
            yield part[1:-1] if is_quoted else part
            continue
        low, high = int(ends[1]), int(ends[2])
        if low > high or high - low >= MOST_VALUES:
            what = "is empty" if low > high else f"has more than {MOST_VALUES:,} values"
            raise BadInput(f"the range `{key}={part}` {what}. Write low..high, as in {key}=0..9.")
        yield from map(str, range(low, high + 1))


def is_list(setting: str) -> bool:
    """Whether a setting has several values, as a sweep reads it."""
    text = setting.partition("=")[2]
    return RANGE.fullmatch(text) is not None or len(_at_commas(text)) > 1


def _at_commas(text: str) -> list[str]:
    """The parts between commas that stand in no brackets and no quotes."""
    parts, depth, is_quoted = [""], 0, False
    for letter in text:
        is_quoted ^= letter == '"'
        if not is_quoted:
            depth += (letter in OPENING) - (letter in CLOSING)
        if letter == "," and depth <= 0 and not is_quoted:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]
