"""What is printed: tables, facts as sentences, bars. Nothing is measured or written here."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from rich.padding import Padding
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from grokscope.errors import brief
from grokscope.printable import Screen, printable
from grokscope.reading.accounts import compared_accounts
from grokscope.reading.facts import CertificateFacts, ExplanationFacts
from grokscope.reading.said import Said
from grokscope.reading.sentences import (
    WEIGHTS,
    account,
    evidence,
    lens_verdict,
    percent,
    short,
)
from grokscope.runs import REASON
from grokscope.training.files import as_json
from grokscope.training.track import Track
from grokscope.verify.evidence import OfAll

if TYPE_CHECKING:
    import polars as pl

    from grokscope.explain.judgement import Judged, Judgement
    from grokscope.integrity.check import Checked
    from grokscope.planted.exam import Exam
    from grokscope.reading.compared import Compared
    from grokscope.reading.differences import Differences
    from grokscope.reading.spectrum import Spectrum
    from grokscope.verify.ablations import Ablated
    from grokscope.verify.interchange import Interchange

LONGEST_ID = 75
IN_FULL = (
    "median grok step", "median test_accuracy", "median norm", "grokking, by class",
    "median proved accuracy", "cpu_s",
)  # fmt: skip
LONGEST_CELL = 1000
MOST_PARTS = 10  # of a weight that are listed
MOST_REASONS = 2


@contextmanager
def bar(title: str) -> Iterator[Track]:
    """A bar that shows how many of how many are done, while it lasts."""
    console = Screen(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(title)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def print_json(value: Any) -> None:
    """JSON on one line."""
    print(as_json(value).replace("\x7f", r"\u007f"))  # the one control that JSON leaves as it is


def print_file(file: Path | str, to: Any = None) -> None:
    """The name of a file that was written, alone on its line, for scripts."""
    print(printable(str(file), keep=""), file=to)


def print_program(text: str) -> None:
    """A program in Python."""
    print(printable(text, keep="\n\t"))


def print_reading(name: str, said: Said, page: Path | None, is_long: bool = False) -> None:
    """What happened in a run: the verdict, then its numbers; at length the whole story, and what
    specialists ask."""
    console = _console()
    console.print(Text(f"{name}: {said.headline}", style="bold"), soft_wrap=True)
    console.print(Text(said.lead))
    console.print(_grid(said.numbers))
    if is_long:
        print_paragraphs(said.paragraphs)
    if page is not None:
        console.print(Text.assemble(("report: ", "bold"), str(page)), soft_wrap=True)


def print_explanation(name: str, e: ExplanationFacts, circuit: Path | None) -> None:
    """What a network does and how that is known; `circuit` is the simplest as a program."""
    console = _console()
    console.print(Text(f"{name}: {short(e)}, {e.algorithm or 'no algorithm'}", style="bold"))
    print_paragraphs(account(e))
    each = [(name, x) for name, x in e.operators.items()] or [("", e)]
    print_table([
        ({"formula": name} if name else {}) | _circuit_row(c)
        for name, x in each for c in x.certificates
    ])  # fmt: skip
    for name, x in each:
        _print_failed(f"{name}: " if name else "", x)
    if circuit is not None:
        console.print(Text.assemble(("as Python: ", "bold"), str(circuit)), soft_wrap=True)


def _print_failed(of: str, e: ExplanationFacts) -> None:
    """Which explanations do not hold, by which numbers, and which are not there."""
    for c in e.certificates:
        if not c.holds:
            more = len(c.reasons) - MOST_REASONS
            reasons = [evidence(x) for x in c.reasons[:MOST_REASONS]]
            rest = [f"and {more} more"] if more > 0 else []
            _console().print(Text(f"{of}{c.form} {c.verdict}: {'; '.join([*reasons, *rest])}"))
    if e.not_found:
        _console().print(Text(f"{of}not found, or not for this task: {', '.join(e.not_found)}"))


def _circuit_row(c: CertificateFacts) -> dict[str, Any]:
    """The main numbers of a certificate."""
    return {
        "circuit": c.form,
        "verdict": c.verdict,
        "numbers": c.size,
        "agrees": _rounded(c, OfAll.SAME_ANSWERS),
        "explains": _rounded(c, OfAll.SAME_LOGITS),
        "accuracy without it": _rounded(c, OfAll.REMOVED),
        "accuracy proved with it": None if c.bound is None else c.bound.accuracy,
    }


def _rounded(c: CertificateFacts, tested: OfAll) -> float | None:
    x = c.get(tested)
    return None if x is None else round(x.value, 4) + 0.0


def print_path(path: Sequence[ExplanationFacts]) -> None:
    """A run's explanations over its checkpoints, a row each: how much of the logits every form
    explains there, in brackets where it does not hold."""
    forms = dict.fromkeys(c.form for e in path for c in e.tried)
    rows = []
    for e in path:
        tried = {c.form: c for c in e.tried}
        rows.append(
            {"step": e.step, "verdict": e.gate.verdict, "algorithm": e.algorithm}
            | {k: round(e.accuracy[k], 3) for k in ("all", "train", "test") if k in e.accuracy}
            | {f"{form} explains": _explains(tried.get(form)) for form in forms}
        )
    print_table(rows)


def _explains(c: CertificateFacts | None) -> str | None:
    if c is None:
        return None
    value = f"{c.value(OfAll.SAME_LOGITS):.3f}"
    return value if c.holds else f"({value})"


def print_compared(c: "Compared") -> None:
    """Accounts of one network side by side, then the interventions that do not tell them apart."""
    print_table(c.rows)
    for where, e in (("network", c.network), ("control", c.control)):
        for form, why in e.not_found.items():
            _console().print(Text(f"no {form} in the {where}: {why}"))
    names = next(iter(c.interventions.values()), {})
    rows = [
        {"intervention (Stander et al.)": name}
        | {
            f"{where}, {what}": score
            for where, scores in c.interventions.items()
            for what, score in zip(("accuracy", "loss"), scores[name], strict=True)
        }
        for name in names
    ]
    if rows:
        print_table(rows)
    for sentence in compared_accounts(c.network, c.forms):
        _console().print(Text(sentence))


def print_trace(table: "pl.DataFrame", file: Path | None) -> None:
    """Print where each number begins, its extremes and where it ends. `file` has the table."""
    rows = []
    for column in table.columns[1:]:
        numbers = table.select("step", column).drop_nulls()
        values = numbers[column].to_list()
        if not values:
            continue
        low, high = min(values), max(values)
        rows.append(
            {
                "measure": column,
                "first": values[0],
                "lowest": low,
                "lowest at": numbers["step"][values.index(low)],
                "highest": high,
                "highest at": numbers["step"][values.index(high)],
                "last": values[-1],
            }
        )
    print_table(rows, empty="nothing was measured.")
    first, last = table["step"][0], table["step"][-1]
    steps = f"{len(table)} checkpoints, steps {first:,} to {last:,}"
    steps = f"1 checkpoint, step {last:,}" if len(table) == 1 else steps
    kept = "" if file is None else f"; the table: {file}"
    _console().print(Text(f"{steps}{kept}"), soft_wrap=True)


def print_spectrum(s: "Spectrum") -> None:
    """The lenses by their score, then each weight's largest parts."""
    console = _console()
    console.print(Text(f"{s.task}, step {s.step:,}", style="bold"))
    print_table(
        [
            {
                "lens": name,
                "reads": s.laws[name],
                "sparser than chance by (nats)": round(score, 3),
                **{WEIGHTS.get(k, k): round(x, 3) for k, x in s.by_weight[name].items()},
            }
            for name, score in s.scores.items()
        ]
    )
    console.print(Text(lens_verdict(s.scores, s.winner, s.lead, s.margin)))
    for weight, shares in s.shares.items():
        chance, parts = s.chance[weight], sorted(shares, key=lambda k: -shares[k])
        largest, rest = parts[:MOST_PARTS], parts[MOST_PARTS:]
        console.print(Text(f"\n{WEIGHTS.get(weight, weight)}, {s.lens} lens", style="bold"))
        print_table(
            [
                {"part": k, "share": percent(shares[k]), "chance": percent(chance[k])}
                for k in largest
            ]
        )
        if rest:
            share = percent(sum(shares[k] for k in rest))
            console.print(Text(f"{len(rest)} other parts hold {share}."))


def print_ablations(found: "Sequence[Ablated]") -> None:
    """A line an ablation: loss and accuracy without it, and those of its controls."""
    print_table(
        [
            {
                "without": x.what,
                "put there": x.put,
                "size": x.size,
                "loss": f"{x.loss:.3g}",
                "at random": _span(x.control_losses, "{:.3g}"),
                "accuracy": f"{x.accuracy:.1%}",
                "then at random": _span(x.control_accuracies, "{:.1%}"),
            }
            for x in found
        ]
    )


def print_interchange(found: "Interchange | None") -> None:
    """How many pairs answer as those whose product they were given."""
    if found is None:
        return
    line = f"Given the product of another pair in the key parts, {found.share:.1%} answer as it"
    if found.control is not None:
        line += f"; in as many other parts {found.control:.1%}"
    _console().print(Text(f"\n{line}."))


def _span(values: Sequence[float], form: str) -> str:
    """The median of some numbers, and between which they lie."""
    if not values:
        return ""
    middle, low, high = (form.format(x) for x in (median(values), min(values), max(values)))
    return f"{middle} ({low} to {high})"


def print_exam(exam: "Exam", failures: Sequence[dict[str, Any]]) -> None:
    """The table of an exam, its shares, and what was answered wrongly."""
    print_table(exam.table)
    said = {
        "named": "of the truths named",
        "accepted": "of the impostors accepted",
        "same": "of the disguised named as before",
        "accepted_whole": "of the mixed named without their share",
    }
    shares = [f"{percent(exam.shares[x])} {y}" for x, y in said.items() if x in exam.shares]
    over = [f"{exam.overproved} proved to be more accurate than they are"] * (exam.overproved > 0)
    _console().print(Text(f"\n{', '.join([*shares, *over])}", style="bold"))
    if failures:
        print()
        print_table(failures)


STATES = ("changed", "not judged", "new", "as before")  # what one looks for first


def print_judged(found: "Sequence[Judged]") -> None:
    """What each run was said to be and is said to be now, what changed first; then how many."""
    print_table([_judged_row(x) for x in sorted(found, key=lambda x: STATES.index(x.state))])
    changed, failed, new, same = (sum(x.state == s for x in found) for s in STATES)
    counts = [f"{changed} changed", f"{new} new", f"{same} as before"]
    counts += [f"{failed} could not be judged"] if failed else []
    there = sum(x.was_there for x in found)
    known = f", {there} of them judged by these rules before" if there else ""
    runs = "run" if len(found) == 1 else "runs"
    _console().print(Text(f"{len(found)} {runs}{known}: {', '.join(counts)}", style="bold"))
    for x in found:
        if x.reason is not None:
            _console().print(Text(f"{_cell(x.run)}: {x.reason}"), soft_wrap=True)


def _judged_row(x: "Judged") -> dict[str, Any]:
    """A run's judgements; what is the same in both is told once."""

    def told(of: "Callable[[Judgement], Any]") -> str:
        each = [_cell(of(j)) for j in (x.before, x.now) if j is not None]
        return " -> ".join(dict.fromkeys(each)) or "-"

    return {
        "run": x.run,
        "state": x.state,
        "verdict": told(lambda j: j.verdict),
        "names": told(lambda j: ", ".join(j.algorithms) or j.algorithm),
        "bound": told(lambda j: j.bound),
        "right": told(lambda j: j.accuracy.get("all")),
        "by": told(lambda j: j.by),
    }


def print_checked(c: "Checked") -> None:
    """What is not as it was written, a line each; else that all is."""
    count = f"{c.evaluations:,} evaluations, {c.checkpoints:,} checkpoints"
    sound = "as it was written" if c.is_sound else "damaged"
    if any(x.state == "mended" for x in c.findings) and c.is_sound:
        sound = "mended"
    _console().print(Text(f"{c.folder}: {sound} ({count})", style="bold"), soft_wrap=True)
    for x in c.findings:
        then = f" {x.then[:1].upper()}{x.then[1:]}" if x.then else ""
        end = "" if x.what.endswith(".") else "."
        console_text = f"  {x.state}: {x.file}: {x.what}{end}{then}"
        _console().print(Text(console_text.rstrip(".") + "."), soft_wrap=True)


def print_differences(one: str, other: str, found: "Differences") -> None:
    """The settings that differ, then the first evaluation that does."""
    rows = [{"setting": k, one: x, other: y} for k, (x, y) in found.settings.items()]
    print_table(rows, empty="the same settings.")
    first = [{} if row is None else row for row in found.first]
    if not any(first):
        _console().print(Text(f"all {found.alike:,} evaluations are the same."))
        return
    _console().print(Text(f"\n{found.alike:,} evaluations are the same; the next:"))
    names = dict.fromkeys([*first[0], *first[1]])
    print_table([{"": k, one: first[0].get(k), other: first[1].get(k)} for k in names])


def print_summary(rows: Sequence[dict[str, Any]]) -> None:
    """What a summary says of each group, a line each with what matters most; of all networks as
    one, upright and in full."""
    from grokscope.sweep.summary import as_text

    told = [{name: as_text(value) for name, value in row.items()} for row in rows]
    if len(told) == 1:
        print_upright(told)
        return
    left_out = {*IN_FULL, *(x for x in ("failed",) if not any(row[x] for row in rows))}
    print_table([{k: v for k, v in row.items() if k not in left_out} for row in told])


def print_table(rows: Sequence[dict[str, Any]], empty: str = "") -> None:
    """Rows with the same keys as a table; `empty` is said of no rows."""
    console = _console()
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


def print_runs(rows: Sequence[dict[str, Any]], empty: str = "") -> None:
    """The table of runs, and beneath it why some could not be read."""
    print_table([{k: v for k, v in row.items() if k != REASON} for row in rows], empty)
    for row in rows:
        if row[REASON] is not None:
            _console().print(Text(f"{_cell(row['run'])}: {row[REASON]}"), soft_wrap=True)


def print_imported(rows: Sequence[dict[str, Any]]) -> None:
    """The table of what was imported, and beneath it what there is to say of each."""
    beneath = ("assumed", "notes")
    print_table([{k: v for k, v in row.items() if k not in beneath} for row in rows])
    for row in rows:
        if row["notes"]:
            _console().print(Text.assemble((f"{_cell(row['run'])}: ", "bold"), row["notes"]))


def print_upright(rows: Iterable[dict[str, Any]]) -> None:
    """Each row as a block of keys and values."""
    for row in rows:
        _console().print(_grid((key, _cell(value)) for key, value in row.items()))


def _grid(rows: Iterable[tuple[str, str]]) -> Table:
    """Labels, and a text beside each."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for label, text in rows:
        table.add_row(label, Text(text))
    return table


def print_paragraphs(texts: Iterable[str]) -> None:
    """Each text by itself, a little indented."""
    for text in texts:
        _console().print(Padding(Text(text), (0, 0, 0, 2)))


def _console() -> Screen:
    """Where results go."""
    return Screen()


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, dict):
        return ", ".join(f"{k}={_cell(v)}" for k, v in value.items())
    if isinstance(value, float):
        return f"{value:.4g}"
    return brief(printable(str(value), keep=""), LONGEST_CELL)
