"""`grokscope compare`."""

import sys
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from grokscope.cli.options import Json, OneRun, Out, Plot, Plugins, Step, check_plot, load, names
from grokscope.errors import BadInput


def compare(
    run: OneRun,
    /,
    circuits: Annotated[str, arg(metavar="NAME,...", help="forms of explanation")] = (
        "coset,rho-set,convolution"
    ),
    step: Step = None,
    plot: Plot = None,
    out: Out = Path("runs"),
    json: Json = False,
    use: Plugins = (),
) -> None:
    """Put several accounts of one network under the same certificate, in one table.

    Beside them stands a network on Z/p, which has no subgroups, as a control.

    With --plot what each costs to write down, in bits, beside what it leaves over.

    Example: grokscope compare composition-groupS5 --circuits coset,convolution --plot prices.svg
    """
    from grokscope.cli.find import find
    from grokscope.plots import save
    from grokscope.plots.prices import plot_prices
    from grokscope.reading.compared import compared
    from grokscope.reading.record import of_compared
    from grokscope.snapshot import Snapshot
    from grokscope.terminal import print_compared, print_file, print_json
    from grokscope.training.machine import use_threads

    load(use)
    check_plot(plot)
    use_threads()
    if not names(circuits):
        raise BadInput("--circuits names no form. Write some, as in --circuits coset,convolution.")
    snapshot, has_curves = Snapshot.of(find(run, out), step), json or plot is not None
    accounts = compared(snapshot, names(circuits), has_curves)
    if json:
        print_json(of_compared(accounts))
    else:
        print_compared(accounts)
    if plot is not None:
        print_file(save(plot_prices(accounts), plot), sys.stderr)
