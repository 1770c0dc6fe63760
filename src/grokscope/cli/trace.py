"""`grokscope trace`."""

import sys
from pathlib import Path
from typing import Annotated

from grokscope.cli.options import (
    Json,
    OneRun,
    Out,
    Plot,
    Plugins,
    Threads,
    absent,
    check_plot,
    load,
    names,
)
from grokscope.errors import StorageError


def trace(
    run: OneRun,
    /,
    measures: Annotated[
        tuple[str, ...], absent("NAME,...", "names of measures or of families of them, or all")
    ] = (),
    plot: Plot = None,
    out: Out = Path("runs"),
    threads: Threads = None,
    json: Json = False,
    use: Plugins = (),
) -> None:
    """Measure every checkpoint of a run.

    Without --measures, the main ones. The table is kept as trace.parquet in the run's folder, and
    what it holds is not computed again.

    Example: grokscope trace a+b-transformer --measures train_loss test_loss gini --plot trace.png
    """
    from grokscope.cli.find import find
    from grokscope.measures.trace import trace as measured
    from grokscope.plots import plot_trace, save
    from grokscope.terminal import bar, print_file, print_json, print_trace
    from grokscope.training.machine import use_threads

    load(use)
    use_threads(threads)
    check_plot(plot)
    traced, refused = find(run, out), list[StorageError]()
    with bar("reading the checkpoints") as track:
        table = measured(traced, names(",".join(measures)) or None, track, refused.append)
    if json:
        print_json(table.to_dicts())
    else:
        print_trace(table, None if refused else traced.folder / "trace.parquet")
    if plot is not None:
        print_file(save(plot_trace(table), plot), sys.stderr)
    if refused:
        raise StorageError(f"the table above is not kept: {refused[0]}")
