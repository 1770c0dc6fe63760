"""A figure of the page: where it stands, what it is drawn of, and what its caption says."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from grokscope.reading.facts import Facts
from grokscope.reading.pictures import Pictures
from grokscope.reading.story import Name

Topic = Literal["summary", "what", "how", "weights", "progress"]  # in the order of the page
WHEN = "the step chosen above"  # the time that a figure shows: a page says which that is


@dataclass(frozen=True)
class Leads:
    """The chapter of the story that a figure may stand in, and its rank: of those that a run has,
    the first leads."""

    chapter: Name
    rank: int = 1


@dataclass(frozen=True)
class Weight:
    """When a figure is left out of a page that would be too large, the lowest `rank` first; and
    what a reader is told is missing."""

    rank: int
    what: str


@dataclass(frozen=True)
class Figure:
    """A figure, drawn by the script of its name in `web/src/panels/`.

    Attributes:
        topic, order: It stands where the page speaks of this, by this number.
        facts: What it adds to the facts of the page; None where the run has no such figure. Several
            may give the same key, whose values are then merged.
        caption: What is drawn, of which pairs, in which units: made of the facts of the run and of
            its page, and of nothing measured anew.
        weight: None for one that is never left out.
        leads: None for one that stands among those for specialists.
        still: A picture of it for who runs no script, as HTML, made of its facts; None where there
            is none.
    """

    name: str
    topic: Topic
    order: int
    title: str
    facts: Callable[[Pictures], dict[str, Any] | None]
    caption: Callable[[Facts, dict[str, Any]], str]
    weight: Weight | None = None
    leads: Leads | None = None
    still: Callable[[dict[str, Any]], str] | None = None
