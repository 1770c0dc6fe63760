"""The table of a pool: a row for each network at each landmark, a column for each signal.

Landmarks are multiples of the step at which a network memorised. A network has a row for those that
fall before it generalised, and before its training ended. Pools are never mixed in one number.
"""

import polars as pl

POOLS = ("mixed", "same", "control")  # many configurations; one at a time; those that cannot grok

# Columns that every pool has, beside the signals.
SCHEMA = pl.Schema(
    {
        "pool": pl.String(),  # one of POOLS
        "kind": pl.String(),  # of a control: why it cannot grok; null elsewhere
        "id": pl.String(),  # of the network
        "cell": pl.String(),  # its settings but for the seed
        "seed": pl.Int64(),
        "task": pl.String(),
        "model": pl.String(),
        "p": pl.Int64(),  # settings known before the first step
        "train_fraction": pl.Float64(),
        "weight_decay": pl.Float64(),
        "lr": pl.Float64(),
        "steps": pl.Int64(),  # of training: the budget
        "memorised": pl.Int64(),  # the step; null where it never did
        "grokked": pl.Int64(),  # the step; null where it had not by the end of the budget
        "landmark": pl.Float64(),  # a multiple of `memorised`
        "step": pl.Int64(),  # of the last evaluation at or before it, of which the signals are
    }
)
