"""`grokscope spectrum`."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from grokscope.cli.options import (
    Json,
    OneRun,
    Out,
    Plot,
    Plugins,
    Step,
    absent,
    check_plot,
    load,
    names,
)


def spectrum(
    run: OneRun,
    /,
    lens: Annotated[
        str | None, absent("NAME", "by default the one the weights are sparsest in")
    ] = None,
    weight: Annotated[
        tuple[str, ...],
        absent("NAME,...", "ab (a shared embedding), a, b, c (the output map); by default all"),
    ] = (),
    step: Step = None,
    plot: Plot = None,
    out: Out = Path("runs"),
    json: Json = False,
    use: Plugins = (),
) -> None:
    """Say which lens a network's weights are sparsest in, and which parts hold them.

    Example: grokscope spectrum a+b-transformer --weight c --plot spectrum.png
    """
    from grokscope.cli.find import find
    from grokscope.plots import plot_spectrum, save
    from grokscope.reading.sentences import lens_verdict
    from grokscope.reading.spectrum import read_spectrum
    from grokscope.snapshot import Snapshot
    from grokscope.terminal import print_file, print_json, print_spectrum
    from grokscope.training.machine import use_threads

    load(use)
    use_threads()
    check_plot(plot)
    read = read_spectrum(Snapshot.of(find(run, out), step), lens, names(",".join(weight)))
    if json:
        verdict = lens_verdict(read.scores, read.winner, read.lead, read.margin)
        print_json({**asdict(read), "verdict": verdict})
    else:
        print_spectrum(read)
    if plot is not None:
        print_file(save(plot_spectrum(read), plot), sys.stderr)
