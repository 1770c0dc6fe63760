"""An item: a figure or a table of a source, as data and one function.

    @item(
        "pair2023:five_neurons",
        shows="20 weights on a fixed circle learn to add",
        full=Size(seeds(FIVE, 12), hours=0.03),
        published=(Published("norm", 464),),
        draw=partial(dots, y="norm"),
    )
    def five_neurons(run: Run) -> Row:
        ...

The function says of one subject what is measured of it, as a row of plain data. A subject is a
spec, which is trained first and given as its run; or, where nothing is trained, whatever the item
counts over, such as {"neurons": 5, "modulus": 67}. What is drawn and compared is made of the rows
alone, so that the data goes one way: subjects, rows, picture and table.

Items stand in `papers/items/`, or in a file of one's own that --use names.
"""

import hashlib
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from grokscope.errors import BadInput, unknown
from grokscope.spec import Spec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Row = Mapping[str, Any]  # plain data: numbers, texts, lists of them
Subject = Spec | Row
Rule = Literal["interval", "decade", "share", "at most", "at least", "exact"]
SIZES = ("full", "quick")


@dataclass(frozen=True)
class Size:
    """What an item is made of at one size, and about what that costs."""

    subjects: Sequence[Subject]
    hours: int | float  # of one processor, training and measuring
    sources: Sequence[Spec] = ()  # trained before, as the subjects load from them

    @property
    def specs(self) -> list[Spec]:
        """Those subjects that are trained."""
        return [subject for subject in self.subjects if isinstance(subject, Spec)]


@dataclass(frozen=True)
class Published:
    """A number of a source, and the rule by which ours agrees with it; see `papers.rule`."""

    column: str  # of the rows
    value: int | float
    rule: Rule = "interval"
    where: Row = field(default_factory=dict)  # the rows that it is of: those with these values
    tolerance: int | float = 0  # of "exact": half a unit of its last digit
    any_size: bool = False  # whether the quick size, too, can be compared with it
    why_not: str = ""  # why nothing of ours can be; empty where something can

    @property
    def name(self) -> str:
        """What it is called in tables: its column, and which rows it is of."""
        told = ", ".join(f"{k}={v}" for k, v in self.where.items())
        return f"{self.column} ({told})" if told else self.column


@dataclass(frozen=True)
class Item:
    """A figure or a table of a source: what it is made of, and what was published of it."""

    name: str  # paper:item
    shows: str  # in one line
    full: Size
    quick: Size | None
    published: tuple[Published, ...]
    draw: "Callable[[Sequence[Row]], Figure]"
    measure: Callable[[Any], Row]
    read: str | None  # how much a sweep reads of each network: the function is then given a row of
    # the sweep's table; None: a run

    @property
    def paper(self) -> str:
        return self.name.partition(":")[0]

    @property
    def is_ours(self) -> bool:
        """Whether it is one of grokscope's own."""
        return _is_ours(self.measure)

    def size(self, name: str) -> Size:
        """The full or the quick size. Raises `BadInput` where there is no such."""
        size = self.full if name == "full" else self.quick
        if size is None:
            raise BadInput(f"{self.name} has no quick size. Leave out --quick.")
        return size

    @property
    def code(self) -> str:
        """A hash of the function that measures: rows of another one are measured anew."""
        try:
            text = inspect.getsource(self.measure)
        except (OSError, TypeError):  # typed at a prompt
            text = repr(self.measure)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


F = TypeVar("F", bound=Callable[[Any], Row])
ITEMS: dict[str, Item] = {}


def item(
    name: str,
    *,
    shows: str,
    full: Size,
    draw: "Callable[[Sequence[Row]], Figure]",
    quick: Size | None = None,
    published: Sequence[Published] = (),
    read: str | None = None,
) -> Callable[[F], F]:
    """Make an item available as `paper:item`. Raises `BadInput` for a name that is not so written,
    and for one of grokscope's own."""
    paper, colon, own = name.partition(":")
    if not (paper and colon and own) or not all(x.isidentifier() for x in (paper, own)):
        raise BadInput(f"an item is called paper:item, as in nanda2023:fig7, not `{name}`.")

    def add(f: F) -> F:
        taken = ITEMS.get(name)
        if taken is not None and taken.is_ours and not _is_ours(f):
            raise BadInput(f"`{name}` is an item of grokscope's own. Call yours by another name.")
        ITEMS[name] = Item(name, shows, full, quick, tuple(published), draw, f, read)
        return f

    return add


def chosen(asked: str, items: Mapping[str, Item]) -> list[Item]:
    """The items that a person means: one, all of a paper, or "all". Raises `UnknownName`, with the
    nearest name, where there is none."""
    if asked in items:
        return [items[asked]]
    found = [x for x in items.values() if asked in (x.paper, "all")]
    if not found:
        raise unknown("item or paper", asked, {*items, "all", *(x.paper for x in items.values())})
    return found


def key(subject: Subject) -> str:
    """What a subject's row is known by: the id of a spec, or what it holds."""
    return subject.id if isinstance(subject, Spec) else json.dumps(dict(subject), sort_keys=True)


def label(subject: Subject) -> dict[str, Any]:
    """What a row says of its subject, where the function that measures does not say it."""
    if not isinstance(subject, Spec):
        return dict(subject)
    return {"task": subject.task, **subject.task_args, "seed": subject.seed}


def seeds(spec: Spec, count: int, **changes: Any) -> tuple[Spec, ...]:
    """The spec with seeds 0 to count - 1."""
    return tuple(replace(spec, **changes, seed=seed) for seed in range(count))


def _is_ours(f: Callable[..., Any]) -> bool:
    return f.__module__.startswith(f"{__package__}.")
