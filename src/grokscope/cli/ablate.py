"""`grokscope ablate`."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from grokscope.cli.options import Json, OneRun, Out, Plot, Plugins, Step, check_plot, load
from grokscope.errors import must_be

MOST_DRAWS = 1000


def ablate(
    run: OneRun,
    /,
    step: Step = None,
    draws: Annotated[int, arg(help="random controls of each")] = 8,
    plot: Plot = None,
    out: Out = Path("runs"),
    json: Json = False,
    use: Plugins = (),
) -> None:
    """Take parts of a network away, one at a time, each beside as much taken away at random.

    Heads and skips at zero and at their means; attention made linear; the neurons of one frequency
    or irrep; neurons replaced by their polynomial of degree 2; the hidden layer along the
    directions that the output map reads, and off them, and without what it holds of the product.
    Where the control does as much, the part is not what carries it. At last pairs are given the
    product of others, in the key parts: they must answer as these.

    Example: grokscope ablate a+b-transformer --plot ablations.svg
    """
    from grokscope.cli.find import find
    from grokscope.plots import save
    from grokscope.plots.ablations import plot_ablations
    from grokscope.reading.explained import if_applicable
    from grokscope.snapshot import Snapshot
    from grokscope.terminal import print_ablations, print_file, print_interchange, print_json
    from grokscope.training.machine import use_threads
    from grokscope.verify.ablations import ablate as without
    from grokscope.verify.interchange import interchange

    load(use)
    check_plot(plot)
    if not 1 <= draws <= MOST_DRAWS:
        raise must_be("--draws", f"a whole number from 1 to {MOST_DRAWS:,}", draws)
    use_threads()
    s = Snapshot.of(find(run, out), step)
    found = without(s, draws)
    exchanged = if_applicable(lambda s: interchange(s, draws), s)
    if json:
        record = {"task": s.task.name, "step": s.step, "ablations": [asdict(x) for x in found]}
        print_json(record | {"interchange": None if exchanged is None else asdict(exchanged)})
    else:
        print_ablations(found)
        print_interchange(exchanged)
    if plot is not None:
        figure = plot_ablations(found, f"{s.task.name}, step {s.step}", s.task.n_answers)
        print_file(save(figure, plot), sys.stderr)
