"""`grokscope plot`."""

from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg

from grokscope.cli.options import (
    absent,
    check_plot,
)
from grokscope.cli.table import Dir, Loss, Ratio, Where

Kind = Literal["phase", "share", "survival", "distribution", "curves"]
Column = str | None


def plot(
    folder: Dir,
    /,
    file: Annotated[
        Path, arg(metavar="FILE", help="what to draw, a .png, .svg or .pdf", aliases=["-o"])
    ],
    kind: Annotated[Kind, arg(help="what kind of picture")] = "phase",
    x: Annotated[Column, absent("COLUMN", "the column across")] = None,
    y: Annotated[Column, absent("COLUMN", "the column upwards, or what a share is of")] = None,
    hue: Annotated[Column, absent("COLUMN", "the column that gives the colour")] = None,
    where: Where = None,
    loss: Loss = 1e-5,
    ratio: Ratio = 5e4,
) -> None:
    """Draw the table of a sweep: two settings against each other, shares, delays.

    phase: --x and --y two settings, --hue grokked, class=grokking, delay or another column.
    share: --x a setting, --y grokked or a claim such as algorithm=clock. survival: the share that
    has not grokked yet. distribution: --x delay or another column. curves: --y test_loss, say.

    Example: grokscope plot sweeps/fractions --x train_fraction --y weight_decay -o phase.svg
    """
    from grokscope.plots import save
    from grokscope.plots.sweep import plot_sweep
    from grokscope.sweep.table import read_table
    from grokscope.sweep.where import where as chosen
    from grokscope.terminal import print_file

    check_plot(file, "--file")
    found = chosen(read_table(folder, loss, ratio), where)
    print_file(save(plot_sweep(found, kind, x, y, hue), file))
