"""Items of Furuta et al. 2024 on transfer: which fraction an operation takes with a part of another
network, frozen, and what each half of that recipe does alone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from grokscope.papers.item import Published, Row, Size, item
from grokscope.papers.items.furuta2024 import COARSE, FAST, FRACTIONS, of
from grokscope.papers.measured import events
from grokscope.plots.items import dots
from grokscope.spec import Spec
from grokscope.training.run import Run

SOURCES = {"add": ("a+b", "+"), "mul": ("a*b", "*"), "sub": ("a-b", "-")}
PARTS = {"PG-E": "embed", "PG-T": "transformer"}
COLUMNS = ("add PG-E", "add PG-T", "mul PG-E", "mul PG-T", "sub PG-E", "sub PG-T", "scratch")
NEVER = 2.0  # at none of the fractions
TABLE_1 = {  # the least fraction that generalises, by column
    "2*a+b": (0.3, 0.3, NEVER, 0.3, 0.4, 0.7, 0.5),
    "2*a-b": (0.3, 0.3, NEVER, 0.3, 0.3, 0.5, 0.4),
    "2*a+3*b": (0.3, 0.3, NEVER, 0.3, 0.4, NEVER, 0.4),
    "2*a-3*b": (0.3, 0.3, NEVER, 0.3, 0.4, 0.8, 0.4),
    "a*b+b": (NEVER, 0.3, 0.4, 0.3, NEVER, 0.7, 0.5),
    "a*b-b": (NEVER, 0.4, 0.4, 0.3, NEVER, 0.7, 0.5),
    "(a+b)**2": (0.3, 0.3, 0.8, 0.3, 0.3, 0.9, 0.3),
    "(a-b)**2": (0.3, NEVER, 0.9, NEVER, 0.3, 0.8, 0.3),
    "(a+b)**2+a+b": (0.3, 0.4, NEVER, 0.3, 0.3, 0.3, 0.3),
    "a**2+a*b+b**2": (0.9, NEVER, 0.7, NEVER, 0.9, NEVER, 0.8),
    "a**2-b": (0.4, 0.3, NEVER, 0.3, 0.6, 0.9, 0.4),
    "a**2-b**2": (0.6, 0.7, 0.6, 0.5, 0.7, 0.4, 0.3),
    "(a+b)**3": (0.3, NEVER, NEVER, NEVER, 0.6, NEVER, 0.3),
    "(a-b)**3": (0.4, NEVER, NEVER, NEVER, 0.6, NEVER, 0.5),
    "a**3+a*b": (NEVER, NEVER, NEVER, NEVER, NEVER, NEVER, 0.9),
    "a**3+a*b**2+b": (NEVER,) * 7,
}


def sources(p: int, fraction: float, **changes: Any) -> dict[str, Spec]:
    """The networks whose parts are taken, each with its own operator's token."""
    return {
        name: of(task, p, fraction, COARSE, model_args={"operator": token}, **changes)
        for name, (task, token) in SOURCES.items()
    }


def with_part(spec: Spec, column: str, given: Mapping[str, Spec]) -> Spec:
    """The network of a column of Table 1."""
    if column == "scratch":
        return spec
    name, part = column.split()
    part = PARTS[part]
    return replace(spec, load=given[name].id, load_parts=part, freeze=part)


def _used(given: Mapping[str, Spec], columns: Iterable[str]) -> tuple[Spec, ...]:
    """The sources that these columns take a part of."""
    names = {column.split()[0] for column in columns}
    return tuple(spec for name, spec in given.items() if name in names)


def _table(
    tasks: Iterable[str],
    columns: Sequence[str],
    fractions: Sequence[float],
    p: int,
    of_sources: float,
    **changes: Any,
) -> Size:
    given = sources(p, of_sources, **changes)
    subjects = tuple(
        with_part(of(task, p, r, COARSE, **changes), column, given)
        for task in tasks for column in columns for r in fractions
    )  # fmt: skip
    return Size(subjects, 0.0, _used(given, columns))


BRIEF = {**FAST, "steps": 1_500}
FULL = _table(TABLE_1, COLUMNS, FRACTIONS, 97, 0.3)
QUICK = _table(("2*a+b",), ("add PG-E", "add PG-T", "scratch"), (0.4, 0.6), 31, 0.8, **BRIEF)
NAMES = {
    s.id: name
    for given in (sources(97, 0.3), sources(31, 0.8, **BRIEF))
    for name, s in given.items()
}


def column_of(spec: Spec) -> str:
    """The column of Table 1 that a network is of."""
    if spec.load is None:
        return "scratch"
    part = next(short for short, name in PARTS.items() if name == spec.load_parts)
    return f"{NAMES[spec.load]} {part}"


@item(
    "furuta2024:table_1",
    shows="the least fraction that generalises: 16 operations, alone and with six frozen parts",
    full=replace(FULL, hours=120),
    quick=replace(QUICK, hours=0.08),
    published=tuple(
        Published(
            "generalises",
            float(r >= low),
            "share",
            {"task": f"{t} p=97", "column": c, "fraction": r},
        )
        for t, least in TABLE_1.items()
        for c, low in zip(COLUMNS, least, strict=True)
        for r in FRACTIONS
    ),
    draw=partial(dots, columns=("test_accuracy",), by="column"),
)
def table_1(run: Run) -> Row:
    """Whether it generalises at this fraction, by its operation and column."""
    spec = run.spec
    named = {"task": f"{spec.task} p={spec.task_args['p']}", "fraction": spec.train_fraction}
    return {**events(run), **named, "column": column_of(spec)}


WAYS = ("frozen part", "scratch", "random and frozen", "loaded and trained", "shuffled and frozen")
CELLS = {"2*a+b": "add PG-E", "a*b+b": "mul PG-T", "2*a-b": "add PG-T"}


def ways(spec: Spec, column: str, given: Mapping[str, Spec]) -> dict[str, Spec]:
    """A cell of Table 1 and its controls: each half of the recipe alone, and the loaded rows in
    another order."""
    both = with_part(spec, column, given)
    return dict(zip(WAYS, (
        both, spec, replace(spec, freeze=both.freeze), replace(both, freeze=None),
        replace(both, load_shuffled=True),
    ), strict=True))  # fmt: skip


def _controls(
    tasks: Mapping[str, str], p: int, fraction: float, of_sources: float, **changes: Any
) -> Size:
    given = sources(p, of_sources, **changes)
    subjects = tuple(
        x for task, column in tasks.items()
        for x in ways(of(task, p, fraction, COARSE, **changes), column, given).values()
    )  # fmt: skip
    return Size(subjects, 0.0, _used(given, tasks.values()))


@item(
    "furuta2024:transfer_controls",
    shows="three cells of Table 1 beside what freezing, loading and shuffled rows do alone",
    full=replace(_controls(CELLS, 97, 0.3, 0.3), hours=3),
    quick=replace(
        _controls({"2*a+b": "add PG-E"}, 31, 0.6, 0.8, **BRIEF), hours=0.07
    ),
    published=tuple(
        Published("generalises", float(way == WAYS[0]), "share", {"task": f"{t} p=97", "way": way})
        for t in CELLS for way in WAYS[:2]
    ),
    draw=partial(dots, columns=("test_accuracy", "generalised"), by="way"),
)  # fmt: skip
def transfer_controls(run: Run) -> Row:
    """Whether it generalises, and which of the five it is."""
    spec, told = run.spec, WAYS[1]
    if spec.load is None:
        told = WAYS[2] if spec.freeze else WAYS[1]
    else:
        told = WAYS[4] if spec.load_shuffled else WAYS[0] if spec.freeze else WAYS[3]
    return {**events(run), "task": f"{spec.task} p={spec.task_args['p']}", "way": told}
