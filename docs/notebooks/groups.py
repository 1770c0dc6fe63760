# %% [markdown]
# # Groups and cosets
#
# A network can learn the product of any finite group. Chughtai et al. (2023) found that it computes with
# irreducible representations, Stander et al. (2023) that its neurons follow cosets of subgroups, Wu et al.
# (2024) proved what such a network does. Here one learns S4, the 24 permutations of four things, and all
# three are asked of it.

# %%
from dataclasses import replace

import polars as pl

from grokscope import Snapshot, make_task, plot_spectrum, plot_trace, read_spectrum, trace, train
from grokscope.algebra.subgroups import subgroups
from grokscope.explain import explain
from grokscope.measures.cosets import (
    joint_spreads,
    largest_class,
    proper_subgroups,
    right_sides,
)
from grokscope.measures.measure import evaluate
from grokscope.papers import EXPERIMENTS

# %% [markdown]
# ## The group
#
# A group is its multiplication table. From it follow its irreps, by which functions on it split into parts,
# and its subgroups.

# %%
task = make_task("composition", {"group": "S4"})
group = task.group
assert group is not None
print(task.name, group.order, "elements,", len(subgroups(group)), "subgroups")
{name: basis.shape[1] for name, basis in task.lenses[0].split.parts.items()}

# %% [markdown]
# The numbers are how many functions of a permutation each part has: the square of the irrep's dimension.

# %%
spec = replace(
    EXPERIMENTS["demo_group"].spec, task_args={"group": "S4"}, train_fraction=0.7,
    stop_after_grok=400, eval_every=20, checkpoint_every=60,
)  # fmt: skip
run = train(spec)
run.events

# %% [markdown]
# ## Which irreps
#
# The same spectrum as of a sum, with irreps in the place of frequencies; a part's chance is its size.

# %%
last = Snapshot.of(run)
plot_spectrum(read_spectrum(last))

# %%
plot_trace(trace(run, ["test_accuracy", "irrep_fve_keys", "coset_energy"]))

# %% [markdown]
# ## Which cosets
#
# A neuron adds a function of a to one of b. It *follows* a subgroup H where its function is the same on all
# of a coset of H. Many random functions do that a little, so each number below has its control: the same
# neuron with other weights of the same irrep.

# %%
evaluate(last, ["coset_concentration", "coset_concentration_control", "coset_neurons_pure"])

# %%
proper = proper_subgroups(group)
followed = largest_class(joint_spreads(right_sides(last), proper), proper).tolist()
names = ["none" if k < 0 else proper.names[k] for k in followed]
pl.Series("subgroup that a neuron follows", names).value_counts(sort=True)

# %% [markdown]
# ## What holds
#
# Each account is a program that is run in the network's place. Its *verdict* follows from all the tests
# together, not from one large number.

# %%
explanation = explain(last)
print(explanation.verdict, explanation.algorithms)
for certificate in explanation.certificates:
    bound = certificate.bound
    proved = "" if bound is None else f"proved right on {bound.accuracy:.0%} of all pairs"
    print(f"{certificate.circuit.form:12} {certificate.verdict:13} {proved}")
for form, why in explanation.not_found.items():
    print(f"{form:12} {why}")

# %% [markdown]
# ## Published and here
#
# Stander et al. call a neuron a coset neuron if its C is below 1 for some subgroup, and count more than 99.2 %
# of the neurons of 128 S5 networks. Here, with what random neurons of the same irreps would give:

# %%
counted = evaluate(last, ["coset_neurons", "coset_neurons_control", "irrep_fve_keys"])
pl.Config.set_fmt_str_lengths(60)
pl.DataFrame({"what": list(counted), "here": list(counted.values())})

# %% [markdown]
# The controls are why that count alone proves little. Random functions of rank one in the same irreps pass
# it nearly as often, and so do the neurons on the wrong side, where no coset circuit has cosets. Wu et al.
# prove what such a network does from its weights; above, *proved right* says for how many pairs.
#
# `EXPERIMENTS["demo_group"].spec` learns S5 in about a minute by the same recipe. [Groups](../papers/groups.md)
# has the published tables beside ours, seed by seed.
