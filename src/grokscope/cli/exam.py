"""`grokscope exam`."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import arg

from grokscope.cli.options import (
    Json,
    Plugins,
    Threads,
    absent,
    check_replaceable,
    load,
    names,
)
from grokscope.errors import must_be
from grokscope.printable import Screen

MOST_WORKERS = 256


def exam(
    noise: Annotated[float, arg(help="Gaussian, as a share of each weight matrix")] = 0.01,
    number: Annotated[int, arg(help="planted networks of each paper")] = 300,
    seed: Annotated[int | None, absent("N", "the first; by default one not used to build")] = None,
    explainer: Annotated[str, arg(metavar="NAME", help="whose exam it is, of ours or of --use")] = (
        "grokscope"
    ),
    papers: Annotated[
        str, arg(metavar="NAME,...", help="which: truths, impostors, disguised, mixed")
    ] = "truths,impostors,disguised,mixed",
    workers: Annotated[int, arg(help="processes that are asked at once")] = 1,
    keep: Annotated[
        Path | None, absent("FILE", "a file of the answers, from which a stopped exam goes on")
    ] = None,
    threads: Threads = None,
    json: Json = False,
    use: Plugins = (),
) -> None:
    """Examine an explainer on planted networks, whose algorithm is known, and on impostors.

    Says how many truths it names rightly, how many impostors it refuses, how many disguised truths
    it names as without their disguise, and of how many mixed networks, an algorithm for nine pairs
    in ten, it names one for all. With --keep, what was answered is not asked again.
    `gullible` is a control, which believes every accurate network. An explainer of your own is a
    function of a --use file that stands under @explainer.

    Example: grokscope exam --number 24 --explainer gullible
    """
    from rich.progress import track

    from grokscope.errors import lookup
    from grokscope.planted import EXPLAINERS, Exam
    from grokscope.planted.exam import FIRST_SEED, PAPERS, questions
    from grokscope.planted.sitting import sit
    from grokscope.terminal import print_exam, print_json
    from grokscope.training.machine import use_threads

    load(use)
    use_threads(threads)
    if not 1 <= workers <= MOST_WORKERS:
        raise must_be("--workers", f"a whole number from 1 to {MOST_WORKERS}", workers)
    check_replaceable("--keep", keep)
    lookup("explainer", explainer, EXPLAINERS)
    chosen = [x for x in names(papers) if lookup("paper", x, PAPERS)]
    asked = list(questions(chosen, FIRST_SEED if seed is None else seed, noise, number))
    answers = sit(explainer, asked, workers, keep, partial(load, use))
    notes = Screen(stderr=True)
    exam = Exam(tuple(track(answers, explainer, len(asked), console=notes, transient=True)))
    failures = [_told(x) for x in exam.failures]
    if json:
        print_json({**exam.shares, "table": exam.table, "failures": failures})
    else:
        print_exam(exam, failures)


def _told(x: Any) -> dict[str, Any]:
    """A wrong answer, with all that it takes to ask the question again."""
    return {
        "paper": x.question.paper,
        "kind": x.question.kind,
        "disguise": x.question.disguise or None,
        "seed": x.question.seed,
        "noise": x.question.noise,
        "accuracy": x.accuracy,
        "outcome": x.outcome,
        "verdict": x.verdict,
        "claimed": ", ".join(sorted(x.claimed)),
        "expected": ", ".join(sorted(x.exact if x.undisguised is None else x.undisguised)),
        "bound": x.bound,
        "lowest": x.lowest,
    }
