"""`grokscope table`."""

import sys
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

from grokscope.cli.options import (
    Json,
    absent,
    names,
)
from grokscope.errors import BadInput

if TYPE_CHECKING:
    import polars as pl

Dir = Positional[Annotated[str, arg(metavar="DIR", help="the folder of a sweep, or s3://...")]]
Where = Annotated[
    str | None, absent("SQL", "a condition, as in grokked or 'lr < .01 and task.p = 59'")
]
Loss = Annotated[float, arg(help="of `class`: the least loss, from which on it is not high")]
Ratio = Annotated[float, arg(help="of `class`: test loss over train loss, from which on it groks")]


def table(
    folder: Dir,
    /,
    where: Where = None,
    by: Annotated[
        str, absent("COLUMN,...", "a line for each group of networks that are alike in these")
    ] = "",
    rows: Annotated[bool, arg(help="a line for each network, with all columns")] = False,
    loss: Loss = 1e-5,
    ratio: Ratio = 5e4,
    csv: Annotated[bool, arg(help="print CSV, for scripts")] = False,
    json: Json = False,
) -> None:
    """Say how many networks of a sweep memorised and grokked, when, and how sure that is.

    Shares have Wilson's interval, delays that of Kaplan and Meier: a network that had not grokked
    when it ended counts as long as it was seen. All intervals are of 95 %.

    Example: grokscope table sweeps/fractions --by train_fraction,weight_decay --where 'lr = .01'
    """
    from grokscope.sweep.summary import as_csv, summary
    from grokscope.sweep.table import read_table
    from grokscope.sweep.where import where as chosen
    from grokscope.terminal import print_json, print_summary

    if csv and json:
        raise BadInput("--csv and --json are two ways to print. Choose one.")
    found = chosen(read_table(folder, loss, ratio), where)
    if rows:
        if by:
            raise BadInput("--rows prints networks, and --by groups of them. Choose one.")
        _print_rows(found, json)
        return
    groups = summary(found, names(by))
    if json:
        print_json(groups)
    elif csv:
        sys.stdout.write(as_csv(groups))
    else:
        print_summary(groups)


def _print_rows(found: "pl.DataFrame", json: bool) -> None:
    """All columns of each network; as CSV without those that hold lists."""
    from grokscope.terminal import print_json

    if json:
        print_json(found.to_dicts())
    else:
        lists = [name for name, kind in found.schema.items() if kind.is_nested()]
        sys.stdout.write(found.drop(lists).write_csv())
