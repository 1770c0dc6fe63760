"""The verbs: run, list, show, trace, spectrum, report.

Torch is imported by a verb when it needs it, so that --help and --version answer at once.
"""

import itertools
import os
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro
from rich.console import Console
from rich.text import Text
from tyro.conf import Positional, UseAppendAction, arg

from grokscope.errors import BadInput, DamagedFile, GrokscopeError, unknown

if TYPE_CHECKING:
    from grokscope.page.live.watch import Watch
    from grokscope.spec import Spec
    from grokscope.training.run import Run

Plugins = UseAppendAction[
    Annotated[
        tuple[Path, ...], arg(help="a Python file that adds tasks, models, measures; repeatable")
    ]
]
Out = Annotated[Path, arg(help="the folder that holds the runs")]
Json = Annotated[bool, arg(help="print JSON, for scripts")]


def run(
    settings: Positional[tuple[str, ...]] = (),
    /,
    out: Out = Path("runs"),
    device: Annotated[str, arg(help="cpu or cuda")] = "cpu",
    threads: Annotated[int | None, arg(help="threads to compute with; by default 2")] = None,
    seeds: Annotated[int, arg(help="train this many at once: seed, seed + 1, ...")] = 1,
    dry_run: Annotated[bool, arg(help="say what would be trained, and train nothing")] = False,
    watch: Annotated[bool, arg(help="show its page in a browser while it trains")] = False,
    json: Json = False,
    use: Plugins = (),
) -> None:
    """Train a network, read it, and write its report.

    Settings are a name (`grokscope list specs`) and key=value pairs, as in
    `grokscope run demo 'task=a*b' task.p=97 seed=1`. What was trained before is not trained again;
    what was interrupted goes on.
    """
    from grokscope.terminal import print_reading, print_table
    from grokscope.training.machine import use_threads
    from grokscope.training.progress import progress_bar
    from grokscope.training.train import train

    _load(use)
    use_threads(threads)
    specs = _specs(settings, seeds)
    if dry_run:
        _print_plan(specs, out, device, json)
        return
    notes = Console(stderr=True, emoji=False)
    with _watched(specs, out, notes) if watch else nullcontext() as live:
        try:
            with progress_bar(specs, notes) as track:
                runs = train(specs, out, device=device, track=track)
        except KeyboardInterrupt:
            notes.print("\ninterrupted and saved. The same command goes on from here.")
            raise SystemExit(130) from None
        if live is not None:
            live.settle()
        for finished in runs:
            print_reading(finished, json, writes_page=True)
        if len(runs) > 1 and not json:
            print_table(_rows([finished.folder for finished in runs]), json)
        if live is not None and notes.is_terminal:
            _wait(live, notes)


def _watched(specs: "list[Spec]", out: Path, notes: Console) -> "Watch":
    """The page of the run that is trained, or of the first of several that is not finished."""
    from grokscope.page.live.watch import Watch
    from grokscope.training.run import Run

    runs = [Run.of(spec, out) for spec in specs]
    shown = next((run for run in runs if not run.is_finished), runs[0])
    live = Watch(shown)
    notes.print(Text(f"{shown.name} is shown while it trains: {live.address}"), soft_wrap=True)
    return live


def _wait(live: "Watch", notes: Console) -> None:
    """Until someone presses Ctrl-C."""
    notes.print(Text(f"{live.address} is there until you press Ctrl-C."), soft_wrap=True)
    with suppress(KeyboardInterrupt):
        live.wait()


def list_(
    what: Positional[
        Literal[
            "runs",
            "specs",
            "tasks",
            "models",
            "measures",
            "papers",
            "splits",
            "losses",
            "optimizers",
            "gradients",
            "formulations",
        ]
    ] = "runs",
    /,
    out: Out = Path("runs"),
    json: Json = False,
    use: Plugins = (),
) -> None:
    """List the runs, or what can be run and measured by name."""
    _load(use)
    from grokscope.terminal import print_table
    from grokscope.training.run import find_folders

    rows = _rows(find_folders(out)) if what == "runs" else _names(what)
    print_table(rows, json, empty=f"no runs in {out}. `grokscope run demo` makes one.")


def show(
    run: Positional[str],
    /,
    out: Out = Path("runs"),
    json: Json = False,
    use: Plugins = (),
) -> None:
    """Say what happened in a run. RUN is its folder, its id, or the beginning of its id."""
    from grokscope.terminal import print_reading
    from grokscope.training.machine import use_threads

    _load(use)
    use_threads()
    print_reading(_find(run, out), json, writes_page=False)


def report(
    runs: Positional[tuple[str, ...]],
    /,
    out: Out = Path("runs"),
    file: Annotated[
        Path | None, arg(aliases=["-o"], help="where to write; by default into the (first) run")
    ] = None,
    use: Plugins = (),
) -> None:
    """Write a run's report, or one that compares several: one HTML file, which fetches nothing.

    Each RUN is a folder, an id, or the beginning of one. It prints the file's name.
    """
    from grokscope.page.page import write_page
    from grokscope.terminal import read_with_bar

    _load(use)
    if not runs:
        raise BadInput("say which run to report. `grokscope list runs` shows the runs.")
    if file is not None and file.exists() and not file.is_file():
        raise BadInput(f"--file {file} is no file that could be replaced. Choose another name.")
    readings = [read_with_bar(run) for run in [_find(name, out) for name in runs]]
    written = write_page(readings[0], file, *readings[1:])
    print(written)
    print(f"{written.stat().st_size / 1e6:.1f} MB", file=sys.stderr)


def watch(
    run: Positional[str],
    /,
    port: Annotated[int, arg(help="where on this machine; 0 takes a free one")] = 0,
    open: Annotated[bool, arg(help="open it in a browser")] = False,
    out: Out = Path("runs"),
    threads: Annotated[int | None, arg(help="threads to compute with; by default 2")] = None,
    use: Plugins = (),
) -> None:
    """Show a run's report while it trains, until Ctrl-C. It prints the address.

    The page is served to this machine only, and made anew when there is something new. RUN is its
    folder, its id, or the beginning of its id.
    """
    import webbrowser

    from grokscope.page.live.watch import Watch
    from grokscope.training.machine import use_threads

    _load(use)
    use_threads(threads)
    with Watch(_find(run, out), port) as live:
        print(live.address, flush=True)
        if open:
            webbrowser.open(live.address)
        _wait(live, Console(stderr=True, emoji=False))


Plot = Annotated[
    Path | None, arg(metavar="FILE", help="draw it, to a .png, .svg or .pdf", aliases=["-o"])
]


def trace(
    run: Positional[str],
    /,
    measures: Annotated[
        tuple[str, ...], arg(help="names of measures or of families of them, or all")
    ] = (),
    plot: Plot = None,
    out: Out = Path("runs"),
    threads: Annotated[int | None, arg(help="threads to compute with; by default 2")] = None,
    json: Json = False,
    use: Plugins = (),
) -> None:
    """Measure every checkpoint of a run. RUN is its folder, its id, or the beginning of it.

    Without --measures, the main ones. The table is kept as trace.parquet in the run's folder, and
    what it holds is not computed again.
    """
    from grokscope.plots.files import check_format, plot_trace, save
    from grokscope.terminal import print_trace, trace_with_bar
    from grokscope.training.machine import use_threads

    _load(use)
    use_threads(threads)
    if plot is not None:
        check_format(plot)
    found = _find(run, out)
    table = trace_with_bar(found, measures or None)
    print_trace(found, table, json)
    if plot is not None:
        print(save(plot_trace(table), plot), file=sys.stderr)


def spectrum(
    run: Positional[str],
    /,
    lens: Annotated[str | None, arg(help="by default the one the weights are sparsest in")] = None,
    weight: Annotated[
        tuple[str, ...],
        arg(help="ab (a shared embedding), a, b, c (the output map); by default all"),
    ] = (),
    step: Annotated[int | None, arg(help="the checkpoint; by default the last")] = None,
    plot: Plot = None,
    out: Out = Path("runs"),
    json: Json = False,
    use: Plugins = (),
) -> None:
    """Say which lens a network's weights are sparsest in, and which parts hold them.

    RUN is its folder, its id, or the beginning of it.
    """
    from grokscope.plots.files import check_format, plot_spectrum, save
    from grokscope.reading.spectrum import read_spectrum
    from grokscope.snapshot import Snapshot
    from grokscope.terminal import print_spectrum
    from grokscope.training.machine import use_threads

    _load(use)
    use_threads()
    if plot is not None:
        check_format(plot)
    found = read_spectrum(Snapshot.of(_find(run, out), step), lens, weight)
    print_spectrum(found, json)
    if plot is not None:
        title = f"{found.task}, step {found.step}: {found.lens} lens"
        print(save(plot_spectrum(found.shares, found.chance, title), plot), file=sys.stderr)


def explain(
    runs: Positional[tuple[str, ...]],
    /,
    step: Annotated[int | None, arg(help="the checkpoint; by default the last")] = None,
    forms: Annotated[
        tuple[str, ...], arg(help="forms of explanation, such as convolution; by default all")
    ] = (),
    over: Annotated[
        int | None, arg(help="so many checkpoints, evenly spread, instead of one")
    ] = None,
    program: Annotated[bool, arg(help="print the simplest circuit as Python")] = False,
    out: Out = Path("runs"),
    threads: Annotated[int | None, arg(help="threads to compute with; by default 2")] = None,
    json: Json = False,
    use: Plugins = (),
) -> None:
    """Say which algorithm networks have learned, with the evidence, or that none is found.

    Each RUN is a folder, an id, or the beginning of one. Every form of explanation that applies is
    found, kept, removed and put in the network's place, beside controls. With --json, one object a
    run and line (with --over, a checkpoint and line). The simplest circuit that holds is written
    into the run's folder as circuit.py.
    """
    from grokscope.explain.explanation import explain as explained
    from grokscope.explain.explanation import path, spread
    from grokscope.snapshot import Snapshot
    from grokscope.terminal import print_explanation, print_path, with_bar
    from grokscope.training.machine import use_threads

    _load(use)
    use_threads(threads)
    if not runs:
        taken = f" --forms took `{forms[-1]}`: write the run before it." if forms else ""
        raise BadInput(f"say which run to explain.{taken} `grokscope list runs` shows the runs.")
    forms = tuple(x.strip() for form in forms for x in form.split(",") if x.strip())
    for run in [_find(name, out) for name in runs]:
        if over is not None:
            steps = spread(run.steps, over)
            print_path(run, with_bar(lambda x, r=run, s=steps: path(r, s, forms or None, x)), json)
            continue
        found = explained(Snapshot.of(run, step), forms or None)
        print_explanation(run, found, json, program)


def compare(
    run: Positional[str],
    /,
    circuits: Annotated[str, arg(help="forms of explanation, with commas between")] = (
        "coset,rho-set,convolution"
    ),
    step: Annotated[int | None, arg(help="the checkpoint; by default the last")] = None,
    out: Out = Path("runs"),
    json: Json = False,
    use: Plugins = (),
) -> None:
    """Put several accounts of one network under the same certificate, in one table.

    Beside them stands a network on Z/p, which has no subgroups, as a control. RUN is its folder,
    its id, or the beginning of it.
    """
    from grokscope.reading.compared import compared
    from grokscope.snapshot import Snapshot
    from grokscope.terminal import print_compared
    from grokscope.training.machine import use_threads

    _load(use)
    use_threads()
    forms = [name.strip() for name in circuits.split(",") if name.strip()]
    if not forms:
        raise BadInput("--circuits names no form. Write some, as in --circuits coset,convolution.")
    print_compared(compared(Snapshot.of(_find(run, out), step), forms), json)


def exam(
    noise: Annotated[float, arg(help="Gaussian, as a share of each weight matrix")] = 0.01,
    number: Annotated[int, arg(help="planted networks, and as many impostors")] = 300,
    seed: Annotated[int | None, arg(help="the first; by default one not used to build")] = None,
    explainer: Annotated[str, arg(help="whose exam it is: a name, of ours or of --use")] = (
        "grokscope"
    ),
    threads: Annotated[int | None, arg(help="threads to compute with; by default 2")] = None,
    json: Json = False,
    use: Plugins = (),
) -> None:
    """Examine an explainer on planted networks, whose algorithm is known, and on impostors.

    Says how many it names rightly and how many impostors it refuses, by kind. `gullible` is a
    control, which believes every accurate network. An explainer of your own is a function of a
    --use file that stands under @explainer.
    """
    from rich.progress import track

    from grokscope.errors import lookup
    from grokscope.planted import EXPLAINERS, Exam
    from grokscope.planted.exam import FIRST_SEED, answers
    from grokscope.terminal import print_exam
    from grokscope.training.machine import use_threads

    _load(use)
    use_threads(threads)
    first = FIRST_SEED if seed is None else seed
    found = answers(lookup("explainer", explainer, EXPLAINERS), first, noise, number)
    notes = Console(stderr=True)
    asked = track(found, explainer, total=2 * number, console=notes, transient=True)
    print_exam(Exam(tuple(asked)), json)


def import_(
    sources: Positional[tuple[Path, ...]],
    /,
    layout: Annotated[
        str | None, arg(help="how the weights are stored; by default told by their names")
    ] = None,
    task: Annotated[
        str | None,
        arg(help="a formula, or a group such as S5; by default what the source says, or what fits"),
    ] = None,
    instance: Annotated[
        int | None, arg(help="which network, of a file that holds several (Wu et al. 2024)")
    ] = None,
    out: Out = Path("runs"),
    json: Json = False,
    use: Plugins = (),
) -> None:
    """Make run folders of other people's checkpoints.

    Each SOURCE is a file of weights, with its JSON beside it, or a folder of them. A network is
    named by its file, or by its folder where the file is called model. Nothing in a file is run,
    and what cannot be a network of ours is refused with the reason.
    """
    from grokscope.foreign import bring_all
    from grokscope.terminal import print_table, sources_bar

    _load(use)
    if not sources:
        raise BadInput("say what to import: a file of weights, or a folder.")
    with sources_bar() as track:
        done, refused = bring_all(sources, out, layout, task, instance, track)
    print_table([x.row() for x in done], json)
    if refused:
        raise BadInput("\n".join(refused))


def export_(
    run: Positional[str],
    /,
    to: Annotated[Literal["transformer_lens"], arg(help="whose names and axes")],
    step: Annotated[int | None, arg(help="the checkpoint; by default the last")] = None,
    file: Annotated[
        Path | None,
        arg(help="a .safetensors or .pt to write, with a .json beside it; by default in the run"),
    ] = None,
    out: Out = Path("runs"),
    use: Plugins = (),
) -> None:
    """Write a run's weights for another program.

    RUN is its folder, its id, or the beginning of it.
    """
    from grokscope.foreign import export

    _load(use)
    for written in export(_find(run, out), step, file):
        print(written)


def construct(
    modulus: Annotated[int, arg(help="2 to 500")] = 67,
    neurons: Annotated[int, arg(help="1 to 12")] = 5,
    activation: Annotated[Literal["relu", "square"], arg(help="of the neurons")] = "relu",
    file: Annotated[Path, arg(help="where to write", aliases=["-o"])] = Path("construct.html"),
) -> None:
    """Write modular addition built by hand: a page that needs no run, with all its mistakes.

    A network of a few neurons, every weight written down (Pearce et al. 2023, Appendix A). The page
    opens on the network asked for; its sliders show others.
    """
    from grokscope.page.construct import write_construction

    if file.exists() and not file.is_file():
        raise BadInput(f"--file {file} is no file that could be replaced. Choose another name.")
    print(write_construction(file, modulus, neurons, activation))


MOST_SEEDS = 10_000
VERBS: dict[str, Callable[..., None]] = {
    "run": run,
    "list": list_,
    "show": show,
    "trace": trace,
    "spectrum": spectrum,
    "explain": explain,
    "compare": compare,
    "exam": exam,
    "report": report,
    "watch": watch,
    "construct": construct,
    "import": import_,
    "export": export_,
}


def main(argv: Sequence[str] | None = None) -> None:
    """The command line. Exits with 2 for bad input, 1 for other errors of ours."""
    # Threads that spin while they wait slow a step tenfold when another program wants the core.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    args = list(sys.argv[1:] if argv is None else argv)
    if args == ["--version"]:
        from importlib.metadata import version

        print(f"grokscope {version('grokscope')}")
        return
    try:
        tyro.extras.subcommand_cli_from_dict(
            VERBS,
            prog="grokscope",
            description="A laboratory for grokking: train tiny networks, watch them generalise, "
            "read what they learned. `grokscope --version` prints the version.",
            args=_settings_together(args) or ["--help"],
            config=(tyro.conf.FlagCreatePairsOff,),
        )
    except KeyboardInterrupt:
        Console(stderr=True).print("\ninterrupted.")
        raise SystemExit(130) from None
    except BrokenPipeError:  # the reader of our output, `head` say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except GrokscopeError as error:
        message = Text.assemble(("error: ", "bold red"), str(error))
        Console(stderr=True).print(message, soft_wrap=True)
        raise SystemExit(2 if isinstance(error, BadInput) else 1) from None


def _settings_together(args: list[str]) -> list[str]:
    """`run --out x demo --json lr=1` as `run demo lr=1 --out x --json`: the parser wants name and
    settings in one place, people put them anywhere."""
    if args[:1] != ["run"]:
        return args
    with_value = ("--out", "--device", "--threads", "--seeds", "--use")
    settings, options = [], []
    for before, word in itertools.pairwise(args):
        is_setting = not word.startswith("-") and before not in with_value
        (settings if is_setting else options).append(word)
    return ["run", *settings, *options]


def _load(files: Sequence[Path]) -> None:
    """Run plug-in files, which register what they define."""
    from runpy import run_path

    for file in files:
        if not file.is_file():
            raise BadInput(f"--use {file}: there is no such file.")
        try:
            run_path(str(file), run_name=file.stem)
        except (Exception, SystemExit) as error:
            raise BadInput(f"--use {file} failed: {type(error).__name__}: {error}") from error


def _specs(settings: Sequence[str], seeds: int) -> "list[Spec]":
    """The spec that the settings name and change, once for each seed."""
    from dataclasses import replace

    from grokscope.papers import EXPERIMENTS
    from grokscope.spec import Spec

    if not 1 <= seeds <= MOST_SEEDS:
        raise BadInput(
            f"--seeds {seeds} cannot be: it must be a whole number from 1 to {MOST_SEEDS}."
        )
    named = [s for s in settings if "=" not in s]
    if len(named) > 1 or (named and settings[0] != named[0]):
        raise BadInput(f"`{named[-1]}` is no setting. Write one name, then key=value pairs.")
    if named and named[0] not in EXPERIMENTS:
        raise unknown("spec", named[0], EXPERIMENTS)
    if not settings:
        raise BadInput(f"say what to run. Known: {', '.join(EXPERIMENTS)}; or key=value pairs.")
    start = EXPERIMENTS[named[0]].spec if named else Spec()
    spec = start.override(*(s for s in settings if "=" in s))
    return [replace(spec, seed=spec.seed + i) for i in range(seeds)]


def _print_plan(specs: "list[Spec]", out: Path, device: str, wants_json: bool) -> None:
    from dataclasses import asdict

    from grokscope.terminal import print_upright
    from grokscope.training.check import check, memory_needed
    from grokscope.training.machine import check_device
    from grokscope.training.run import Run

    check_device(device)
    plans = []
    for spec in specs:
        planned = Run.of(spec, out)
        model = check(planned, device)
        n_weights = sum(w.numel() for w in model.parameters())
        size = next(model.parameters()).element_size()
        checkpoints = spec.steps // spec.checkpoint_every + spec.steps.bit_length() + 2
        plans.append(
            {
                "run": spec.id,
                "folder": str(planned.folder),
                "state": _state(planned),
                "task": planned.task.name,
                "train_pairs": int(planned.is_train.sum()),
                "test_pairs": int((~planned.is_train).sum()),
                "lenses": [f"{lens.name} ({lens.law})" for lens in planned.task.lenses],
                "weights": n_weights,
                "memory_gb": round(memory_needed(planned, model) / 1e9, 3),
                "disk_mb_at_most": round(size * n_weights * (checkpoints + 6) / 1e6, 1),
                "spec": asdict(spec),
            }
        )
    print_upright(plans, wants_json)


def _state(run: "Run") -> str:
    if run.is_imported:
        return "imported"
    if run.is_finished:
        return "finished"
    return "unfinished" if (run.folder / "spec.json").exists() else "new"


def _find(name: str, out: Path) -> "Run":
    """The run in a folder, or the one under `out` whose id begins like this."""
    from grokscope.training.run import Run, find_folders

    if (Path(name) / "spec.json").exists():
        return Run.open(name)
    folders = {folder.name: folder for folder in find_folders(out)}
    if Path(name).is_dir() and name not in folders:
        raise BadInput(f"{name} is no run: it has no spec.json.")
    alike = [name] if name in folders else [key for key in folders if key.startswith(name)]
    if len(alike) == 1:
        return Run.open(folders[alike[0]])
    if alike:
        raise BadInput(f"`{name}` begins the id of several runs: {', '.join(alike)}.")
    if not folders:
        raise BadInput(f"there are no runs in {out}. `grokscope run demo` makes one.")
    raise unknown("run", name, folders)


def _rows(folders: Sequence[Path]) -> list[dict[str, Any]]:
    """What became of the run in each folder; one that cannot be read is said to be damaged."""
    from grokscope.training.run import Run

    keys = [
        "run",
        "task",
        "seed",
        "state",
        "step",
        "memorised",
        "grokked",
        "test_accuracy",
        "test_loss",
    ]
    rows = []
    for folder in folders:
        try:
            run = Run.open(folder)
            last, events, args = (run.rows or [{}])[-1], run.events, run.spec.task_args
        except DamagedFile:
            found = {"run": folder.name, "state": "damaged"}
        else:
            found = {
                "run": folder.name,
                "task": " ".join([run.spec.task, *(f"{k}={v}" for k, v in args.items())]),
                "seed": run.spec.seed,
                "state": _state(run),
                "memorised": events.t_memorize,
                "grokked": events.t_grok,
                **last,
            }
        rows.append({key: found.get(key) for key in keys})
    return rows


def _names(what: str) -> list[dict[str, Any]]:
    from grokscope import tasks as _tasks  # noqa: F401  (registers the built-in ones)
    from grokscope.measures import MEASURES
    from grokscope.measures.measure import family
    from grokscope.models import MODELS
    from grokscope.papers import EXPERIMENTS, PAPERS
    from grokscope.task import SCHEMES, TASKS
    from grokscope.training import update as _update  # noqa: F401  (registers its rules)
    from grokscope.training.losses import LOSSES
    from grokscope.training.rule import FILTERS, OPTIMIZERS
    from grokscope.training.steps import FORMULATIONS

    if what == "specs":
        return [
            {"spec": k, "shows": e.shows, "task": e.spec.task, "model": e.spec.model}
            for k, e in EXPERIMENTS.items()
        ]
    if what == "papers":
        return [
            {"paper": k, "citation": p.citation, "specs": ", ".join(p.experiments),
             "published": "; ".join(f"{q}: {v}" for q, v in p.published.items())}
            for k, p in PAPERS.items()
        ]  # fmt: skip
    if what == "tasks":
        formula = {"task": "a+b, a*b, ...", "what": "any formula in a and b, modulo task.p"}
        return [formula] + [{"task": k, "what": _first_line(t)} for k, t in TASKS.items()]
    if what == "measures":
        return [
            {"family": family(k), "measure": k, "what": _first_line(m)} for k, m in MEASURES.items()
        ]
    known: dict[str, Any] = {
        "models": MODELS, "splits": SCHEMES, "losses": LOSSES, "optimizers": OPTIMIZERS,
        "gradients": FILTERS, "formulations": FORMULATIONS,
    }[what]  # fmt: skip
    one = "loss" if what == "losses" else what.rstrip("s")
    return [{one: k, "what": _first_line(v)} for k, v in known.items()]


def _first_line(thing: Any) -> str:
    """The first sentence of a docstring."""
    text = " ".join((thing.__doc__ or "").split())
    return (
        re.split(r"(?<!al)(?<!Fig)(?<!eq)(?<!Def)(?<!App)\. ", text)[0].rstrip(".") + "."
        if text
        else ""
    )
