"""`grokscope run`."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import Positional, arg

from grokscope.cli.ending import Ended
from grokscope.cli.options import Json, Long, Out, Plugins, Threads, absent, load
from grokscope.errors import BadInput, brief, unknown
from grokscope.printable import Screen

if TYPE_CHECKING:
    from grokscope.page.live.watch import Watch
    from grokscope.spec import Spec
    from grokscope.training.run import Run

MOST_SEEDS = 10_000


def run(
    settings: Positional[
        Annotated[
            tuple[str, ...],
            absent("[SETTING ...]", "a name (`grokscope list specs`), then key=value"),
        ]
    ] = (),
    /,
    out: Out = Path("runs"),
    device: Annotated[str, arg(metavar="NAME", help="cpu or cuda")] = "cpu",
    threads: Threads = None,
    seeds: Annotated[int, arg(help="train this many at once: seed, seed + 1, ...")] = 1,
    stacked: Annotated[bool, arg(help="keep new networks in one folder, with few files")] = False,
    dry_run: Annotated[bool, arg(help="say what would be trained, and train nothing")] = False,
    watch: Annotated[bool, arg(help="show its page in a browser while it trains")] = False,
    log: Annotated[
        Literal["tensorboard", "trackio", "wandb", "mlflow"] | None,
        absent(
            "TRACKER", "tensorboard, trackio, wandb or mlflow: log each evaluation as it is made"
        ),
    ] = None,
    long: Long = False,
    json: Json = False,
    use: Plugins = (),
) -> None:
    """Train a network, read it, and write its report.

    What was trained before is not trained again; what was interrupted goes on.

    Example: grokscope run demo 'task=a*b' task.p=97 seed=1
    """
    from grokscope.cli.told import tell_earlier
    from grokscope.runs import table
    from grokscope.sweep.settings import is_list
    from grokscope.terminal import print_json, print_runs, print_upright
    from grokscope.trackers import log_to
    from grokscope.training.machine import use_threads
    from grokscope.training.progress import progress_bar
    from grokscope.training.train import train

    load(use)
    use_threads(threads)
    with _not_a_sweep(settings):
        specs = _specs(settings, seeds, out)
        is_doubtful = any(map(is_list, settings))
        planned = specs if dry_run else specs[:1] if is_doubtful else []
        plans = [_plan(spec, out, device) for spec in planned]
    if dry_run:
        print_json(plans) if json else print_upright(plans)
        return
    notes = Screen(stderr=True)
    tell_earlier(specs, out)
    with _watched(specs, out, notes) if watch else nullcontext() as live:
        try:
            with progress_bar(specs, notes) as track, log_to(log) as on_row:
                runs = train(specs, out, device=device, track=track, on_row=on_row, stacked=stacked)
        except Ended as end:
            raise type(end)(f" {_goes_on(specs, out)}") from None
        if live is not None:
            live.settle()
        for trained in runs:
            report(trained, json, use, long)
        if len(runs) > 1 and not json:
            print_runs(table([trained.folder for trained in runs]))
        if live is not None and notes.is_terminal:
            message = f"{live.address} is there until you press Ctrl-C."
            notes.print(message, soft_wrap=True)
            with suppress(KeyboardInterrupt):
                live.wait()


@contextmanager
def _not_a_sweep(settings: Sequence[str]) -> Iterator[None]:
    """Where a setting that lists several values is refused, say which command takes it."""
    from grokscope.sweep.settings import is_list

    try:
        yield
    except BadInput as error:
        if any(map(is_list, settings)):
            command = " ".join(["grokscope sweep", *map(quote, settings)])
            raise BadInput(f"{error} For a network of each value: {command}") from error
        raise


def _goes_on(specs: "list[Spec]", out: Path) -> str:
    """From where the same command goes on: what is on the disk, not what was meant to be."""
    from grokscope.training.run import Run

    runs = [Run.of(spec, out) for spec in specs]
    steps = [run.resumes_at or 0 for run in runs if not run.is_finished]
    if not steps or not max(steps):
        return "Nothing was saved yet. The same command begins anew."
    if len(runs) == 1:
        return f"Step {steps[0]:,} is saved: the same command goes on from there."
    done = f"{len(runs) - len(steps)} of {len(runs)} networks are finished"
    at = f"steps {min(steps):,} to {max(steps):,}"
    return f"{done}, the others saved at {at}: the same command goes on from there."


def report(run: "Run", json: bool, use: Plugins, is_long: bool = False) -> None:
    """Read a run, write its page, and say what there is to say."""
    from grokscope.page.page import write_page
    from grokscope.reading.reading import read
    from grokscope.reading.said import Said, keep
    from grokscope.terminal import bar, print_json, print_reading

    with bar("reading the checkpoints") as track:
        reading = read(run, track)
    page = write_page(reading)
    said = Said.of(reading.facts)
    keep(run, said, use)
    if json:
        print_json({**said.record, "report": str(page)})
    else:
        print_reading(run.name, said, page, is_long)


def _watched(specs: "list[Spec]", out: Path, notes: Screen) -> "Watch":
    """The page of the run that is trained, or of the first of several that is not finished."""
    from grokscope.page.live.watch import Watch
    from grokscope.training.run import Run

    runs = [Run.of(spec, out) for spec in specs]
    shown = next((run for run in runs if not run.is_finished), runs[0])
    live = Watch(shown)
    notes.print(f"{shown.name} is shown while it trains: {live.address}", soft_wrap=True)
    return live


def settings_together(args: list[str]) -> list[str]:
    """`run --out x demo --json lr=1` as `run demo lr=1 --out x --json`: the parser wants name and
    settings in one place, people put them anywhere."""
    if args[:1] not in (["run"], ["sweep"]):
        return args
    with_value = ("--out", "--device", "--threads", "--seeds", "--use", "--sample", "--list")
    with_value += ("--read", "--keep", "--workers", "--engine", "--log")
    settings, options = [], []
    for before, word in itertools.pairwise(args):
        is_setting = not word.startswith("-") and before not in with_value
        (settings if is_setting else options).append(word)
    return [args[0], *settings, *options]


def _specs(settings: Sequence[str], seeds: int, out: Path) -> "list[Spec]":
    """The spec that the settings name and change, once for each seed."""
    from grokscope.cli.find import to_load
    from grokscope.papers import EXPERIMENTS
    from grokscope.spec import Spec
    from grokscope.sweep.settings import twice

    if not 1 <= seeds <= MOST_SEEDS:
        raise BadInput(f"--seeds must be a whole number from 1 to {MOST_SEEDS:,}, not {seeds}.")
    if not settings:
        raise BadInput(f"say what to run. Known: {', '.join(EXPERIMENTS)}; or key=value pairs.")
    name, changes = (settings[0], settings[1:]) if "=" not in settings[0] else (None, settings)
    others = [setting for setting in changes if "=" not in setting]
    if others:
        raise BadInput(
            f"`{brief(others[-1])}` is not a setting. Write one name, then key=value pairs."
        )
    if name is not None and name not in EXPERIMENTS:
        raise unknown("spec", name, EXPERIMENTS)
    if sum(setting.startswith("task=") for setting in changes) > 1:
        raise twice("task")
    start = Spec() if name is None else EXPERIMENTS[name].spec
    spec = to_load(start.override(*changes), out)
    return [replace(spec, seed=spec.seed + i) for i in range(seeds)]


def _plan(spec: "Spec", out: Path, device: str) -> dict[str, Any]:
    """What this would mean: `memory_gb` is the peak of all that `run` does. Raises `BadInput` where
    it would be refused."""
    from grokscope.reading.reading import is_small
    from grokscope.runs import Entry, state
    from grokscope.snapshot import Snapshot
    from grokscope.training.check import check, memory_needed
    from grokscope.training.choice import chosen_step
    from grokscope.training.machine import check_device
    from grokscope.training.memory import reading
    from grokscope.training.run import Run

    check_device(device)
    planned = Run.of(spec, out)
    model = check(planned, device)
    n_weights = sum(w.numel() for w in model.parameters())
    size = next(model.parameters()).element_size()
    is_explained = is_small(Snapshot(planned.task, planned.is_train, model))
    phases = {
        "training": memory_needed(planned, model, device),
        "reading": reading(planned, model, is_explained),
    }
    checkpoints = spec.steps // spec.checkpoint_every + spec.steps.bit_length() + 2
    return {
        "run": spec.id,
        "folder": str(planned.folder),
        "state": state(Entry(planned)),
        "task": planned.task.name,
        "train_pairs": int(planned.is_train.sum()),
        "test_pairs": int((~planned.is_train).sum()),
        "lenses": [f"{lens.name} ({lens.law})" for lens in planned.task.lenses],
        "weights": n_weights,
        "step": chosen_step(planned, model, device),
        "memory_gb": round(max(phases.values()) / 1e9, 3),
        "memory_gb_of": {phase: round(size / 1e9, 3) for phase, size in phases.items()},
        "disk_mb_at_most": round(size * n_weights * (checkpoints + 6) / 1e6, 1),
        "spec": asdict(spec),
    }
