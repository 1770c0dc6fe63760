"""`grokscope exam`."""

from typing import Annotated

from rich.console import Console
from tyro.conf import arg

from grokscope.cli.options import Json, Plugins, Threads, load


def exam(
    noise: Annotated[float, arg(help="Gaussian, as a share of each weight matrix")] = 0.01,
    number: Annotated[int, arg(help="planted networks, and as many impostors")] = 300,
    seed: Annotated[int | None, arg(help="the first; by default one not used to build")] = None,
    explainer: Annotated[str, arg(help="whose exam it is: a name, of ours or of --use")] = (
        "grokscope"
    ),
    threads: Threads = None,
    json: Json = False,
    use: Plugins = (),
) -> None:
    """Examine an explainer on planted networks, whose algorithm is known, and on impostors.

    Says how many it names rightly and how many impostors it refuses, by kind. `gullible` is a
    control, which believes every accurate network. An explainer of your own is a function of a
    --use file that stands under @explainer.

    Example: grokscope exam --number 24 --explainer gullible
    """
    from rich.progress import track

    from grokscope.errors import lookup
    from grokscope.planted import EXPLAINERS, Exam
    from grokscope.planted.exam import FIRST_SEED, answers
    from grokscope.terminal import print_exam, print_json
    from grokscope.training.machine import use_threads

    load(use)
    use_threads(threads)
    first = FIRST_SEED if seed is None else seed
    asked = answers(lookup("explainer", explainer, EXPLAINERS), first, noise, number)
    notes = Console(stderr=True)
    exam = Exam(tuple(track(asked, explainer, 2 * number, console=notes, transient=True)))
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
        for x in exam.failures
    ]
    if json:
        shares = {"named": exam.named, "accepted": exam.accepted}
        print_json({**shares, "table": exam.table, "failures": failures})
    else:
        print_exam(exam, failures)
