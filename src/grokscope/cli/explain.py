"""`grokscope explain`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import arg

from grokscope.cli.options import (
    Json,
    Out,
    Plugins,
    Runs,
    Step,
    Threads,
    absent,
    load,
    names,
)
from grokscope.errors import BadInput, GrokscopeError, StorageError, together

if TYPE_CHECKING:
    from grokscope.reading.explained import Explained
    from grokscope.training.run import Run


def explain(
    runs: Runs,
    /,
    step: Step = None,
    forms: Annotated[
        tuple[str, ...],
        absent("NAME,...", "forms of explanation, such as convolution; by default all"),
    ] = (),
    over: Annotated[
        int | None, absent("N", "so many checkpoints, evenly spread, instead of one")
    ] = None,
    program: Annotated[bool, arg(help="print the circuit that is named as Python")] = False,
    out: Out = Path("runs"),
    threads: Threads = None,
    json: Json = False,
    use: Plugins = (),
) -> None:
    """Say which algorithm networks have learned, with the evidence, or that none is found.

    Every form of explanation that applies is found, kept, removed and put in the network's place,
    beside controls. With --json, one object a run and line (with --over, a checkpoint and line).
    A network that cannot be explained is told at the end, and the others are explained. The
    circuit that is named is written into the run's folder as circuit.py, others that hold beside
    it, as circuit_coset.py. What was found is kept there too, and not computed again while nothing
    that it depends on has changed.

    Example: grokscope explain a+b-transformer --forms fourier,convolution
    """
    from grokscope.cli.find import find
    from grokscope.cli.told import tell_kept
    from grokscope.reading.explained import Explained
    from grokscope.reading.explained import explained as said_of
    from grokscope.reading.facts import ExplanationFacts
    from grokscope.reading.record import of_explanation
    from grokscope.terminal import bar, print_explanation, print_json, print_path, print_program
    from grokscope.training.machine import use_threads
    from grokscope.training.run import Run, spread

    load(use)
    use_threads(threads)
    if not runs:
        taken = f" --forms took `{forms[-1]}`: write the run before it." if forms else ""
        raise BadInput(f"say which run to explain.{taken} `grokscope list runs` shows the runs.")
    chosen = names(",".join(forms)) or None
    refused: list[tuple[str, GrokscopeError]] = []

    def explained(run: Run, at: int | None) -> Explained:
        found = said_of(run, at, chosen, out, use)
        tell_kept(found)
        return found

    def explain_one(run: Run) -> None:
        if over is not None:
            steps, facts = spread(run.steps, over), list[ExplanationFacts]()
            with bar("reading the checkpoints") as track:
                for at in steps:
                    facts.append(explained(run, at).facts)
                    track(len(facts), len(steps))
            if not json:
                print_path(facts)
        else:
            found = explained(run, step)
            circuit = _written(run, found, refused)
            facts = [found.facts]
            if not json:
                print_explanation(run.folder.name, found.facts, circuit)
                if program and found.programs:
                    print_program(next(iter(found.circuit_files.values())))
        if json:
            for e in facts:
                print_json({"run": run.folder.name, "step": e.step, **of_explanation(e)})

    for run in [find(name, out) for name in runs]:
        try:
            explain_one(run)
        except GrokscopeError as error:
            refused.append((run.folder.name, error))
    if refused:
        raise together(refused)


def _written(
    run: "Run", found: "Explained", refused: list[tuple[str, GrokscopeError]]
) -> Path | None:
    """The file of the circuit that is named; where the disk refuses one, the error is added to
    `refused`."""
    from grokscope.explain.program import write_circuits

    try:
        return next(iter(write_circuits(run, found.circuit_files)), None)
    except StorageError as error:
        refused.append((run.folder.name, StorageError(f"the circuit is not kept: {error}")))
        return None
