"""Watching training on a terminal: a bar, and a line when something happens."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from grokscope.printable import Screen
from grokscope.spec import Spec
from grokscope.training.events import Events, Row
from grokscope.training.run import Run
from grokscope.training.track import TrackRun


@contextmanager
def progress_bar(specs: Sequence[Spec], console: Screen) -> Iterator[TrackRun]:
    """A tracker that shows steps per second, the time left, accuracies and events.

    One network has its own bar; many share one, with counts of those that memorised and grokked.
    """
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=12),
        TextColumn("step {task.fields[step]:,.0f} {task.fields[rate]}"),
        TextColumn("left, at most"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    latest: dict[str, tuple[Row, Events]] = {}
    ends: dict[str, int | float] = {spec.id: spec.steps for spec in specs}

    def track(run: Run, row: Row, events: Events) -> None:
        before = latest.get(run.spec.id)
        latest[run.spec.id] = row, events
        _announce(run, row, events, before[1] if before else None, console, len(specs) > 1)
        ends[run.spec.id] = end_of(run, row, events)
        done = sum(r["step"] for r, _ in latest.values())
        speed = bar.tasks[0].speed
        bar.update(
            task_id,
            completed=done,
            total=sum(ends.values()),
            description=described(latest, len(specs)),
            step=max(r["step"] for r, _ in latest.values()),
            rate=f"{speed:,.0f} steps/s" if speed else "",
        )

    with bar:
        task_id = bar.add_task("starting", total=sum(ends.values()), step=0, rate="")
        yield track


def described(latest: Mapping[str, tuple[Row, Events]], count: int) -> str:
    """How far training is, in a few words: the last evaluation of each network, of so many."""
    if count > 1:
        memorised = sum(e.t_memorize is not None for _, e in latest.values())
        grokked = sum(e.t_grok is not None for _, e in latest.values())
        return f"{count} networks, {memorised} memorised, {grokked} grokked"
    ((row, events),) = latest.values()
    state = "learning"
    if events.t_memorize is not None:
        state = "memorised"
    if events.t_grok is not None:
        state = "grokked"
    train, test = 100 * row["train_accuracy"], 100 * row["test_accuracy"]
    return f"{state:9s} train {train:.0f} % test {test:.0f} %"


def end_of(run: Run, row: Row, events: Events) -> int | float:
    """The last step that a run can come to, as far as is known."""
    if events.stop is not None:
        return row["step"]
    if events.t_grok is not None and run.spec.stop_after_grok is not None:
        return min(run.spec.steps, events.t_grok + run.spec.stop_after_grok)
    return run.spec.steps


def _announce(
    run: Run, row: Row, events: Events, before: Events | None, console: Screen, many: bool
) -> None:
    """A lasting line when the network memorised, grokked, or fell back."""
    who = f"{run.spec.id} (seed {run.spec.seed}) " if many else ""
    if before is None and row["step"] > 0:
        console.print(f"{who}goes on; now at step {row['step']:,}")
        return
    old = before or Events(None, None, (), None)
    if events.t_memorize is not None and old.t_memorize is None:
        console.print(f"{who}memorised at step {events.t_memorize:,} ({row['seconds']:.1f} s)")
    if events.t_grok is not None and old.t_grok is None:
        console.print(f"{who}grokked at step {events.t_grok:,} ({row['seconds']:.1f} s)")
    if len(events.falls) > len(old.falls):
        console.print(f"{who}fell back at step {events.falls[-1]:,}")
