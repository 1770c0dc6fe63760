"""A run, or a list of things, on the terminal or as JSON."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, TypeVar

import polars as pl
from rich.console import Console
from rich.padding import Padding
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from grokscope.explain.explanation import Explanation
from grokscope.measures import trace
from grokscope.page.page import write_page
from grokscope.planted.exam import Exam
from grokscope.plots.figures import WEIGHTS
from grokscope.reading.compared import Compared
from grokscope.reading.explained import told, write_circuit
from grokscope.reading.reading import Reading, read
from grokscope.reading.sentences import percent, sentences
from grokscope.reading.spectrum import Spectrum
from grokscope.training.files import as_json
from grokscope.training.run import Run
from grokscope.verify.certificate import Certificate

LONGEST_ID = 75
MOST_PARTS = 10  # of a weight that are listed
MOST_REASONS = 2


T = TypeVar("T")
Track = Callable[[int, int], None]


def with_bar(f: Callable[[Track], T]) -> T:
    """`f`, with a bar that shows how many checkpoints of how many are done."""
    console = Console(stderr=True, emoji=False)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("reading the checkpoints")
        return f(lambda done, total: bar.update(task, completed=done, total=total))


@contextmanager
def sources_bar() -> Iterator[Track]:
    """A bar that shows how many files of how many are read."""
    console = Console(stderr=True, emoji=False)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("reading the files")
        yield lambda done, total: bar.update(task, completed=done, total=total)


def read_with_bar(run: Run) -> Reading:
    """The reading of a run, with a bar while it is made."""
    return with_bar(lambda track: read(run, track))


def trace_with_bar(run: Run, measures: Sequence[str] | None) -> pl.DataFrame:
    """The trace of a run, with a bar while it is made."""
    return with_bar(lambda track: trace(run, measures, track))


def print_trace(run: Run, table: pl.DataFrame, wants_json: bool) -> None:
    """Of each number where it begins, its extremes and where it ends; as JSON the whole table."""
    if wants_json:
        print(as_json(table.to_dicts()))
        return
    rows = []
    for column in table.columns[1:]:
        known = table.select("step", column).drop_nulls()
        values = known[column].to_list()
        if not values:
            continue
        low, high = min(values), max(values)
        rows.append(
            {
                "measure": column,
                "first": values[0],
                "lowest": low,
                "lowest at": known["step"][values.index(low)],
                "highest": high,
                "highest at": known["step"][values.index(high)],
                "last": values[-1],
            }
        )
    print_table(rows, False, empty="nothing was measured.")
    first, last = table["step"][0], table["step"][-1]
    steps = f"{len(table)} checkpoints, steps {first:,} to {last:,}"
    steps = f"1 checkpoint, step {last:,}" if len(table) == 1 else steps
    Console(highlight=False, emoji=False).print(
        Text(f"{steps}; the table: {run.folder / 'trace.parquet'}"), soft_wrap=True
    )


def print_spectrum(found: Spectrum, wants_json: bool) -> None:
    """The lenses by their score, then each weight's largest parts."""
    if wants_json:
        print(as_json(asdict(found)))
        return
    console = Console(highlight=False, emoji=False)
    console.print(Text(f"{found.task}, step {found.step:,}", style="bold"))
    print_table(
        [
            {
                "lens": name,
                "reads": found.laws[name],
                "sparser than chance by (nats)": round(score, 3),
                **{WEIGHTS.get(k, k): round(x, 3) for k, x in found.by_weight[name].items()},
            }
            for name, score in found.scores.items()
        ],
        False,
    )
    console.print(Text(found.verdict))
    for weight, shares in found.shares.items():
        chance, largest = (
            found.chance[weight],
            sorted(shares, key=lambda k: -shares[k])[:MOST_PARTS],
        )
        console.print(Text(f"\n{WEIGHTS.get(weight, weight)}, {found.lens} lens", style="bold"))
        rows = [
            {"part": k, "share": percent(shares[k]), "chance": percent(chance[k])} for k in largest
        ]
        print_table(rows, False)
        rest = [k for k in shares if k not in largest]
        if rest:
            held = percent(sum(shares[k] for k in rest))
            console.print(Text(f"{len(rest)} other parts hold {held}."))


def print_reading(run: Run, wants_json: bool, writes_page: bool) -> None:
    """Say what happened in a run: sentences, or one line of JSON; its report is written first."""
    reading = read_with_bar(run)
    page = write_page(reading) if writes_page else run.folder / "report.html"
    if wants_json:
        print(as_json({**reading.to_json(), "report": str(page)}))
        return
    console = Console(highlight=False, emoji=False)
    console.print(Text(run.name, style="bold"))
    for text in sentences(reading):
        console.print(Padding(Text(text), (0, 0, 0, 2)))
    if page.exists():
        console.print(Text.assemble(("report: ", "bold"), str(page)), soft_wrap=True)


def print_explanation(run: Run, found: Explanation, wants_json: bool, program: bool) -> None:
    """What a network does and how that is known; the best circuit that holds is written beside the
    run as circuit.py."""
    written = write_circuit(run, found)
    if wants_json:
        print(as_json({"run": run.folder.name, "step": found.snapshot.step, **found.to_json()}))
        return
    console = Console(highlight=False, emoji=False)
    console.print(
        Text(
            f"{run.folder.name}: {found.verdict}, {found.algorithm or 'no algorithm'}", style="bold"
        )
    )
    for text in told(found):
        console.print(Padding(Text(text), (0, 0, 0, 2)))
    print_table([_circuit_row(c) for c in found.certificates], False)
    for c in found.certificates:
        if c.verdict != "holds":
            told_first = "; ".join(c.reasons[:MOST_REASONS])
            more = len(c.reasons) - MOST_REASONS
            rest = f"; and {more} more" if more > 0 else ""
            console.print(Text(f"{c.circuit.form} {c.verdict}: {told_first}{rest}"))
    if found.not_found:
        console.print(Text(f"not found, or not for this task: {', '.join(found.not_found)}"))
    if written is not None:
        console.print(Text.assemble(("as Python: ", "bold"), str(written)), soft_wrap=True)
        if program:
            print(written.read_text())


def print_path(run: Run, path: list[Explanation], wants_json: bool) -> None:
    """A run's explanations over its checkpoints, a row each: how much of the logits every form
    explains there, in brackets where it does not hold."""
    if wants_json:
        for e in path:
            print(as_json({"run": run.folder.name, "step": e.snapshot.step, **e.to_json()}))
        return
    forms = dict.fromkeys(c.circuit.form for e in path for c in e.certificates)
    rows = []
    for e in path:
        found = {c.circuit.form: c for c in e.certificates}
        rows.append(
            {"step": e.snapshot.step, "verdict": e.verdict, "algorithm": e.algorithm}
            | {k: round(v, 3) for k, v in e.accuracy.items() if k in ("train", "test", "all")}
            | {f"{form} explains": _explains(found.get(form)) for form in forms if form != "lookup"}
        )
    print_table(rows, False)


def _explains(c: Certificate | None) -> str | None:
    if c is None:
        return None
    value = f"{c.value('explained variance of the logits'):.3f}"
    return value if c.verdict == "holds" else f"({value})"


def print_compared(found: Compared, wants_json: bool) -> None:
    """Accounts of one network side by side, then the interventions that do not tell them apart."""
    if wants_json:
        print(as_json(found.to_json()))
        return
    print_table(found.rows(), False)
    for where, e in (("network", found.network), ("control", found.control)):
        for form, why in e.not_found.items():
            Console(highlight=False, emoji=False).print(Text(f"no {form} in the {where}: {why}"))
    names = next(iter(found.interventions.values()), {})
    rows: list[dict[str, Any]] = [
        {"intervention (Stander et al.)": name}
        | {f"{k}, {x}": v[name][i] for k, v in found.interventions.items() for i, x in SCORES}
        for name in names
    ]
    if rows:
        print_table(rows, False)


SCORES = tuple(enumerate(("accuracy", "loss")))


def _circuit_row(c: Certificate) -> dict[str, Any]:
    """The main numbers of a certificate."""
    values = {e.name: e.value for e in c.evidence}
    return {
        "circuit": c.circuit.form,
        "verdict": c.verdict,
        "numbers": c.circuit.size,
        "agrees": _rounded(values.get("the network's own answer")),
        "explains": _rounded(values.get("explained variance of the logits")),
        "accuracy without it": _rounded(values.get("accuracy without it, all")),
        "accuracy proved with it": None if c.bound is None else c.bound.accuracy,
    }


def _rounded(x: float | None) -> float | None:
    return None if x is None else round(x, 4) + 0.0


def print_table(rows: list[dict[str, Any]], wants_json: bool, empty: str = "") -> None:
    """Rows with the same keys as a table, or as a JSON list; `empty` is said of no rows."""
    if wants_json:
        print(as_json(rows))
        return
    console = Console(highlight=False, emoji=False)
    if not rows:
        console.print(Text(empty))
        return
    cells = [[_cell(value) for value in row.values()] for row in rows]
    if all(len(cell) <= LONGEST_ID for line in cells for cell in line):
        console.width = max(console.width, 160)  # words may fold; an id must stay whole
    table = Table(box=None, padding=(0, 2, 0, 0))
    for i, key in enumerate(rows[0]):  # what one would type after reading the table stays whole
        is_id = i == 0 and all(len(line[0]) <= LONGEST_ID and " " not in line[0] for line in cells)
        table.add_column(key.replace("_", " "), overflow="fold", no_wrap=is_id)
    for line in cells:
        table.add_row(*map(Text, line))
    console.print(table)


def print_exam(found: Exam, wants_json: bool) -> None:
    """The table of an exam, its two shares, and what was answered wrongly."""
    failures = [
        {
            "kind": x.kind,
            "seed": x.seed,
            "noise": x.noise,
            "accuracy": x.accuracy,
            "outcome": x.outcome,
            "claimed": ", ".join(sorted(x.claimed)),
            "exact": ", ".join(sorted(x.exact)),
        }
        for x in found.failures
    ]
    if wants_json:
        shares = {"named": found.named, "accepted": found.accepted}
        print(as_json({**shares, "table": found.table, "failures": failures}))
        return
    print_table(found.table, False)
    console = Console(highlight=False, emoji=False)
    told = f"{percent(found.named)} of the truths named, {percent(found.accepted)} of the impostors"
    console.print(Text(f"\n{told} accepted", style="bold"))
    if failures:
        console.print()
        print_table(failures, False)


def print_upright(rows: list[dict[str, Any]], wants_json: bool) -> None:
    """Each row as a block of keys and values, or all as a JSON list."""
    if wants_json:
        print(as_json(rows))
        return
    for row in rows:
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        table.add_column(style="dim")
        for key, value in row.items():
            table.add_row(key, Text(_cell(value)))
        Console(highlight=False, emoji=False).print(table)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, dict):
        return ", ".join(f"{k}={_cell(v)}" for k, v in value.items())
    return f"{value:.4g}" if isinstance(value, float) else str(value)
