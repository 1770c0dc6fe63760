# %% [markdown]
# # First steps
#
# A small network is shown four fifths of the sums a+b mod 31. It knows them by heart within twenty steps,
# and long after, suddenly, the others too. In this notebook you train it, watch it, look inside, take its
# explanation apart, and end with what can be said.

# %%
from grokscope import (
    Snapshot,
    explore,
    plot_ablations,
    plot_spectrum,
    plot_trace,
    read,
    read_spectrum,
    record,
    trace,
    train,
)
from grokscope.papers import EXPERIMENTS
from grokscope.verify.ablations import ablate

# %% [markdown]
# ## Train
#
# A `Spec` says all there is to say of an experiment, and names it. `train` makes a folder of it, under
# `runs/`; called again, it finds what is there.

# %%
spec = EXPERIMENTS["hello"].spec
run = train(spec)
run

# %%
run.events

# %% [markdown]
# `t_memorize` is the step by which it was right on 99 % of the pairs it was shown, `t_grok` that of the
# others. Every evaluation is a row of a table (Polars; `run.metrics.to_pandas()` needs `pandas` and
# `pyarrow`, `pandas.DataFrame(run.rows)` pandas alone).

# %%
run.metrics.select("step", "train_loss", "test_loss", "train_accuracy", "test_accuracy").tail(3)

# %%
plot_trace(run.metrics.select("step", "train_accuracy", "test_accuracy", "train_loss", "test_loss"))

# %% [markdown]
# ## What grew meanwhile
#
# A measure is a number of one checkpoint; `trace` takes it at all of them. `gini` says how uneven the
# weights are when they are written as waves, the restricted loss keeps only waves of a+b in the logits,
# the excluded loss takes them away. Look which of them moves before `test_accuracy` does.

# %%
table = trace(run, ["gini", "restricted_loss_sum", "excluded_loss_sum_train"])
plot_trace(table)

# %% [markdown]
# ## Which waves
#
# The weights of 31 symbols are 31 numbers a neuron. On the basis of cosines and sines a few frequencies
# hold them (green: more than twice what chance would give).

# %%
last = Snapshot.of(run)
plot_spectrum(read_spectrum(last))

# %% [markdown]
# ## Inside
#
# Every activation has a name. `record` keeps them all, `edit` changes some, and nothing has to be taken
# away again afterwards.

# %%
inside = record(last.model, last.task.inputs)
{name: tuple(x.shape) for name, x in inside.items()}

# %% [markdown]
# ## How it does it
#
# `read` measures all there is to say. Its explanation is a program that was run in the network's place,
# each number beside what a network that knows nothing would reach.

# %%
reading = read(run)
explanation = reading.explanation
assert explanation is not None
print(explanation.verdict, explanation.algorithms)
for certificate in explanation.certificates:
    print(f"{certificate.circuit.form:12}  {certificate.verdict}")

# %% [markdown]
# ## Take parts away
#
# One thing is removed at a time, and beside it (grey) as much at random. Where the grey dots lie with the
# orange one, that part is not what carries the answers.

# %%
plot_ablations(ablate(last, draws=4), "one thing removed at a time", last.task.n_answers)

# %% [markdown]
# ## The whole page
#
# `explore` shows the report that `grokscope run` writes, as a widget: drag along the curve, and all figures
# follow. What you choose in it is set in Python (`page.step`), and the other way round.

# %%
page = explore(reading)
page.step = 160
page

# %% [markdown]
# ## What can be said
#
# One network on one task memorised by the step above, generalised by the other, and does it by turning
# numbers into angles. Of other seeds nothing was said: `train([replace(spec, seed=i) for i in range(8)])`
# trains eight at once, and the notebook *A sweep* has many. *Nanda's analysis* does by hand what `read`
# did here.
