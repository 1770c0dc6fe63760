# %% [markdown]
# # A sweep
#
# One network is an example. A claim is a share of many, with an interval. Here forty small networks learn
# a+b mod 23, with more and less of the pairs shown and with more and less weight decay. Which of them grok?

# %%
import polars as pl

from grokscope import plot_sweep
from grokscope.papers import EXPERIMENTS
from grokscope.sweep import read_table, sweep
from grokscope.sweep.grid import grid
from grokscope.sweep.summary import summary

# %% [markdown]
# ## Which networks
#
# A grid is a spec with settings of several values. `len` says how many it spans.

# %%
hello = EXPERIMENTS["hello"].spec.override(
    "task.p=23", "steps=600", "model.d_mlp=64", "eval_every=20"
)
networks = grid(hello, ["train_fraction=.4,.6,.8,.9", "weight_decay=0,1.5", "seed=0..4"])
len(networks)

# %% [markdown]
# ## Train
#
# Networks of one shape train as one stack. What the table has already is not made again: run the cell twice,
# or with more seeds.

# %%
made = sweep(networks, "sweeps/fractions", read="events", workers=1)
table = read_table("sweeps/fractions")
table.select(
    "train_fraction", "weight_decay", "seed", "memorised", "grokked", "test_accuracy"
).head(4)

# %% [markdown]
# It is a Polars frame, in Parquet files that anything reads. `table.to_pandas()` needs `pandas` and `pyarrow`:
# `pip install pandas pyarrow`.
#
# ## Shares, with how sure they are
#
# Five of five is not "always": by Wilson's interval the true share may be 57 %.

# %%
rows = summary(table, ["train_fraction", "weight_decay"])
shares = [
    (row["train_fraction"], row["weight_decay"], row["networks"], *row["grokked"].values())
    for row in rows
]
columns = ["shown", "decay", "networks", "share that grokked", "at least", "at most"]
pl.DataFrame(shares, schema=columns, orient="row")

# %%
plot_sweep(table, "phase", x="train_fraction", y="weight_decay")

# %% [markdown]
# ## When
#
# Who had not grokked when training ended is not thrown away: it counts as long as it was seen (Kaplan and
# Meier).

# %%
plot_sweep(table.filter(pl.col("weight_decay") > 0), "survival", hue="train_fraction")

# %%
plot_sweep(
    table.filter(pl.col("weight_decay") > 0), "curves", y="test_accuracy", hue="train_fraction"
)

# %% [markdown]
# ## Published, and here
#
# Nanda et al. (2023) find that a Transformer mod 113 groks from 30 % of the pairs on, and the later the fewer
# it is shown: test loss below .1 at step 7,930 with 30 %, 3,109 with 40 %, 956 with 50 %. Without weight decay
# it never does. The order is the same here. The steps are not comparable, since the rate is twenty times
# theirs and the modulus a fifth.
#
# A grid of thousands is the same call with `workers`, or on a cluster `engine="ray"`:
# [Many networks](../sweeps.md), and [a phase diagram](../howto/phase-diagram.md) of 2,000.
